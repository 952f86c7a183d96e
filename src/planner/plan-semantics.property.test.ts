/** What a plan promises, over random declarations that follow each other. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { lifecycleOf } from "../kinds/lifecycle.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { createWorld, manifest, type World } from "./fixtures/world.ts";

interface Thing {
  readonly name: string;
  readonly v: number;
  readonly fixed: number;
  readonly needs: readonly string[];
  readonly protect: boolean;
}

type Declared = readonly Thing[];

const NAMES = ["a", "b", "c", "d", "e", "f"] as const;

/** Things need only those whose name comes before theirs, so there is no cycle. */
const declaration: fc.Arbitrary<Declared> = fc.subarray([...NAMES]).chain((names) =>
  fc.tuple(
    ...names.map((name, index) =>
      fc.record({
        name: fc.constant(name),
        v: fc.integer({ min: 1, max: 2 }),
        fixed: fc.integer({ min: 1, max: 2 }),
        needs: fc.subarray(names.slice(0, index)),
        protect: fc.boolean(),
      }),
    ),
  ),
);
const unprotected = declaration.map((things) => things.map((thing) => ({ ...thing, protect: false })));

function written(things: Declared, moved: readonly object[] = []): readonly unknown[] {
  return [
    manifest("System", "shop", { moved }),
    ...things.map(({ name, v, fixed, needs, protect }) =>
      manifest("Resource", name, {
        config: { v },
        replaceOn: fixed,
        dependsOn: needs.map((need) => `resource/${need}`),
        lifecycle: { protect },
      }),
    ),
  ];
}

function live(world: World): readonly Resource[] {
  return world.store.list({ kind: "Resource", namespace: "default" }).items;
}

function contents(world: World): unknown {
  return live(world)
    .map(({ metadata, spec }) => [metadata.name, spec] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function newestChange(world: World): string {
  const names = world.store.list({ kind: "Change", namespace: "default" }).items;
  return `shop-${Math.max(...names.map(({ metadata }) => Number(metadata.name.slice(5))))}`;
}

it("undo of the last change brings back what was declared before it, and undo of that what was after", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(unprotected, { minLength: 2, maxLength: 4 }), async (declarations) => {
      const world = createWorld();
      const states: unknown[] = [];
      let count = 0;
      for (const things of declarations) {
        const operations = await world.commit(world.plan(written(things)));
        if (operations.length > 0) count += 1;
        if (operations.length > 0) states.push(contents(world));
      }
      if (count < 2) return;
      await world.apply([], { action: "undo", undoes: newestChange(world) });
      expect(contents(world)).toEqual(states.at(-2));
      await world.apply([], { action: "undo", undoes: newestChange(world) });
      expect(contents(world)).toEqual(states.at(-1));
    }),
    { numRuns: 100 },
  );
});

it("all changes taken back one after the other, newest first, lead through every state there was", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(unprotected, { minLength: 1, maxLength: 4 }), async (declarations) => {
      const world = createWorld();
      const states: [string, unknown][] = [];
      for (const things of declarations) {
        const operations = await world.commit(world.plan(written(things)));
        if (operations.length > 0) states.push([newestChange(world), contents(world)]);
      }
      for (const [index, [change]] of [...states.entries()].toReversed()) {
        const proposal = world.propose([], { action: "undo", undoes: change });
        // A change of nothing but the System's own words has nothing to take back.
        if (proposal.plan === undefined) {
          expect(proposal.diagnostics.map(({ code }) => code)).toEqual(["NothingToUndo"]);
          continue;
        }
        await world.commit(proposal.plan);
        expect(contents(world)).toEqual(index === 0 ? [] : states[index - 1]?.[1]);
      }
    }),
    { numRuns: 100 },
  );
});

it("what is targeted changes with what it needs, what is excluded stays with what needs it, and nothing else is written", async () => {
  await fc.assert(
    fc.asyncProperty(
      unprotected,
      unprotected,
      fc.subarray([...NAMES]),
      fc.boolean(),
      async (before, after, chosen, isExclusion) => {
        const world = createWorld();
        await world.apply(written(before));
        const known = new Set([...before, ...after].map(({ name }) => name));
        const names = chosen.filter((name) => known.has(name));
        if (names.length === 0) return;
        const untouched = isExclusion
          ? keptWith(names, before, after)
          : [...known].filter((name) => !takenWith(names, before, after).has(name));
        const versions = new Map(
          live(world).map(({ metadata }) => [metadata.name, metadata.resourceVersion]),
        );
        const options = (): object => {
          const present = new Set(
            [...after, ...live(world).map(({ metadata }) => metadata)].map(({ name }) => name),
          );
          const addresses = names.filter((name) => present.has(name)).map((name) => `resource/${name}`);
          return isExclusion ? { excludes: addresses } : { targets: addresses };
        };
        const plan = world.plan(written(after), options());
        await world.commit(plan);
        for (const name of untouched) {
          const key = { kind: "Resource", namespace: "default", name };
          expect([name, world.store.get(key)?.metadata.resourceVersion]).toEqual([name, versions.get(name)]);
        }
        // The Revision holds what is there, and nothing is left to do of this part.
        const next = world.plan(written(after), options());
        expect(next.steps.filter(({ action }) => action !== "none")).toEqual([]);
        const recorded = plan.resources.filter(({ kind }) => kind === "Resource");
        expect(recorded.map(({ metadata, spec }) => [metadata.name, spec]).toSorted()).toEqual(
          contents(world),
        );
      },
    ),
    { numRuns: 200 },
  );
});

