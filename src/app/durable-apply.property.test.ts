/**
 * What is declared becomes so, whatever providers do and whenever the control plane is killed: random programs of resources
 * that refer to each other, changed, replaced (either way round), renamed, paused and deleted at random, on providers that
 * fail, hang, answer garbage, lose answers and let things be changed by others, with a crash at any commit and at any moment
 * of any call. At every instant each thing outside is one that the store knows of; in the end each resource has exactly one.
 *
 * Short here; `TUTTI_LONG=1` runs thousands. `TUTTI_SEED=n` runs one.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { validate } from "../kinds/validate.ts";
import { conditionOf } from "../model/condition.ts";
import { type Draft, REQUESTS, type Resource, keyOf } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import { handedOver } from "../planner/handover.ts";
import { type Operation, type Store, StoreError } from "../store/store.ts";
import {
  type Call,
  ManualClock,
  type SeverableStore,
  SimulatedThings,
  type Thing,
  type Twist,
  World,
  createMemoryStore,
  severableStore,
} from "../testing/index.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";

const keyring = new Keyring(new Uint8Array(32));
const cause = { actor: "user:test", action: "test" };
const isLong = process.env["TUTTI_LONG"] === "1";
const seed = process.env["TUTTI_SEED"];
const SIZE = 4;

interface Wanted {
  readonly index: number;
  readonly size: number;
  /** Of those before it. */
  readonly refersTo: readonly number[];
  readonly first: "new" | "former";
  readonly hasLimits: boolean;
}

type Step =
  | ({ readonly type: "declare" } & Wanted)
  | {
      readonly type: "replace" | "delete" | "rename" | "pause" | "spoil" | "destroy";
      readonly index: number;
    }
  | { readonly type: "crash" }
  | { readonly type: "crashAtCommit" | "crashAtCall"; readonly after: number }
  | { readonly type: "wait"; readonly for: number };

const index = fc.nat(SIZE - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("declare" as const),
      index,
      size: fc.nat(3),
      refersTo: fc.uniqueArray(index, { maxLength: 2 }),
      first: fc.constantFrom("new" as const, "former" as const),
      hasLimits: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("replace" as const), index }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "delete" as const,
        "rename" as const,
        "pause" as const,
        "spoil" as const,
        "destroy" as const,
      ),
      index,
    }),
  },
  fc.constant<Step>({ type: "crash" }),
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom("crashAtCommit" as const, "crashAtCall" as const),
      after: fc.integer({ min: 1, max: 12 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("wait" as const),
      for: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(200, 3_000, 35_000)),
    }),
  },
);

/** What a provider may do, of a hundred calls. `isBounded`: nobody waits for ever for the answer. */
const MOODS: readonly (readonly [number, (isBounded: boolean) => Twist])[] = [
  [10, () => ({ fail: new Error("The connection was refused.") })],
  [6, () => ({ failAfter: new Error("The connection was reset.") })],
  [5, () => ({ notReady: "It is starting." })],
  [3, () => ({ answer: { ready: "yes", outputs: 7 } })],
  [4, (isBounded) => (isBounded ? { hangs: "deaf" } : {})],
  [4, (isBounded) => (isBounded ? { hangs: "obedient" } : {})],
];

class Bench {
  readonly clock: ManualClock;
  readonly world: World;
  readonly store: Store;
  readonly faults: string[] = [];
  #isCalm = false;
  #isDead = true;
  #callsLeft = Number.POSITIVE_INFINITY;
  #severable: SeverableStore | undefined;
  #provider: SimulatedThings | undefined;
  #plane: ControlPlane | undefined;

  constructor(number: number) {
    this.clock = new ManualClock(Date.UTC(2026, 0, 1), number);
    this.store = createMemoryStore({ clock: this.clock });
    this.world = new World({
      startDelay: 4,
      canCreateBeforeDestroy: true,
      onCall: (call) => this.#mood(call),
      onBoundary: () => this.#boundary(),
    });
  }

  #mood(call: Call): Twist | undefined {
    if (this.#isCalm) return undefined;
    let dice = this.clock.random() * 100;
    for (const [share, mood] of MOODS) {
      if (dice < share) return mood(this.#isBounded(call));
      dice -= share;
    }
    return undefined;
  }

  #isBounded({ identity }: Call): boolean {
    const [uid] = identity?.uid.split(".") ?? [];
    const resource = this.resources.find((one) => uidOf(one) === uid);
    return (resource?.spec as Spec | undefined)?.lifecycle?.timeouts !== undefined;
  }

  #boundary(): void {
    this.#account();
    this.#callsLeft -= 1;
    if (this.#callsLeft <= 0) this.#die();
  }

