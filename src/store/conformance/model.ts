/** Random programs of concurrent commits, some of which fail to be written, beside the simplest model of a store. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Change, Committed, Draft, Operation, Query, Snapshot } from "../store.ts";
import { type Open, type StoreUnderTest, cause, draft, key } from "./fixture.ts";

export function modelConformance(open: Open, programs: number): void {
  test("does what a model does, whatever the program, and its log says so", async () => {
    await fc.assert(
      fc.asyncProperty(program, async (steps) => {
        const fresh = await open();
        try {
          await compare(fresh, steps);
        } finally {
          await fresh.cleanup();
        }
      }),
      { numRuns: programs },
    );
  });
}

/** Some commits that are made at once; then the next some. A commit may be made to fail on its way to the disk. */
type Step = { readonly commits: readonly (readonly Operation[])[]; readonly fails: boolean };

const someName = fc.constantFrom("a", "b", "c", "d");
const someDraft = fc
  .record({
    name: someName,
    size: fc.integer({ min: 1, max: 3 }),
    label: fc.constantFrom("x", "y", undefined),
    isFinal: fc.boolean(),
  })
  .map(({ name, size, label, isFinal }) =>
    draft(
      name,
      { ...(label === undefined ? {} : { labels: { label } }), ...(isFinal ? { finalizers: ["hold"] } : {}) },
      { size },
    ),
  );
const someVersion = fc.option(fc.integer({ min: 1, max: 30 }).map(String), { nil: undefined, freq: 4 });
const someOperation: fc.Arbitrary<Operation> = fc.oneof(
  someDraft.map((resource): Operation => ({ type: "create", resource })),
  fc.tuple(someDraft, someVersion).map(([resource, version]): Operation => {
    return { type: "update", resource, ...expecting(version) };
  }),
  fc.tuple(someName, fc.integer({ min: 0, max: 2 }), someVersion).map(([name, n, version]): Operation => {
    return { type: "status", key: key(name), status: { n }, ...expecting(version) };
  }),
  fc.tuple(someName, someVersion).map(([name, version]): Operation => {
    return { type: "delete", key: key(name), ...expecting(version) };
  }),
);
const program: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    commits: fc.array(fc.array(someOperation, { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 5,
    }),
    fails: fc.boolean(),
  }),
  { maxLength: 8 },
);

function expecting(version: string | undefined): { expectedVersion?: string } {
  return version === undefined ? {} : { expectedVersion: version };
}

/** Plain content by name: the simplest thing that could be the truth. */
type Model = ReadonlyMap<string, ModelResource>;
interface ModelResource {
  readonly version: number;
  readonly generation: number;
  readonly spec: unknown;
  readonly label: string | undefined;
  readonly status: unknown;
  readonly isFinal: boolean;
  readonly isDeleting: boolean;
}

async function compare({ store, failOnce }: StoreUnderTest, steps: readonly Step[]): Promise<void> {
  const pasts: Model[] = [new Map()];
  const log: Change[] = [];
  const calls: number[] = [];
  store.watch(0, (changes) => {
    calls.push(changes.length);
    log.push(...changes);
  });
  for (const { commits, fails } of steps) {
    if (fails) failOnce?.();
    const outcomes = await Promise.allSettled(commits.map((operations) => store.commit(operations, cause)));
    for (const [index, outcome] of outcomes.entries()) {
      if (isStorageFailure(outcome)) continue;
      const after = outcomeOf(pasts, commits[index] ?? []);
      expect(outcome.status).toBe(after === undefined ? "rejected" : "fulfilled");
      pasts.push(...(after ?? []));
    }
    expect(plain(store)).toEqual(pasts.at(-1));
    expect(store.revision).toBe(pasts.length - 1);
  }
  expect(log.map(({ revision }) => revision)).toEqual(pasts.slice(1).map((_, index) => index + 1));
  for (const revision of pasts.keys()) expect(plain(await store.at({ revision }))).toEqual(pasts[revision]);
  for (const change of log) expect(await store.change(change.revision)).toEqual(change);
  const replayed: Change[] = [];
  store.watch(0, (changes) => replayed.push(...changes));
  expect(replayed).toEqual(log);
}

function isStorageFailure(outcome: PromiseSettledResult<Committed>): boolean {
  return (
    outcome.status === "rejected" && String((outcome.reason as { code?: string }).code).startsWith("Storage")
  );
}

/** The states a commit goes through, one for each change; undefined when it is refused. */
function outcomeOf(pasts: readonly Model[], operations: readonly Operation[]): Model[] | undefined {
  const states: Model[] = [];
  for (const operation of operations) {
    const state = states.at(-1) ?? pasts.at(-1) ?? new Map<string, ModelResource>();
    const name = "key" in operation ? operation.key.name : operation.resource.metadata.name;
    const next = changed(state.get(name), operation, pasts.length + states.length);
    if (next === "refused") return undefined;
    if (next === "unchanged") continue;
    const after = new Map(state);
    if (next === "gone") after.delete(name);
    else after.set(name, next);
    states.push(after);
  }
  return states;
}

type ModelOutcome = ModelResource | "refused" | "unchanged" | "gone";

function changed(now: ModelResource | undefined, operation: Operation, version: number): ModelOutcome {
  if (operation.type === "create") {
    const start = { version, generation: 1, status: undefined, isDeleting: false };
    return now === undefined ? { ...start, ...written(operation.resource) } : "refused";
  }
  if (now === undefined) return "refused";
  const expected = operation.expectedVersion;
  if (expected !== undefined && expected !== String(now.version)) return "refused";
  if (operation.type === "status") return differing(now, { ...now, status: operation.status }, version);
  if (operation.type === "update") return updated(now, operation.resource, version);
  return now.isFinal ? differing(now, { ...now, isDeleting: true }, version) : "gone";
}

function updated(now: ModelResource, resource: Draft, version: number): ModelOutcome {
  const after = { ...now, ...written(resource) };
  const isSame = JSON.stringify(after.spec) === JSON.stringify(now.spec);
  const next = differing(now, isSame ? after : { ...after, generation: now.generation + 1 }, version);
  return next !== "unchanged" && now.isDeleting && !after.isFinal ? "gone" : next;
}

function differing(now: ModelResource, after: ModelResource, version: number): ModelResource | "unchanged" {
  return JSON.stringify(now) === JSON.stringify(after) ? "unchanged" : { ...after, version };
}

function written({ spec, metadata }: Draft): Pick<ModelResource, "spec" | "label" | "isFinal"> {
  return { spec, label: metadata.labels?.["label"], isFinal: (metadata.finalizers ?? []).length > 0 };
}

/** A store or snapshot as the model sees it; lists, label lists and gets must agree on it. */
function plain(snapshot: Snapshot): Model {
  const query: Query = { kind: "Service", namespace: "shop" };
  const { items } = snapshot.list(query);
  for (const label of ["x", "y"]) {
    const having = items.filter((item) => item.metadata.labels?.["label"] === label);
    expect(snapshot.list({ ...query, labels: { label } }).items).toEqual(having);
  }
  for (const item of items) expect(snapshot.get(key(item.metadata.name))).toBe(item);
  return new Map(
    items.map((item) => {
      const { metadata, spec, status } = item;
      const { resourceVersion, generation, labels, finalizers, deletionTimestamp } = metadata;
      const content: ModelResource = {
        version: Number(resourceVersion),
        generation,
        spec,
        label: labels?.["label"],
        status,
        isFinal: finalizers !== undefined,
        isDeleting: deletionTimestamp !== undefined,
      };
      return [metadata.name, content];
    }),
  );
}
