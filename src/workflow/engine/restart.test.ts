/** What a restart of the control plane means for steps that had begun. */
import { expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { type Definition, defineWorkflow } from "../definition/definition.ts";
import { MemoryBlobs } from "../journal/memory-blobs.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { RunEvent } from "../run/events.ts";
import type { StepState } from "../run/state.ts";
import { type Engine, openEngine } from "./engine.ts";
import { DyingJournal, elapse } from "./fixtures/virtual.ts";
import type { Attempt, StepTypes } from "./step-type.ts";

const START = Date.UTC(2026, 0, 1);

/** One engine after the other on a journal, each of which is killed when the next is opened. */
class Restarted {
  readonly journal = new MemoryJournal();
  readonly clock = new ManualClock(START);
  readonly #blobs = new MemoryBlobs();
  readonly #steps: StepTypes;
  #owner: DyingJournal | undefined;

  constructor(steps: StepTypes) {
    this.#steps = steps;
  }

  open(): Promise<Engine> {
    this.#owner?.die();
    this.#owner = new DyingJournal(this.journal, Infinity);
    return openEngine({
      journal: this.#owner,
      blobs: this.#blobs,
      clock: this.clock,
      steps: this.#steps,
      pools: { one: 1 },
    });
  }

  async begun(definition: Definition): Promise<Engine> {
    const engine = await this.open();
    await engine.start({ definition, id: "space/run" });
    await this.clock.advance(1_000);
    return engine;
  }

  async step(engine: Engine, path: string): Promise<StepState | undefined> {
    return (await engine.state("space/run")).steps.get(path);
  }

  async events(): Promise<readonly RunEvent[]> {
    return Array.fromAsync(this.journal.read("space/run"));
  }
}

const never = (): Promise<never> => new Promise(() => undefined);

it("steps that go on by themselves are not lost, however often the control plane is started again", async () => {
  const called: string[] = [];
  const ended = Promise.withResolvers<void>();
  const adopting = {
    execute: ({ path, attempt, try: tried, signal }: Attempt) => {
      called.push(`${path} ${attempt} ${tried} ${signal.aborted}`);
      return ended.promise.then(() => path);
    },
  };
  const types = { run: adopting, workflow: adopting, approval: adopting, wait: adopting };
  const world = new Restarted(types);
  const paths = ["program", "below", "asked", "seen", "told", "slept"];
  let engine = await world.begun(
    defineWorkflow({
      name: "w",
      steps: {
        program: { type: "run", command: ["work"], pool: "one" },
        below: { type: "workflow", workflow: "other" },
        asked: { type: "approval", subject: "May it?" },
        seen: { type: "wait", condition: "service/db Ready" },
        told: { type: "wait", signal: "go" },
        slept: { type: "wait", duration: "1h" },
      },
    }),
  );
  const before = await world.events();
  for (let restart = 0; restart < 5; restart++) {
    engine = await world.open();
    await world.clock.advance(1_000);
    expect(engine.held("one")).toBe(1);
  }
  expect(await world.events()).toEqual(before);
  for (const path of paths)
    expect(await world.step(engine, path)).toMatchObject({ phase: "running", epoch: 1, lost: 0 });
  for (const path of paths.slice(0, 4))
    expect(called.filter((call) => call === `${path} 1 1 false`)).toHaveLength(6);
  ended.resolve();
  await engine.signal("space/run", { id: "1", name: "go", payload: "went" });
  expect(await elapse(world.clock, engine.result("space/run"))).toMatchObject({
    is: "succeeded",
    output: { program: "program", told: "went", slept: null },
  });
  expect(world.clock.now()).toBeLessThan(START + 3_610_000);
  expect(engine.held("one")).toBe(0);
});

it("what ended with the process is lost, and done again at once after each restart", async () => {
  const world = new Restarted({ function: { execute: never } });
  let engine = await world.begun(
    defineWorkflow({ name: "w", steps: { a: { type: "function", handler: "work" } } }),
  );
  for (let restart = 1; restart <= 5; restart++) {
    engine = await world.open();
    await world.clock.advance(1);
    expect(await world.step(engine, "a")).toMatchObject({
      phase: "running",
      epoch: restart + 1,
      lost: restart,
    });
  }
});

it("the time limit of an attempt goes on over a restart", async () => {
  const world = new Restarted({ run: { execute: never } });
  await world.begun(
    defineWorkflow({
      name: "w",
      steps: { a: { type: "run", command: ["work"], timeouts: { attempt: "1m" } } },
    }),
  );
  await world.clock.advance(50_000);
  const engine = await world.open();
  await world.clock.advance(10_000);
  expect(await world.step(engine, "a")).toMatchObject({ phase: "failed", failure: { class: "Timeout" } });
});

it("a step of a run that was being stopped is told so again, and ends in its own way", async () => {
  const told: boolean[] = [];
  const run = {
    execute: ({ signal, attempt }: Attempt) =>
      new Promise((_, reject) => {
        told.push(signal.aborted);
        if (signal.aborted) reject(new Error(`stopped ${attempt}`));
      }),
  };
  const world = new Restarted({ run });
  const first = await world.begun(
    defineWorkflow({ name: "w", steps: { a: { type: "run", command: ["work"] } } }),
  );
  await first.cancel("space/run", "enough", 60_000);
  const engine = await world.open();
  expect(await elapse(world.clock, engine.result("space/run"))).toMatchObject({ is: "cancelled" });
  expect(told).toEqual([false, true]);
  expect(await world.step(engine, "a")).toMatchObject({ epoch: 1, lost: 0 });
});
