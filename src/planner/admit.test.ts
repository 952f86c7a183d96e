import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kinds } from "../kinds/registry.ts";
import type { Draft } from "../model/resource.ts";
import { admit } from "./admit.ts";
import { createWorld, manifest, service } from "./fixtures/world.ts";

const found = (resources: readonly unknown[], world = createWorld()): readonly string[] =>
  world
    .diagnostics(resources)
    .map(({ code, address, path }) => [code, address, path].filter(Boolean).join(" "));

describe("what is admitted", () => {
  it("bears the system's label and namespace, and its System comes first", () => {
    const { resources } = createWorld().plan([service("api"), manifest("Location", "rack")], {
      namespace: "prod",
      folder: "/srv",
    });
    expect(
      resources.map(({ kind, metadata }) => [
        kind,
        metadata.namespace,
        metadata.labels?.["tutti.dev/system"],
      ]),
    ).toEqual([
      ["System", "prod", undefined],
      ["Location", undefined, "shop"],
      ["Service", "prod", "shop"],
    ]);
    expect(resources[0]?.spec).toMatchObject({ folder: "/srv" });
  });

  it("does not depend on the order of resources and of members", () => {
    const world = createWorld();
    const one = world.plan([service("a", { replicas: 2, env: { X: "1", Y: "2" } }), service("b")]);
    const other = world.plan([service("b"), service("a", { env: { Y: "2", X: "1" }, replicas: 2 })]);
    expect(JSON.stringify(other)).toBe(JSON.stringify(one));
  });
});

describe("what is refused", () => {
  it.each([
    ["the same name twice", [service("a"), service("a")], "DuplicateResource service/a"],
    [
      "what only controllers write",
      [{ kind: "Instance", metadata: { name: "i" } }],
      "NotDeclarable instance/i kind",
    ],
    [
      "another namespace",
      [service("a", {}, { namespace: "other" })],
      "WrongNamespace service/a metadata.namespace",
    ],
    ["another System", [manifest("System", "other")], "WrongSystem system/other metadata.name"],
    ["sealed text from outside", [service("a", { env: { X: "sealed:v1:AAAA" } })], "SealedText service/a"],
    [
      "a value of no parameter",
      [manifest("System", "shop", { parameters: { size: {} }, values: { sise: "x" } })],
      "UnknownParameter system/shop spec.values.sise",
    ],
    [
      "a value of another type",
      [manifest("System", "shop", { parameters: { n: { type: "integer" } }, values: { n: "x" } })],
      "WrongType system/shop spec.values.n",
    ],
    [
      "a value outside the enum",
      [manifest("System", "shop", { parameters: { n: { enum: ["a"], default: "b" } } })],
      "InvalidValue system/shop spec.parameters.n.default",
    ],
    [
      "no base64",
      [{ kind: "Secret", metadata: { name: "s" }, data: { a: "*" } }],
      "InvalidBase64 secret/s data.a",
    ],
    [
      "an expression in a secret",
      [{ kind: "Secret", metadata: { name: "s" }, stringData: { a: "${param.x}" } }],
      "ExpressionInSecret secret/s stringData.a",
    ],
  ])("%s", (_title, resources, expected) => {
    expect(found(resources)).toContain(expected);
  });

  it("is told all at once, without errors that only follow from others", () => {
    const resources = [
      manifest("Database", "orders", { engin: "x" }),
      service("api", { replica: 1 }),
      service("web", { env: { A: "${database.orders.status.url}", B: "${param.x}" } }),
    ];
    expect(found(resources)).toEqual([
      "UnknownField database/orders spec.engin",
      "UnknownField service/api spec.replica",
      "UnknownParameter service/web spec.env.B",
    ]);
  });

  it("changes nothing", () => {
    expect(createWorld().propose([service("a", { replica: 1 })]).plan).toBeUndefined();
  });

  it("is a name that another system, or nobody, holds", async () => {
    const world = createWorld();
    await world.apply([service("api")], { system: "other" });
    await world.store.commit(
      [
        {
          type: "create",
          resource: {
            apiVersion: "tutti.dev/v1",
            kind: "Volume",
            metadata: { name: "files", namespace: "default" },
            spec: {},
          },
        },
      ],
      { actor: "user:x", action: "create" },
    );
    const diagnostics = world.diagnostics([service("api"), manifest("Volume", "files")]);
    expect(diagnostics.map(({ message }) => message)).toEqual([
      "It exists already and belongs to the system 'other'.",
      "It exists already and belongs to no system.",
    ]);
  });

  it("is a name of the same system in another namespace only where there is but one", async () => {
    const world = createWorld();
    await world.apply([service("api"), manifest("Location", "rack")], { namespace: "a" });
    expect(found([service("api")], world)).toEqual([]);
    expect(found([manifest("Location", "rack")], world)).toEqual([
      "AlreadyExists location/rack metadata.name",
    ]);
  });

  it("is what is still being deleted", async () => {
    const world = createWorld();
    await world.apply([service("api")]);
    await world.apply([], { action: "down" });
    expect(found([service("api")], world)).toEqual(["BeingDeleted system/shop"]);
  });

  it("is a change of data marked as immutable", async () => {
    const world = createWorld();
    const config = (rate: string): unknown => ({
      kind: "ConfigMap",
      metadata: { name: "c" },
      data: { rate },
      immutable: true,
    });
    await world.apply([config("1")]);
    expect(found([config("1")], world)).toEqual([]);
    expect(found([config("2")], world)).toEqual(["Immutable configMap/c"]);
  });
});

