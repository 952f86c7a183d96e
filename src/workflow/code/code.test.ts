/** Workflows as code, in virtual time: what they may do, that a replay arrives where it was, and what stops one that cannot. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { type Definition, defineWorkflow } from "../definition/definition.ts";
import { type Engine, openEngine } from "../engine/engine.ts";
import { DyingJournal, elapse } from "../engine/fixtures/virtual.ts";
import { type Handler as Here, functionsHere } from "../engine/functions.ts";
import { TaskError } from "../engine/step-type.ts";
import { MemoryJournal } from "../journal/memory.ts";
import { handler } from "../worker/handler.ts";
import { codeHere } from "./code-host.ts";
import { type CodeContext, StepError, defineCode } from "./code-workflow.ts";

type Body = (run: CodeContext, parameters: Readonly<Record<string, never>>) => unknown;

const START = Date.UTC(2026, 0, 1);
const ID = "default/order-1";
const charge = handler("charge", { version: "2" }, ({ amount }: { amount: number }) => ({
  id: `p${amount}`,
}));

const definition: Definition = defineWorkflow({
  name: "order",
  steps: {},
  program: { dialect: "code", definition: { name: "order" } },
});

interface Place {
  readonly engine: Engine;
  readonly clock: ManualClock;
  readonly calls: string[];
}

async function open(body: Body, journal: MemoryJournal, clock = new ManualClock(START)): Promise<Place> {
  const calls: string[] = [];
  const noted =
    (one: Here): Here =>
    (attempt) => {
      calls.push(attempt.path);
      return one(attempt);
    };
  const engine = await openEngine({
    journal,
    clock,
    steps: {
      function: functionsHere({
        "charge@2": noted(({ input }) => ({ id: `p${(input as { amount: number }).amount}` })),
        echo: noted(({ input }) => input),
        slow: noted(async ({ input }) => {
          await clock.sleep((input as { ms: number }).ms);
          return input;
        }),
        declined: noted(() => {
          throw new TaskError("CardDeclined", "No.", { terminal: true });
        }),
        never: noted(
          ({ signal }) =>
            new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")))),
        ),
      }),
    },
    dialects: [codeHere([defineCode("order", {}, body as never)])],
    definitions: [definition],
  });
  return { engine, clock, calls };
}

async function outcome(body: Body, input: object = {}): Promise<unknown> {
  const { engine, clock } = await open(body, new MemoryJournal());
  await engine.start({ definition, id: ID, input });
  return elapse(clock, engine.result(ID));
}

/** An engine gets as far as it can in a minute; the next one, with other code, goes on from what it recorded. */
async function replayed(first: Body, second: Body): Promise<Place & { readonly over: Promise<unknown> }> {
  const journal = new MemoryJournal();
  const before = await open(first, journal);
  await before.engine.start({ definition, id: ID });
  for (let second = 0; second < 60; second++) await before.clock.advance(1000);
  const copy = new MemoryJournal();
  for await (const event of journal.read(ID)) await copy.append(ID, [event]);
  const after = await open(second, copy, new ManualClock(before.clock.now()));
  const over = after.engine.result(ID);
  over.catch(() => undefined);
  return { ...after, over };
}

