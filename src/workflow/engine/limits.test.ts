/** Time limits, losses, and what results must be. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { defineWorkflow } from "../definition/definition.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { RunEvent, Verdict } from "../run/events.ts";
import { type Engine, openEngine } from "./engine.ts";
import { elapse } from "./fixtures/virtual.ts";
import { type Handler, functionsHere } from "./functions.ts";
import { type Attempt, type StepType, TaskError } from "./step-type.ts";

interface Fixture {
  readonly clock: ManualClock;
  readonly journal: MemoryJournal;
  readonly engine: Engine;
  end(): Promise<Verdict>;
}

async function started(
  workflow: object,
  type: StepType | Readonly<Record<string, Handler>>,
  pools: Readonly<Record<string, number>> = {},
): Promise<Fixture> {
  const clock = new ManualClock();
  const journal = new MemoryJournal();
  const definition = defineWorkflow({ name: "w", ...workflow });
  const steps = {
    function: typeof type.execute === "function" ? (type as StepType) : functionsHere(type as never),
  };
  const engine = await openEngine({ journal, clock, steps, pools });
  await engine.start({ definition, id: "space/run" });
  return { clock, journal, engine, end: () => elapse(clock, engine.result("space/run")) };
}

async function eventsOf({ journal }: Fixture): Promise<readonly RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of journal.read("space/run")) events.push(event);
  return events;
}

const call = (more: object = {}): object => ({ type: "function", handler: "work", ...more });
const never: Handler = () => new Promise(() => undefined);

describe("a step with a heartbeat timeout", () => {
  it("times out when there is no sign of life for so long", async () => {
    const run = await started({ steps: { a: call({ timeouts: { heartbeat: "10s" } }) } }, { work: never });
    expect(await run.end()).toMatchObject({ is: "failed", failure: { class: "Timeout" } });
  });

  it("goes on as long as there is one in time", async () => {
    const clocked = Promise.withResolvers<ManualClock>();
    const work: Handler = async (attempt) => {
      const clock = await clocked.promise;
      for (let beat = 0; beat < 20; beat++) {
        await clock.sleep(8_000);
        attempt.heartbeat();
      }
      return "alive";
    };
    const run = await started({ steps: { a: call({ timeouts: { heartbeat: "10s" } }) } }, { work });
    clocked.resolve(run.clock);
    expect(await run.end()).toEqual({ is: "succeeded", output: { a: "alive" } });
  });
});

it("a step that nobody begins in time fails by its queue timeout: for want of a worker, or of a slot", async () => {
  const step = call({ timeouts: { queue: "30s" } });
  const nobody: StepType = { ready: () => new Promise(() => undefined), execute: () => null };
  const alone = await started({ steps: { a: step } }, nobody);
  expect(await alone.end()).toMatchObject({ is: "failed", failure: { class: "Timeout" } });
  const full = await started(
    { steps: { a: call({ pool: "one" }), b: { ...step, pool: "one" } } },
    { work: never },
    { one: 1 },
  );
  await full.clock.advance(31_000);
  const state = await full.engine.state("space/run");
  expect(state.steps.get("b")?.failure?.message).toContain("queue");
});

it("a run that takes longer than its timeout is stopped, cleans up, and fails", async () => {
  const cleaned: string[] = [];
  const run = await started(
    {
      timeout: "1h",
      steps: { a: call() },
      finally: { steps: { tidy: { type: "function", handler: "tidy" } } },
    },
    {
      work: ({ signal }: Attempt) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")))),
      tidy: () => cleaned.push("tidy"),
    },
  );
  expect(await run.end()).toMatchObject({ is: "failed", failure: { class: "Timeout" } });
  expect(cleaned).toEqual(["tidy"]);
});

describe("a step that is lost with its machine", () => {
  it("is done again free of the retry budget, after pauses that grow", async () => {
    const lost: number[] = [];
    const type: StepType = {
      execute: ({ attempt, try: tried }) => {
        lost.push(tried);
        if (attempt <= 5) throw new TaskError("MachineGone", "gone", { class: "InfraLost" });
        return attempt;
      },
    };
    const run = await started({ steps: { a: call() } }, type);
    expect(await run.end()).toEqual({ is: "succeeded", output: { a: 6 } });
    expect(lost).toEqual([1, 1, 1, 1, 1, 1]);
    const pauses = (await eventsOf(run)).flatMap((event) =>
      event.type === "StepFailed" ? [(event.retryAt ?? 0) - event.at] : [],
    );
    expect(pauses).toEqual([0, 1_000, 2_000, 4_000, 8_000]);
  });

  it("fails in the end when it kills every machine", async () => {
    const type: StepType = {
      execute: () => {
        throw new TaskError("MachineGone", "gone", { class: "InfraLost" });
      },
    };
    const run = await started({ steps: { a: call() } }, type);
    await run.clock.advance(24 * 3_600_000);
    expect(await run.end()).toMatchObject({ is: "failed", failure: { class: "InfraLost" } });
  });

  it("is never what the code of users says it is", async () => {
    for (const work of [
      () => {
        throw new TaskError("Mine", "mine", { class: "InfraLost" });
      },
      () => Promise.reject(new TaskError("Mine", "mine", { class: "InfraLost" })),
    ]) {
      const run = await started({ steps: { a: call() } }, { work });
      expect(await run.end()).toMatchObject({
        is: "failed",
        failure: { class: "Retryable", error: "Mine" },
      });
    }
  });
});

describe("a result", () => {
  const integer = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };

  it("that is not what the step's schema says fails the step, and says where", async () => {
    const steps = { a: call({ result: integer }) };
    expect(await (await started({ steps }, { work: () => ({ n: 1 }) })).end()).toMatchObject({
      is: "succeeded",
    });
    const verdict = await (await started({ steps }, { work: () => ({ n: "one" }) })).end();
    expect(verdict).toMatchObject({ failure: { class: "Terminal", error: "InvalidResult" } });
    expect(JSON.stringify(verdict)).toContain("result.n");
  });

  it("of the run that is not what the workflow's schema says fails the run", async () => {
    const run = await started(
      { steps: { a: call() }, output: "${step.a}", results: integer },
      { work: () => ({}) },
    );
    expect(await run.end()).toMatchObject({ failure: { class: "Terminal", error: "InvalidResults" } });
  });

  it("that is large is kept beside the journal, and is the same for the next step", async () => {
    const text = "x".repeat(100_000);
    const run = await started(
      {
        start: "a",
        steps: { a: call({ next: "b" }), b: { type: "pass", output: "${size(step.a.text)}" } },
      },
      { work: () => ({ text }) },
    );
    expect(await run.end()).toEqual({ is: "succeeded", output: 100_000 });
    const done = (await eventsOf(run)).find(({ type }) => type === "StepSucceeded");
    expect(done).toMatchObject({ result: null, blob: { size: 100_011 } });
  });
});

it("results that are many and large are written in parts, none of them large, and come back whole", async () => {
  const sizes: number[] = [];
  const gate = Promise.withResolvers<void>();
  /** Slow at first, so that much comes together. */
  class SlowJournal extends MemoryJournal {
    override async append(run: string, events: readonly RunEvent[]): Promise<void> {
      if (sizes.push(JSON.stringify(events).length) === 1) await gate.promise;
      return super.append(run, events);
    }
  }
  const journal = new SlowJournal();
  const items = Array.from({ length: 1_000 }, (_, index) => index);
  const text = "x".repeat(30_000);
  const definition = defineWorkflow({
    name: "w",
    steps: { all: { type: "map", items: "${param.items}", body: { steps: { one: call() } } } },
    output: "${size(step.all)}",
  });
  const steps = { function: functionsHere({ work: async ({ path }) => ({ path, text }) }) };
  const engine = await openEngine({ journal, clock: new ManualClock(), steps });
  const start = engine.start({ definition, id: "space/run", input: { items } });
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  gate.resolve();
  await start;
  expect(await engine.result("space/run")).toEqual({ is: "succeeded", output: items.length });
  expect(sizes.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(items.length * text.length);
  expect(Math.max(...sizes)).toBeLessThan(6 << 20);
  const { steps: done } = await engine.state("space/run");
  expect([...done.values()].every(({ result }) => (result as { text: string }).text === text)).toBe(true);
});
