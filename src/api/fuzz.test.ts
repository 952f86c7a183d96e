/** Random requests against a real server: the answer is never a fault of ours, and what is refused has changed nothing. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kinds } from "../kinds/registry.ts";
import { type Serving, serving } from "./fixtures/serving.ts";

let api: Serving;
beforeAll(async () => {
  api = await serving({ limits: { streams: 0 } });
});
afterAll(() => api[Symbol.asyncDispose]());

const name = fc.constantFrom(
  "a",
  "b",
  "api",
  "default",
  "A_b",
  "x".repeat(300),
  "..",
  "%zz",
  "ü",
  "constructor",
  "__proto__",
);
const kind = fc.constantFrom(...kinds);
const subresource = fc.constantFrom(
  "",
  "/status",
  "/scale",
  "/history",
  "/why",
  "/log",
  "/plan",
  "/apply",
  "/exec",
  "/nothing",
);
const path = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(kind, name, name, subresource)
      .map(
        ([{ group, version, plural, namespaced }, namespace, one, sub]) =>
          `${group === "" ? `/api/${version}` : `/apis/${group}/${version}`}${namespaced ? `/namespaces/${namespace}` : ""}/${plural}${one === "b" ? "" : `/${one}${sub}`}`,
      ),
  },
  { weight: 1, arbitrary: fc.webPath() },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "/",
      "/api",
      "/apis",
      "/apis/tutti.dev",
      "/version",
      "/metrics",
      "/openapi/v3",
      "/openapi/v2",
      "//",
      "/api/v1/namespaces/a/b/c/d/e",
    ),
  },
);
const query = fc.dictionary(
  fc.constantFrom(
    "limit",
    "continue",
    "labelSelector",
    "fieldSelector",
    "watch",
    "resourceVersion",
    "resourceVersionMatch",
    "at",
    "dryRun",
    "propagationPolicy",
    "fieldValidation",
    "reveal",
    "because",
    "tailLines",
    "command",
  ),
  fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      "1",
      "0",
      "All",
      "true",
      "a=b",
      "a in (b)",
      "Exact",
      "5m",
      "WyIxIl0",
      "Foreground",
      "Orphan",
      "Ignore",
    ),
  ),
  { maxKeys: 3, noNullPrototype: true },
);
const field = fc.constantFrom(
  "apiVersion",
  "kind",
  "metadata",
  "spec",
  "status",
  "data",
  "stringData",
  "generate",
  "name",
  "namespace",
  "labels",
  "annotations",
  "finalizers",
  "ownerReferences",
  "resourceVersion",
  "uid",
  "replicas",
  "command",
  "env",
  "ports",
  "op",
  "path",
  "value",
  "from",
  "resources",
  "action",
  "hash",
  "toRevision",
  "immutable",
  "preconditions",
  "__proto__",
  "constructor",
);
const json = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom<unknown>(
      "a",
      "api",
      "Service",
      "default",
      "${database.a.status.url}",
      "${",
      "(secret)",
      "sealed:v1:AAAA",
      "/spec/replicas",
      "add",
      "copy",
      "",
      null,
      true,
      -1,
      0,
      3,
      1e300,
    ),
    fc.string({ maxLength: 8 }),
  ),
  object: fc.dictionary(field, tie("value"), { maxKeys: 5, noNullPrototype: true }),
  value: fc.oneof(
    { maxDepth: 4, depthIdentifier: "json" },
    tie("leaf"),
    tie("object"),
    fc.array(tie("value"), { maxLength: 3 }),
  ),
})).value;
const junk = fc.dictionary(field, json, { maxKeys: 2, noNullPrototype: true });

/** What is right but for a little, so that it gets past the first checks, and some of it all the way. */
function nearlyRight(
  { kind: is, example }: (typeof kinds)[number],
  called: string,
  inside: object,
  beside: object,
): string {
  const spec = "spec" in example ? { spec: { ...(example.spec as object), ...inside } } : {};
  return JSON.stringify({ kind: is, metadata: { name: called }, ...(example as object), ...spec, ...beside });
}

const body = fc.oneof(
  { weight: 4, arbitrary: json.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.constant(undefined) },
);
const type = fc.constantFrom(
  "application/json",
  "application/yaml",
  "application/merge-patch+json",
  "application/json-patch+json",
  "application/apply-patch+yaml",
  "application/strategic-merge-patch+json",
  "text/html",
  "",
);
const method = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD");

const anything = fc.tuple(method, path, body, type);
const sensible = fc
  .tuple(
    kind,
    fc.constantFrom("a", "b", "api"),
    fc.constantFrom("POST", "PUT", "PATCH", "GET", "DELETE"),
    subresource,
    fc.oneof(fc.constant({}), junk),
    fc.oneof(fc.constant({}), junk),
    type,
  )
  .map(([one, called, verb, sub, inside, beside, sent]): [string, string, string, string] => {
    const root = `${one.group === "" ? `/api/${one.version}` : `/apis/${one.group}/${one.version}`}${one.namespaced ? "/namespaces/default" : ""}/${one.plural}`;
    const content = nearlyRight(one, called, inside, beside);
    return [
      verb,
      verb === "POST" ? root : `${root}/${called}${sub}`,
      content,
      verb === "PATCH" ? sent : "application/json",
    ];
  });

test("no request is a fault of ours, and no refused one has changed anything", async () => {
  const codes = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(anything, sensible),
      fc.oneof(query, fc.constant({})),
      async ([verb, at, content, contentType], parameters) => {
        const before = api.store.revision;
        const search = new URLSearchParams(parameters as Record<string, string>).toString();
        const sent = verb === "GET" || verb === "HEAD" ? undefined : content;
        const { code, text } = await api.request(
          verb,
          `${at}?${search}`,
          sent,
          contentType === "" ? {} : { "content-type": contentType },
        );
        codes.set(code, (codes.get(code) ?? 0) + 1);
        expect(code, text).toBeLessThan(500);
        if (code >= 400) expect(api.store.revision).toBe(before);
        if (code < 400) expect(text).not.toContain("sealed:v1:");
      },
    ),
    { numRuns: 1500 },
  );
  expect(api.faults).toEqual([]);
  // The generator must reach what it is meant to: reads, writes and refusals of several sorts.
  for (const code of [200, 201, 400, 404, 405, 415, 422])
    expect(codes.get(code) ?? 0, `answers with ${code}`).toBeGreaterThan(0);
  expect((await api.request("GET", "/healthz")).code).toBe(200);
});