describe("a workflow as code", () => {
  it("asks for steps, sleeps, takes signals, and gives its output", async () => {
    const { engine, clock, calls } = await open(async (run) => {
      const began = run.now();
      const paid = await run.step("charge", charge, { amount: 5 });
      await run.sleep("1h");
      const approved = await run.signal<{ by: string }>("approved");
      return { paid: paid.id, by: approved.by, hours: (run.now() - began) / 3_600_000 };
    }, new MemoryJournal());
    await engine.start({ definition, id: ID });
    await clock.advance(7_200_000);
    await engine.signal(ID, { id: "1", name: "approved", payload: { by: "ada" } });
    expect(await elapse(clock, engine.result(ID))).toEqual({
      is: "succeeded",
      output: { paid: "p5", by: "ada", hours: expect.closeTo(2, 1) as number },
    });
    expect(calls).toEqual(["charge"]);
  });

  it("does things at once, and maps with a limit", async () => {
    const result = await outcome(async (run) => {
      const [a, b] = await run.all([run.step("a", "echo", 1), run.step("b", "echo", 2)]);
      const squares = await run.map([1, 2, 3], (n) => run.step<number>("square", "echo", n * n), {
        concurrency: 2,
      });
      return { a, b, squares };
    });
    expect(result).toEqual({ is: "succeeded", output: { a: 1, b: 2, squares: [1, 4, 9] } });
  });

  it("catches failures by name; what it does not catch fails the run as the step did", async () => {
    const caught = await outcome(async (run) => {
      try {
        return await run.step("pay", "declined");
      } catch (error) {
        return error instanceof StepError ? `${error.name}/${error.failure.class}` : "?";
      }
    });
    expect(caught).toEqual({ is: "succeeded", output: "CardDeclined/Terminal" });
    expect(await outcome((run) => run.step("pay", "declined"))).toMatchObject({
      is: "failed",
      failure: { class: "Terminal", error: "CardDeclined" },
    });
    expect(
      await outcome(() => {
        throw new RangeError("A bug.");
      }),
    ).toMatchObject({ is: "failed", failure: { class: "Terminal", error: "RangeError", message: "A bug." } });
  });

  it("cleans up when it is cancelled", async () => {
    const { engine, clock, calls } = await open(async (run) => {
      try {
        await run.step("work", "never");
      } finally {
        await run.cleanup.step("release", "echo", "released");
      }
    }, new MemoryJournal());
    await engine.start({ definition, id: ID });
    await clock.advance(1000);
    await engine.cancel(ID, "enough", 60_000);
    expect(await elapse(clock, engine.result(ID))).toEqual({ is: "cancelled", reason: "enough" });
    expect(calls).toEqual(["work", "release"]);
  });

  it("that never returns is left when the deadline of its cancellation has passed", async () => {
    const { engine, clock } = await open(() => new Promise(() => undefined), new MemoryJournal());
    await engine.start({ definition, id: ID });
    await clock.advance(1000);
    await engine.cancel(ID, "enough", 60_000);
    expect(await elapse(clock, engine.result(ID))).toEqual({ is: "cancelled", reason: "enough" });
    expect(engine.runs()).toEqual([{ id: ID, is: "ended" }]);
  });

  it("ends what it did not wait for when it ends", async () => {
    const { engine, clock } = await open(async (run) => {
      const winner = await Promise.race([run.step("a", "never"), run.step("b", "echo", "b")]);
      return winner;
    }, new MemoryJournal());
    await engine.start({ definition, id: ID });
    expect(await elapse(clock, engine.result(ID))).toEqual({ is: "succeeded", output: "b" });
    // The handler was told to stop, and did.
    expect((await engine.state(ID)).steps.get("a")?.phase).toBe("failed");
  });
});

