/**
 * HTTP/2 requests that would be something else once they are written as HTTP/1.1. Node's client refuses to send most of
 * them, so frames are written here by hand: HPACK's plain literals (RFC 7541, 6.2.2) need no tables.
 */
import { writeFileSync } from "node:fs";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selfSigned } from "./certificate.ts";
import { Fixture, freePort, HOST } from "./fixtures/processes.ts";
import { http2Problem } from "./http2-head.ts";

type Fields = readonly (readonly [string, string])[];

const GET: Fields = [
  [":method", "GET"],
  [":scheme", "https"],
  [":authority", "x"],
  [":path", "/"],
];
const POST: Fields = [[":method", "POST"], ...GET.slice(1)];
const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

const changed = (name: string, value: string): Fields =>
  GET.map(([one, old]) => (one === name ? [one, value] : [one, old]));

/** The library itself leaves such a field out, without a word to anybody: what is passed on has nothing of it. */
const LEFT_OUT: readonly (readonly [string, Fields])[] = [
  ["a line break in a value", [...GET, ["x-a", `b\r\n${HIDDEN}`]]],
  ["a bare line feed in a value", [...GET, ["x-a", "b\nX-Hidden: /hidden"]]],
  ["a zero byte in a value", [...GET, ["x-a", "b\0/hidden"]]],
  ["a line break in a name", [...GET, ["x-a: b\r\nx-hidden", "1"]]],
  ["a colon in a name", [...GET, ["x-a:x-hidden", "1"]]],
  ["an empty name", [...GET, ["", "hidden"]]],
];

/** Fields and, where there is one, the body. */
const REFUSED: readonly (readonly [string, Fields, string?])[] = [
  ["an upper-case name", [...GET, ["X-Hidden", "1"]]],
  ["a line break in the path", changed(":path", `/ HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`)],
  ["a blank in the path", changed(":path", "/hidden HTTP/1.1")],
  ["a path without a slash", changed(":path", "hidden")],
  ["a whole URL for a path", changed(":path", "https://other/hidden")],
  ["an empty path", changed(":path", "")],
  ["a line break in the method", changed(":method", `GET / HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`)],
  ["a blank in the method", changed(":method", "GET /hidden")],
  ["a line break in the authority", changed(":authority", `x\r\n\r\n${HIDDEN}`)],
  ["credentials in the authority", changed(":authority", "hidden@x")],
  ["two paths", [...GET, [":path", "/hidden"]]],
  ["an unknown pseudo field", [...GET, [":hidden", "1"]]],
  ["a pseudo field after a field", [...GET.slice(0, 3), ["x-a", "b"], [":path", "/hidden"]]],
  ["a Host that differs", [...GET, ["host", "hidden"]]],
  ["a coding", [...POST, ["transfer-encoding", "chunked"]], `0\r\n\r\n${HIDDEN}`],
  ["Connection", [...GET, ["connection", "x-forwarded-for"]]],
  ["Upgrade", [...GET, ["upgrade", "hidden"]]],
  ["Keep-Alive", [...GET, ["keep-alive", "hidden"]]],
  ["TE other than trailers", [...GET, ["te", "hidden"]]],
  ["a length and no body", [...POST, ["content-length", "5"]]],
  ["a length below the body's", [...POST, ["content-length", "0"]], HIDDEN],
  ["a length above the body's", [...POST, ["content-length", "500"]], HIDDEN],
  ["two lengths", [...POST, ["content-length", "1"], ["content-length", "34"]], HIDDEN],
  ["a length that is no number", [...POST, ["content-length", "+34"]], HIDDEN],
  ["a length that is a list", [...POST, ["content-length", "34, 34"]], HIDDEN],
];

