/** Whatever handlers give, throw, or never do: the run says what is wrong, and the others are unharmed. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { type Definition, defineWorkflow } from "../definition/definition.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { Verdict } from "../run/events.ts";
import { type Engine, openEngine } from "./engine.ts";
import { elapse } from "./fixtures/virtual.ts";
import { functionsHere } from "./functions.ts";

const definition: Definition = defineWorkflow({
  name: "w",
  steps: {
    a: { type: "function", handler: "any", input: "${param.handler}", timeouts: { attempt: "1m" } },
  },
});

const cycle: Record<string, unknown> = {};
cycle["self"] = cycle;

const unreadable = {
  get message(): string {
    throw new Error("no");
  },
};

class UnreadableError extends Error {
  override get message(): string {
    throw new Error("no");
  }
}

const good = (): string => "good";
const handlers: Readonly<Record<string, () => unknown>> = {
  good,
  bigint: () => 1n,
  cycle: () => cycle,
  function: () => good,
  symbol: () => Symbol("s"),
  getter: () => ({
    get value(): never {
      throw new Error("do not look");
    },
  }),
  toJSON: () => ({
    toJSON(): never {
      throw new Error("do not write");
    },
  }),
  anyProperty: () =>
    new Proxy(
      {},
      {
        get: () => {
          throw new Error("do not look at anything");
        },
      },
    ),
  throwsNull: () => {
    throw null;
  },
  throwsObject: () => {
    throw unreadable as unknown;
  },
  throwsError: () => Promise.reject(new UnreadableError()),
  rejectsUndefined: () => Promise.reject(undefined as unknown as Error),
  never: () => new Promise(() => undefined),
  deep: () => {
    let nested: unknown = 0;
    for (let depth = 0; depth < 100_000; depth++) nested = [nested];
    return nested;
  },
  huge: () => "x".repeat(100 << 20),
};

async function open(): Promise<{ readonly engine: Engine; readonly clock: ManualClock }> {
  const clock = new ManualClock();
  const journal = new MemoryJournal();
  const engine = await openEngine({
    journal,
    clock,
    steps: { function: functionsHere({ any: ({ input }) => handlers[String(input)]?.() }) },
  });
  return { engine, clock };
}

describe("a handler that gives or throws what is no result", () => {
  it.each(Object.keys(handlers).filter((name) => name !== "good"))(
    "%s: its run fails with a reason, the one beside it succeeds",
    async (handler) => {
      const { engine, clock } = await open();
      await Promise.all([
        engine.start({ definition, id: "space/bad", input: { handler } }),
        engine.start({ definition, id: "space/good", input: { handler: "good" } }),
      ]);
      const bad: Verdict = await elapse(clock, engine.result("space/bad"));
      expect(bad.is).toBe("failed");
      expect(bad.is === "failed" && bad.failure.message.length).toBeGreaterThan(10);
      expect(await elapse(clock, engine.result("space/good"))).toEqual({
        is: "succeeded",
        output: { a: "good" },
      });
      expect(engine.halted()).toEqual([]);
    },
  );
});

it("parameters that are no JSON, or too large, are refused, and nothing is started", async () => {
  const { engine } = await open();
  for (const input of [{ n: 1n }, cycle, { handler: "x".repeat(100 << 20) }])
    await expect(engine.start({ definition, id: "space/run", input })).rejects.toThrow(/InvalidParameters/);
  expect(engine.runs()).toEqual([]);
});

it("signals that are no JSON, or too large, are refused, and the run goes on", async () => {
  const { engine, clock } = await open();
  const waiting = defineWorkflow({ name: "w", steps: { a: { type: "wait", signal: "go" } } });
  await engine.start({ definition: waiting, id: "space/run" });
  for (const payload of [1n, cycle, "x".repeat(100 << 20)])
    await expect(engine.signal("space/run", { id: "1", name: "go", payload })).rejects.toThrow(
      /InvalidPayload/,
    );
  await engine.signal("space/run", { id: "1", name: "go", payload: { fine: true } });
  expect(await elapse(clock, engine.result("space/run"))).toEqual({
    is: "succeeded",
    output: { a: { fine: true } },
  });
});

it("an id that is too long for the journal is refused, and the engine goes on", async () => {
  const { engine, clock } = await open();
  await expect(
    engine.start({ definition, id: `space/${"x".repeat(100_000)}`, input: { handler: "good" } }),
  ).rejects.toThrow(/InvalidId/);
  await engine.start({ definition, id: "space/run", input: { handler: "good" } });
  expect(await elapse(clock, engine.result("space/run"))).toMatchObject({ is: "succeeded" });
});
