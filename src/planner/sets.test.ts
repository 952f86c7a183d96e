import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Draft } from "../model/resource.ts";
import { admit } from "./admit.ts";
import type { Expansion } from "./expansion.ts";
import { type World, createWorld } from "./fixtures/world.ts";
import { expandSets } from "./sets.ts";

function setOf(forEach: unknown, config: unknown = { key: "${each.key}" }, name = "workers"): unknown {
  return {
    kind: "ResourceSet",
    metadata: { name },
    spec: { forEach, template: { kind: "Resource", spec: { config } } },
  };
}

function dataOf(name: string, config: unknown, spec: object = {}): unknown {
  return { kind: "Resource", metadata: { name }, spec: { class: "data", config, ...spec } };
}

interface Outcome extends Expansion {
  /** Of Resources, by name. */
  readonly configs: Readonly<Record<string, unknown>>;
}

function expand(resources: readonly unknown[], world: World = createWorld()): Outcome {
  const place = { system: "shop", namespace: "default", live: world.store };
  const admitted = admit({ resources, ...place, keyring: world.keyring });
  if (admitted.resources.length === 0)
    return { resources: [], unknown: [], diagnostics: admitted.diagnostics, configs: {} };
  const expansion = expandSets(admitted.resources, { ...place, pending: () => false });
  const configs = Object.fromEntries(
    expansion.resources
      .filter(({ kind }) => kind === "Resource")
      .map(({ metadata, spec }) => [metadata.name, (spec as { readonly config: unknown }).config]),
  );
  return { ...expansion, configs };
}

function problems(resources: readonly unknown[]): readonly (Partial<Diagnostic> | undefined)[] {
  return expand(resources).diagnostics;
}

/** As a controller would have left it: ready, with what it puts out. */
async function settle(world: World, name: string, output: unknown): Promise<void> {
  const key = { kind: "Resource", namespace: "default", name };
  const live = world.store.get(key) as { readonly metadata: { readonly generation: number } };
  const observedGeneration = live.metadata.generation;
  const ready = { type: "Ready", status: "True", reason: "Made", message: "", lastTransitionTime: "" };
  const status = { output, observedGeneration, conditions: [{ ...ready, observedGeneration }] };
  await world.store.commit([{ type: "status", key, status }], { actor: "controller:test", action: "made" });
}

describe("members of what is known", () => {
  test("a number counts from 0", () => {
    expect(expand([setOf(2, { at: "${each.value}", name: "w-${each.key}" })]).configs).toEqual({
      "workers-0": { at: 0, name: "w-0" },
      "workers-1": { at: 1, name: "w-1" },
    });
  });

  test("a list of names, and a list of objects with names", () => {
    expect(Object.keys(expand([setOf(["berlin", "paris"])]).configs)).toEqual([
      "workers-berlin",
      "workers-paris",
    ]);
    const zones = [{ name: "a", size: 3 }];
    expect(expand([setOf(zones, { size: "${each.value.size * 2}" })]).configs).toEqual({
      "workers-a": { size: 6 },
    });
  });

  test("a mapping, whose keys need not be names", () => {
    const subnets = { "10.0.1.0/24": { zone: "a" }, B_2: { zone: "b" } };
    expect(expand([setOf(subnets, { cidr: "${each.key}", all: "${each.value}" })]).configs).toEqual({
      "workers-10-0-1-0-24": { cidr: "10.0.1.0/24", all: { zone: "a" } },
      "workers-b-2": { cidr: "B_2", all: { zone: "b" } },
    });
  });

  test("a parameter, a spec of another resource, the members of another set", () => {
    const system = {
      kind: "System",
      metadata: { name: "shop" },
      spec: { parameters: { n: { type: "integer", default: 1 } } },
    };
    const resources = [
      system,
      dataOf("main", { zones: ["x-${param.n}"] }),
      setOf("${param.n + 1}"),
      setOf("${resource.main.spec.config.zones}", {}, "zones"),
      setOf("${resourceSet.workers.status.members}", {}, "checks"),
    ];
    expect(Object.keys(expand(resources).configs)).toEqual([
      "checks-workers-0",
      "checks-workers-1",
      "main",
      "workers-0",
      "workers-1",
      "zones-x-1",
    ]);
  });

  test("what is not the member's own stays an expression, for the controllers", () => {
    const resources = [
      dataOf("main", { url: "db" }),
      setOf(["a"], { url: "${resource.main.status.output.url}/${each.key}" }),
    ];
    expect(expand(resources).configs["workers-a"]).toEqual({
      url: "${resource.main.status.output.url}/a",
    });
  });

  test("others refer to members by their names, and a name that is none is refused", () => {
    const user = (name: string): unknown => dataOf("user", { id: `\${resource.${name}.status.id}` });
    expect(problems([setOf(2), user("workers-1")])).toEqual([]);
    expect(problems([setOf(2), user("workers-2")])).toMatchObject([
      { code: "MissingReference", address: "resource/user", hint: "Did you mean 'workers-0'?" },
    ]);
  });

  test("members bear the set's name, and come after what the set goes over", async () => {
    const world = createWorld();
    const resources = [dataOf("main", { n: 1 }), setOf("${resource.main.status.output.n}")];
    await world.apply(resources.slice(0, 1));
    await settle(world, "main", { n: 1 });
    const member = expand(resources, world).resources.find(({ metadata }) => metadata.name === "workers-0");
    expect(member).toMatchObject({
      metadata: { labels: { "tutti.dev/set": "workers", "tutti.dev/system": "shop" } },
      spec: { dependsOn: ["resource/main"] },
    });
  });
});

