import { createServer } from "node:net";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configMap } from "../kinds/config-map.ts";
import { ManualClock } from "../clock/manual.ts";
import { ApiError, type KindName, UnreachableError, createClient } from "./index.ts";
import { resumingWatch } from "./watch.ts";
import { resource } from "./fixtures/resource.ts";

const KIND: KindName = configMap;

test("silence is an UnreachableError that names the address", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  const client = createClient({ url: `http://127.0.0.1:${port}`, token: "t" });
  const error: unknown = await client.get(KIND, "a").catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UnreachableError);
  expect(String(error)).toContain(`127.0.0.1:${port}`);
});

test("an answer from something else is an ApiError of its code", async () => {
  const server = createServer((socket) =>
    socket.end("HTTP/1.1 418 I'm a teapot\r\ncontent-length: 5\r\n\r\nshort"),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = createClient({
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    token: "t",
  });
  await expect(client.get(KIND, "a")).rejects.toMatchObject({
    code: 418,
    reason: "Unknown",
    message: "short",
  });
  client.close();
  server.close();
});

test("an answer that breaks off is an UnreachableError, not half of one", async () => {
  const server = createServer(
    (socket) =>
      void socket.once("data", () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"kind":')),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = createClient({
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    token: "t",
  });
  await expect(client.get(KIND, "a")).rejects.toBeInstanceOf(UnreachableError);
  client.close();
  server.close();
});

test("it speaks over a Unix socket", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tutti-client-"));
  const socketPath = join(folder, "s");
  const server = createServer(
    (socket) => void socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")),
  );
  server.listen(socketPath);
  await once(server, "listening");
  const client = createClient({ url: "http://control-plane", token: "t", socketPath });
  expect(await client.health()).toBe(true);
  client.close();
  server.close();
  await rm(folder, { recursive: true });
});

test("a watch lists, follows, goes on where a broken connection ended, and lists again after 410", async () => {
  const clock = new ManualClock();
  const frame = (type: string, name: string, version: number): string =>
    JSON.stringify({ type, object: resource(name, version) });
  const asked: string[] = [];
  let lists = 0;
  const streams: (() => Generator<string>)[] = [
    function* () {
      yield frame("ADDED", "b", 11);
      yield JSON.stringify({ type: "BOOKMARK", object: { metadata: { resourceVersion: "15" } } });
      throw new UnreachableError("http://here", new Error("broken"));
    },
    function* () {
      yield JSON.stringify({
        type: "ERROR",
        object: { kind: "Status", status: "Failure", code: 410, reason: "Expired", message: "gone" },
      });
    },
    function* () {
      yield frame("DELETED", "b", 31);
    },
  ];
  const source = {
    list: async () => ({
      items: [resource("a", 10)],
      resourceVersion: String(10 * ++lists + (lists - 1) * 10),
    }),
    stream: async function* (version: string): AsyncGenerator<string> {
      asked.push(version);
      yield* (streams.shift() as () => Generator<string>)();
    },
  };
  const seen: string[] = [];
  const moving = setInterval(() => void clock.advance(1000), 5);
  for await (const event of resumingWatch(source, {}, clock)) {
    seen.push(
      event.type === "LISTED"
        ? `LISTED ${event.resourceVersion}`
        : `${event.type} ${event.object.metadata.name}`,
    );
    if (event.type === "DELETED") break;
  }
  clearInterval(moving);
  expect(seen).toEqual(["LISTED 10", "ADDED b", "LISTED 30", "DELETED b"]);
  expect(asked).toEqual(["10", "15", "30"]);
});

test("a watch that may not list again throws what the server said", async () => {
  const source = {
    list: async () => ({ items: [], resourceVersion: "1" }),
    stream: async function* (): AsyncGenerator<string> {
      yield JSON.stringify({
        type: "ERROR",
        object: { kind: "Status", status: "Failure", code: 410, reason: "Expired", message: "gone" },
      });
    },
  };
  const watch = resumingWatch(source, { resourceVersion: "5", onExpired: "throw" }, new ManualClock());
  await expect(watch.next()).rejects.toBeInstanceOf(ApiError);
});
