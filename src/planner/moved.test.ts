import { expect, test } from "vitest";
import { movedSince, outlineOf } from "./change.ts";
import { createWorld } from "./fixtures/world.ts";

const shop = (...resources: readonly object[]): readonly object[] => [
  { kind: "System", metadata: { name: "shop" }, spec: {} },
  ...resources,
];
const map = (name: string, value: string): object => ({
  kind: "ConfigMap",
  metadata: { name },
  data: { value },
});
const api = { kind: "Service", metadata: { name: "api" }, spec: { image: "nginx:1", replicas: 1 } };

test("a plan that is another by now is told by what was changed, is there, or is gone", async () => {
  const world = createWorld();
  await world.apply(shop(map("a", "1"), map("b", "1")));
  const agreed = world.plan(shop(map("a", "2"), map("b", "2"), map("c", "1")));
  const outline = outlineOf(agreed, world.store);
  await world.apply(shop(map("a", "3"), map("c", "1")));
  const now = world.plan(shop(map("a", "2"), map("b", "2"), map("c", "1")));
  expect(
    Object.fromEntries(movedSince(outline, world.store, now).map((one) => [one.address, one.message])),
  ).toEqual({
    "configMap/a": "It was changed: generation 1 is 2 now.",
    "configMap/b": "It is gone.",
    "configMap/c": "It is there by now.",
  });
});

test("where all is as it was, what would be done to it otherwise is told: a tag that means another image", async () => {
  const world = createWorld();
  const pinned = (digest: string): object => ({
    pins: new Map([["service/api", `sha256:${digest.repeat(64)}`]]),
  });
  await world.apply(shop(api), pinned("a"));
  const agreed = world.plan(shop({ ...api, spec: { ...api.spec, replicas: 2 } }), pinned("b"));
  const now = world.plan(shop({ ...api, spec: { ...api.spec, replicas: 2 } }), pinned("c"));
  expect(now.hash).not.toBe(agreed.hash);
  expect(movedSince(outlineOf(agreed, world.store), world.store, now)).toEqual([
    { address: "service/api", message: "It would be changed in another way: spec.digest." },
  ]);
});
