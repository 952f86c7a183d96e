import { type IncomingMessage, request as httpRequest } from "node:http";
import { once } from "node:events";
import { expect, test } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";

const merge = { "content-type": "application/merge-patch+json" };

/** The events of a watch, one at a time; undefined at its end. */
async function watching(
  api: Serving,
  query: string,
  headers: Record<string, string> = {},
): Promise<{ readonly next: () => Promise<any>; readonly stop: () => void }> {
  const ending = new AbortController();
  const response = await fetch(`${api.url}${SERVICES}?watch=1&${query}`, {
    headers: { authorization: `Bearer ${api.token}`, ...headers },
    signal: ending.signal,
  });
  if (response.body === null) throw new Error(`A watch was answered ${response.status} without a body.`);
  // The reader is taken now: fetch ends a body that nobody has begun to read once its response is garbage.
  const lines = linesOf(response.body.values());
  return {
    next: async () => {
      const { value, done } = await lines.next();
      return done === true ? undefined : JSON.parse(value);
    },
    stop: () => ending.abort(),
  };
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined, undefined> {
  let pending = "";
  for await (const chunk of body) {
    const lines = (pending + Buffer.from(chunk).toString("utf8")).split("\n");
    pending = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}

test("a watch gives exactly what comes after the version it starts from, in order", async () => {
  await using api = await serving();
  const before = (await api.request("POST", SERVICES, service("one"))).body.metadata.resourceVersion;
  await api.request("POST", SERVICES, service("two"));
  const watch = await watching(api, `resourceVersion=${before}`);
  await api.request("PATCH", `${SERVICES}/one`, { spec: { replicas: 5 } }, merge);
  await api.request("DELETE", `${SERVICES}/two`);
  const events = [await watch.next(), await watch.next(), await watch.next()];
  expect(events.map((event) => [event.type, event.object.metadata.name])).toEqual([
    ["ADDED", "two"],
    ["MODIFIED", "one"],
    ["DELETED", "two"],
  ]);
  watch.stop();
});

test("without a version the present comes first", async () => {
  await using api = await serving();
  await api.request("POST", SERVICES, service("there"));
  const watch = await watching(api, "");
  expect(await watch.next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "there" } } });
  await api.request("POST", SERVICES, service("later"));
  expect((await watch.next()).object.metadata.name).toBe("later");
  watch.stop();
});

test("a selector is a window: what comes to match is added, what ceases to is deleted", async () => {
  await using api = await serving();
  const watch = await watching(api, `labelSelector=tier%3Dfront&resourceVersion=${api.store.revision}`);
  await api.request("POST", SERVICES, service("mover"));
  await api.request("PATCH", `${SERVICES}/mover`, { metadata: { labels: { tier: "front" } } }, merge);
  await api.request("PATCH", `${SERVICES}/mover`, { spec: { replicas: 2 } }, merge);
  await api.request("PATCH", `${SERVICES}/mover`, { metadata: { labels: { tier: "back" } } }, merge);
  expect([(await watch.next()).type, (await watch.next()).type, (await watch.next()).type]).toEqual([
    "ADDED",
    "MODIFIED",
    "DELETED",
  ]);
  watch.stop();
});

test("a version that is no longer held ends the watch with 410", async () => {
  await using api = await serving({ recent: { count: 2, bytes: Infinity } });
  const first = (await api.request("POST", SERVICES, service("old"))).body.metadata.resourceVersion;
  for (const replicas of [2, 3, 4, 5])
    await api.request("PATCH", `${SERVICES}/old`, { spec: { replicas } }, merge);
  const watch = await watching(api, `resourceVersion=${first}`);
  expect(await watch.next()).toMatchObject({
    type: "ERROR",
    object: { kind: "Status", code: 410, reason: "Expired" },
  });
  expect(await watch.next()).toBeUndefined();
});

test("a watch ends after its timeout, and says where it is with bookmarks", async () => {
  const clock = new ManualClock();
  await using api = await serving({ clock });
  const watch = await watching(
    api,
    `resourceVersion=${api.store.revision}&allowWatchBookmarks=true&timeoutSeconds=100`,
  );
  await clock.advance(61_000);
  expect(await watch.next()).toMatchObject({
    type: "BOOKMARK",
    object: { kind: "Service", metadata: { resourceVersion: String(api.store.revision) } },
  });
  await clock.advance(40_000);
  expect(await watch.next()).toBeUndefined();
});

test("watched tables have columns in the first event only", async () => {
  await using api = await serving();
  const watch = await watching(api, `resourceVersion=${api.store.revision}`, {
    accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
  });
  await api.request("POST", SERVICES, service("a"));
  await api.request("POST", SERVICES, service("b"));
  expect((await watch.next()).object.columnDefinitions).toHaveLength(7);
  const second = await watch.next();
  expect(second.object.columnDefinitions).toBeNull();
  expect(second.object.rows[0].cells[0]).toBe("b");
  watch.stop();
});

test("who does not read is held back and then cut off, and others are not", async () => {
  const clock = new ManualClock();
  await using api = await serving({ clock, limits: { waitingBytes: 200_000 } });
  const large = "x".repeat(1 << 20);
  await api.request("POST", SERVICES, service("large", { command: large }));
  const slow = httpRequest(`${api.url}${SERVICES}?watch=1&resourceVersion=${api.store.revision}`, {
    headers: { authorization: `Bearer ${api.token}` },
  });
  slow.end();
  const [response] = (await once(slow, "response")) as [IncomingMessage];
  response.on("error", () => undefined);
  const watch = await watching(api, `resourceVersion=${api.store.revision}`);
  for (let count = 0; count < 12; count += 1) {
    await api.request("PUT", `${SERVICES}/large`, service("large", { command: large + count }));
    expect((await watch.next()).object.spec.command).toBe(large + count);
  }
  await clock.advance(31_000);
  response.resume();
  await new Promise((resolve) => response.once("close", resolve));
  expect(response.complete).toBe(false);
  watch.stop();
});

test("who reads slowly misses nothing", async () => {
  await using api = await serving({ limits: { waitingBytes: 100 } });
  for (const name of ["a", "b"])
    await api.request("POST", SERVICES, service(name, { command: "x".repeat(500_000) }));
  const watch = await watching(api, "");
  for (const replicas of [2, 3, 4, 5, 6])
    expect((await api.request("PATCH", `${SERVICES}/a`, { spec: { replicas } }, merge)).code).toBe(200);
  const seen = [];
  for (let count = 0; count < 7; count += 1) {
    const { type, object } = await watch.next();
    seen.push([type, object.metadata.name, object.spec?.replicas]);
  }
  expect(seen).toEqual([
    ["ADDED", "a", 1],
    ["ADDED", "b", 1],
    ...[2, 3, 4, 5, 6].map((replicas) => ["MODIFIED", "a", replicas]),
  ]);
  watch.stop();
});

test("more watches than allowed are refused with 429", async () => {
  await using api = await serving({ limits: { streams: 1 } });
  const watch = await watching(api, "");
  const { code, headers } = await api.request("GET", `${SERVICES}?watch=1`);
  expect([code, headers.get("retry-after")]).toEqual([429, "5"]);
  watch.stop();
});

test("closing the API ends its watches", async () => {
  const api = await serving();
  const watch = await watching(api, "");
  const end = watch.next().catch(() => undefined);
  await api[Symbol.asyncDispose]();
  expect(await end).toBeUndefined();
});
