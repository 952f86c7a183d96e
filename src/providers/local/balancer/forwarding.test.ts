import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, Fixture, HOST, raw, type Backend } from "./fixtures/processes.ts";

interface Seen {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

describe("forwarding", () => {
  const fixture = new Fixture();
  let backend: Backend;
  let port: number;

  const seen = async (path: string, headers: Record<string, string> = {}, at = port): Promise<Seen> =>
    JSON.parse((await ask(at, path, { headers })).text) as Seen;

  beforeAll(async () => {
    [backend] = await Promise.all([fixture.backend("a"), fixture.start()]);
    const listeners = await fixture.client.configure({
      listeners: [
        { name: "web", host: HOST, port: 0, protocol: "http" },
        { name: "inner", host: HOST, port: 0, protocol: "http", trustForwarded: true },
      ],
      routes: [
        { pool: "app" },
        { path: "/strip", pool: "app", stripPrefix: true },
        { path: "/moved", redirect: { scheme: "https", status: 301 } },
        {
          host: "edited.test",
          pool: "app",
          headers: {
            request: { set: { "X-Added": "yes", Host: "inner.test" }, remove: ["Cookie"] },
            response: { set: { "X-Served": "here" }, remove: ["Date"] },
          },
        },
      ],
      pools: [{ name: "app", members: [backend.member] }],
    });
    port = listeners[0]?.port ?? 0;
    inner = listeners[1]?.port ?? 0;
  });
  let inner = 0;
  afterAll(() => fixture.close());

  it("says who the client is and replaces what a stranger claims", async () => {
    const { headers } = await seen("/headers", {
      "X-Forwarded-For": "6.6.6.6",
      "X-Forwarded-Proto": "https",
      Forwarded: "for=6.6.6.6",
    });
    expect(headers).toMatchObject({
      "x-forwarded-for": HOST,
      "x-forwarded-proto": "http",
      "x-forwarded-host": `${HOST}:${port}`,
    });
    expect(headers).not.toHaveProperty("forwarded");
  });

  it("extends what a trusted proxy in front says", async () => {
    const { headers } = await seen(
      "/headers",
      { "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", Forwarded: "for=6.6.6.6" },
      inner,
    );
    expect(headers).toMatchObject({ "x-forwarded-for": `6.6.6.6, ${HOST}`, "x-forwarded-proto": "https" });
    expect(headers["forwarded"]).toMatch(/^for=6\.6\.6\.6, for=127\.0\.0\.1;/);
  });

  it("drops hop-by-hop fields and those that Connection names", async () => {
    const { headers } = await seen("/headers", {
      Connection: "close, X-Private",
      "X-Private": "1",
      TE: "trailers",
      "Proxy-Authorization": "x",
      "X-Kept": "1",
    });
    expect(headers["x-kept"]).toBe("1");
    for (const name of ["x-private", "te", "proxy-authorization"]) expect(headers).not.toHaveProperty(name);
  });

  it("keeps a request's id and makes one where there is none", async () => {
    expect((await seen("/headers", { "X-Request-Id": "abc-1" })).headers["x-request-id"]).toBe("abc-1");
    expect((await seen("/headers")).headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("strips the prefix and resolves dot segments before it routes", async () => {
    expect((await seen("/strip/headers?a=1")).url).toBe("/headers?a=1");
    const text = await raw(port, "GET /strip/../headers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(text).toContain('"url":"/headers"');
  });

  it("takes the host of an absolute target", async () => {
    const text = await raw(
      port,
      "GET http://edited.test/headers HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n",
    );
    expect(text).toContain('"x-added":"yes"');
  });

  it("edits header fields of requests and responses", async () => {
    const answer = await ask(port, "/headers", { headers: { Host: "edited.test", Cookie: "a=b" } });
    const { headers } = JSON.parse(answer.text) as Seen;
    expect(headers).toMatchObject({ "x-added": "yes", host: "inner.test" });
    expect(headers).not.toHaveProperty("cookie");
    expect(answer.headers["x-served"]).toBe("here");
  });

  it("redirects", async () => {
    const answer = await ask(port, "/moved/x?y=1", { headers: { Host: "shop.test:8080" } });
    expect([answer.status, answer.headers.location]).toEqual([301, "https://shop.test/moved/x?y=1"]);
  });

  it("streams large bodies both ways, with a length and chunked", async () => {
    const body = Buffer.alloc(8 * 1024 * 1024, "x");
    expect((await ask(port, "/length", { method: "POST", body })).text).toBe(String(body.length));
    const chunked = await ask(port, "/length", {
      method: "POST",
      body,
      headers: { "Transfer-Encoding": "chunked" },
    });
    expect(chunked.text).toBe(String(body.length));
    expect((await ask(port, "/stream")).text.length).toBe(64 * 65536);
  });

  it("reads from a member only as fast as the client does", async () => {
    const before = rss(fixture.pid);
    const sockets = Array.from({ length: 16 }, () => {
      const socket = connect(port, HOST, () => socket.write("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
      socket.pause();
      return socket;
    });
    const { pools } = await until(
      () => fixture.client.stats(),
      (stats) => stats.pools[0]?.members[0]?.inFlight === 16,
    );
    expect(pools[0]?.members[0]?.inFlight).toBe(16);
    // 64 MiB were asked for; without back-pressure they would all be in memory.
    expect(rss(fixture.pid) - before).toBeLessThan(48 * 1024 * 1024);
    for (const socket of sockets) socket.destroy();
    await until(
      () => fixture.client.stats(),
      (stats) => stats.pools[0]?.members[0]?.inFlight === 0,
    );
  });

  it("passes Expect: 100-continue to the member and its answer back", async () => {
    const text = await new Promise<string>((resolve) => {
      let got = "";
      const socket = connect(port, HOST, () =>
        socket.write(
          "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n",
        ),
      );
      socket.on("data", (chunk) => {
        got += chunk.toString();
        if (got.endsWith("100 Continue\r\n\r\n")) socket.write("body");
      });
      socket.on("close", () => resolve(got));
    });
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
    expect(text).toContain("body");
  });

  it("answers 404 without a route", async () => {
    await fixture.client.configure({
      ...(await fixture.client.configuration()),
      routes: [{ host: "only.test", pool: "app" }],
    });
    expect((await ask(port)).status).toBe(404);
    expect((await ask(port, "/", { headers: { Host: "ONLY.test:1" } })).status).toBe(200);
  });

  it("answers HEAD without a body and keeps the connection", async () => {
    const text = await raw(
      port,
      "HEAD / HTTP/1.1\r\nHost: only.test\r\n\r\nGET / HTTP/1.1\r\nHost: only.test\r\nConnection: close\r\n\r\n",
    );
    expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(text.endsWith("\r\n\r\na")).toBe(true);
  });
});

async function until<T>(get: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await get();
    if (done(value)) return value;
  }
}

function rss(pid: number | undefined): number {
  const pages = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1];
  return Number(pages) * 4096;
}
