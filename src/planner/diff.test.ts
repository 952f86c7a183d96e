import { expect, it } from "vitest";
import { diff } from "./diff.ts";

const changes = (before: unknown, after: unknown): readonly object[] =>
  diff(before, after, "spec", { schema: undefined, name: "x", secretKind: false }).map(
    ({ immutable: _immutable, ...change }) => change,
  );

it("objects are compared member by member, absent ones too", () => {
  expect(changes({ a: { b: 1, c: 2 } }, { a: { b: 1, d: 3 }, e: { f: 4 } })).toEqual([
    { path: "spec.a.c", before: 2 },
    { path: "spec.a.d", after: 3 },
    { path: "spec.e.f", after: 4 },
  ]);
});

it("lists of named objects are compared by name", () => {
  const before = [
    { name: "a", port: 1 },
    { name: "b", port: 2 },
  ];
  expect(
    changes(
      { ports: before },
      {
        ports: [
          { name: "c", port: 3 },
          { name: "a", port: 9 },
        ],
      },
    ),
  ).toEqual([
    { path: "spec.ports[a].port", before: 1, after: 9 },
    { path: "spec.ports[b]", before: { name: "b", port: 2 } },
    { path: "spec.ports[c]", after: { name: "c", port: 3 } },
  ]);
});

it("another order of named objects is a change: the first port is the one in PORT", () => {
  expect(
    changes({ ports: [{ name: "a" }, { name: "b" }] }, { ports: [{ name: "b" }, { name: "a" }] }),
  ).toEqual([{ path: "spec.ports", before: ["a", "b"], after: ["b", "a"] }]);
});

it("lists of plain values are shown as a whole", () => {
  expect(changes({ command: ["node", "a"] }, { command: ["node", "b", "c"] })).toEqual([
    { path: "spec.command", before: ["node", "a"], after: ["node", "b", "c"] },
  ]);
});

it("other lists are compared after what they begin and end with in common", () => {
  const routes = (...paths: readonly string[]): object => ({
    routes: paths.map((path) => ({ path, retries: 1 })),
  });
  expect(changes(routes("/a", "/c"), routes("/a", "/b", "/c"))).toEqual([
    { path: "spec.routes[1]", after: { path: "/b", retries: 1 } },
  ]);
  expect(changes(routes("/a", "/b", "/c"), routes("/a", "/x", "/c"))).toEqual([
    { path: "spec.routes[1].path", before: "/b", after: "/x" },
  ]);
  expect(changes(routes("/a", "/b"), routes())).toHaveLength(2);
});

it("a value of another type is a change, also between null, empty and absent", () => {
  expect(changes({ a: 1 }, { a: "1" })).toHaveLength(1);
  expect(changes({ a: null }, {})).toHaveLength(1);
  expect(changes({ a: {} }, {})).toHaveLength(1);
  expect(changes({ a: [] }, { a: {} })).toHaveLength(1);
  expect(changes({ a: undefined }, {})).toEqual([]);
});

it("an object that comes or goes is shown without what it has by default, unless that is all of it", () => {
  const schema = {
    type: "object",
    properties: {
      pull: {
        type: "object",
        properties: { policy: { type: "string", default: "missing" }, secret: { type: "string" } },
      },
    },
  } as const;
  const shown = (before: unknown, after: unknown): readonly string[] =>
    diff(before, after, "spec", { schema, name: "x", secretKind: false }).map(({ path }) => path);
  const named = { pull: { policy: "missing", secret: "registry" } };
  expect(shown({}, named)).toEqual(["spec.pull.secret"]);
  expect(shown(named, {})).toEqual(["spec.pull.secret"]);
  expect(shown({}, { pull: { policy: "missing" } })).toEqual(["spec.pull"]);
});
