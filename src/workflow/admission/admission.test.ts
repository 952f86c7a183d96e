import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import type { Claimant, Holding, Place } from "./admission.ts";
import { AdmissionQueue } from "./queue.ts";

/** Steps that hold their slot for a time, on a clock of their own. */
class World {
  readonly clock = new ManualClock(0);
  readonly admission = new AdmissionQueue(this.clock);
  readonly begun: { readonly path: string; readonly namespace: string; readonly at: number }[] = [];
  readonly open = new Set<string>();
  #count = 0;

  enter(
    given: Partial<Claimant> & { readonly takes?: number; readonly isWanted?: boolean } = {},
    before: (holding: Holding) => void = () => undefined,
  ): Place {
    const { takes = 10, isWanted = true, ...rest } = given;
    const path = given.path ?? `${this.#count++}`;
    const holding = { namespace: "a", pool: "pool", ...rest };
    this.open.add(path);
    return this.admission.enter({
      run: `${holding.namespace}/run`,
      since: this.clock.now(),
      ...holding,
      path,
      begin: () => {
        this.open.delete(path);
        before(holding);
        if (!isWanted) return false;
        const at = this.clock.now();
        this.begun.push({ path, namespace: holding.namespace, at });
        expect(this.admission.isFree(holding)).toBe(true);
        this.admission.took(holding, at);
        this.clock.setTimeout(() => this.admission.gave(holding), takes);
        return true;
      },
    });
  }

  get order(): readonly string[] {
    return this.begun.map(({ path }) => path);
  }
}

