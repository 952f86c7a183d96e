/**
 * The engine is killed at every record of the journal, in turn, of small random workflows: DAGs and states, maps, parallels,
 * loops, catches, compensations, clean-ups, retries, signals, pools. And what goes on side by side is finished in many orders.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { type Definition, checkWorkflow, defineWorkflow } from "../definition/definition.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { Verdict } from "../run/events.ts";
import { type Engine, openEngine } from "./engine.ts";
import { DyingJournal, elapse } from "./fixtures/virtual.ts";
import { type Handler, functionsHere } from "./functions.ts";
import { TaskError } from "./step-type.ts";

const POOLS = { small: 1 };
const START = Date.UTC(2026, 0, 1);

/** When a handler is done: at once, in a later turn, or after some time, which changes nothing. */
type Delay = (path: string) => Promise<unknown> | undefined;

const later: Delay = (path) =>
  path.length % 2 === 0 ? undefined : new Promise((resolve) => setImmediate(resolve));

/** Steps whose outcome depends on nothing but their path and which of their counted attempts it is. */
function handlers(counted: (path: string) => number, delay: Delay): Readonly<Record<string, Handler>> {
  const outcomes: Readonly<Record<string, Handler>> = {
    work: ({ path, input }) => `${path}(${JSON.stringify(input)})`,
    flaky: ({ path }) => {
      if (counted(path) < 1) throw new TaskError("Busy", "busy");
      return "at last";
    },
    broken: () => {
      throw new TaskError("Broken", "broken", { terminal: true });
    },
  };
  return Object.fromEntries(
    Object.entries(outcomes).map(([name, outcome]) => [
      name,
      (attempt) => {
        const wait = delay(attempt.path);
        return wait === undefined ? outcome(attempt) : wait.then(() => outcome(attempt));
      },
    ]),
  );
}

const retry = [{ errors: ["Busy"], attempts: 3, interval: "2s" }];
const work = { type: "function", handler: "work", compensate: { type: "function", handler: "work" } };
const undoneInTheEnd = { type: "function", handler: "flaky", retry };
const simple = fc.constantFrom<object>(
  work,
  { ...work, compensate: undoneInTheEnd },
  { type: "wait", signal: "go" },
  { ...work, pool: "small" },
  { type: "function", handler: "flaky", retry },
  { type: "function", handler: "flaky", retry, pool: "small" },
  { type: "wait", duration: "3s" },
  { type: "pass", output: 7 },
  {
    type: "function",
    handler: "broken",
    catch: [{ errors: ["Broken"], do: { steps: { fix: work }, output: "${step.fix}" } }],
  },
);
const nested = fc.oneof(
  { weight: 3, arbitrary: simple },
  fc.tuple(simple, fc.integer({ min: 1, max: 2 })).map(([one, concurrency]) => ({
    type: "map",
    items: [1, 2],
    concurrency,
    body: { steps: { one } },
  })),
  fc
    .tuple(simple, simple)
    .map(([one, two]) => ({ type: "parallel", branches: [{ steps: { one } }, { steps: { two } }] })),
  // A loop of two rounds in each item, with a clean-up of its own.
  simple.map((one) => ({
    type: "map",
    items: [0, 1],
    body: {
      start: "one",
      steps: {
        one: { ...one, next: "count" },
        count: {
          type: "pass",
          output: "${step.count == null ? 1 : step.count + 1}",
          next: "again",
        },
        again: { type: "choice", choices: [{ when: "step.count < 2", next: "one" }], default: "end" },
        end: { type: "succeed", output: "${step.one}" },
      },
      finally: { steps: { tidy: { type: "function", handler: "flaky", retry } } },
    },
  })),
);

/** As many as any of them waits for, all alike, so that it does not matter who takes which. */
function sendSignals(engine: Engine): void {
  for (let id = 0; id < 16; id++)
    engine.signal("run", { id: String(id), name: "go", payload: "go" }).catch(() => undefined);
}

/** A DAG of up to four steps, which may fail at its end, with a `finally`. */
const workflows = fc
  .tuple(fc.array(fc.tuple(nested, fc.nat()), { minLength: 1, maxLength: 3 }), fc.boolean(), fc.boolean())
  .map(([steps, fails, tidies]) => {
    const names = steps.map((_, index) => `s${index}`);
    const all: [string, object][] = steps.map(([step, edges], index) => [
      `s${index}`,
      { ...step, needs: names.slice(0, index).filter((_, earlier) => (edges >> earlier) % 2 === 1) },
    ]);
    if (fails) all.push(["z", { type: "function", handler: "broken", needs: names }]);
    return {
      name: "w",
      steps: Object.fromEntries(all),
      ...(tidies ? { finally: { steps: { tidy: work } } } : {}),
    };
  });

