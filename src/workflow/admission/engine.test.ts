import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { defineWorkflow } from "../definition/definition.ts";
import { type Engine, openEngine } from "../engine/engine.ts";
import { functionsHere } from "../engine/functions.ts";
import { TaskError } from "../engine/step-type.ts";
import { MemoryJournal } from "../journal/memory.ts";

class World {
  readonly clock: ManualClock;
  readonly journal: MemoryJournal;
  readonly begun: string[] = [];
  engine!: Engine;

  constructor(journal = new MemoryJournal(), now = 0) {
    this.journal = journal;
    this.clock = new ManualClock(now);
  }

  async open(scopes: readonly object[] = []): Promise<this> {
    this.engine = await openEngine({
      journal: this.journal,
      clock: this.clock,
      definitions: scopes.map(define),
      pools: { one: 1 },
      steps: {
        function: functionsHere({
          work: async ({ run, path, input, attempt, signal }) => {
            this.begun.push(`${run} ${path}`);
            if (input === "fail") await this.clock.sleep(5000, signal);
            if (input === "fail") throw new TaskError("Broken", "Broken.", { terminal: attempt > 1 });
            // One that ends when it wants to, whoever tells it to stop.
            await (input === "deaf" ? new Promise(() => undefined) : this.clock.sleep(10_000, signal));
            return null;
          },
        }),
      },
    });
    return this;
  }
}

const define = (scope: object) => defineWorkflow({ name: "w", ...scope });
const call = (more: object = {}): object => ({ type: "function", handler: "work", pool: "one", ...more });

describe("a slot is given back", () => {
  const ways: Readonly<Record<string, { readonly step: object; readonly cancel?: true }>> = {
    "when the step succeeds": { step: call() },
    "when it fails, also between its attempts": {
      step: call({ input: "fail", retry: [{ errors: ["*"], attempts: 5, interval: "1h", jitter: "none" }] }),
    },
    "when an attempt takes too long": { step: call({ input: "deaf", timeouts: { attempt: "20s" } }) },
    "when the run is cancelled": { step: call(), cancel: true },
    "when a cancelled run's deadline passes, whatever the step does": {
      step: call({ input: "deaf" }),
      cancel: true,
    },
  };
  for (const [way, { step, cancel }] of Object.entries(ways))
    it(way, async () => {
      const { engine, clock, begun } = await new World().open();
      await engine.start({ definition: define({ steps: { a: step } }), id: "n/1" });
      await clock.advance(1);
      expect(engine.held("one")).toBe(1);
      await engine.start({ definition: define({ steps: { b: call() } }), id: "n/2" });
      if (cancel === true) await engine.cancel("n/1", "enough", 15_000);
      await clock.advance(30_000);
      expect(begun).toContain("n/2 b");
      await clock.advance(4 * 3_600_000);
      expect(engine.held("one")).toBe(0);
    });
});

it("steps that wait for a slot keep their order when the engine is opened anew, and none has two", async () => {
  const scope = { steps: { a: call() } };
  const world = await new World().open();
  for (const id of ["n/1", "n/2", "n/3", "n/4"]) {
    await world.engine.start({ definition: define(scope), id, priority: id === "n/4" ? 1 : 0 });
    await world.clock.advance(10);
  }
  expect(world.begun).toEqual(["n/1 a"]);
  const later = await new World(world.journal, world.clock.now()).open([scope]);
  await later.clock.advance(1);
  expect(later.engine.held("one")).toBe(1);
  await later.clock.advance(100_000);
  // What was running when the engine went is lost, and done again as the one that is ready for the longest, but for priority.
  expect(later.begun).toEqual(["n/4 a", "n/1 a", "n/2 a", "n/3 a"]);
  expect(later.engine.held("one")).toBe(0);
});

it("a paused run leaves its place in the line to others, and comes back to it", async () => {
  const { engine, clock, begun } = await new World().open();
  const definition = define({ steps: { a: call() } });
  for (const id of ["n/1", "n/2", "n/3", "n/4"]) {
    await engine.start({ definition, id });
    await clock.advance(10);
  }
  await engine.pause("n/2");
  await clock.advance(15_000);
  expect(begun).toEqual(["n/1 a", "n/3 a"]);
  await engine.resume("n/2");
  await clock.advance(100_000);
  expect(begun).toEqual(["n/1 a", "n/3 a", "n/2 a", "n/4 a"]);
});

it("a step that was expected to have the longest way behind it begins first", async () => {
  const { engine, clock, begun } = await new World().open();
  const definition = define({
    steps: {
      a: call(),
      long: call({ expected: "10s" }),
      longer: call({ needs: ["long"], expected: "1h" }),
      short: call({ expected: "30s" }),
    },
  });
  await engine.start({ definition, id: "n/1" });
  await clock.advance(100_000);
  expect(begun.map((one) => one.slice(4))).toEqual(["long", "longer", "short", "a"]);
});
