import { writeFileSync } from "node:fs";
import { get } from "node:https";
import { connect as connectHttp2 } from "node:http2";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { selfSigned } from "./certificate.ts";
import type { CertificateFiles } from "./configuration.ts";
import { ask, Fixture, freePort, HOST, type Backend } from "./fixtures/processes.ts";

describe("protocols", () => {
  const fixture = new Fixture();
  let backend: Backend;

  const certificate = async (name: string, hosts: string[]): Promise<CertificateFiles> => {
    const made = await selfSigned(hosts);
    const certFile = join(fixture.folder, `${name}.crt`);
    const keyFile = join(fixture.folder, `${name}.key`);
    writeFileSync(certFile, made.certificate);
    writeFileSync(keyFile, made.key, { mode: 0o600 });
    return { hosts, certFile, keyFile };
  };
  const listen = async (certificates: CertificateFiles[], port: number): Promise<void> =>
    void (await fixture.client.configure({
      listeners: [{ name: "secure", host: HOST, port, protocol: "https", certificates }],
      routes: [{ pool: "app" }],
      pools: [{ name: "app", members: [backend.member] }],
    }));

  beforeAll(async () => {
    [backend] = await Promise.all([fixture.backend("a"), fixture.start()]);
  });
  afterAll(() => fixture.close());

  it("joins WebSockets to a member and counts them as in flight", async () => {
    const server = new WebSocketServer({ host: HOST, port: 0 });
    server.on("connection", (socket) =>
      socket.on("message", (message, binary) => socket.send(message, { binary })),
    );
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const at = await fixture.serve([{ id: "ws", host: HOST, port, state: "ready" }]);
    const socket = new WebSocket(`ws://${HOST}:${at}/chat`);
    await new Promise((resolve) => socket.once("open", resolve));
    const echoed = new Promise((resolve) =>
      socket.once("message", (message: Buffer) => resolve(message.toString())),
    );
    socket.send("hello");
    expect(await echoed).toBe("hello");
    expect((await fixture.client.member("app", "ws")).inFlight).toBe(1);
    const drained = fixture.client.drain("app", "ws", 10_000);
    socket.close();
    expect(await drained).toEqual({ inFlight: 0, drained: true });
    server.close();
  });

  it("relays another answer to an upgrade and closes", async () => {
    const port = await fixture.serve([]);
    const answer = await ask(port, "/", { headers: { Connection: "Upgrade", Upgrade: "websocket" } });
    expect([answer.status, answer.headers["retry-after"], answer.headers.connection]).toEqual([
      503,
      "1",
      "close",
    ]);
  });

  it("pipes tcp both ways, half-closed ends included, and tries another member on refusal", async () => {
    // Answers only once the client has closed its sending side.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let text = "";
      socket.on("data", (chunk) => (text += chunk.toString()));
      socket.on("end", () => socket.end(text.toUpperCase()));
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
    const [listener] = await fixture.client.configure({
      listeners: [{ name: "raw", host: HOST, port: 0, protocol: "tcp", pool: "tcp" }],
      routes: [],
      pools: [
        {
          name: "tcp",
          members: [
            { id: "dead", host: HOST, port: await freePort(), state: "ready" },
            { id: "live", host: HOST, port, state: "ready" },
          ],
        },
      ],
    });
    const exchange = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(listener?.port ?? 0, HOST, () => socket.end("shout"));
        let text = "";
        socket.on("data", (chunk) => (text += chunk.toString()));
        socket.on("error", reject);
        socket.on("close", () => resolve(text));
      });
    expect(await Promise.all(Array.from({ length: 8 }, exchange))).toEqual(
      Array.from({ length: 8 }, () => "SHOUT"),
    );
    expect((await fixture.client.member("tcp", "live")).inFlight).toBe(0);
    server.close();
  });

  it("picks the certificate by server name, exact before wildcard before the first", async () => {
    const port = await freePort();
    await listen([await certificate("one", ["one.test"]), await certificate("wild", ["*.wild.test"])], port);
    const subject = (servername?: string): Promise<string | undefined> =>
      new Promise((resolve, reject) => {
        const socket = connectTls(
          {
            host: HOST,
            port,
            rejectUnauthorized: false,
            ...(servername === undefined ? {} : { servername }),
          },
          () => {
            resolve(socket.getPeerCertificate().subjectaltname);
            socket.destroy();
          },
        );
        socket.on("error", reject);
      });
    expect(await subject("one.test")).toBe("DNS:one.test");
    expect(await subject("a.wild.test")).toBe("DNS:*.wild.test");
    expect(await subject("unknown.test")).toBe("DNS:one.test");
    expect(await subject()).toBe("DNS:one.test");
  });

  it("joins upgrades over TLS", async () => {
    const port = await freePort();
    await listen([await certificate("wss", ["localhost"])], port);
    const text = await new Promise<string>((resolve, reject) => {
      let got = "";
      const socket = connectTls({ host: HOST, port, rejectUnauthorized: false }, () =>
        socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"),
      );
      socket.on("data", (chunk: Buffer) => {
        got += chunk.toString();
        if (got.endsWith("\r\n\r\n")) socket.write("there and back");
        if (got.endsWith("back")) socket.destroy();
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(got));
    });
    expect(text).toMatch(/^HTTP\/1\.1 101 [^]*\r\nUpgrade: echo\r\n\r\nthere and back$/);
  });

  it("refuses over HTTP/2 what would break a request line", async () => {
    const port = await freePort();
    await listen([await certificate("strict", ["localhost"])], port);
    const session = connectHttp2(`https://${HOST}:${port}`, { rejectUnauthorized: false });
    const status = (headers: Record<string, string>): Promise<unknown> =>
      new Promise((resolve) => {
        const stream = session.request(headers, { endStream: true });
        stream.on("response", (response) => resolve(response[":status"]));
        stream.on("error", () => resolve("broken off"));
        stream.resume();
      });
    // Whether Node's library or the balancer refuses is all the same.
    expect([400, "broken off"]).toContain(await status({ ":path": "/a HTTP/1.1" }));
    expect([400, "broken off"]).toContain(await status({ ":path": "/a", ":method": "GET /b" }));
    expect(await status({ ":path": "/headers" })).toBe(200);
    session.close();
  });

  it("serves HTTP/1.1 and HTTP/2 over TLS, and new certificates without a new listener", async () => {
    const port = await freePort();
    const first = await certificate("first", ["localhost"]);
    await listen([first], port);
    const http1 = await new Promise<string>((resolve, reject) => {
      get({ host: HOST, port, path: "/headers", rejectUnauthorized: false, agent: false }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("end", () => resolve(text));
      }).on("error", reject);
    });
    expect(http1).toContain('"x-forwarded-proto":"https"');
    const session = connectHttp2(`https://${HOST}:${port}`, { rejectUnauthorized: false });
    const ask2 = (headers: Record<string, string>, body?: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const stream = session.request(headers, { endStream: body === undefined });
        let text = "";
        stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
        stream.on("end", () => resolve(text));
        stream.on("error", reject);
        if (body !== undefined) stream.end(body);
      });
    const headers2 = await ask2({ ":path": "/headers", cookie: "a=b" });
    expect(headers2).toContain(`"host":"${HOST}:${port}"`);
    expect(await ask2({ ":path": "/echo", ":method": "POST" }, "over two")).toBe("over two");
    await listen([await certificate("second", ["second.test"])], port);
    const subject = await new Promise<string | undefined>((resolve) => {
      const socket = connectTls({ host: HOST, port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subjectaltname);
        socket.destroy();
      });
    });
    expect(subject).toBe("DNS:second.test");
    expect(await ask2({ ":path": "/" })).toBe("a"); // The old session lives on.
    session.close();
  });

  it("refuses a certificate it cannot use, by name, and changes nothing", async () => {
    const port = await fixture.serve([backend.member]);
    const files = { hosts: [], certFile: "/nowhere/a.crt", keyFile: "/nowhere/a.key" };
    await expect(listen([files], await freePort())).rejects.toMatchObject({
      status: 400,
      diagnostics: [{ code: "CertificateUnusable" }],
    });
    expect((await ask(port)).text).toBe("a");
  });
});
