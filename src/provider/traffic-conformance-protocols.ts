/** What clients may speak, and what is refused. Part of traffic-conformance.ts. */
import { once } from "node:events";
import { Agent } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { type Socket, connect, createServer } from "node:net";
import { type TLSSocket, connect as connectTls } from "node:tls";
import { describe, expect, it } from "vitest";
import { TerminalError } from "./provider.ts";
import { HOST, type Traffic, certificateFor, say } from "./traffic-conformance-kit.ts";

const MEGABYTE = 1024 * 1024;

export function protocols(traffic: Traffic): void {
  describe("clients speak", () => {
    it("HTTP/1.1 over connections that stay open", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      await front.members([await traffic.backend("web")]);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      traffic.later(() => agent.destroy());
      let opened = 0;
      const create = agent.createConnection.bind(agent);
      agent.createConnection = (...settings) => {
        opened += 1;
        return create(...settings);
      };
      for (let index = 0; index < 5; index += 1) expect((await front.ask("/", { agent })).text).toBe("web");
      expect(opened).toBe(1);
      const text = await say(
        front.port(),
        "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      );
      expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
      expect(text.endsWith("\r\n\r\nweb") || text.includes("\r\nweb\r\n")).toBe(true);
    });

    it("large bodies both ways, with a length and in chunks", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      await front.members([await traffic.backend("web")]);
      const body = Buffer.alloc(8 * MEGABYTE, "0123456789abcdef-");
      for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
        const { status, text } = await front.ask("/echo", { method: "POST", body, headers });
        expect(status).toBe(200);
        expect(Buffer.from(text, "latin1").equals(body)).toBe(true);
      }
    });

    it("WebSocket, or whatever else they upgrade to", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      await front.members([await traffic.backend("web")]);
      const socket = connect(front.port(), HOST);
      traffic.later(() => socket.destroy());
      socket.write(
        "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
      expect(await received(socket, /\r\n\r\n/)).toMatch(/^HTTP\/1\.1 101 /);
      socket.write("there and back");
      expect(await received(socket, /back/)).toBe("there and back");
      const [one] = await front.provider.stats(front.identity);
      expect(one?.inFlight).toBe(1);
    });

    it("plain TCP, half-closed ends included", async () => {
      const front = await traffic.front({ listeners: [{ name: "raw", protocol: "tcp", service: "web" }] });
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        let text = "";
        socket.on("data", (chunk) => (text += chunk.toString()));
        socket.on("end", () => socket.end(text.toUpperCase()));
      });
      await front.members([{ id: "s", host: HOST, port: await traffic.listen(server), state: "ready" }]);
      const socket = connect(front.port("raw"), HOST, () => socket.end("shout"));
      expect(await received(socket, /SHOUT/)).toBe("SHOUT");
    });

    it("TLS with the certificate that the server name asks for, else the first", async () => {
      traffic.secrets.set("one", await certificateFor(["one.test"]));
      traffic.secrets.set("two", await certificateFor(["two.test", "*.two.test"]));
      const front = await traffic.front({
        listeners: [{ name: "https", protocol: "https", tls: { secret: "one", secrets: ["two"] } }],
        routes: [{ service: "web" }],
      });
      await front.members([await traffic.backend("web")]);
      expect(await namesFor(front.port("https"), "one.test")).toBe("DNS:one.test");
      expect(await namesFor(front.port("https"), "two.test")).toContain("DNS:two.test");
      expect(await namesFor(front.port("https"), "a.two.test")).toContain("DNS:two.test");
      expect(await namesFor(front.port("https"), "other.test")).toBe("DNS:one.test");
    });

    it("a new certificate as soon as it is there, over listeners that go on", async () => {
      traffic.secrets.set("own", await certificateFor(["old.test"]));
      const front = await traffic.front({
        listeners: [{ name: "https", protocol: "https", tls: { secret: "own" } }],
        routes: [{ service: "web" }],
      });
      await front.members([await traffic.backend("web")]);
      const before = await secure(front.port("https"), "old.test");
      traffic.later(() => before.destroy());
      traffic.secrets.set("own", await certificateFor(["new.test"]));
      await front.ensure();
      expect(await namesFor(front.port("https"), "new.test")).toBe("DNS:new.test");
      before.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      expect(await received(before, /web/)).toMatch(/^HTTP\/1\.1 200 /);
    });

    it("HTTP/2 over TLS, where the listener offers it", async () => {
      traffic.secrets.set("own", await certificateFor(["localhost"]));
      const front = await traffic.front({
        listeners: [
          { name: "both", protocol: "https", tls: { secret: "own" } },
          { name: "old", protocol: "https", tls: { secret: "own" }, http2: false },
        ],
        routes: [{ service: "web" }],
      });
      await front.members([await traffic.backend("web")]);
      const session = connectHttp2(`https://${HOST}:${front.port("both")}`, { rejectUnauthorized: false });
      traffic.later(() => session.destroy());
      const echo = (body: string): Promise<readonly [unknown, string]> =>
        new Promise((resolve, reject) => {
          const stream = session.request({ ":path": "/echo", ":method": "POST" });
          let [status, text]: [unknown, string] = [undefined, ""];
          stream.on("response", (headers) => (status = headers[":status"]));
          stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
          stream.on("end", () => resolve([status, text]));
          stream.on("error", reject);
          stream.end(body);
        });
      const bodies = ["one", "two", "x".repeat(MEGABYTE)];
      expect(await Promise.all(bodies.map(echo))).toEqual(bodies.map((body) => [200, body]));
      const old = await secure(front.port("old"), "localhost", ["h2", "http/1.1"]);
      traffic.later(() => old.destroy());
      expect(old.alpnProtocol).toBe("http/1.1");
    });
  });

  describe("challenges of ACME", () => {
    it("are answered on every http listener, whatever the routes say, for as long as they are set", async () => {
      const front = await traffic.front({
        listeners: [{ name: "http" }, { name: "other" }],
        routes: [{ host: "only.test", service: "web" }],
      });
      const path = "/.well-known/acme-challenge/tok_en-1";
      await front.provider.setChallenges(front.identity, {
        "tok_en-1": "tok_en-1.thumb_print-1",
        two: "two.x",
      });
      for (const listener of ["http", "other"]) {
        const answer = await say(
          front.port(listener),
          `GET ${path} HTTP/1.1\r\nHost: any.test\r\nConnection: close\r\n\r\n`,
        );
        expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\ntok_en-1\.thumb_print-1$/);
      }
      await front.provider.setChallenges(front.identity, { two: "two.y" });
      expect((await front.ask(path)).status).toBe(404);
      expect((await front.ask("/.well-known/acme-challenge/two")).text).toBe("two.y");
      await front.provider.setChallenges(front.identity, {});
      expect((await front.ask("/.well-known/acme-challenge/two")).status).toBe(404);
    });
  });

  describe("refused is", () => {
    it("a port that somebody else listens on, and what was in force stays", async () => {
      const front = await traffic.front({ routes: [{ service: "web" }] });
      await front.members([await traffic.backend("web")]);
      const taken = await traffic.listen(createServer());
      const port = front.port();
      const refusal = await front
        .ensure({
          listeners: [
            { name: "http", port },
            { name: "more", port: taken },
          ],
          routes: [{ service: "web" }],
        })
        .catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(TerminalError);
      expect((refusal as TerminalError).diagnostic.code).toBe("PortInUse");
      expect((await front.ask()).text).toBe("web");
    });

    it("a Secret without a certificate and key", async () => {
      for (const [name, content] of Object.entries({
        missing: undefined,
        empty: {},
        broken: { "tls.crt": "no certificate", "tls.key": "no key" },
        foreign: {
          "tls.crt": (await certificateFor(["a.test"]))["tls.crt"] ?? "",
          "tls.key": (await certificateFor(["a.test"]))["tls.key"] ?? "",
        },
      })) {
        if (content !== undefined) traffic.secrets.set(name, content);
        await expect(
          traffic.front({
            listeners: [{ name: "https", protocol: "https", tls: { secret: name } }],
            routes: [{ service: "web" }],
          }),
          name,
        ).rejects.toBeInstanceOf(TerminalError);
      }
    });

    it("a header value that would end its line", async () => {
      await expect(
        traffic.front({
          routes: [{ service: "web", headers: { request: { set: { "X-A": "1\r\nX-B: 2" } } } }],
        }),
      ).rejects.toBeInstanceOf(TerminalError);
    });
  });
}

/** What comes from a socket until it matches. */
function received(socket: Socket, enough: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const note = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (!enough.test(text)) return;
      socket.off("data", note);
      resolve(text);
    };
    socket.on("data", note);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error(`closed after: ${text}`)));
  });
}

async function secure(port: number, servername: string, protocolNames?: string[]): Promise<TLSSocket> {
  const socket = connectTls({
    host: HOST,
    port,
    servername,
    rejectUnauthorized: false,
    ...(protocolNames === undefined ? {} : { ALPNProtocols: protocolNames }),
  });
  await once(socket, "secureConnect");
  return socket;
}

async function namesFor(port: number, servername: string): Promise<string | undefined> {
  const socket = await secure(port, servername);
  const names = socket.getPeerCertificate().subjectaltname;
  socket.destroy();
  return names;
}
