import { connect } from "node:net";
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, Fixture, freePort, HOST, raw, type Backend } from "./fixtures/processes.ts";

/** Each of these leaves two readers room to disagree about where the request ends; all must be refused. */
const REFUSED: readonly (readonly [string, string])[] = [
  [
    "Content-Length with Transfer-Encoding",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  [
    "Transfer-Encoding with Content-Length",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
  ],
  [
    "two different Content-Length",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
  ],
  [
    "two equal Content-Length",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
  ],
  ["a list in Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\nabcd"],
  ["a signed Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd"],
  ["a hexadecimal Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x4\r\n\r\nabcd"],
  [
    "a Transfer-Encoding that is not chunked",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
  ],
  [
    "chunked before another coding",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
  ],
  [
    "another coding before chunked",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
  ],
  [
    "chunked twice",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a blank before the colon", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"],
  [
    "a vertical tab in Transfer-Encoding",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n",
  ],
  ["a folded header line", "GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n"],
  [
    "a folded Transfer-Encoding",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a bare LF after a header", "GET / HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n"],
  ["a bare CR in a value", "GET / HTTP/1.1\r\nHost: x\r\nX-A: b\rX-B: c\r\n\r\n"],
  ["a NUL in a value", "GET / HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n"],
  ["a header line without colon", "GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n"],
  ["an empty header name", "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n"],
  ["no Host", "GET / HTTP/1.1\r\n\r\n"],
  ["two Host", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
  ["an odd Host", "GET / HTTP/1.1\r\nHost: a/b@c\r\n\r\n"],
  ["a fragment in the target", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a target without a slash", "GET a HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["an unknown version", "GET / HTTP/1.7\r\nHost: x\r\n\r\n"],
  [
    "a chunk size that is no number",
    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n0\r\n\r\n",
  ],
  [
    "a chunk size with a sign",
    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n+4\r\nabcd\r\n0\r\n\r\n",
  ],
  [
    "a chunk longer than its size",
    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
  ],
  [
    "an enormous chunk size",
    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
  ],
  [
    "a chunk ended by a bare LF",
    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\n0\r\n\r\n",
  ],
  ["headers over 16 KiB", `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(17_000)}\r\n\r\n`],
  ["over 200 header fields", `GET / HTTP/1.1\r\nHost: x\r\n${"X: y\r\n".repeat(201)}\r\n`],
  ["CONNECT", "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n"],
  ["an unknown expectation", "POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\na"],
];

describe("strictness", () => {
  const fixture = new Fixture();
  let backend: Backend;
  let port: number;

  beforeAll(async () => {
    [backend] = await Promise.all([fixture.backend("a"), fixture.start()]);
    port = await fixture.serve([backend.member]);
  });
  afterAll(() => fixture.close());

  it.each(REFUSED)("refuses %s and closes the connection", async (_title, bytes) => {
    // A second request in the same bytes must never be answered.
    const text = await raw(port, `${bytes}GET /headers HTTP/1.1\r\nHost: smuggled\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 (4\d\d|501|502) /);
    expect(text).not.toContain("200 OK");
    expect(text).not.toContain("smuggled");
  });

  it("still serves after all that", async () => {
    expect((await ask(port)).text).toBe("a");
  });

  it("frames a chunked body anew and drops extensions and trailers", async () => {
    const text = await raw(
      port,
      "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4;name=value\r\nabcd\r\n0\r\nX-Trailer: y\r\n\r\n",
    );
    expect(text).toContain("abcd");
    expect(text).not.toContain("X-Trailer");
  });

  it("does not let a refused upgrade become a tunnel", async () => {
    const server = refusing();
    const at = await freePort();
    await new Promise<void>((resolve) => server.listen(at, HOST, resolve));
    const other = await fixture.serve([{ id: "r", host: HOST, port: at, state: "ready" }]);
    const text = await raw(
      other,
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /secret HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    expect(text).toMatch(/^HTTP\/1\.1 426 /);
    expect(text).not.toContain("secret");
    server.close();
    port = await fixture.serve([backend.member]);
  });

  it("serves an h2c upgrade as if it had not asked", async () => {
    const text = await raw(
      port,
      "GET /headers HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text.toLowerCase()).not.toContain("http2-settings");
    expect(text.toLowerCase()).not.toContain("h2c");
  });

  it("closes a connection that never finishes its headers", async () => {
    const { listeners, ...rest } = await fixture.client.configuration();
    await fixture.client.configure({
      ...rest,
      listeners: listeners.map((one) => ({ ...one, headersTimeoutMs: 200 })),
    });
    const text = await new Promise<string>((resolve) => {
      const socket = connect(port, HOST, () => socket.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "));
      let seen = "";
      socket.on("data", (chunk) => (seen += chunk.toString()));
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(seen));
    });
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
  });
});

/** Refuses upgrades, and says so if it ever sees a second request. */
function refusing(): Server {
  return createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      if (chunk.includes("/secret")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
      else socket.write("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno");
    });
  });
}
