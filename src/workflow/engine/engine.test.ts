import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { defineWorkflow } from "../definition/definition.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { Verdict } from "../run/events.ts";
import { type Engine, openEngine } from "./engine.ts";
import { elapse } from "./fixtures/virtual.ts";
import { type Handler, functionsHere } from "./functions.ts";
import { type Attempt, TaskError } from "./step-type.ts";

interface Fixture {
  readonly clock: ManualClock;
  readonly journal: MemoryJournal;
  readonly calls: string[];
  readonly engine: Engine;
}

const never: Handler = () => new Promise(() => undefined);
const untilStopped: Handler = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));

async function started(
  workflow: object,
  handlers: Readonly<Record<string, Handler>> = {},
  input: unknown = {},
  pools: Readonly<Record<string, number>> = {},
): Promise<Fixture> {
  const clock = new ManualClock();
  const journal = new MemoryJournal();
  const calls: string[] = [];
  const noted = Object.fromEntries(
    Object.entries({ echo: ({ input: given }: Attempt) => given, never, untilStopped, ...handlers }).map(
      ([name, handler]) => [
        name,
        (attempt: Attempt): unknown => {
          calls.push(attempt.path);
          return handler(attempt);
        },
      ],
    ),
  );
  const definition = defineWorkflow({ name: "w", ...workflow });
  const engine = await openEngine({
    journal,
    clock,
    steps: { function: functionsHere(noted) },
    definitions: [definition],
    pools,
  });
  await engine.start({ definition, id: "run", input });
  return { clock, journal, calls, engine };
}

const ended = ({ clock, engine }: Fixture): Promise<Verdict> => elapse(clock, engine.result("run"));
const echo = (input: unknown, more: object = {}): object => ({
  type: "function",
  handler: "echo",
  input,
  ...more,
});
const call = (handler: string, more: object = {}): object => ({ type: "function", handler, ...more });
const output = (value: unknown): Verdict => ({ is: "succeeded", output: value });

describe("a run", () => {
  it("does the steps of a DAG after what they need, with the results of those", async () => {
    const run = await started(
      {
        steps: {
          c: echo("${step.a + step.b}", { needs: ["a", "b"] }),
          a: echo("${param.n}"),
          b: echo("${step.a * 10}", { needs: ["a"] }),
          no: echo(1, { when: "param.n > 5" }),
        },
        output: "${step.c}",
      },
      {},
      { n: 4 },
    );
    expect(await ended(run)).toEqual(output(44));
    expect(run.calls).toEqual(["a", "b", "c"]);
  });

  it("goes from state to state, and round loops, as choices say", async () => {
    const looping = await started({
      start: "add",
      steps: {
        add: echo("${step.add == null ? 1 : step.add + 1}", { next: "enough" }),
        enough: { type: "choice", choices: [{ when: "step.add < 3", next: "add" }], default: "done" },
        done: { type: "succeed", output: "${step.add}" },
      },
    });
    expect(await ended(looping)).toEqual(output(3));
    expect(looping.calls).toEqual(["add", "add#2", "add#3"]);
  });

  it("is the one there is when started again with its id", async () => {
    const run = await started({ steps: { a: echo(1) } });
    const [definition] = [defineWorkflow({ name: "w", steps: { a: echo(1) } })];
    await run.engine.start({ definition: definition as never, id: "run" });
    await ended(run);
    await run.engine.start({ definition: definition as never, id: "run" });
    expect(run.calls).toEqual(["a"]);
  });

  it("is refused for parameters that do not fit, with all that is wrong", async () => {
    const parameters = {
      type: "object",
      properties: { n: { type: "integer" }, s: { type: "string" } },
      required: ["n", "s"],
    };
    await expect(started({ parameters, steps: { a: echo(1) } }, {}, { n: "x" })).rejects.toThrow(
      /s: .*\n.*n: /,
    );
  });
});

