/** The test kit for workflows, as its users have it. */
import { setTimeout as really } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  WorkflowTest,
  attempts,
  fails,
  isLost,
  neverReturns,
  recorded,
  succeeds,
  testWorkflow,
  timesOut,
} from "./index.ts";

const call = (handler: string, more: object = {}): object => ({ type: "function", handler, ...more });

const order = {
  name: "order",
  parameters: { type: "object", properties: { id: { type: "integer" } }, required: ["id"] },
  steps: {
    reserve: call("reserve", { input: { id: "${param.id}" }, compensate: call("release") }),
    charge: call("charge", {
      needs: ["reserve"],
      input: "${step.reserve}",
      retry: [{ errors: ["Busy"], attempts: 3, interval: "10s", jitter: "none" }],
    }),
    cool: { type: "wait", duration: "1h", needs: ["charge"] },
    ship: call("ship", { needs: ["cool"] }),
  },
  output: { parcel: "${step.ship}" },
};
const given = { reserve: 3, charge: "paid", ship: "P1", release: null };

describe("a tested workflow", () => {
  it("runs in virtual time, with the results that are given by path or handler", async () => {
    const run = await testWorkflow(order, { parameters: { id: 7 }, steps: given });
    expect(run).toMatchObject({
      phase: "succeeded",
      output: { parcel: "P1" },
      duration: 3_600_000,
      order: ["reserve", "charge", "cool", "ship"],
      steps: { reserve: { input: { id: 7 }, attempts: 1 }, ship: { startedAt: 3_600_000, result: "P1" } },
      unused: ["release"],
      waiting: [],
    });
  });

  it("is a resource, what a builder gives, or a plain definition", async () => {
    const { name, ...spec } = order;
    const resource = { kind: "Workflow", metadata: { name }, spec: { ...spec, handlers: "./handlers.ts" } };
    const { phase } = await testWorkflow(resource, { parameters: { id: 7 }, steps: given });
    expect(phase).toBe("succeeded");
  });

  it("may be written in a dialect", async () => {
    const machine = {
      StartAt: "Ask",
      States: {
        Ask: {
          Type: "Task",
          Resource: "arn:aws:lambda:eu-central-1:123456789012:function:ask",
          Next: "Rest",
        },
        Rest: { Type: "Wait", Seconds: 60, End: true },
      },
    };
    const run = await testWorkflow(machine, { steps: { Ask: { x: 1 } }, crashes: "every" });
    expect(run).toMatchObject({ phase: "succeeded", output: { x: 1 }, duration: 60_000 });
  });

  it("comes in each attempt to what is given for it, after the time that it takes", async () => {
    const run = await testWorkflow(order, {
      parameters: { id: 7 },
      steps: { ...given, charge: attempts(fails("Busy", { after: "2s" }), isLost(), fails("Busy"), "paid") },
    });
    // 2 s, lost at once, 10 s and 20 s of pauses, and the hour.
    expect(run).toMatchObject({ phase: "succeeded", duration: 3_632_000 });
    expect(run.steps["charge"]).toMatchObject({ attempts: 4, lost: 1, result: "paid" });
  });

  it("fails and undoes what was done when a step fails", async () => {
    const run = await testWorkflow(order, {
      parameters: { id: 7 },
      steps: { ...given, charge: fails("Declined", { class: "Terminal", message: "no money" }) },
    });
    expect(run).toMatchObject({
      phase: "failed",
      failure: { class: "Terminal", error: "Declined", message: "no money" },
      order: ["reserve", "charge", "reserve!compensate"],
    });
  });

  it("gives each item of a map what its function makes of it, really working or asleep in virtual time", async () => {
    const fan = {
      name: "fan",
      steps: {
        fan: {
          type: "map",
          items: [3, 1, 2],
          concurrency: 2,
          body: { steps: { one: call("one", { input: "${item}" }) } },
        },
      },
    };
    const run = await testWorkflow(fan, {
      steps: {
        "fan[*].one": async ({ input, sleep }: { input: number; sleep: (for_: string) => Promise<void> }) => {
          await really(1);
          await sleep(`${input}h`);
          return input * 10;
        },
      },
    });
    expect(run).toMatchObject({
      duration: 3 * 3_600_000,
      output: { fan: [{ one: 30 }, { one: 10 }, { one: 20 }] },
    });
  });

  it("never returns, or times out, as its time limits say", async () => {
    const slow = {
      name: "slow",
      steps: {
        a: call("a", {
          timeouts: { attempt: "5m" },
          catch: [{ errors: ["Timeout"], do: { steps: { x: { type: "pass" } }, output: "late" } }],
        }),
        b: call("b", {
          catch: [{ errors: ["Timeout"], do: { steps: { x: { type: "pass" } }, output: "up" } }],
        }),
      },
    };
    const run = await testWorkflow(slow, { steps: { a: neverReturns(), b: timesOut({ after: "1m" }) } });
    expect(run).toMatchObject({ output: { a: "late", b: "up" }, duration: 300_000 });
    const { phase, waiting } = await testWorkflow(
      { name: "x", steps: { a: call("a") } },
      { steps: { a: neverReturns() } },
    );
    expect({ phase, waiting }).toEqual({
      phase: "running",
      waiting: ["'a' (function) has not come to an end in attempt 1."],
    });
  });

  it("gets signals, decisions and a cancellation when the test says", async () => {
    const asks = {
      name: "asks",
      steps: {
        ok: { type: "approval", subject: { amount: 5 } },
        paid: { type: "wait", signal: "paid", needs: ["ok"] },
      },
      output: "${step.paid.by}",
    };
    const signals = [{ at: "1h", name: "paid", payload: { by: "ann" } }];
    const run = await testWorkflow(asks, { approvals: [{ step: "ok", at: "10m", by: "bob" }], signals });
    expect(run).toMatchObject({ output: "ann", duration: 3_600_000, steps: { ok: { endedAt: 600_000 } } });
    const rejected = await testWorkflow(asks, {
      approvals: [{ step: "ok", decision: "reject", comment: "too dear" }],
    });
    expect(rejected).toMatchObject({ phase: "failed", failure: { error: "Rejected", message: "too dear" } });
    const cancelled = await testWorkflow(asks, {
      approvals: [{ step: "ok" }],
      cancel: { at: "2m", reason: "no" },
    });
    expect(cancelled).toMatchObject({ phase: "cancelled", duration: 120_000 });
  });

  it("ends alike wherever the engine is killed, which the kit tries at every record", async () => {
    const { crashes, phase } = await testWorkflow(order, {
      parameters: { id: 7 },
      steps: { ...given, charge: attempts(fails("Busy"), isLost(), "paid") },
      signals: [{ name: "unheard" }],
      crashes: "every",
    });
    expect(phase).toBe("succeeded");
    expect(crashes).toBeGreaterThan(12);
  });

  it("is refused when a crash changes what it gives", async () => {
    let calls = 0;
    const run = testWorkflow(
      { name: "x", steps: { a: call("count"), b: call("count", { needs: ["a"] }) } },
      { steps: { count: () => ++calls }, crashes: "every" },
    );
    await expect(run).rejects.toThrow(
      /CrashChangesEnd.*record 1:.*\n.*depend on its attempt alone|CrashChangesEnd/,
    );
  });

  it("is played again from the events of a run, with what the test changes", async () => {
    const first = await testWorkflow(order, {
      parameters: { id: 7 },
      steps: { ...given, charge: attempts(fails("Busy", { after: "2s" }), isLost({ after: "1s" }), "paid") },
    });
    const record = recorded(first.events);
    const { output, duration, steps } = await testWorkflow(order, record);
    expect({ output, duration }).toEqual({ output: first.output, duration: first.duration });
    expect(steps["charge"]).toMatchObject({ attempts: 3, lost: 1 });
    const other = await testWorkflow(order, {
      ...record,
      steps: { ...record.steps, ship: fails("Lost", { class: "Terminal" }), release: null },
    });
    expect(other).toMatchObject({
      phase: "failed",
      order: expect.arrayContaining(["reserve!compensate"]) as string[],
    });
  });

  it("says which step has nothing given, and what was probably meant", async () => {
    const run = testWorkflow(order, {
      parameters: { id: 7 },
      steps: { ...given, chrage: 1, charge: undefined },
    });
    expect((await run).phase).toBe("succeeded");
    const { charge: _charge, ...without } = given;
    await expect(
      testWorkflow(order, { parameters: { id: 7 }, steps: { ...without, chrage: 1 } }),
    ).rejects.toThrow(
      /NothingGiven: charge: The run came to the step 'charge' \(the function 'charge'\).*Did you mean it by 'chrage'\?/,
    );
    const undone = { reserve: 3, charge: fails("Declined", { class: "Terminal", message: "no money" }) };
    await expect(testWorkflow(order, { parameters: { id: 7 }, steps: undone })).rejects.toThrow(
      /NothingGiven: reserve!compensate: .* The run had failed by then: Declined: no money/,
    );
    await expect(
      testWorkflow(order, { parameters: { id: 7 }, steps: { ...given, charge: attempts(fails("Busy")) } }),
    ).rejects.toThrow(/tried for the 2nd time; the test gives outcomes for 1/);
  });

  it("is refused for parameters and definitions that are wrong", async () => {
    await expect(testWorkflow(order, { parameters: { id: "x" } })).rejects.toThrow(/InvalidParameters: id: /);
    await expect(testWorkflow({ name: "x", steps: { a: { type: "no" } } })).rejects.toThrow(
      /InvalidValue: steps\.a\.type/,
    );
    await expect(testWorkflow({ StartAt: "A", States: {} })).rejects.toThrow(/States/);
  });
});

describe("a workflow led by hand", () => {
  it("goes on as far as time is let go by, and over a crash", async () => {
    const test = await WorkflowTest.begin(order, { parameters: { id: 7 }, steps: given });
    expect(await test.look()).toMatchObject({ phase: "running", steps: { cool: { phase: "running" } } });
    await test.advance("59m");
    await test.crash();
    expect((await test.advance("30s")).steps["ship"]).toBeUndefined();
    expect(await test.end()).toMatchObject({ phase: "succeeded", duration: 3_600_000 });
  });

  it("is signalled, paused and cancelled", async () => {
    const waits = { name: "w", steps: { a: { type: "wait", signal: "go" }, b: call("b", { needs: ["a"] }) } };
    const test = await WorkflowTest.begin(waits, { steps: { b: succeeds(1, { after: "1m" }) } });
    await test.pause();
    await test.signal("go");
    expect((await test.end()).waiting).toContain("The run is paused.");
    await test.resume();
    expect((await test.look()).steps["b"]).toMatchObject({ phase: "running" });
    await test.cancel("enough");
    expect(await test.end()).toMatchObject({ phase: "cancelled" });
  });
});