describe("members of what is not known yet", () => {
  const declared = [
    dataOf("main", { zones: ["a", "b"] }),
    setOf("${resource.main.status.output.zones}"),
    dataOf("user", { id: "${resource.workers-a.status.id}" }),
  ];

  test("are announced, with what they wait for, and may be referred to", () => {
    expect(expand(declared)).toMatchObject({
      diagnostics: [],
      unknown: [
        {
          address: "resourceSet/workers",
          until: ["resource/main"],
          because: "Its members are unknown until resource/main is ready.",
        },
      ],
    });
  });

  test("are known once it is ready", async () => {
    const world = createWorld();
    await world.apply(declared.slice(0, 1));
    expect(expand(declared, world).unknown).toHaveLength(1);
    await settle(world, "main", { zones: ["a", "b"] });
    const outcome = expand(declared, world);
    expect(outcome.unknown).toEqual([]);
    expect(Object.keys(outcome.configs)).toEqual(["main", "user", "workers-a", "workers-b"]);
  });

  test("stay as they are while what the value comes from is changed", async () => {
    const world = createWorld();
    await world.apply(declared.slice(0, 1));
    await settle(world, "main", { zones: ["a", "b"] });
    const now = expand(declared, world).resources.filter(({ kind }) => kind !== "System");
    await world.store.commit(
      now
        .filter(({ metadata }) => metadata.name !== "main")
        .map((resource) => ({ type: "create", resource }) as const),
      { actor: "user:test", action: "apply" },
    );
    const changed = expand([dataOf("main", { zones: ["c"] }), ...declared.slice(1)], world);
    expect(Object.keys(changed.configs)).toEqual(["main", "user", "workers-a", "workers-b"]);
    expect(changed.unknown[0]?.because).toContain("Until then its 2 stay as they are.");
  });
});

describe("what is wrong is said, with what to do", () => {
  const template = (spec: object): unknown => ({
    kind: "ResourceSet",
    metadata: { name: "workers" },
    spec: { forEach: 1, template: spec },
  });
  test.each<[string, readonly unknown[], string]>([
    ["keys that become one name", [setOf(["a.b", "a-b"])], "DuplicateKey"],
    ["a key twice", [setOf(["a", "a"])], "DuplicateKey"],
    ["a key of which no name can be made", [setOf(["///"])], "InvalidKey"],
    ["a number that counts nothing", [setOf(-1)], "WrongForEach"],
    ["a text", [setOf("three")], "WrongForEach"],
    ["items without a name", [setOf("${[{'a': 1}]}")], "WrongForEach"],
    ["more than a set can have", [setOf(1e9)], "TooManyMembers"],
    ["a value that is not there", [setOf(1, { x: "${each.value.size}" })], "ExpressionFailed"],
    ["a member that is declared as well", [setOf(1), dataOf("workers-0", {})], "DuplicateResource"],
    [
      "a member that does not fit its kind",
      [template({ kind: "Service", spec: { replicas: "x" } })],
      "WrongType",
    ],
    ["a kind that there is not", [template({ kind: "Servise" })], "UnknownKind"],
    ["sets in sets", [template({ kind: "ResourceSet" })], "NotInSets"],
    ["secrets in the open", [template({ kind: "Secret", spec: { data: { a: "eA==" } } })], "SecretInTheOpen"],
    [
      "a reference to nothing, before the members are known",
      [dataOf("main", {}), setOf("${resource.main.status.output.n}", { x: "${resource.mian.status.id}" })],
      "MissingReference",
    ],
    ["a parameter that there is not", [setOf(1, { x: "${param.size}" })], "UnknownParameter"],
    [
      "sets that go over each other",
      [setOf("${resourceSet.b.status.members}", {}, "a"), setOf("${resourceSet.a.status.members}", {}, "b")],
      "ReferenceCycle",
    ],
  ])("%s", (_title, resources, code) => {
    const found = problems(resources);
    expect(found).toMatchObject([{ code, severity: "error" }]);
    expect(found[0]?.address).toMatch(/^(resourceSet|resource|service)\//);
  });

  test("once, however many members it concerns", () => {
    expect(problems([setOf(100, { x: "${each.value.size}" })])).toHaveLength(1);
  });
});

test("the members are the same whatever the order, and as many as there are keys", () => {
  const key = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 20 }), fc.nat(), (keys, seed) => {
      const turned = [...keys.slice(seed % (keys.length + 1)), ...keys.slice(0, seed % (keys.length + 1))];
      const text = ({ resources }: { readonly resources: readonly Draft[] }): string =>
        JSON.stringify(resources.filter(({ kind }) => kind === "Resource"));
      const one = expand([setOf(keys)]);
      expect(text(expand([setOf(turned)]))).toBe(text(one));
      expect(Object.keys(one.configs)).toHaveLength(keys.length);
    }),
    { numRuns: 50 },
  );
});
