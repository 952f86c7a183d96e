/** The planner's invariants over random programs: declarations that follow each other, with others' resources around. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { addressOf, type Resource } from "../model/resource.ts";
import { edgesOf } from "../kinds/edges.ts";
import type { Draft } from "../model/resource.ts";
import { kinds } from "../kinds/registry.ts";
import type { Operation, Snapshot } from "../store/store.ts";
import type { Plan } from "./plan.ts";
import { createWorld, manifest, service, type World } from "./fixtures/world.ts";

interface Choice {
  readonly n: number;
  readonly rate: string;
  readonly secret: string;
  readonly generate: boolean;
  readonly user: string | undefined;
  readonly retain: boolean;
  readonly services: readonly {
    readonly replicas: number | string;
    readonly uses: readonly number[];
    readonly label: string | undefined;
    readonly ports: readonly string[];
  }[];
  readonly front: boolean;
}

const choice: fc.Arbitrary<Choice> = fc.record({
  n: fc.integer({ min: 1, max: 4 }),
  rate: fc.constantFrom("1", "2"),
  secret: fc.constantFrom("alpha-secret", "beta-secret"),
  generate: fc.boolean(),
  user: fc.constantFrom(undefined, "orders", "bob"),
  retain: fc.boolean(),
  services: fc.array(
    fc.record({
      replicas: fc.constantFrom(1, 2, 4, "${param.n}", "${param.n * 2}"),
      uses: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 4 }),
      label: fc.constantFrom(undefined, "a", "b"),
      ports: fc.uniqueArray(fc.constantFrom("http", "admin", "grpc"), { maxLength: 3 }),
    }),
    { maxLength: 5 },
  ),
  front: fc.boolean(),
});

/** Services refer to the fixed things and to services before them only, so there is no cycle. */
function declared(from: Choice): readonly unknown[] {
  const expressions = [
    "${database.orders.status.url}",
    "${configMap.limits.rate}",
    "x-${secret.keys.a}",
    "${volume.files.status.path}",
  ];
  const services = from.services.map((choice, index) => {
    const env = Object.fromEntries(
      choice.uses.flatMap((use) => {
        if (use < expressions.length) return [[`V${use}`, expressions[use]]];
        const before = use - expressions.length;
        return before < index ? [[`S${before}`, `\${service.s${before}.spec.replicas}`]] : [];
      }),
    );
    return service(
      `s${index}`,
      { replicas: choice.replicas, env, ports: choice.ports.map((name) => ({ name })) },
      choice.label === undefined ? {} : { labels: { label: choice.label } },
    );
  });
  const front =
    from.front && services.length > 0
      ? [manifest("LoadBalancer", "front", { routes: [{ service: "s0" }] })]
      : [];
  return [
    manifest("System", "shop", { parameters: { n: { type: "integer" } }, values: { n: from.n } }),
    manifest("Database", "orders", {
      retain: from.retain,
      ...(from.user === undefined ? {} : { user: from.user }),
    }),
    manifest("Volume", "files", { retain: from.retain }),
    { kind: "ConfigMap", metadata: { name: "limits" }, data: { rate: from.rate } },
    {
      kind: "Secret",
      metadata: { name: "keys" },
      stringData: { a: from.secret },
      ...(from.generate ? { generate: { pw: {} } } : {}),
    },
    ...services,
    ...front,
  ];
}

async function worldWithOthers(): Promise<World> {
  const world = createWorld();
  await world.apply([service("foreign"), manifest("Volume", "theirs")], { system: "other" });
  await world.apply([service("s0"), manifest("Location", "rack")], { namespace: "elsewhere" });
  const alone = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "alone", namespace: "default" },
    data: { a: "b" },
  };
  await world.store.commit([{ type: "create", resource: alone }], { actor: "user:x", action: "create" });
  return world;
}

function isOurs(resource: Resource): boolean {
  const { namespace, labels, name } = resource.metadata;
  return (
    namespace === "default" &&
    (labels?.["tutti.dev/system"] === "shop" || (resource.kind === "System" && name === "shop"))
  );
}