describe("a map", () => {
  it("does its items at once up to its concurrency, and gives results in their order", async () => {
    let now = 0;
    let most = 0;
    const slow: Handler = async ({ input }) => {
      most = Math.max(most, ++now);
      await Promise.resolve();
      now--;
      return input;
    };
    const body = { steps: { one: call("slow", { input: "${item * 2 + index}" }) }, output: "${step.one}" };
    const run = await started(
      { steps: { fan: { type: "map", items: [1, 2, 3, 4, 5], concurrency: 2, body } } },
      { slow },
    );
    expect(await ended(run)).toEqual(output({ fan: [2, 5, 8, 11, 14] }));
    expect(most).toBe(2);
  });

  it("tolerates as many failed items as it says, and no more", async () => {
    const odd: Handler = ({ input }) => {
      if (Number(input) % 2 === 1) throw new TaskError("Odd", "odd");
      return input;
    };
    const fan = (tolerated: number): object => ({
      steps: {
        fan: {
          type: "map",
          items: [1, 2, 3],
          tolerated,
          body: { steps: { one: call("odd", { input: "${item}" }) }, output: "${step.one}" },
        },
      },
    });
    expect(await ended(await started(fan(2), { odd }))).toEqual(output({ fan: [null, 2, null] }));
    expect(await ended(await started(fan(1), { odd }))).toMatchObject({
      is: "failed",
      failure: { error: "Odd" },
    });
  });
});

