import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SERVICES, type Serving, service, serving } from "./fixtures/serving.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { mergePatch } from "../model/merge-patch.ts";
import { applyPatch } from "./patch.ts";

let api: Serving;
beforeAll(async () => {
  api = await serving();
});
afterAll(() => api[Symbol.asyncDispose]());

const as = (type: string): Record<string, string> => ({ "content-type": `application/${type}` });

test("a merge patch sets, merges and removes", async () => {
  await api.request("POST", SERVICES, service("merged", { env: { A: "1", B: "2" } }, { labels: { x: "y" } }));
  const { body } = await api.request(
    "PATCH",
    `${SERVICES}/merged`,
    { metadata: { labels: null }, spec: { env: { A: null, C: "3" } } },
    as("merge-patch+json"),
  );
  expect(body.spec.env).toEqual({ B: "2", C: "3" });
  expect(body.metadata.labels).toBeUndefined();
});

test("a JSON patch does all of its operations or none", async () => {
  await api.request("POST", SERVICES, service("stepped", { command: ["a", "b"] }));
  const good = [
    { op: "test", path: "/spec/replicas", value: 1 },
    { op: "replace", path: "/spec/replicas", value: 2 },
    { op: "add", path: "/spec/command/-", value: "c" },
    { op: "copy", from: "/spec/command/0", path: "/spec/command/0" },
    { op: "move", from: "/spec/command/3", path: "/spec/command/1" },
    { op: "remove", path: "/spec/command/2" },
  ];
  const { body } = await api.request("PATCH", `${SERVICES}/stepped`, good, as("json-patch+json"));
  expect(body.spec).toMatchObject({ replicas: 2, command: ["a", "c", "b"] });
  const bad = [
    { op: "replace", path: "/spec/replicas", value: 9 },
    { op: "test", path: "/spec/replicas", value: 1 },
  ];
  expect((await api.request("PATCH", `${SERVICES}/stepped`, bad, as("json-patch+json"))).code).toBe(422);
  expect((await api.request("GET", `${SERVICES}/stepped`)).body.spec.replicas).toBe(2);
});

test.each([
  [[{ op: "dance", path: "/spec" }]],
  [[{ op: "add", path: "spec" }]],
  [{ op: "add" }],
  [[{ op: "add", path: "/__proto__/x", value: 1 }]],
])("%j is no JSON patch", async (patch) => {
  await api.request("POST", SERVICES, service("stone"));
  expect((await api.request("PATCH", `${SERVICES}/stone`, patch, as("json-patch+json"))).code).toBe(400);
});

test("copies that double again and again are stopped", () => {
  const patch = Array.from({ length: 60 }, () => ({ op: "copy", from: "/a", path: "/a/-" }));
  expect(() => applyPatch({ a: ["x"] }, patch, "json", DEFAULT_LIMITS)).toThrow(/copies too much|nested/);
});

test("apply creates what is not there and merges into what is", async () => {
  const first = await api.request(
    "PATCH",
    `${SERVICES}/applied?fieldManager=me&force=true`,
    service("applied"),
    as("apply-patch+yaml"),
  );
  expect(first.code).toBe(201);
  const again = await api.request(
    "PATCH",
    `${SERVICES}/applied?fieldManager=me`,
    service("applied", { replicas: 3 }),
    as("apply-patch+yaml"),
  );
  expect([again.code, again.body.spec.replicas]).toEqual([200, 3]);
});

test("strategic merge is taken for the kinds of Kubernetes and refused for ours, naming what is taken", async () => {
  const refused = await api.request("PATCH", `${SERVICES}/applied`, {}, as("strategic-merge-patch+json"));
  expect(refused.code).toBe(415);
  expect(refused.body.message).toContain("application/merge-patch+json");
  await api.request("POST", "/api/v1/namespaces/default/configmaps", {
    metadata: { name: "plain" },
    data: { a: "1" },
  });
  const taken = await api.request(
    "PATCH",
    "/api/v1/namespaces/default/configmaps/plain",
    { data: { b: "2" }, "$setElementOrder/x": [] },
    as("strategic-merge-patch+json"),
  );
  expect(taken.body.data).toEqual({ a: "1", b: "2" });
});

test("a patch cannot change name, kind or uid", async () => {
  await api.request("POST", SERVICES, service("itself"));
  for (const patch of [
    { metadata: { name: "other" } },
    { kind: "Volume" },
    { metadata: { uid: "another" } },
    { metadata: { namespace: "x" } },
  ]) {
    expect([400, 409]).toContain(
      (await api.request("PATCH", `${SERVICES}/itself`, patch, as("merge-patch+json"))).code,
    );
  }
});

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(1, "a", true),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3, noNullPrototype: true }),
}));

test("merging a value over nothing gives the value, merging it twice is merging it once", () => {
  fc.assert(
    fc.property(json.object, json.object, (base, patch) => {
      expect(mergePatch({}, patch)).toEqual(patch);
      const once = mergePatch(base, patch);
      expect(mergePatch(once, patch)).toEqual(once);
    }),
  );
});