describe("finalizers in a declaration", () => {
  it("are left out with a warning, since only controllers can keep what they promise", () => {
    const { plan, diagnostics } = createWorld().propose([service("a", {}, { finalizers: ["x"] })]);
    expect(diagnostics).toMatchObject([
      { severity: "warning", code: "IgnoredField", path: "metadata.finalizers" },
    ]);
    expect(plan?.warnings).toEqual(diagnostics);
    expect(plan?.resources[1]?.metadata.finalizers).toBeUndefined();
  });
});

describe("any JSON at all", () => {
  const names = kinds.map((kind) => kind.kind);
  const text = fc.constantFrom(
    "",
    "a",
    "orders",
    "${",
    "${database.orders.status.url}",
    "${param.a}",
    "${service.a.spec.replicas}",
    "database/orders",
    "100%",
  );
  const node = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.constantFrom(null, true, 0, 2, -1.5),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          "command",
          "env",
          "A",
          "dependsOn",
          "data",
          "stringData",
          "generate",
          "length",
          "parameters",
          "values",
          "routes",
          "service",
          "labels",
          "__proto__",
        ),
        tie("value"),
        { maxKeys: 4 },
      ),
    ),
  })).value;
  const resource = fc.oneof(
    node,
    fc.record(
      {
        kind: fc.constantFrom(...names),
        metadata: fc.oneof(node, fc.record({ name: fc.constantFrom("a", "orders", "shop"), labels: node })),
        spec: node,
        data: node,
      },
      { requiredKeys: ["kind"] },
    ),
  );

  it("is answered with resources or with diagnostics, never thrown at", () => {
    const { store, keyring } = createWorld();
    fc.assert(
      fc.property(
        fc.array(resource, { maxLength: 5 }),
        fc.constantFrom("shop", "", "A B", "x".repeat(64)),
        (resources, system) => {
          const { resources: admitted, diagnostics } = admit({
            resources,
            system,
            namespace: "default",
            live: store,
            keyring,
          });
          expect(admitted.length === 0).toBe(diagnostics.some(({ severity }) => severity === "error"));
        },
      ),
      { numRuns: 400 },
    );
  });

  it("may be no list, and nested a hundred thousand deep", () => {
    let deep: unknown = {};
    for (let index = 0; index < 100_000; index += 1) deep = { spec: deep };
    expect(found([{ kind: "Service", metadata: { name: "a" }, spec: deep }])).toEqual(["TooDeep"]);
    expect(found({ kind: "Servise" } as never)).toEqual(["UnknownKind kind"]);
    expect(found("text" as never)).toEqual(["NotAResource"]);
  });
});

it("what is admitted is admitted again, unchanged", () => {
  const world = createWorld();
  const once = world.plan([service("api", { ports: [{ name: "http" }] }), manifest("Volume", "v")]).resources;
  const again = world.plan(once as readonly Draft[]).resources;
  expect(again).toEqual(once);
});
