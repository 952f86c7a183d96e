import { createHash } from "node:crypto";
import { once } from "node:events";
import { type Server, type Socket, connect, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Fixture, freePort, HOST } from "./fixtures/processes.ts";

const CONNECTIONS = 12;
const BYTES = 6 * 1024 * 1024;

/** Bytes of its own for each connection: one that went to another would show. */
function content(seed: number): Buffer {
  const text = createHash("sha256").update(String(seed)).digest("base64");
  return Buffer.alloc(BYTES, text);
}

const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe("a tcp listener", () => {
  const fixture = new Fixture();
  const sockets = new Set<Socket>();
  let server: Server;
  let port: number;

  beforeAll(async () => {
    // The first byte says what the client wants: its bytes back, or so many of a seed in pieces of some size.
    server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("data", (first: Buffer) => {
        if (first[0] === 0) {
          socket.write(first.subarray(1));
          return void socket.pipe(socket);
        }
        const bytes = content(first.readUInt8(1));
        const size = first.readUInt32BE(2);
        for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size));
        socket.end();
      });
    });
    const at = await freePort();
    await new Promise<void>((resolve) => server.listen(at, HOST, resolve));
    await fixture.start();
    const [listener] = await fixture.client.configure({
      listeners: [{ name: "raw", host: HOST, port: 0, protocol: "tcp", pool: "app" }],
      routes: [],
      pools: [{ name: "app", members: [{ id: "m", host: HOST, port: at, state: "ready" }] }],
    });
    port = listener?.port ?? 0;
  });
  afterAll(async () => {
    await fixture.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  /** Reads to the end, now and then not at all, so that the balancer has to hold back. */
  const readSlowly = async (socket: Socket): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      if (chunks.length % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return Buffer.concat(chunks);
  };

  it.each([100_000, 20_000, 1_000])(
    "passes every byte of many members' answers on in order, in pieces of %i",
    async (size) => {
      const answers = Array.from({ length: CONNECTIONS }, async (_, seed) => {
        const socket = connect(port, HOST);
        const wanted = Buffer.alloc(6, 1);
        wanted.writeUInt8(seed, 1);
        wanted.writeUInt32BE(size, 2);
        socket.end(wanted);
        return digest(await readSlowly(socket));
      });
      const expected = Array.from({ length: CONNECTIONS }, (_, seed) => digest(content(seed)));
      expect(await Promise.all(answers)).toEqual(expected);
    },
  );

  it("passes every byte on both ways at once", async () => {
    const answers = Array.from({ length: CONNECTIONS }, async (_, seed) => {
      const socket = connect(port, HOST);
      socket.write(Buffer.alloc(1));
      socket.end(content(seed));
      return digest(await readSlowly(socket));
    });
    const expected = Array.from({ length: CONNECTIONS }, (_, seed) => digest(content(seed)));
    expect(await Promise.all(answers)).toEqual(expected);
  });

  it("breaks off the other side when one side breaks", async () => {
    const before = sockets.size;
    const socket = connect(port, HOST, () => socket.write("\0x"));
    await once(socket, "data");
    expect(sockets.size).toBeGreaterThan(before);
    const other = [...sockets].at(-1);
    if (other === undefined) throw new Error("It is connected.");
    const closed = once(other, "close");
    socket.resetAndDestroy();
    await closed;
    while ((await fixture.client.member("app", "m")).inFlight > 0);
  });
});
