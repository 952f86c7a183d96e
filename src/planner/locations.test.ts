import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { edgesOf } from "../kinds/edges.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { admit } from "./admit.ts";
import { type World, createWorld } from "./fixtures/world.ts";

function systemIn(
  names: readonly string[],
  spec: object = {},
  places: Readonly<Record<string, object>> = {},
): unknown {
  const locations = names.map((name) => ({ name, ...places[name] }));
  return { kind: "System", metadata: { name: "shop" }, spec: { locations, ...spec } };
}

function placesOf(names: readonly string[]): readonly unknown[] {
  return names.map((name) => ({ kind: "Location", metadata: { name }, spec: {} }));
}

function made(kind: string, name: string, body: object = { spec: {} }): unknown {
  return { kind, metadata: { name }, ...body };
}

function admitted(resources: readonly unknown[], world: World = createWorld()): ReturnType<typeof admit> {
  return admit({
    resources,
    system: "shop",
    namespace: "default",
    live: world.store,
    keyring: world.keyring,
  });
}

function resourcesOf(resources: readonly unknown[]): ReadonlyMap<string, Draft> {
  const { resources: found, diagnostics } = admitted(resources);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return new Map(found.map((draft) => [addressOf(draft), draft]));
}

const BOTH = ["berlin", "paris"];
const shop = [
  systemIn(BOTH),
  ...placesOf(BOTH),
  made("Database", "orders", { spec: { engine: "postgres" } }),
  made("Secret", "stripe", { stringData: { key: "sk-1" } }),
  made("Volume", "uploads"),
  made("Service", "api", {
    spec: {
      command: "node api.ts",
      ports: [{ name: "http" }],
      env: { URL: "${database.orders.status.url}", KEY: "${secret.stripe.key}", PLAIN: "database.orders" },
      volumes: [{ volume: "uploads", path: "/data" }],
      dependsOn: ["database/orders"],
    },
  }),
];