function others(world: World): readonly Resource[] {
  return kinds
    .flatMap((kind) => world.store.list({ kind: kind.kind }).items)
    .filter((resource) => !isOurs(resource));
}

it("any sequence of declarations converges, touches nothing of others, keeps its order and hides its secrets", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(choice, { minLength: 1, maxLength: 4 }), async (choices) => {
      const world = await worldWithOthers();
      const untouched = others(world);
      for (const from of choices) {
        const resources = declared(from);
        const plan = world.plan(resources);
        expect(world.plan(resources.toReversed()).hash).toBe(plan.hash);
        const text = JSON.stringify(plan);
        for (const word of ["alpha-secret", "beta-secret"]) expect(text).not.toContain(word);
        const position = new Map(plan.steps.map((step, index) => [step.address, index]));
        for (const step of plan.steps) {
          for (const before of step.after)
            expect(position.get(before)).toBeLessThan(position.get(step.address) as number);
        }
        for (const draft of plan.resources) {
          for (const edge of edgesOf(draft as Draft).edges) {
            const target = position.get(edge.to);
            if (target !== undefined) expect(target).toBeLessThan(position.get(addressOf(draft)) as number);
          }
        }
        await world.commit(plan);
        const next = world.plan(resources);
        expect(next.steps.filter((step) => step.action !== "none")).toEqual([]);
        expect(await world.commit(next)).toEqual([]);
      }
      await world.apply([], { action: "down" });
      expect(others(world)).toEqual(untouched);
      const left = kinds
        .filter((kind) => kind.declarable && kind.kind !== "System")
        .flatMap((kind) => world.store.list({ kind: kind.kind }).items);
      expect(left.filter(isOurs)).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

/** The same content, of which nothing is remembered. */
function unknown({ store }: World): Snapshot {
  return { get: (key) => store.get(key), list: (query) => store.list(query), revision: store.revision };
}

type Interference = "none" | "status" | "label" | "spec" | "deletion";

/** By others, in what is ours. */
async function interfere({ store }: World, how: Interference): Promise<void> {
  const key = { kind: "Volume", namespace: "default", name: "files" };
  const live = store.get(key);
  if (live === undefined || how === "none") return;
  const { metadata, spec } = live;
  const update = (resource: Draft): Operation => ({ type: "update", resource });
  const operations: Readonly<Record<Exclude<Interference, "none">, Operation>> = {
    status: { type: "status", key, status: { path: `/${store.revision}` } },
    label: update({ ...live, metadata: { ...metadata, labels: { ...metadata.labels, label: "theirs" } } }),
    spec: update({ ...live, spec: { ...(spec as object), retain: true } }),
    deletion: { type: "delete", key },
  };
  await store.commit([operations[how]], { actor: "user:other", action: "edit" });
}

it("a plan is the same whether what it is made from is remembered or not, also when it is made again to be carried out", async () => {
  const interference = fc.constantFrom<Interference>("none", "status", "label", "spec", "deletion");
  const program = fc.array(fc.tuple(choice, interference), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(program, async (moves) => {
      const world = await worldWithOthers();
      const agree = (resources: readonly unknown[]): Plan | undefined => {
        const known = world.propose(resources);
        expect(world.propose(resources, { live: unknown(world) })).toEqual(known);
        const again = { admitted: known.declared ?? [], folder: "/elsewhere" };
        if (known.plan === undefined) return undefined;
        const repeated = world.propose([], again);
        expect(world.propose([], { ...again, live: unknown(world) })).toEqual(repeated);
        expect(repeated.plan).toEqual(known.plan);
        return known.plan;
      };
      for (const [from, how] of moves) {
        const plan = agree(declared(from));
        if (plan !== undefined) await world.commit(plan);
        agree(declared(from));
        await interfere(world, how);
        agree(declared(from));
      }
    }),
    { numRuns: 20 },
  );
});
