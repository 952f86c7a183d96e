/**
 * The engine's promise, on a manual clock in a simulated world: whatever is declared, whatever ends by itself and whenever
 * the control plane is killed, in the end there is what was declared, nothing was started twice, nothing is left over.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { validate } from "../kinds/validate.ts";
import { conditionOf } from "../model/condition.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import { type Store, StoreError } from "../store/store.ts";
import {
  ManualClock,
  type SeverableStore,
  SimulatedProvider,
  SimulatedThings,
  World,
  createMemoryStore,
  severableStore,
} from "../testing/index.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";

const keyring = new Keyring(new Uint8Array(32));
const REFUSALS: ReadonlySet<string> = new Set(["NotFound", "AlreadyExists"]);
const long = process.env["TUTTI_LONG"] === "1";
const cause = { actor: "user:test", action: "test" };

class Bench {
  readonly clock: ManualClock;
  readonly world: World;
  readonly store: Store;
  #severable: SeverableStore | undefined;
  #sever: (() => void)[] = [];
  #plane: ControlPlane | undefined;
  #isDead = true;
  #isCalm = false;

  constructor(seed: number) {
    this.clock = new ManualClock(Date.UTC(2026, 0, 1), seed);
    this.store = createMemoryStore({ clock: this.clock });
    let asked = 0;
    this.world = new World({
      startDelay: 3,
      // A program of this name ends at once, each time.
      onStart: ({ command }) => (command === "bad" ? { exit: 1 } : undefined),
      // What is made takes a while, and fails now and then, until there is calm.
      onCall: ({ operation }) => {
        if (this.#isCalm || operation === "remove") return undefined;
        asked += 1;
        if (asked % 5 === 1) return { fail: new Error("The connection was reset.") };
        return asked % 5 === 2 ? { notReady: "It is starting." } : undefined;
      },
    });
  }

  async start(): Promise<void> {
    this.#severable = severableStore(this.store);
    const engine = new SimulatedProvider(this.world);
    const things = ["Database", "Volume"].map((kind) => new SimulatedThings(kind, this.world));
    this.#sever = [this.#severable.sever, ...[engine, ...things].map((one) => () => one.sever())];
    this.#plane = createControlPlane({
      store: this.#severable.held,
      clock: this.clock,
      keyring,
      local: { instances: [engine], providers: things },
    });
    this.#isDead = false;
    await this.#plane.start();
  }

  async crash(): Promise<void> {
    for (const sever of this.#sever) sever();
    await this.start();
  }

  /** The control plane dies with the n-th commit from now on, whatever that will be, and stays dead until `revive`. */
  crashAfter(commits: number): void {
    this.#severable?.severAfter(commits, () => {
      this.#isDead = true;
      for (const sever of this.#sever) sever();
    });
  }

  async revive(): Promise<void> {
    if (this.#isDead) await this.start();
  }

  /** From now on nothing fails but what is declared to. */
  calm(): void {
    this.#isCalm = true;
    this.crashAfter(Number.POSITIVE_INFINITY);
  }

  async stop(): Promise<void> {
    await this.#plane?.stop();
  }

  get services(): readonly Resource[] {
    return this.store.list({ kind: "Service" }).items;
  }

  instancesOf(service: string): readonly Resource[] {
    return this.instances.filter(
      (instance) => (instance.spec as { readonly service: string }).service === service,
    );
  }

  get instances(): readonly Resource[] {
    return this.store.list({ kind: "Instance" }).items;
  }
}

function declaration(kind: string, name: string, spec: object): Draft {
  const { resource, diagnostics } = validate({ kind, metadata: { name }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  return resource;
}

/** The service `c` needs the database `d`. */
function service(name: string, replicas: number, command: string): Draft {
  return declaration("Service", name, {
    command,
    replicas,
    ports: [],
    rollout: { progressDeadline: "20s" },
    restart: { maxBackoff: "30s" },
    ...(name === "c" ? { env: { URL: "${database.d.status.url}" } } : {}),
  });
}

type Step =
  | { readonly type: "declare"; readonly name: string; readonly replicas: number; readonly command: string }
  | { readonly type: "make"; readonly kind: "Database" | "Volume" }
  | { readonly type: "delete"; readonly kind: "Service" | "Database" | "Volume"; readonly name: string }
  | { readonly type: "end"; readonly index: number }
  | { readonly type: "crash" }
  | { readonly type: "crashAfter"; readonly commits: number }
  | { readonly type: "wait"; readonly for: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("declare" as const),
      name: fc.constantFrom("a", "b", "c"),
      replicas: fc.integer({ min: 0, max: 6 }),
      command: fc.constantFrom("one", "two", "bad"),
    }),
  },
  fc.record({
    type: fc.constant("make" as const),
    kind: fc.constantFrom("Database" as const, "Volume" as const),
  }),
  fc.constantFrom<Step>(
    { type: "delete", kind: "Service", name: "a" },
    { type: "delete", kind: "Service", name: "c" },
    { type: "delete", kind: "Database", name: "d" },
    { type: "delete", kind: "Volume", name: "d" },
  ),
  fc.record({ type: fc.constant("end" as const), index: fc.nat(20) }),
  fc.record({ type: fc.constant("crash" as const) }),
  fc.record({ type: fc.constant("crashAfter" as const), commits: fc.integer({ min: 1, max: 12 }) }),
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("wait" as const),
      for: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constantFrom(1_500, 25_000)),
    }),
  },
);

