import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { type Definition, defineWorkflow } from "../definition/definition.ts";
import { type Engine, openEngine } from "../engine/engine.ts";
import { functionsHere } from "../engine/functions.ts";
import { MemoryJournal } from "../journal/memory.ts";
import { type Lateness, whyLate } from "./late.ts";
import { type NodeView, graphView } from "./view.ts";

const MINUTE = 60_000;

/** Steps that take so many minutes as their input says. */
class World {
  readonly clock = new ManualClock(0);
  readonly definition: Definition;
  engine!: Engine;

  constructor(scope: object) {
    this.definition = defineWorkflow({ name: "w", ...scope });
  }

  async start(...ids: readonly string[]): Promise<this> {
    this.engine = await openEngine({
      journal: new MemoryJournal(),
      clock: this.clock,
      pools: { db: 1, api: { rate: { limit: 1, per: 10 * MINUTE } } },
      steps: {
        function: functionsHere({
          work: async ({ input, signal }) => {
            if (input === "broken") throw new Error("Broken.");
            await this.clock.sleep(Number(input) * MINUTE, signal);
            return input;
          },
        }),
      },
    });
    for (const id of ids) await this.engine.start({ definition: this.definition, id });
    await this.clock.advance(0);
    return this;
  }

  async view(id = "n/1"): Promise<readonly NodeView[]> {
    return graphView(await this.engine.state(id), this.definition.workflow, this.engine.around(id, "w"));
  }

  async late(deadline: number, id = "n/1"): Promise<Lateness> {
    const state = await this.engine.state(id);
    return whyLate(state, this.definition.workflow, deadline, this.engine.around(id, "w"));
  }
}

const call = (minutes: unknown, more: object = {}): object => ({
  type: "function",
  handler: "work",
  input: minutes,
  ...(typeof minutes === "number" ? { expected: `${minutes}m` } : {}),
  ...more,
});

describe("the graph of a run", () => {
  it("holds every step of the definition, also those that have not begun", async () => {
    const world = await new World({
      steps: { a: call(5), b: call(5, { needs: ["a"] }), c: { type: "pass", needs: ["b"] } },
    }).start("n/1");
    await world.clock.advance(6 * MINUTE);
    expect(await world.view()).toMatchObject([
      { place: "a", phase: "succeeded", attempts: 1, since: 0, endedAt: 5 * MINUTE, expected: 5 * MINUTE },
      { place: "b", phase: "running", since: 5 * MINUTE, endedAt: undefined, needs: ["a"] },
      { place: "c", type: "pass", phase: "pending", since: undefined, needs: ["b"] },
    ]);
  });

  it("counts items of a map and visits of a state together, and keeps branches apart", async () => {
    const world = await new World({
      steps: {
        fan: { type: "map", items: [1, 2, 30], body: { steps: { x: call("${item}") } } },
        both: { type: "parallel", branches: [{ steps: { x: call(1) } }, { steps: { x: call(90) } }] },
      },
    }).start("n/1");
    await world.clock.advance(10 * MINUTE);
    expect(await world.view()).toMatchObject([
      {
        place: "both",
        phase: "running",
        within: [
          { place: "both[0].x", phase: "succeeded" },
          { place: "both[1].x", phase: "running" },
        ],
      },
      {
        place: "fan",
        phase: "running",
        attempts: 3,
        within: [{ place: "fan[].x", counts: { succeeded: 2, running: 1 } }],
      },
    ]);
  });

  it("says what each open step waits for", async () => {
    const retry = [{ errors: ["*"], attempts: 3, interval: "12s", jitter: "none" }];
    const world = await new World({
      steps: {
        first: call(30, { pool: "db" }),
        second: call(20, { pool: "db" }),
        third: call(10, { pool: "db" }),
        quick: call(0, { pool: "api", expected: "2m" }),
        slow: call(0, { pool: "api", expected: "1m" }),
        flaky: call("broken", { retry }),
        approved: { type: "wait", signal: "approved" },
        ready: { type: "wait", duration: "1h" },
      },
    }).start("n/1");
    await world.clock.advance(MINUTE / 60);
    const waits = Object.fromEntries((await world.view()).map(({ name, waitingFor }) => [name, waitingFor]));
    expect(waits).toEqual({
      first: undefined,
      second: "a slot of pool db (it is the next)",
      third: "a slot of pool db (1 before it)",
      quick: undefined,
      slow: "the rate limit of pool api, in 9m59s",
      flaky: "the next attempt at 1970-01-01T00:00:12.000Z, after Error",
      approved: "the signal 'approved'",
      ready: "1h to pass",
    });
  });
});

describe("why a run is late", () => {
  const etl = {
    steps: {
      extract: call(10),
      load: call(20, { needs: ["extract"], pool: "db" }),
      report: call(5, { needs: ["load"] }),
      side: call(1),
    },
  };

  it("is nothing as long as the longest way that is left ends before the deadline", async () => {
    const world = await new World(etl).start("n/1");
    const outlook = await world.late(36 * MINUTE);
    expect(outlook).toMatchObject({
      isLate: false,
      why: "",
      expectedEnd: 35 * MINUTE,
      criticalPath: ["extract", "load", "report"],
    });
    await world.clock.advance(12 * MINUTE);
    expect((await world.late(36 * MINUTE)).expectedEnd).toBe(35 * MINUTE);
  });

  it("is the step on that way that is open, and what it waits for", async () => {
    const world = await new World(etl).start("n/1", "n/2");
    await world.clock.advance(15 * MINUTE);
    const late = await world.late(36 * MINUTE, "n/2");
    expect(late.at).toEqual({ place: "load", waitingFor: "a slot of pool db (it is the next)" });
    expect(late.why).toBe(
      "It is expected to end 4m after its deadline 1970-01-01T00:36:00Z. Step 'load' has been at it since 1970-01-01T00:10:00Z (5m). It waits for: a slot of pool db (it is the next). After that: report.",
    );
  });

  it("tells of steps that took much longer than they do as a rule, also when it has ended", async () => {
    const world = await new World({
      steps: { ...etl.steps, extract: call("60", { expected: "10m" }) },
    }).start("n/1");
    await world.clock.advance(30 * MINUTE);
    expect((await world.late(36 * MINUTE)).why).toContain(
      "'extract' took 30m, with waiting and further attempts, instead of 10m.",
    );
    await world.clock.advance(100 * MINUTE);
    expect(await world.late(36 * MINUTE)).toMatchObject({
      isLate: true,
      expectedEnd: 85 * MINUTE,
      why: expect.stringMatching(/^It ended 49m after its deadline .* instead of 10m\.$/),
    });
  });

  it("in states goes on from where it is", async () => {
    const world = await new World({
      start: "a",
      steps: { a: call(10, { next: "b" }), b: call(20, { next: "c" }), c: call(5) },
    }).start("n/1");
    await world.clock.advance(15 * MINUTE);
    expect(await world.late(MINUTE)).toMatchObject({
      criticalPath: ["b", "c"],
      expectedEnd: 35 * MINUTE,
      at: { place: "b" },
    });
  });
});