describe("a step that fails", () => {
  const flaky: Handler = ({ attempt }) => {
    if (attempt < 3) throw new TaskError("Busy", "busy");
    return attempt;
  };

  it("is tried again after a growing pause, as often as its retry says", async () => {
    const retry = [{ errors: ["Busy"], attempts: 3, interval: "10s", jitter: "none" }];
    const run = await started({ steps: { a: call("flaky", { retry }) } }, { flaky });
    const start = run.clock.now();
    expect(await ended(run)).toEqual(output({ a: 3 }));
    expect(Math.floor((run.clock.now() - start) / 1000)).toBeGreaterThanOrEqual(30);
    const less = await started(
      { steps: { a: call("flaky", { retry: [{ ...retry[0], attempts: 2 }] }) } },
      { flaky },
    );
    expect(await ended(less)).toMatchObject({ is: "failed", failure: { error: "Busy" } });
  });

  it("is caught: what the catch does is the result", async () => {
    const fix = {
      errors: ["Busy"],
      do: { steps: { fix: echo("${error.message} fixed") }, output: "${step.fix}" },
    };
    const run = await started({ steps: { a: call("flaky", { catch: [fix] }) } }, { flaky });
    expect(await ended(run)).toEqual(output({ a: "busy fixed" }));
  });

  it("has what was done before undone, the last first, then finally; what ran beside it is stopped", async () => {
    const broken: Handler = () => {
      throw new TaskError("Broken", "broken", { terminal: true });
    };
    const undo = { type: "function", handler: "echo", input: "${step.a}" };
    const run = await started(
      {
        steps: {
          a: echo(1, { compensate: undo }),
          b: echo(2, { needs: ["a"], compensate: { ...undo, input: "${step.b}" } }),
          c: call("broken", { needs: ["b"] }),
          beside: call("untilStopped", { needs: ["b"] }),
          later: echo(1, { needs: ["c"] }),
        },
        finally: { steps: { tidy: echo(0) } },
      },
      { broken },
    );
    expect(await ended(run)).toMatchObject({ is: "failed", failure: { error: "Broken" } });
    expect(run.calls).toEqual(["a", "b", "beside", "c", "b!compensate", "a!compensate", "!finally.tidy"]);
  });

  it("is undone by a step of any type, which reads what it undoes; what cannot be undone does not keep the rest", async () => {
    const broken: Handler = () => {
      throw new TaskError("Broken", "broken", { terminal: true });
    };
    const stuck: Handler = () => {
      throw new TaskError("Stuck", "it stays", { terminal: true });
    };
    const run = await started(
      {
        steps: {
          a: echo(1, { compensate: { type: "wait", duration: "${step.a}h" } }),
          b: echo(2, { needs: ["a"], compensate: { type: "function", handler: "stuck" } }),
          c: call("broken", { needs: ["b"] }),
        },
        finally: { steps: { tidy: echo("${error.error}: ${error.message}") } },
      },
      { broken, stuck },
    );
    await run.clock.advance(3_600_000);
    expect(await ended(run)).toMatchObject({ is: "failed", failure: { error: "Stuck" } });
    const { steps } = await run.engine.state("run");
    expect(steps.get("a!compensate")).toMatchObject({ phase: "succeeded" });
    expect(run.calls).toEqual(["a", "b", "c", "b!compensate", "!finally.tidy"]);
  });

  it("is told to what runs in the end, which also knows when all went well", async () => {
    const said: unknown[] = [];
    const note: Handler = ({ input }) => void said.push(input);
    const report = { steps: { tell: call("note", { input: "${error == null ? 'well' : error.message}" }) } };
    const broken: Handler = () => {
      throw new TaskError("Broken", "it broke", { terminal: true });
    };
    await ended(await started({ steps: { a: echo(1) }, finally: report }, { note }));
    await ended(await started({ steps: { a: call("broken") }, finally: report }, { note, broken }));
    const caught = { errors: ["*"], do: { steps: { b: echo(1) }, finally: report } };
    await ended(await started({ steps: { a: call("broken", { catch: [caught] }) } }, { note, broken }));
    expect(said).toEqual(["well", "it broke", "it broke"]);
  });

  it("is what the run failed for, although what runs in the end fails as well", async () => {
    const fails =
      (name: string): Handler =>
      () => {
        throw new TaskError(name, "no", { terminal: true });
      };
    const run = await started(
      { steps: { a: call("first") }, finally: { steps: { tidy: call("second") } } },
      { first: fails("First"), second: fails("Second") },
    );
    expect(await ended(run)).toMatchObject({ is: "failed", failure: { error: "First" } });
    expect(run.calls).toEqual(["a", "!finally.tidy"]);
  });

  it("may throw anything, never return, or be known to nobody: the run fails or times out, and says why", async () => {
    for (const thrown of [undefined, null, 7, "text", { a: 1 }, new RangeError("far")]) {
      const run = await started(
        { steps: { a: call("odd") } },
        { odd: () => Promise.reject(thrown as Error) },
      );
      expect(await ended(run)).toMatchObject({ is: "failed", failure: { class: "Retryable" } });
    }
    const late = await started({ steps: { a: call("never", { timeouts: { attempt: "5s" } }) } });
    expect(await ended(late)).toMatchObject({ is: "failed", failure: { class: "Timeout" } });
    const unknown = await started({ steps: { a: call("nobody") } });
    expect(await ended(unknown)).toMatchObject({ is: "failed", failure: { error: "NoHandler" } });
  });
});

describe("a cancelled run", () => {
  it("stops its steps, undoes and tidies up, and ends as cancelled for the reason given", async () => {
    const run = await started({
      steps: {
        a: echo(1, { compensate: { type: "function", handler: "echo" } }),
        b: call("untilStopped", { needs: ["a"] }),
        c: echo(3, { needs: ["b"] }),
      },
      finally: { steps: { tidy: echo(0) } },
    });
    await run.clock.advance(10);
    expect(await run.engine.cancel("run", "enough", 60_000)).toBeUndefined();
    expect(await ended(run)).toEqual({ is: "cancelled", reason: "enough" });
    expect(run.calls).toEqual(["a", "b", "a!compensate", "!finally.tidy"]);
    expect(await run.engine.cancel("run", "again", 0)).toBe("RunEnded");
  });

  it("ends at the deadline although a handler never returns, and its slot is free", async () => {
    const run = await started({ steps: { a: call("never", { pool: "one" }) } }, {}, {}, { one: 1 });
    await run.clock.advance(10);
    expect(run.engine.held("one")).toBe(1);
    const cancelled = run.engine.cancel("run", "enough", 5_000);
    await cancelled;
    expect(await ended(run)).toEqual({ is: "cancelled", reason: "enough" });
    expect(run.engine.held("one")).toBe(0);
  });
});