/** What the targets may take along: all that they need; who uses what goes. */
function takenWith(names: readonly string[], before: Declared, after: Declared): ReadonlySet<string> {
  const taken = new Set<string>(names);
  const declared = new Map(after.map((thing) => [thing.name, thing]));
  for (const name of taken) {
    const thing = declared.get(name);
    const more = thing?.needs ?? before.filter(({ needs }) => needs.includes(name)).map((user) => user.name);
    for (const other of more) taken.add(other);
  }
  return taken;
}

/** What stays with those that are excluded: all that needs them; what goes and is used by what stays. */
function keptWith(names: readonly string[], before: Declared, after: Declared): ReadonlySet<string> {
  const kept = new Set<string>(names);
  const declared = new Set(after.map(({ name }) => name));
  for (const name of kept) {
    for (const user of after) if (user.needs.includes(name)) kept.add(user.name);
    const former = before.find((thing) => thing.name === name);
    for (const used of former?.needs ?? []) if (!declared.has(used)) kept.add(used);
  }
  return kept;
}

it("what is protected is never deleted nor made anew, whatever is declared, taken back or taken down", async () => {
  const act = fc.oneof(
    declaration.map((things) => ({ resources: written(things), options: {} })),
    declaration.map((things) => ({
      resources: written(things),
      options: { replaces: things.map(({ name }) => `resource/${name}`) },
    })),
    fc.constant({ resources: [], options: { action: "down" as const } }),
    fc.constant({ resources: [], options: { action: "rollback" as const } }),
    fc.integer({ min: 1, max: 4 }).map((number) => ({
      resources: [],
      options: { action: "undo" as const, undoes: `shop-${number}` },
    })),
  );
  await fc.assert(
    fc.asyncProperty(declaration, fc.array(act, { maxLength: 6 }), async (first, acts) => {
      const world = createWorld();
      await world.apply(written(first));
      for (const { resources, options } of acts) {
        const kept = live(world).filter((resource) => lifecycleOf(resource as Draft).protect);
        const { plan } = world.propose(resources, options);
        if (plan !== undefined) await world.commit(plan);
        for (const { metadata, kind } of kept) {
          const now = world.store.get({ kind, namespace: "default", name: metadata.name });
          expect(now?.metadata.uid).toBe(metadata.uid);
          expect(now?.metadata.deletionTimestamp).toBeUndefined();
          const request = "tutti.dev/replace";
          expect(now?.metadata.annotations?.[request]).toBe(metadata.annotations?.[request]);
        }
      }
    }),
    { numRuns: 200 },
  );
});

it("what is renamed keeps its uid, through any sequence of names, and undo gives it its name back", async () => {
  const renaming = fc.array(fc.constantFrom("x", "y", "z", "w"), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(declaration, renaming, async (things, names) => {
      const [thing, ...others] = things.map((one) => ({ ...one, protect: false, needs: [] }));
      if (thing === undefined) return;
      const world = createWorld();
      await world.apply(written([thing, ...others]));
      const uidOf = (name: string): string | undefined =>
        world.store.get({ kind: "Resource", namespace: "default", name })?.metadata.uid;
      const uid = uidOf(thing.name);
      let present: string = thing.name;
      for (const name of names) {
        if (name === present) continue;
        const before = present;
        const moved = [{ from: `resource/${present}`, to: `resource/${name}` }];
        await world.apply(written([{ ...thing, name }, ...others], moved));
        present = name;
        expect(uidOf(present)).toBe(uid);
        expect(uidOf(before)).toBeUndefined();
      }
      if (present === thing.name) return;
      const before = names.filter((name, index) => name !== names[index - 1]).at(-2) ?? thing.name;
      await world.apply([], { action: "undo", undoes: newestChange(world) });
      expect(uidOf(before)).toBe(uid);
      expect(uidOf(present)).toBeUndefined();
    }),
    { numRuns: 100 },
  );
});