describe("a System in several Locations", () => {
  test("has each of its resources once a Location, referring to those of the same Location", () => {
    const resources = resourcesOf(shop);
    expect([...resources.keys()]).toEqual([
      "system/shop",
      "database/orders-berlin",
      "database/orders-paris",
      "location/berlin",
      "location/paris",
      "secret/stripe-berlin",
      "secret/stripe-paris",
      "service/api-berlin",
      "service/api-paris",
      "volume/uploads-berlin",
      "volume/uploads-paris",
    ]);
    expect(resources.get("service/api-paris")).toMatchObject({
      metadata: { labels: { "tutti.dev/location": "paris" } },
      spec: {
        location: "paris",
        env: {
          URL: "${database.orders-paris.status.url}",
          KEY: "${secret.stripe-paris.key}",
          PLAIN: "database.orders",
        },
        volumes: [{ volume: "uploads-paris" }],
        dependsOn: ["database/orders-paris"],
      },
    });
  });

  test("has once what says where it is, or that it is there once", () => {
    const resources = resourcesOf([
      systemIn(BOTH),
      ...placesOf(BOTH),
      made("Volume", "shared", { spec: { location: "berlin" } }),
      {
        kind: "ConfigMap",
        metadata: { name: "brand", annotations: { "tutti.dev/once": "true" } },
        data: { a: "b" },
      },
      made("Service", "api", { spec: { command: "x", env: { A: "${configMap.brand.a}" } } }),
    ]);
    expect([...resources.keys()]).toContain("volume/shared");
    expect(resources.get("service/api-berlin")).toMatchObject({
      spec: { env: { A: "${configMap.brand.a}" } },
    });
  });

  test("has values of its own in each, and no parameter is left in a copy", () => {
    const parameters = {
      replicas: { type: "integer", default: 2 },
      domain: { type: "string", default: "shop.test" },
      location: {},
    };
    const resources = resourcesOf([
      systemIn(BOTH, { parameters }, { paris: { values: { replicas: 5 } } }),
      ...placesOf(BOTH),
      made("Service", "api", {
        spec: {
          command: "x",
          replicas: "${param.replicas}",
          env: {
            HOST: "${param.location}.${param.domain}",
            OF: "${service.web.status.replicas + param.replicas}",
          },
        },
      }),
      made("Service", "web", { spec: { command: "x" } }),
    ]);
    expect(resources.get("service/api-berlin")).toMatchObject({ spec: { replicas: 2 } });
    expect(resources.get("service/api-paris")).toMatchObject({
      spec: {
        replicas: 5,
        env: { HOST: "paris.shop.test", OF: "${service.web-paris.status.replicas + 5}" },
      },
    });
  });

  test("is different where an override says so, of one resource or all of a kind", () => {
    const overrides = [
      { address: "service/*", patch: { spec: { replicas: 1 } } },
      {
        address: "svc/api",
        patch: { spec: { env: { URL: "none", EXTRA: "${database.orders.status.url}" } } },
      },
    ];
    const resources = resourcesOf([systemIn(BOTH, {}, { berlin: { overrides } }), ...shop.slice(1)]);
    expect(resources.get("service/api-berlin")).toMatchObject({
      spec: { replicas: 1, env: { URL: "none", EXTRA: "${database.orders-berlin.status.url}" } },
    });
    expect(resources.get("service/api-paris")).toMatchObject({
      spec: { env: { URL: "${database.orders-paris.status.url}" } },
    });
  });

  test("has its sets in each, with what their members refer to, and references to members", () => {
    const resources = resourcesOf([
      systemIn(BOTH),
      ...placesOf(BOTH),
      made("Volume", "uploads"),
      made("ResourceSet", "workers", {
        spec: {
          forEach: 2,
          template: {
            kind: "Service",
            spec: { command: "x ${each.key}", volumes: [{ volume: "uploads", path: "/data" }] },
          },
        },
      }),
      made("Service", "api", { spec: { command: "x", env: { ONE: "${service.workers-0.status.url}" } } }),
    ]);
    expect(resources.get("resourceSet/workers-paris")).toMatchObject({
      spec: {
        template: {
          spec: { command: "x ${each.key}", location: "paris", volumes: [{ volume: "uploads-paris" }] },
        },
      },
    });
    expect(resources.get("service/api-paris")).toMatchObject({
      spec: { env: { ONE: "${service.workers-paris-0.status.url}" } },
    });
  });

  test("what is there once names the copies; a list of names takes them all", () => {
    const resources = resourcesOf([
      ...shop,
      made("Service", "front", {
        spec: {
          command: "x",
          location: "local",
          env: { B: "${service.api-berlin.status.replicas}" },
          dependsOn: ["service/api"],
        },
      }),
    ]);
    expect(resources.get("service/front")).toMatchObject({
      spec: { dependsOn: ["service/api-berlin", "service/api-paris"] },
    });
    const { diagnostics } = admitted([
      ...shop,
      made("Service", "front", {
        spec: { command: "x", location: "local", env: { B: "${service.api.status.replicas}" } },
      }),
    ]);
    expect(diagnostics).toContainEqual(
      expect.objectContaining({
        code: "AmbiguousReference",
        address: "service/front",
        path: "spec.env.B",
        hint: "Name one: api-berlin, api-paris.",
      }),
    );
  });

  test("a workflow keeps its own expressions", () => {
    const resources = resourcesOf([
      systemIn(BOTH, { parameters: { size: { default: "s" } } }),
      ...placesOf(BOTH),
      made("Workflow", "nightly", {
        spec: {
          parameters: { size: { type: "string", default: "x" } },
          steps: { one: { type: "run", command: "echo ${param.size}" } },
        },
      }),
    ]);
    expect(resources.get("workflow/nightly-berlin")).toMatchObject({
      spec: { steps: { one: { type: "run", command: "echo ${param.size}" } } },
    });
  });
});