  /** At every instant: what is outside is known inside (I3). */
  #account(): void {
    for (const thing of this.world.things.values())
      if (!isKnown(thing, this.store)) this.faults.push(`${thing.id} of ${thing.name} is known to nobody.`);
  }

  #die(): void {
    this.#isDead = true;
    this.#severable?.sever();
    this.#provider?.sever();
    this.#callsLeft = Number.POSITIVE_INFINITY;
  }

  async start(): Promise<void> {
    this.#severable = severableStore(this.store);
    this.#provider = new SimulatedThings("Resource", this.world);
    this.#plane = createControlPlane({
      store: this.#severable.held,
      clock: this.clock,
      keyring,
      parallelism: 3,
      local: { instances: [], providers: [this.#provider] },
    });
    this.#isDead = false;
    await this.#plane.start();
  }

  async crash(): Promise<void> {
    this.#die();
    await this.start();
  }

  crashAtCommit(after: number): void {
    this.#severable?.severAfter(after, () => this.#die());
  }

  crashAtCall(after: number): void {
    this.#callsLeft = after;
  }

  async revive(): Promise<void> {
    if (this.#isDead) await this.start();
  }

  calm(): void {
    this.#isCalm = true;
    this.crashAtCommit(Number.POSITIVE_INFINITY);
    this.#callsLeft = Number.POSITIVE_INFINITY;
  }

  async stop(): Promise<void> {
    await this.#plane?.stop();
    this.#account();
  }

  get resources(): readonly Resource[] {
    return this.store.list({ kind: "Resource" }).items;
  }

  /** What has this place in the program, whatever it is called now. */
  at(place: number): Resource | undefined {
    return this.resources.find(({ spec }) => (spec as Spec).config.place === place);
  }
}

interface Spec {
  readonly config: { readonly place: number; readonly size: number; readonly [name: string]: unknown };
  readonly replaceOn?: unknown;
  readonly lifecycle?: { readonly timeouts?: object };
}

interface Status {
  readonly made?: unknown;
  readonly incarnation?: number;
  readonly former?: readonly { readonly incarnation: number }[];
  readonly output?: { readonly size?: number };
}

function isKnown({ identity }: Thing, store: Store): boolean {
  if (identity === undefined) return true;
  const [uid, number = "1"] = identity.uid.split(".");
  return store.list({ kind: "Resource" }).items.some((resource) => {
    if (uidOf(resource) !== uid) return false;
    const { made, incarnation = 1, former = [] } = (resource.status ?? {}) as Status;
    const known = [...(made === undefined ? [] : [incarnation]), ...former.map((one) => one.incarnation)];
    return known.includes(Number(number));
  });
}

/** By which its thing is known. */
function uidOf({ metadata }: Resource): string {
  const identity = metadata.annotations?.[REQUESTS.identity];
  return identity === undefined ? metadata.uid : (JSON.parse(identity) as { readonly uid: string }).uid;
}