describe("HTTP/2 on its way to HTTP/1.1", () => {
  const fixture = new Fixture();
  let port: number;
  let member: Server;
  /** Every byte that the member was sent. */
  let passed = "";

  beforeAll(async () => {
    member = createServer((socket) => {
      let text = "";
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        passed += chunk.toString("latin1");
        if (!/\r\n\r\n(?:[^]*\r\n0\r\n\r\n)?$/.test(text)) return;
        text = "";
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
    });
    const at = await freePort();
    await new Promise<void>((resolve) => member.listen(at, HOST, resolve));
    await fixture.start();
    const made = await selfSigned(["localhost"]);
    const [certFile, keyFile] = [join(fixture.folder, "tls.crt"), join(fixture.folder, "tls.key")];
    writeFileSync(certFile, made.certificate);
    writeFileSync(keyFile, made.key, { mode: 0o600 });
    const certificates = [{ hosts: [], certFile, keyFile }];
    const [listener] = await fixture.client.configure({
      listeners: [{ name: "https", host: HOST, port: 0, protocol: "https", certificates }],
      routes: [{ pool: "app" }],
      pools: [{ name: "app", retries: 0, members: [{ id: "m", host: HOST, port: at, state: "ready" }] }],
    });
    port = listener?.port ?? 0;
  });
  afterAll(async () => {
    await fixture.close();
    member.close();
  });

  /** The status, or that the stream or the connection was broken off. */
  const outcome = async (fields: Fields, body?: string): Promise<string> => {
    passed = "";
    const status = await exchange(port, fields, body);
    // Whatever was on its way to the member has come when a later request has been answered.
    expect(await exchange(port, GET)).toBe("200");
    return status;
  };

  it.each(REFUSED.map(([title, fields, body]) => ({ title, fields, body })))(
    "refuses $title, and passes nothing of it on as a request",
    async ({ fields, body }) => {
      expect(await outcome(fields, body)).toMatch(/^(4\d\d|501|broken off)$/);
      for (const request of passed.split(/(?<=\r\n\r\n)/)) expect(request).not.toMatch(/^GET \/hidden/);
      expect(passed.replace(/Content-Length: \d+\r\n[^]*/, "")).not.toContain("hidden");
    },
  );

  it.each<(typeof LEFT_OUT)[number]>(LEFT_OUT)("passes nothing on of %s", async (_title, fields) => {
    expect(await outcome(fields)).toBe("200");
    expect(passed).not.toContain("hidden");
    expect(passed.toLowerCase()).not.toContain("x-a");
  });

  it("passes on a plain request, its cookies joined and its length or chunks stated once", async () => {
    const fields: Fields = [...POST, ["host", "x"], ["te", "trailers"], ["cookie", "a=1"], ["cookie", "b=2"]];
    expect(await outcome(fields, "0\r\n\r\n")).toBe("200");
    const head = passed.slice(0, passed.indexOf("\r\n\r\n") + 2);
    expect(head).toMatch(/^POST \/ HTTP\/1\.1\r\nHost: x\r\n/);
    expect(head).toContain("\r\nCookie: a=1; b=2\r\n");
    expect(head.match(/\r\n(?:transfer-encoding|content-length|te|host):/gi)).toHaveLength(2);
    expect(passed).toContain("\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n");
  });

  it("judges fields by itself, whatever the library lets through", () => {
    // The method, the authority and lengths are judged with those of HTTP/1.1 (request-head.ts).
    const isJudgedThere = /^(?!a line).*(?:method|authority|Host|length)|blank in the path/;
    const titled: readonly (readonly [string, Fields, string?])[] = [...LEFT_OUT, ...REFUSED];
    for (const [title, fields] of titled)
      if (!isJudgedThere.test(title)) expect(http2Problem(fields.flat()), title).toBeDefined();
    expect(http2Problem(GET.flat())).toBeUndefined();
    expect(http2Problem([":method", "OPTIONS", ":scheme", "https", ":authority", "x", ":path", "*"])).toBe(
      undefined,
    );
  });

  it("serves many streams of one connection at once", async () => {
    const session = connectHttp2(`https://${HOST}:${port}`, { rejectUnauthorized: false });
    const status = (): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ":path": "/" });
        stream.on("response", (headers: IncomingHttpHeaders) => resolve(headers[":status"]));
        stream.on("error", reject);
        stream.resume();
      });
    const statuses = await Promise.all(Array.from({ length: 100 }, status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    session.close();
  });

  it("is not offered where the listener does not, from the next connection on", async () => {
    const present = await fixture.client.configuration();
    await fixture.client.configure({
      ...present,
      listeners: present.listeners.map((one) => ({ ...one, http2: false })),
    });
    expect(await protocolOf(port, ["h2", "http/1.1"])).toBe("http/1.1");
    expect(await protocolOf(port, ["h2"])).toBe("refused");
    await fixture.client.configure(present);
    expect(await protocolOf(port, ["h2", "http/1.1"])).toBe("h2");
    expect(await protocolOf(port, ["http/1.1"])).toBe("http/1.1");
  });
});