describe("what is wrong is said, with what to do", () => {
  const withPlace = (place: object): readonly unknown[] => [
    systemIn(BOTH, { parameters: { n: { type: "integer", default: 1 } } }, { paris: place }),
    ...shop.slice(1),
  ];
  const override = (address: string, patch: object): readonly unknown[] =>
    withPlace({ overrides: [{ address, patch }] });
  test.each<[string, readonly unknown[], object]>([
    [
      "an override of nothing",
      override("service/apo", {}),
      { code: "UnknownAddress", hint: "Did you mean 'service/api'?", path: "spec.locations[1].overrides[0]" },
    ],
    ["an override of what is there once", override("location/paris", {}), { code: "UnknownAddress" }],
    [
      "an override that makes it another thing",
      override("service/api", { kind: "Volume" }),
      { code: "InvalidOverride" },
    ],
    [
      "an override that moves it",
      override("service/api", { spec: { location: "x" } }),
      { code: "InvalidOverride" },
    ],
    ["an override of a secret", override("secret/*", { data: { key: "x" } }), { code: "InvalidOverride" }],
    [
      "an override that does not fit",
      override("service/api", { spec: { replica: 1 } }),
      { code: "UnknownField", address: "service/api-paris" },
    ],
    [
      "a value of no parameter",
      withPlace({ values: { m: 1 } }),
      { code: "UnknownParameter", path: "spec.locations[1].values.m" },
    ],
    [
      "a value that does not fit",
      withPlace({ values: { n: "x" } }),
      { code: "WrongType", path: "spec.locations[1].values.n" },
    ],
    ["a Location twice", [systemIn(["berlin", "berlin"]), ...shop.slice(1)], { code: "DuplicateLocation" }],
    [
      "a Location that there is not",
      [systemIn(["berlin", "rome"]), ...shop.slice(1)],
      { code: "MissingReference", address: "system/shop" },
    ],
    [
      "a name that a copy has",
      [...shop, made("Volume", "uploads-berlin", { spec: { location: "local" } })],
      { code: "DuplicateResource" },
    ],
  ])("%s", (_title, resources, diagnostic) => {
    const { diagnostics } = admitted(resources);
    expect(diagnostics[0]).toMatchObject(diagnostic);
    expect(diagnostics[0]?.severity).toBe("error");
  });

  test("a value that nothing refers to is warned of", () => {
    const { diagnostics, resources } = admitted(withPlace({ values: { n: 2 } }));
    expect(resources.length).toBeGreaterThan(0);
    expect(diagnostics).toMatchObject([
      { severity: "warning", code: "UnusedValue", path: "spec.locations[1].values.n" },
    ]);
  });

  test("no secret is in what is said", () => {
    const { diagnostics } = admitted(override("secret/stripe", { stringData: { key: "sk-secret" } }));
    expect(JSON.stringify(diagnostics)).not.toContain("sk-secret");
  });
});

test("references never lead into another Location, and a Location more changes no other", () => {
  // Words of the language of expressions are no names in it.
  const words = new Set(
    "as in if for let var true null else loop void const break false while return import".split(" "),
  );
  const name = fc.stringMatching(/^[a-z]{1,6}$/).filter((text) => !words.has(text));
  const graph = fc.record({
    nodes: fc.uniqueArray(name, { minLength: 1, maxLength: 8 }),
    edges: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 16 }),
    places: fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,3})?$/), {
      minLength: 2,
      maxLength: 4,
    }),
  });
  const declare = (
    nodes: readonly string[],
    edges: readonly (readonly [number, number])[],
    places: readonly string[],
  ): readonly unknown[] => [
    systemIn(places),
    ...placesOf(places),
    ...nodes.map((node, index) =>
      made("Resource", node, {
        spec: {
          config: Object.fromEntries(
            edges
              .map(([from, to]) => [from % nodes.length, to % nodes.length] as const)
              .filter(([from, to]) => from === index && to < from)
              .map(([, to]) => [nodes[to] ?? "", `\${resource.${nodes[to] ?? ""}.status.id}`]),
          ),
        },
      }),
    ),
  ];
  fc.assert(
    fc.property(graph, ({ nodes, edges, places }) => {
      const all = admitted(declare(nodes, edges, places));
      // Names of copies that meet are refused; everything else is as said.
      if (all.resources.length === 0) {
        expect(all.diagnostics.map(({ code }) => code)).toContain("DuplicateResource");
        return;
      }
      const byAddress = new Map(all.resources.map((draft) => [addressOf(draft), draft]));
      for (const draft of all.resources) {
        const place = draft.metadata.labels?.["tutti.dev/location"];
        if (place === undefined) continue;
        for (const { to, kind } of edgesOf(draft).edges)
          if (kind === "Resource")
            expect(byAddress.get(to)?.metadata.labels?.["tutti.dev/location"]).toBe(place);
      }
      const fewer = admitted(declare(nodes, edges, places.slice(0, -1)));
      for (const draft of fewer.resources)
        if (draft.kind === "Resource") expect(byAddress.get(addressOf(draft))).toEqual(draft);
    }),
    { numRuns: 60 },
  );
});