async function open(
  journal: MemoryJournal,
  definition: Definition,
  clock: ManualClock,
  delay: Delay = later,
): Promise<Engine> {
  const counts = new Map<string, number>();
  const counted = (path: string): number => counts.get(path) ?? 0;
  for (const run of journal.runs())
    for await (const event of journal.read(run))
      if (event.type === "StepFailed" && event.failure.class !== "InfraLost")
        counts.set(event.step, counted(event.step) + 1);
  const known = handlers(counted, delay);
  const noting: Handler = async (attempt) => {
    try {
      return await known["flaky"]?.(attempt);
    } catch (error) {
      counts.set(attempt.path, counted(attempt.path) + 1);
      throw error;
    }
  };
  return openEngine({
    journal,
    clock,
    steps: { function: functionsHere({ ...known, flaky: noting }) },
    definitions: [definition],
    pools: POOLS,
  });
}

async function started(engine: Engine, definition: Definition): Promise<Verdict> {
  await engine.start({ definition, id: "run" });
  sendSignals(engine);
  return engine.result("run");
}

async function undisturbed(
  definition: Definition,
  delay?: Delay,
): Promise<{ readonly verdict: Verdict; readonly journal: MemoryJournal; readonly appends: number }> {
  const journal = new MemoryJournal();
  const counting = new DyingJournal(journal, Infinity);
  const clock = new ManualClock(START);
  const engine = await open(counting, definition, clock, delay);
  const verdict = await elapse(clock, started(engine, definition));
  return { verdict, journal, appends: counting.appends };
}

async function checkJournal(journal: MemoryJournal): Promise<void> {
  const settled = new Set<string>();
  const epochs = new Map<string, number>();
  for await (const event of journal.read("run")) {
    if (event.type === "StepClaimed") {
      expect(event.epoch).toBe((epochs.get(event.step) ?? 0) + 1);
      epochs.set(event.step, event.epoch);
    }
    if (event.type === "StepSucceeded" || (event.type === "StepFailed" && event.retryAt === undefined)) {
      expect(settled.has(event.step)).toBe(false);
      settled.add(event.step);
    }
  }
}

it("a run ends alike wherever its engine is killed, nothing is recorded twice, and no slot is lost", async () => {
  await fc.assert(
    fc.asyncProperty(workflows, async (workflow) => {
      expect(checkWorkflow(workflow)).toEqual([]);
      const definition = defineWorkflow(workflow);
      const { verdict, appends: all } = await undisturbed(definition);
      for (let appends = 1; appends < all; appends++) {
        const journal = new MemoryJournal();
        const dying = new DyingJournal(journal, appends);
        const clock = new ManualClock(START);
        const first = await open(dying, definition, clock);
        const running = started(first, definition);
        await elapse(clock, Promise.race([running, dying.died.promise]));
        const afterwards = new ManualClock(clock.now() + 500);
        const second = await open(journal, definition, afterwards);
        sendSignals(second);
        expect(await elapse(afterwards, second.result("run"))).toEqual(verdict);
        expect(second.held("small")).toBe(0);
        await checkJournal(journal);
      }
    }),
    { numRuns: 200 },
  );
}, 120_000);

it("a run ends alike when every engine in a row is killed a few records later", async () => {
  await fc.assert(
    fc.asyncProperty(
      workflows,
      fc.array(fc.integer({ min: 3, max: 6 }), { minLength: 2, maxLength: 5 }),
      async (workflow, lives) => {
        const definition = defineWorkflow(workflow);
        const { verdict } = await undisturbed(definition);
        const journal = new MemoryJournal();
        let clock = new ManualClock(START);
        for (const appends of lives) {
          const dying = new DyingJournal(journal, appends);
          const engine = await open(dying, definition, clock);
          const running = started(engine, definition);
          await elapse(clock, Promise.race([running, dying.died.promise]));
          clock = new ManualClock(clock.now());
        }
        const last = await open(journal, definition, clock);
        expect(await elapse(clock, started(last, definition))).toEqual(verdict);
        expect(last.held("small")).toBe(0);
        await checkJournal(journal);
      },
    ),
    { numRuns: 200 },
  );
}, 120_000);

it("whatever is finished first, in 64 orders each, a run comes to the same", async () => {
  await fc.assert(
    fc.asyncProperty(workflows, async (workflow) => {
      const definition = defineWorkflow(workflow);
      const { verdict } = await undisturbed(definition);
      for (let order = 0; order < 64; order++) {
        const clock = new ManualClock(START, order + 1);
        const engine = await open(new MemoryJournal(), definition, clock, () =>
          clock.sleep(Math.floor(clock.random() * 1_000)),
        );
        expect(await elapse(clock, started(engine, definition))).toEqual(verdict);
        expect(engine.held("small")).toBe(0);
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);