describe("a pool", () => {
  it("begins the steps of higher priority first, and those of equal priority in the order in which they were ready", async () => {
    const world = new World();
    world.admission.limit("pool", { slots: 1 });
    world.enter({ path: "second", run: "a/1" });
    world.enter({ path: "urgent", run: "a/2", priority: 5 });
    world.enter({ path: "first", run: "a/3", since: -5 });
    world.enter({ path: "idle", run: "a/4", priority: -1 });
    await world.clock.advance(100);
    expect(world.order).toEqual(["urgent", "first", "second", "idle"]);
  });

  it("begins of one run the step with the longest path behind it", async () => {
    const world = new World();
    world.admission.limit("pool", { slots: 1 });
    for (const [path, rank] of [
      ["short", 10],
      ["long", 1000],
      ["middle", 100],
    ] as const)
      world.enter({ path, rank });
    await world.clock.advance(100);
    expect(world.order).toEqual(["long", "middle", "short"]);
  });

  it("lets what becomes ready as a step ends compete for its slot", async () => {
    const world = new World();
    world.admission.limit("pool", { slots: 1 });
    world.enter({ path: "now", takes: 10 });
    await world.clock.advance(5);
    world.enter({ path: "waits", rank: 1 });
    const ready = async (): Promise<void> => {
      for (let hop = 0; hop < 100; hop++) await Promise.resolve();
      world.enter({ path: "next", rank: 50 });
    };
    world.clock.setTimeout(() => void ready(), 5);
    await world.clock.advance(100);
    expect(world.order).toEqual(["now", "next", "waits"]);
  });

  it("never lets a flood of higher priority hold back a step for ever", async () => {
    const world = new World();
    world.admission.limit("pool", { slots: 1 });
    world.enter({ path: "poor", run: "a/poor", priority: -1 });
    for (let at = 0; at < 100_000; at += 1000)
      world.clock.setTimeout(() => world.enter({ run: `a/${at}`, priority: 0, takes: 1000 }), at);
    await world.clock.advance(70_000);
    expect(world.order).toContain("poor");
  });

  it("is shared by namespaces: a burst of one does not delay another's step by more than a slot's turn", async () => {
    const world = new World();
    world.admission.limit("pool", { slots: 4 });
    for (let index = 0; index < 100_000; index++)
      world.enter({ namespace: "burst", run: `burst/${index % 100}` });
    await world.clock.advance(50);
    const at = world.clock.now();
    for (let index = 0; index < 8; index++) world.enter({ namespace: "calm", path: `calm ${index}` });
    await world.clock.advance(50);
    const calm = world.begun.filter(({ namespace }) => namespace === "calm");
    expect(calm.length).toBe(8);
    expect(calm[0]?.at).toBeLessThanOrEqual(at + 10);
    // Half of all turns from then on are its own.
    const since = world.begun.filter((one) => one.at >= at && one.at <= (calm.at(-1)?.at ?? 0));
    expect(since.length).toBeLessThanOrEqual(2 * 8 + 4);
  });

  it("is shared by the time that slots are held: long steps do not push out short ones", async () => {
    const world = new World();
    world.admission.limit("pool", { slots: 8 });
    for (let index = 0; index < 200; index++) world.enter({ namespace: "long", takes: 10_000 });
    for (let index = 0; index < 20_000; index++) world.enter({ namespace: "short", takes: 100 });
    await world.clock.advance(100_000);
    const long = world.begun.filter(({ namespace }) => namespace === "long").length * 10_000;
    const short = world.begun.filter(({ namespace }) => namespace === "short").length * 100;
    expect(short / (long + short)).toBeGreaterThan(0.4);
    expect(short / (long + short)).toBeLessThan(0.6);
  });

  it("is shared by weight", async () => {
    const world = new World();
    world.admission.limit("pool", { slots: 1 });
    world.admission.weigh("heavy", 3);
    for (let index = 0; index < 1000; index++) {
      world.enter({ namespace: "heavy" });
      world.enter({ namespace: "light" });
    }
    await world.clock.advance(4000);
    const heavy = world.begun.filter(({ namespace }) => namespace === "heavy").length;
    expect(heavy / world.begun.length).toBeCloseTo(0.75, 1);
  });

  it("may grow and shrink while it is used: what holds a slot keeps it", async () => {
    const world = new World();
    world.admission.limit("pool", { slots: 4 });
    for (let index = 0; index < 20; index++) world.enter();
    await world.clock.advance(0);
    expect(world.admission.held("pool")).toBe(4);
    world.admission.limit("pool", { slots: 1 });
    await world.clock.advance(10);
    expect(world.admission.held("pool")).toBe(1);
    world.admission.limit("pool", { slots: 6 });
    await world.clock.advance(0);
    expect(world.admission.held("pool")).toBe(6);
    world.admission.limit("pool", undefined);
    await world.clock.advance(0);
    expect(world.begun).toHaveLength(20);
  });

  it("gives the slots that were held before a restart to nobody", async () => {
    const world = new World();
    world.admission.limit("pool", { slots: 2 });
    world.admission.took({ namespace: "a", pool: "pool" }, -1000);
    for (let index = 0; index < 3; index++) world.enter({ takes: Infinity });
    await world.clock.advance(100);
    expect(world.begun).toHaveLength(1);
  });

  it("counts begins before a restart in its rate, in whichever order they are read", async () => {
    const world = new World();
    world.admission.limit("pool", { rate: { limit: 2, per: 1000 } });
    for (const at of [-100, -900, -5000]) world.admission.took({ namespace: "a", pool: "pool" }, at);
    for (let index = 0; index < 3; index++) world.enter();
    await world.clock.advance(2000);
    expect(world.begun.map(({ at }) => at)).toEqual([100, 900, 1100]);
  });

  it("tells people what a step waits for", async () => {
    const world = new World();
    world.admission.limit("db", { slots: 1 });
    world.admission.limit("api", { rate: { limit: 1, per: 1000 } });
    world.enter({ pool: "db" });
    world.enter({ pool: "api" });
    await world.clock.advance(0);
    world.enter({ pool: "db" });
    const last = world.enter({ pool: "db" });
    const limited = world.enter({ pool: "api" });
    await world.clock.advance(0);
    expect(world.admission.obstacle(last)).toEqual({ is: "slot", pool: "db", before: 1 });
    expect(world.admission.obstacle(limited)).toEqual({ is: "rate", pool: "api", until: 1000 });
    await world.clock.advance(20);
    expect(world.admission.obstacle(last)).toBeUndefined();
  });

  it("that nobody configured has no limit, unless those who enter bring one: a workflow's runs", async () => {
    const world = new World();
    for (let index = 0; index < 5; index++) world.enter({ pool: "free" });
    expect(world.begun).toHaveLength(5);
    for (let index = 0; index < 5; index++)
      world.enter({ pool: "runs of a", slots: 2, idle: true, run: `a/${index}`, path: `run ${index}` });
    await world.clock.advance(5);
    expect(world.order.slice(5)).toEqual(["run 0", "run 1"]);
    await world.clock.advance(50);
    expect(world.admission.held("runs of a")).toBe(0);
    expect(world.begun).toHaveLength(10);
  });
});

describe("the engine's room", () => {
  it("limits steps of all pools together, but not those that only wait", async () => {
    const world = new World();
    world.admission.room(2);
    for (let index = 0; index < 4; index++) world.enter({ pool: undefined });
    for (let index = 0; index < 4; index++) world.enter({ pool: undefined, idle: true });
    await world.clock.advance(5);
    expect(world.begun).toHaveLength(6);
    await world.clock.advance(50);
    expect(world.begun).toHaveLength(8);
  });

  it("is shared by namespaces over all pools", async () => {
    const world = new World();
    world.admission.room(1);
    for (let index = 0; index < 1000; index++)
      world.enter({ namespace: "burst", pool: "one", path: "burst" });
    await world.clock.advance(5);
    world.enter({ namespace: "calm", pool: "two", path: "calm" });
    await world.clock.advance(20);
    expect(world.order.slice(0, 3)).toEqual(["burst", "calm", "burst"]);
  });
});

const POOLS = ["p", "q"];