function drafted(bench: Bench, wanted: Wanted, name: string): Draft {
  const references = wanted.refersTo
    .filter((place) => place < wanted.index)
    .map((place) => [`r${place}`, `\${resource.${bench.at(place)?.metadata.name ?? `r${place}`}.status.id}`]);
  const limits = { create: "15s", update: "15s", delete: "15s" };
  const spec = {
    class: "simulated",
    config: { place: wanted.index, size: wanted.size, ...Object.fromEntries(references) },
    lifecycle: {
      createBeforeDestroy: wanted.first === "new",
      ...(wanted.hasLimits ? { timeouts: limits, retries: 2 } : {}),
    },
  };
  const { resource, diagnostics } = validate({ kind: "Resource", metadata: { name }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  return resource;
}

/** As one transaction of a person; undefined when there is nothing to be done. */
function operations(bench: Bench, action: Step, number: number): readonly Operation[] | undefined {
  if (action.type === "declare") return [declared(bench, action)];
  const present = "index" in action ? bench.at(action.index) : undefined;
  if (present === undefined || present.metadata.deletionTimestamp !== undefined) return undefined;
  if (action.type === "delete") return [{ type: "delete", key: keyOf(present) }];
  if (action.type === "replace") return [replaced(present, number)];
  if (action.type === "rename") return renamed(bench, present, number);
  return [paused(present)];
}

function declared(bench: Bench, wanted: Wanted): Operation {
  const present = bench.at(wanted.index);
  const resource = drafted(bench, wanted, present?.metadata.name ?? `r${wanted.index}`);
  if (present === undefined) return { type: "create", resource };
  const { replaceOn } = present.spec as Spec;
  const spec = { ...(resource.spec as object), ...(replaceOn === undefined ? {} : { replaceOn }) };
  return { type: "update", resource: { ...present, spec } as Draft };
}

/** As the planner asks for it. */
function replaced(present: Resource, number: number): Operation {
  const annotations = { ...present.metadata.annotations, [REQUESTS.replace]: `plan-${number}` };
  const spec = { ...(present.spec as Spec), replaceOn: number };
  const metadata = { ...present.metadata, annotations };
  return { type: "update", resource: { ...present, metadata, spec } };
}

function paused(present: Resource, isPaused?: boolean): Operation {
  const { annotations = {} } = present.metadata;
  const value = isPaused ?? annotations["tutti.dev/paused"] !== "true";
  const metadata = {
    ...present.metadata,
    annotations: { ...annotations, "tutti.dev/paused": String(value) },
  };
  return { type: "update", resource: { ...present, metadata } };
}

/** As the planner does it: the thing stays as it is; only what nobody refers to. */
function renamed(bench: Bench, present: Resource, number: number): readonly Operation[] | undefined {
  const { name } = present.metadata;
  if (bench.resources.some(({ spec }) => JSON.stringify(spec).includes(`resource.${name}.`)))
    return undefined;
  const target = { ...present, metadata: { ...present.metadata, name: `m${number}` } } as Draft;
  return handedOver(present, target, false);
}

async function perform(bench: Bench, action: Step, number: number): Promise<void> {
  if (action.type === "wait") await bench.clock.advance(action.for);
  else if (action.type === "crash") await bench.crash();
  else if (action.type === "crashAtCommit") bench.crashAtCommit(action.after);
  else if (action.type === "crashAtCall") bench.crashAtCall(action.after);
  else if (action.type === "spoil" || action.type === "destroy") spoil(bench, action);
  else await change(bench, action, number);
}

function spoil(bench: Bench, { type, index: place }: Extract<Step, { readonly index: number }>): void {
  const resource = bench.at(place);
  if (resource === undefined) return;
  const { incarnation = 1 } = (resource.status ?? {}) as Status;
  const uid = incarnation === 1 ? uidOf(resource) : `${uidOf(resource)}.${incarnation}`;
  if (type === "destroy") bench.world.destroy({ kind: "Resource", uid });
  else bench.world.change({ kind: "Resource", uid }, "config.size", 99);
}

async function change(bench: Bench, action: Step, number: number): Promise<void> {
  const wanted = operations(bench, action, number);
  if (wanted === undefined) return;
  try {
    await bench.store.commit(wanted, cause);
  } catch (error) {
    // It went or came while this was being written.
    if (!(error instanceof StoreError)) throw error;
  }
}

/** Everything that is referred to is there, and nothing is paused. */
async function complete(bench: Bench): Promise<void> {
  for (const resource of bench.resources)
    if (resource.metadata.annotations?.["tutti.dev/paused"] === "true")
      await bench.store.commit([paused(resource, false)], cause);
  await bench.clock.advance(120_000);
  const named = bench.resources.flatMap(({ spec }) =>
    [...JSON.stringify(spec).matchAll(/"r(\d)":"\$\{resource\.(\w+)\./g)].map(([, place, name = ""]) => ({
      place: Number(place),
      name,
    })),
  );
  for (const { place, name } of named) {
    const wanted: Wanted = { index: place, size: 0, refersTo: [], first: "former", hasLimits: false };
    if (bench.store.get({ kind: "Resource", namespace: "default", name }) === undefined)
      await bench.store.commit([{ type: "create", resource: drafted(bench, wanted, name) }], cause);
  }
}

function check(bench: Bench): void {
  const { resources, world } = bench;
  expect([...new Set(bench.faults)]).toEqual([]);
  expect(world.troubles).toEqual([]);
  for (const resource of resources) {
    const { name } = resource.metadata;
    const status = (resource.status ?? {}) as Status;
    expect(conditionOf(resource, "Ready"), name).toMatchObject({ status: "True" });
    expect(conditionOf(resource, "Failed"), name).toBeUndefined();
    expect(conditionOf(resource, "Paused"), name).toBeUndefined();
    expect(status, name).not.toHaveProperty("former");
    expect(status, name).not.toHaveProperty("attempt");
    expect(status.output?.size, name).toBe((resource.spec as Spec).config.size);
    const mine = [...world.things.values()].filter(
      ({ identity }) => identity?.uid.split(".")[0] === uidOf(resource),
    );
    expect(
      mine.map(({ spec }) => (spec["config"] as { readonly size: number }).size),
      name,
    ).toEqual([(resource.spec as Spec).config.size]);
  }
  expect(world.things.size).toBe(resources.length);
}

describe("an apply survives anything", () => {
  it(
    "and comes to what was declared: nothing twice, nothing left over, nothing unknown at any instant",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 2, maxLength: 40 }),
          fc.nat(1_000_000),
          async (steps, number) => {
            const bench = new Bench(number);
            await bench.start();
            for (const [at, action] of steps.entries()) {
              await perform(bench, action, at);
              if (!action.type.startsWith("crashAt")) await bench.revive();
            }
            bench.calm();
            await bench.revive();
            await complete(bench);
            for (let round = 0; round < 20; round += 1) await bench.clock.advance(20_000);
            await bench.stop();
            check(bench);
          },
        ),
        {
          numRuns: isLong ? 6_000 : 150,
          ...(seed === undefined ? {} : { seed: Number(seed) }),
        },
      );
    },
    isLong ? 3_600_000 : 120_000,
  );
});