function protocolOf(port: number, ALPNProtocols: string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: HOST, port, rejectUnauthorized: false, ALPNProtocols }, () => {
      resolve(String(socket.alpnProtocol));
      socket.destroy();
    });
    socket.on("error", () => resolve("refused"));
  });
}

/** One request on a connection of its own; resolves with its status, or when the stream or connection is broken off. */
function exchange(port: number, fields: Fields, body?: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ host: HOST, port, rejectUnauthorized: false, ALPNProtocols: ["h2"] }, () => {
      const flags = body === undefined ? END_STREAM | END_HEADERS : END_HEADERS;
      socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
      socket.write(frame(HEADERS, flags, 1, literals(fields)));
      if (body !== undefined) socket.write(frame(DATA, END_STREAM, 1, Buffer.from(body, "latin1")));
    });
    let pending = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const end = pending.length < 9 ? 9 : 9 + pending.readUIntBE(0, 3);
        if (pending.length < end) return;
        const [type, stream] = [pending[3], pending.readUInt32BE(5)];
        const payload = pending.subarray(9, end);
        pending = pending.subarray(end);
        if (type === HEADERS && stream === 1) finish(statusOf(payload));
        if (type === RST_STREAM || type === GOAWAY) finish("broken off");
      }
    });
    const finish = (text: string): void => {
      resolve(text);
      socket.destroy();
    };
    socket.on("error", () => finish("broken off"));
    socket.on("close", () => finish("broken off"));
  });
}

const [DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY] = [0, 1, 3, 4, 7];
const [END_STREAM, END_HEADERS] = [1, 4];

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function literals(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), ...[name, value].map(literal)]));
}

/** A length (RFC 7541, 5.1, 7 bits of it in the first byte) and the bytes as they are. */
function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = [];
  let rest = bytes.length;
  if (rest < 127) length.push(rest);
  else {
    length.push(127);
    for (rest -= 127; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** `:status` is the first field: one of the static table, or a literal with a name from there and a Huffman or plain value. */
function statusOf(block: Buffer): string {
  const indexed = [200, 204, 206, 304, 400, 404, 500];
  let at = 0;
  while (((block[at] ?? 0) & 0xe0) === 0x20) at += 1; // Changes of the table's size.
  const first = block[at] ?? 0;
  if (first >= 0x88 && first <= 0x8e) return String(indexed[first - 0x88]);
  const isHuffman = ((block[at + 1] ?? 0) & 0x80) !== 0;
  const value = block.subarray(at + 2, at + 2 + ((block[at + 1] ?? 0) & 0x7f));
  return isHuffman ? digits(value) : value.toString("latin1");
}

/** Huffman's code of digits: 0, 1 and 2 have 5 bits (00000 and on), 3 to 9 have 6 (011001 and on). */
function digits(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  let text = "";
  while (bits.length >= 5 && !/^1+$/.test(bits)) {
    const short = Number.parseInt(bits.slice(0, 5), 2);
    if (short <= 2) text += String(short);
    else text += String(Number.parseInt(bits.slice(0, 6), 2) - 0b011001 + 3);
    bits = bits.slice(short <= 2 ? 5 : 6);
  }
  return text;
}