const entering = fc.record({
  do: fc.constant("enter" as const),
  pool: fc.constantFrom(...POOLS, undefined),
  namespace: fc.constantFrom("a", "b", "c"),
  run: fc.constantFrom("1", "2"),
  priority: fc.integer({ min: -2, max: 2 }),
  rank: fc.integer({ min: 0, max: 100 }),
  takes: fc.integer({ min: 0, max: 50 }),
  idle: fc.boolean(),
  isWanted: fc.boolean(),
});
const rate = fc.record({ limit: fc.integer({ min: 1, max: 3 }), per: fc.integer({ min: 1, max: 60 }) });
const limiting = fc.record({
  do: fc.constant("limit" as const),
  pool: fc.constantFrom(...POOLS),
  slots: fc.integer({ min: 1, max: 4 }),
  rate: fc.option(rate, { nil: undefined }),
});
const others = fc.oneof(
  fc.record({ do: fc.constant("room" as const), room: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constant("pass" as const), time: fc.integer({ min: 0, max: 40 }) }),
  fc.record({ do: fc.constant("leave" as const), which: fc.nat() }),
);
const commands = fc.oneof({ weight: 4, arbitrary: entering }, limiting, others);

type Given<T> = T extends fc.Arbitrary<infer V> ? V : never;

/** What must hold whenever something begins, and whenever the present instant has settled. */
class Model {
  readonly world = new World();
  readonly #limits = new Map<string, Given<typeof limiting>>();
  readonly #begins = new Map<string, number[]>();
  readonly #places: Place[] = [];
  #room = Infinity;
  #working = 0;

  async do(command: Given<typeof commands>): Promise<void> {
    const { admission, clock } = this.world;
    switch (command.do) {
      case "enter":
        return this.#enter(command);
      case "limit": {
        const { pool, slots, rate: given } = command;
        this.#limits.set(pool, command);
        admission.limit(pool, given === undefined ? { slots } : { slots, rate: given });
        // What began under another rate need not be known to this one.
        this.#begins.delete(pool);
        return;
      }
      case "room":
        return admission.room((this.#room = command.room));
      case "pass":
        return clock.advance(command.time);
      case "leave": {
        const place = this.#places[command.which % Math.max(1, this.#places.length)];
        place?.leave();
        this.world.open.delete(place?.claimant.path ?? "");
      }
    }
  }

  nothingWaitsThatCouldBegin(): void {
    for (const path of this.world.open) {
      const place = this.#places[Number(path)] as Place;
      const isOutOfRoom = place.claimant.idle !== true && this.#working >= this.#room;
      expect(isOutOfRoom || this.#isFull(place) || this.#isRated(place)).toBe(true);
    }
  }

  #enter({ run, takes, isWanted, do: _do, ...given }: Given<typeof entering>): void {
    const path = `${this.#places.length}`;
    const claimant = { ...given, run: `${given.namespace}/${run}`, path, takes, isWanted };
    this.#places.push(
      this.world.enter(claimant, (holding) => {
        this.#isWithinLimits(holding);
        if (!isWanted) return;
        if (holding.pool !== undefined) this.#beginsOf(holding.pool).push(this.world.clock.now());
        if (holding.idle === true) return;
        this.#working++;
        this.world.clock.setTimeout(() => this.#working--, takes);
      }),
    );
  }

  #isWithinLimits({ pool, idle }: Holding): void {
    if (idle !== true) expect(this.#working).toBeLessThan(this.#room);
    const limits = this.#limits.get(pool ?? "");
    if (pool === undefined || limits === undefined) return;
    expect(this.world.admission.held(pool)).toBeLessThan(limits.slots);
    const { limit, per } = limits.rate ?? { limit: Infinity, per: 0 };
    const recent = this.#beginsOf(pool).filter((at) => at > this.world.clock.now() - per);
    expect(recent.length).toBeLessThan(limit);
  }

  #beginsOf(pool: string): number[] {
    const begins = this.#begins.get(pool) ?? [];
    this.#begins.set(pool, begins);
    return begins;
  }

  #isFull({ claimant: { pool = "" } }: Place): boolean {
    return this.world.admission.held(pool) >= (this.#limits.get(pool)?.slots ?? Infinity);
  }

  #isRated(place: Place): boolean {
    const obstacle = this.world.admission.obstacle(place);
    return obstacle?.is === "rate" && obstacle.until > this.world.clock.now();
  }
}

it("whatever comes, goes and changes: within every limit, nothing waits that could begin, all begin in the end, nothing leaks", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(commands, { maxLength: 80 }), async (list) => {
      const model = new Model();
      const { world } = model;
      for (const command of list) {
        await model.do(command);
        await world.clock.advance(0);
        model.nothingWaitsThatCouldBegin();
      }
      await world.clock.advance(100_000);
      expect([...world.open]).toEqual([]);
      for (const pool of POOLS)
        expect([world.admission.held(pool), world.admission.waiting(pool)]).toEqual([0, 0]);
    }),
    { numRuns: 300 },
  );
}, 60_000);