describe("a replay", () => {
  const body: Body = async (run) => {
    const seen: unknown[] = [run.random(), run.uuid(), run.now()];
    // Which of them is done first decides what is asked for next.
    await run.all([
      (async () => {
        await run.step("x", "slow", { ms: 300 });
        seen.push("x", run.now());
        await run.step("after", "echo", "x");
      })(),
      (async () => {
        await run.step("y", "slow", { ms: 100 });
        seen.push("y", run.now());
        await run.step("after", "echo", "y");
      })(),
    ]);
    await run.sleep("10s");
    seen.push(run.random(), await run.step("last", "echo", run.uuid()));
    return seen;
  };

  it("arrives where it was after every record, with the same chance, and does nothing twice that is recorded", async () => {
    const journal = new MemoryJournal();
    const { engine, clock } = await open(body, journal);
    await engine.start({ definition, id: ID });
    const straight = await elapse(clock, engine.result(ID));
    expect(straight).toMatchObject({ is: "succeeded" });
    const sameButTimes = (verdict: unknown): string => JSON.stringify(verdict).replaceAll(/17\d{11}/g, "T");
    const records = journal.length(ID);
    for (let killed = 1; killed < records; killed++) {
      const under = new MemoryJournal();
      const dying = new DyingJournal(under, killed);
      const first = await open(body, dying);
      void first.engine.start({ definition, id: ID }).catch(() => undefined);
      const ended = first.engine.result(ID).catch(() => undefined);
      await elapse(first.clock, Promise.race([dying.died.promise, ended]));
      const next = await open(body, under, new ManualClock(first.clock.now()));
      const verdict = await elapse(next.clock, next.engine.result(ID));
      // x and y may come in another order when both were lost; what is drawn from chance does not change.
      const output = (verdict as { output: unknown[] }).output;
      expect(output.slice(0, 2)).toEqual((straight as { output: unknown[] }).output.slice(0, 2));
      expect(output.slice(-2)).toEqual((straight as { output: unknown[] }).output.slice(-2));
      expect(sameButTimes(output.filter((one) => one === "x" || one === "y").toSorted())).toBe('["x","y"]');
    }
    expect(records).toBeGreaterThan(10);
  });

  it("stops where the code asks for something else, compares the two, and names the fork that goes on", async () => {
    const first: Body = async (run) => {
      for (const n of [1, 2, 3]) await run.step("prepare", "echo", n);
      await run.step("charge", charge, { amount: 10 });
      await run.sleep("1d");
    };
    const second: Body = async (run) => {
      for (const n of [1, 2, 3]) await run.step("prepare", "echo", n);
      await run.step("notify", "echo", { to: "ada" });
      await run.sleep("1d");
    };
    const { over, clock, calls } = await replayed(first, second);
    await expect(elapse(clock, over)).rejects.toThrow(
      'Recorded as the 4th: `charge` (function charge@2) with {"amount":10}; ' +
        'the code now asks for `notify` (function echo) with {"to":"ada"}.',
    );
    await expect(over).rejects.toThrow("tutti fork order-1 --from charge");
    expect(calls).toEqual([]);
  });

  it("stops where the input of a step is another, which time or chance of the code's own leads to", async () => {
    let chance = 0;
    const body: Body = async (run) => {
      await run.step("draw", "echo", (chance += 1));
      await run.sleep("1d");
    };
    const { over, clock } = await replayed(body, body);
    await expect(elapse(clock, over)).rejects.toThrow(
      "`draw` (function echo) with 1; the code now asks for `draw`",
    );
  });

  it("stops where the code ends before what is recorded", async () => {
    const first: Body = async (run) => {
      await run.step("a", "echo", 1);
      await run.sleep("1d");
    };
    const { over, clock } = await replayed(first, (run) => run.step("a", "echo", 1));
    await expect(elapse(clock, over)).rejects.toThrow("Recorded as the 2nd: `sleep` (wait)");
    await expect(over).rejects.toThrow("the code now ends");
  });

  it("does not mind other retries, time limits and pools", async () => {
    const body =
      (options: object): Body =>
      async (run) => {
        await run.step("a", "echo", 1, options);
        await run.sleep("1h");
        return "done";
      };
    const { over, clock } = await replayed(body({}), body({ retry: [{ errors: ["*"], attempts: 3 }] }));
    expect(await elapse(clock, over)).toEqual({ is: "succeeded", output: "done" });
  });
});

describe("a fork of a run of code", () => {
  const steps: Body = async (run) => {
    const slow = run.step("slow", "slow", { ms: 5_000 });
    const [left, right] = await run.all([
      run.step("left", "slow", { ms: 2_000 }),
      run.step("right", "slow", { ms: 1_000 }),
    ]);
    const last = await run.step("last", "echo", { left, right });
    await slow;
    return last;
  };

  async function forked(from: string, body = steps): Promise<Place & { readonly over: Promise<unknown> }> {
    const journal = new MemoryJournal();
    const first = await open(steps, journal);
    await first.engine.start({ definition, id: ID });
    await elapse(first.clock, first.engine.result(ID));
    const place = await open(body, journal, new ManualClock(first.clock.now()));
    await place.engine.fork({ source: ID, id: "default/order-2", from });
    const over = place.engine.result("default/order-2");
    over.catch(() => undefined);
    return { ...place, over };
  }

  it("goes on from the step, whatever was settled in another order than asked for, or not at all", async () => {
    const { clock, calls, over } = await forked("last");
    const output = { left: { ms: 2_000 }, right: { ms: 1_000 } };
    expect(await elapse(clock, over)).toEqual({ is: "succeeded", output });
    expect(calls.toSorted()).toEqual(["last", "slow"]);
  });

  it("stops where the code has changed what is kept", async () => {
    const { clock, over } = await forked("last", (run) => run.step("left", "slow", { ms: 3_000 }));
    await expect(elapse(clock, over)).rejects.toThrow(
      /`left` \(function slow\) with {"ms":2000}; the code now asks for `left`/,
    );
    const ending = await forked("last", (run) => run.step("left", "slow", { ms: 2_000 }));
    await expect(elapse(ending.clock, ending.over)).rejects.toThrow(/`right` .* the code now ends/);
  });
});