async function run(bench: Bench, action: Step): Promise<void> {
  if (action.type === "wait") await bench.clock.advance(action.for);
  else if (action.type === "crash") await bench.crash();
  else if (action.type === "crashAfter") bench.crashAfter(action.commits);
  else if (action.type === "end") {
    const uids = [...bench.world.running.keys()];
    const uid = uids[action.index % Math.max(1, uids.length)];
    if (uid !== undefined) bench.world.end(uid);
  } else {
    try {
      await change(bench, action);
    } catch (error) {
      // It went or came while this was being written: whoever asked is told, and asks again or not.
      if (!(error instanceof StoreError && REFUSALS.has(error.code))) throw error;
    }
  }
}

async function change(
  bench: Bench,
  action: Extract<Step, { readonly type: "declare" | "make" | "delete" }>,
): Promise<void> {
  const kind = action.type === "declare" ? "Service" : action.kind;
  const name = action.type === "make" ? "d" : action.name;
  const key = { kind, namespace: "default", name };
  const present = bench.store.get(key);
  if (action.type === "delete") {
    if (present !== undefined) await bench.store.commit([{ type: "delete", key }], cause);
    return;
  }
  const resource =
    action.type === "make"
      ? declaration(action.kind, name, {})
      : service(name, action.replicas, action.command);
  if (present === undefined) await bench.store.commit([{ type: "create", resource }], cause);
  else if (present.metadata.deletionTimestamp === undefined)
    await bench.store.commit(
      [{ type: "update", resource: { ...present, spec: resource.spec } as Draft }],
      cause,
    );
}

/** Of what providers have made. */
function names({ world }: Bench): readonly string[] {
  return [...world.things.values()].map(({ kind, name }) => `${kind}/default/${name}`).sort();
}

interface Declared {
  readonly replicas: number;
  readonly command: string;
}

/** What a service must have come to. */
function check(bench: Bench, declared: Resource): void {
  const { name } = declared.metadata;
  const { replicas, command } = declared.spec as Declared;
  const ready = conditionOf(declared, "Ready");
  const hasStable = (declared.status as { readonly stable?: unknown }).stable !== undefined;
  const mine = bench.instancesOf(name);
  const isWaiting = name === "c" && !names(bench).includes("Database/default/d");
  if (isWaiting)
    expect(ready).toMatchObject({
      status: "False",
      reason: expect.stringMatching(/^(WaitingFor|.*Failed)$/),
    });
  else if (command !== "bad" || replicas === 0) {
    expect(ready, name).toMatchObject({ status: "True" });
    expect(mine).toHaveLength(replicas);
  } else {
    expect(ready, name).toMatchObject({ status: "False" });
    expect(ready?.message).toContain("exited with code 1");
    // It went back to the last good one, or there never was one and it is tried again and again.
    if (hasStable) expect(mine).toHaveLength(replicas);
  }
}

describe("the engine converges", () => {
  it(
    "to what was declared, whatever ends or fails by itself and whenever the control plane is killed",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 1, maxLength: 25 }),
          fc.nat(1_000_000),
          async (steps, seed) => {
            const bench = new Bench(seed);
            await bench.start();
            for (const action of steps) {
              await run(bench, action);
              if (action.type !== "crashAfter") await bench.revive();
            }
            bench.calm();
            await bench.revive();
            for (let round = 0; round < 40; round += 1) await bench.clock.advance(20_000);
            await bench.stop();

            for (const declared of bench.services) check(bench, declared);
            const alive = bench.instances.filter(
              (instance) => (instance.status as { readonly exit?: unknown } | undefined)?.exit === undefined,
            );
            expect([...bench.world.running.keys()].sort()).toEqual(
              alive.map((instance) => instance.metadata.uid).sort(),
            );
            // Twice only who ended before anybody knew that it had been started.
            for (const [uid, starts] of bench.world.starts)
              expect(starts, `starts of ${uid}`).toBeLessThanOrEqual(1 + (bench.world.ends.get(uid) ?? 0));
            expect(names(bench)).toEqual(
              ["Database", "Volume"].flatMap((kind) =>
                bench.store.list({ kind }).items.map((thing) => `${kind}/default/${thing.metadata.name}`),
              ),
            );
          },
        ),
        { numRuns: long ? 2_000 : 25 },
      );
    },
    long ? 1_800_000 : 30_000,
  );
});