describe("a paused run", () => {
  it("begins nothing until it is resumed", async () => {
    const run = await started({
      steps: { w: { type: "wait", duration: "5s" }, a: echo(1, { needs: ["w"] }) },
    });
    await run.clock.advance(10);
    await run.engine.pause("run");
    await run.clock.advance(60_000);
    expect(run.calls).toEqual([]);
    await run.engine.resume("run");
    expect(await ended(run)).toEqual(output({ w: null, a: 1 }));
  });
});

describe("a signal", () => {
  const wait = { type: "wait", signal: "go" };

  it("is kept until somebody waits, given in order, once for each id, also after a restart", async () => {
    const definition = defineWorkflow({
      name: "w",
      start: "one",
      steps: {
        one: { ...wait, next: "two" },
        two: { ...wait, next: "end" },
        end: { type: "pass", output: ["${step.one}", "${step.two}"] },
      },
    });
    const journal = new MemoryJournal();
    const open = (): Promise<Engine> =>
      openEngine({ journal, clock: new ManualClock(), steps: {}, definitions: [definition] });
    const first = await open();
    await first.start({ definition, id: "run" });
    expect(await first.signal("run", { id: "1", name: "go", payload: { n: 1 } })).toBeUndefined();
    expect(await first.signal("run", { id: "1", name: "go", payload: { n: 9 } })).toBe("AlreadyRecorded");
    expect(await first.signal("run", { id: "x", name: "other", payload: 0 })).toBeUndefined();
    await new Promise((resolve) => setImmediate(resolve));
    const second = await open();
    expect(await second.signal("run", { id: "1", name: "go", payload: { n: 9 } })).toBe("AlreadyRecorded");
    expect(await second.signal("run", { id: "2", name: "go", payload: { n: 2 } })).toBeUndefined();
    expect(await second.result("run")).toEqual(output([{ n: 1 }, { n: 2 }]));
  });

  it("that never comes fails the step when its time is over, and a cancelled run does not wait for it", async () => {
    const late = await started({ steps: { a: { ...wait, timeouts: { attempt: "1h" } } } });
    expect(await ended(late)).toMatchObject({ is: "failed", failure: { class: "Timeout" } });
    const cancelled = await started({ steps: { a: wait } });
    await cancelled.clock.advance(10);
    await cancelled.engine.cancel("run", "no", 60_000);
    expect(await ended(cancelled)).toEqual({ is: "cancelled", reason: "no" });
  });
});

it("steps of a pool never run more at once than it has slots, and every one gets its turn", async () => {
  let now = 0;
  let most = 0;
  const slow: Handler = async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
  };
  const body = { steps: { one: call("slow", { pool: "small" }) } };
  const run = await started(
    { steps: { fan: { type: "map", items: Array.from({ length: 50 }, () => 1), body } } },
    { slow },
    {},
    { small: 3 },
  );
  expect(await ended(run)).toMatchObject({ is: "succeeded" });
  expect(most).toBe(3);
  expect(run.engine.held("small")).toBe(0);
});

it("a wait of a year is over after a year, although the engine was opened anew meanwhile", async () => {
  const definition = defineWorkflow({ name: "w", steps: { w: { type: "wait", duration: "365d" } } });
  const journal = new MemoryJournal();
  const start = Date.UTC(2026, 0, 1);
  const first = await openEngine({
    journal,
    clock: new ManualClock(start),
    steps: {},
    definitions: [definition],
  });
  await first.start({ definition, id: "run" });
  await new Promise((resolve) => setImmediate(resolve));
  const clock = new ManualClock(start + 100 * 86_400_000);
  const second = await openEngine({ journal, clock, steps: {}, definitions: [definition] });
  const result = second.result("run");
  await clock.advance(264 * 86_400_000);
  expect((await second.state("run")).phase).toBe("running");
  await clock.advance(86_400_000);
  expect(await result).toEqual(output({ w: null }));
});
