/** Pools: what they allow holds for all workflows of a namespace, from the moment it is said; on a real engine in virtual time. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { validate } from "../../kinds/validate.ts";
import type { Resource } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { defineWorkflow } from "../../workflow/definition/definition.ts";
import { type Engine, openEngine } from "../../workflow/engine/engine.ts";
import { MemoryJournal } from "../../workflow/journal/memory.ts";
import { poolController } from "./index.ts";
import { poolId } from "./limits.ts";

/** Of a slow machine. */
const PATIENCE = { timeout: 20_000 };

const cause = { actor: "user:test", action: "test" };

let clock: ManualClock;
let store: Store;
let engine: Engine;
let runtime: Runtime;
/** Begins of steps, in milliseconds since the start, and how many went on at once. */
let begins: { readonly run: string; readonly at: number }[];
let now: Map<string, number>;
let weighed: string[];
let most: Map<string, number>;

beforeEach(async () => {
  clock = new ManualClock();
  const start = clock.now();
  store = createMemoryStore({ clock });
  begins = [];
  now = new Map();
  most = new Map();
  let tell: (id: string) => void = () => undefined;
  engine = await openEngine({
    journal: new MemoryJournal(),
    clock,
    poolId,
    steps: {
      function: {
        execute: async ({ run, signal }) => {
          const namespace = run.slice(0, run.indexOf("/"));
          begins.push({ run, at: clock.now() - start });
          const count = (now.get(namespace) ?? 0) + 1;
          now.set(namespace, count);
          most.set(namespace, Math.max(count, most.get(namespace) ?? 0));
          await clock.sleep(100, signal);
          now.set(namespace, (now.get(namespace) ?? 0) - 1);
          return null;
        },
      },
    },
    recorded: (id) => tell(id),
  });
  weighed = [];
  const { admission } = engine;
  const observed = {
    limit: admission.limit.bind(admission),
    held: admission.held.bind(admission),
    waiting: admission.waiting.bind(admission),
    weigh: (namespace: string, weight: number) => {
      admission.weigh(namespace, weight);
      weighed.push(`${namespace} ${weight}`);
    },
  };
  runtime = new Runtime(store, { clock });
  const { controller, recorded } = poolController(
    { store, clock, admission: () => Promise.resolve(observed) },
    (key) => runtime.trigger("pool", key),
  );
  tell = recorded;
  runtime.addController(controller);
  runtime.start();
});
afterEach(() => runtime.stop());

async function declare(namespace: string, name: string, spec: object): Promise<void> {
  const { resource, diagnostics } = validate({ kind: "Pool", metadata: { name, namespace }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  const key = { kind: "Pool", namespace, name };
  const current = store.get(key);
  await store.commit(
    [
      current === undefined
        ? { type: "create", resource }
        : { type: "update", resource, expectedVersion: current.metadata.resourceVersion },
    ],
    cause,
  );
  await vi.waitFor(async () => {
    await clock.advance(0);
    const { metadata, status } = store.get(key) as Resource;
    expect(status).toMatchObject({ observedGeneration: metadata.generation });
  }, PATIENCE);
}

const pool = (name = "db"): Resource => store.get({ kind: "Pool", namespace: "a", name }) as Resource;

/** Steps that run as many at once as they may. */
const start = (id: string, steps: number, name = "w"): Promise<void> =>
  engine.start({
    id,
    definition: defineWorkflow({
      name,
      steps: Object.fromEntries(
        Array.from({ length: steps }, (_, index) => [
          `s${index}`,
          { type: "function", handler: "x", pool: "db" },
        ]),
      ),
    }),
  });

async function ended(...ids: readonly string[]): Promise<void> {
  const all = Promise.all(ids.map((id) => engine.result(id)));
  let isOver = false;
  void all.then(() => (isOver = true));
  while (!isOver) await clock.advance(50);
}

describe("a pool", () => {
  it("of one slot is shared by all workflows of its namespace, and of no other", async () => {
    await declare("a", "db", { slots: 1 });
    await Promise.all([start("a/one", 5, "first"), start("a/two", 5, "second"), start("b/other", 5)]);
    await ended("a/one", "a/two", "b/other");
    expect(most.get("a")).toBe(1);
    expect(most.get("b")).toBe(5);
  });

  it("keeps its rate in any window", async () => {
    await declare("a", "db", { rate: { limit: 5, per: "1s" } });
    await start("a/r", 23);
    await ended("a/r");
    const times = begins.map(({ at }) => at).toSorted((one, other) => one - other);
    expect(times).toHaveLength(23);
    for (const [index, at] of times.entries())
      if (index >= 5) expect(at - (times[index - 5] ?? 0)).toBeGreaterThanOrEqual(1000);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(6000);
  });

  it("says what is held and what waits", async () => {
    await declare("a", "db", { slots: 0 });
    await start("a/r", 3);
    await vi.waitFor(async () => {
      await clock.advance(1000);
      expect(pool().status).toMatchObject({ held: 0, waiting: 3 });
    }, PATIENCE);
    await declare("a", "db", { slots: 1 });
    await ended("a/r");
    await vi.waitFor(async () => {
      await clock.advance(1000);
      expect(pool().status).toMatchObject({ held: 0, waiting: 0 });
    }, PATIENCE);
  });

  it("that is changed or deleted lets on what waited for it, at once", async () => {
    await declare("a", "db", { slots: 0 });
    await Promise.all([start("a/one", 2), start("a/two", 2)]);
    await clock.advance(60_000);
    expect(begins).toEqual([]);
    await declare("a", "db", { slots: 2 });
    await vi.waitFor(async () => {
      await clock.advance(1);
      expect(begins).toHaveLength(2);
    }, PATIENCE);
    await store.commit([{ type: "delete", key: { kind: "Pool", namespace: "a", name: "db" } }], cause);
    await vi.waitFor(async () => {
      await clock.advance(1);
      expect(begins).toHaveLength(4);
    }, PATIENCE);
    await ended("a/one", "a/two");
  });

  it("whose rate is of no time is refused", () => {
    const spec = { rate: { limit: 1, per: "0s" } };
    const { diagnostics } = validate({ kind: "Pool", metadata: { name: "db" }, spec });
    expect(diagnostics.map(({ code, path }) => [code, path])).toEqual([["InvalidRate", "spec.rate.per"]]);
  });
});

describe("the weight of a namespace", () => {
  it("says how room in the engine is shared", async () => {
    engine.admission.room(4);
    const resource = { apiVersion: "v1", kind: "Namespace", metadata: { name: "b" }, spec: { weight: 3 } };
    await store.commit([{ type: "create", resource }], cause);
    await vi.waitFor(() => expect(weighed).toContain("b 3"), PATIENCE);
    await Promise.all([start("a/r", 80), start("b/r", 80)]);
    await clock.advance(1000);
    const of = (namespace: string): number =>
      begins.filter(({ run }) => run.startsWith(`${namespace}/`)).length;
    expect(of("b") / of("a")).toBeGreaterThan(2);
    await ended("a/r", "b/r");
  });
});
