/** State machines as programs of workflows, in virtual time. */
import { expect, test } from "vitest";
import { ManualClock } from "../../../clock/manual.ts";
import { defineWorkflow } from "../../../workflow/definition/definition.ts";
import { type Engine, openEngine } from "../../../workflow/engine/engine.ts";
import { elapse } from "../../../workflow/engine/fixtures/virtual.ts";
import { type Handler, functionsHere } from "../../../workflow/engine/functions.ts";
import { TaskError } from "../../../workflow/engine/step-type.ts";
import { MemoryJournal } from "../../../workflow/journal/memory.ts";
import type { Verdict } from "../../../workflow/run/events.ts";
import { readTaskToken } from "../task-token.ts";
import { DIALECT, statesLanguage } from "./dialect.ts";
import { signalOf } from "./phases.ts";
import { recorded } from "./recorded.ts";

const RUN = "shop/order-1";

interface Started {
  readonly engine: Engine;
  readonly clock: ManualClock;
  readonly ended: () => Promise<Verdict>;
  readonly types: () => Promise<readonly string[]>;
}

async function start(
  machine: object,
  handlers: Readonly<Record<string, Handler>> = {},
  input: unknown = {},
): Promise<Started> {
  const definition = defineWorkflow({
    name: "o.rders",
    steps: {},
    program: { dialect: DIALECT, definition: machine },
  });
  const clock = new ManualClock();
  const engine = await openEngine({
    journal: new MemoryJournal(),
    clock,
    definitions: [definition],
    dialects: [statesLanguage],
    steps: { function: functionsHere(handlers) },
  });
  await engine.start({ definition, id: RUN, input });
  return {
    engine,
    clock,
    ended: () => elapse(clock, engine.result(RUN)),
    types: async () => {
      const { records } = await recorded(RUN, await engine.state(RUN), machine as never, noBlobs);
      return records.map(({ type }) => type);
    },
  };
}

const noBlobs = (): Promise<string> => Promise.reject(new Error("There is none."));
const one = (state: object): object => ({ StartAt: "Only", States: { Only: { ...state, End: true } } });
const lambda = (name: string, more: object): object => ({
  Type: "Task",
  Resource: `arn:aws:lambda:us-east-1:123456789012:function:${name}`,
  ...more,
});
const task = (resource: string, more: object = {}): object =>
  one({ Type: "Task", Resource: resource, ...more });

test("a function is called by the name in its ARN, and its result is the output", async () => {
  const { ended } = await start(
    task("arn:aws:lambda:us-east-1:123456789012:function:double:live"),
    { double: ({ input }) => (input as { n: number }).n * 2 },
    { n: 21 },
  );
  expect(await ended()).toEqual({ is: "succeeded", output: 42 });
});

test("an input that is no object comes as the only field $input of the parameters", async () => {
  const { ended } = await start(one({ Type: "Pass" }), {}, { $input: [1, "two", null] });
  expect(await ended()).toEqual({ is: "succeeded", output: [1, "two", null] });
});

test("lambda:invoke gives the function its payload, and the state what the service answers", async () => {
  const machine = task("arn:aws:states:::lambda:invoke", {
    Parameters: { FunctionName: "greet", "Payload.$": "$.who" },
  });
  const { ended } = await start(machine, { greet: ({ input }) => `hello ${String(input)}` }, { who: "you" });
  expect(await ended()).toMatchObject({ output: { Payload: "hello you", StatusCode: 200 } });
});

test("an error of a function is the state's, with the cause that the service would tell", async () => {
  const machine = {
    StartAt: "Charge",
    States: {
      Charge: {
        Type: "Task",
        Resource: "arn:aws:lambda:eu:1:function:charge",
        Catch: [{ ErrorEquals: ["Declined"], Next: "Done" }],
        End: true,
      },
      Done: { Type: "Pass", Parameters: { "why.$": "States.StringToJson($.Cause)" }, End: true },
    },
  };
  const declined = (): never => {
    throw new TaskError("Declined", "There is no money.");
  };
  const { ended } = await start(machine, { charge: declined });
  expect(await ended()).toMatchObject({
    output: { why: { errorType: "Declined", errorMessage: "There is no money." } },
  });
});

test("a service that nobody stands for fails the task, and says which function is missing", async () => {
  const { ended } = await start(
    task("arn:aws:states:::sqs:sendMessage", { Parameters: { MessageBody: "x" } }),
  );
  const verdict = await ended();
  expect(verdict).toMatchObject({ is: "failed", failure: { error: "States.TaskFailed" } });
  expect(JSON.stringify(verdict)).toContain("sqs.sendMessage");
});

test("a callback waits for its token; heartbeats prolong it; the answer is durable before it is needed", async () => {
  let token = "";
  const machine = task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", {
    Parameters: { MessageBody: { "token.$": "$$.Task.Token" } },
    HeartbeatSeconds: 60,
  });
  const send: Handler = ({ input }) => {
    ({ token } = (input as { MessageBody: { token: string } }).MessageBody);
    return {};
  };
  const { engine, clock, ended, types } = await start(machine, { "sqs.sendMessage": send });
  await clock.advance(50_000);
  const { id = "", execution } = readTaskToken(token) ?? {};
  expect(execution).toBe("arn:aws:states:local:shop:execution:Orders:order-1");
  await engine.signal(RUN, { id: "1", name: signalOf(id), payload: { heartbeat: true } });
  await clock.advance(50_000);
  await engine.signal(RUN, { id: "2", name: signalOf(id), payload: { output: "paid" } });
  expect(await ended()).toEqual({ is: "succeeded", output: "paid" });
  expect(await types()).toEqual([
    "ExecutionStarted",
    "TaskStateEntered",
    "TaskScheduled",
    "TaskStarted",
    "TaskSubmitted",
    "TaskSucceeded",
    "TaskStateExited",
    "ExecutionSucceeded",
  ]);
});

test("a callback whose heartbeat does not come is States.Timeout, which States.HeartbeatTimeout catches", async () => {
  const machine = {
    StartAt: "Ask",
    States: {
      Ask: {
        Type: "Task",
        Resource: "arn:aws:states:::sns:publish.waitForTaskToken",
        HeartbeatSeconds: 5,
        Catch: [{ ErrorEquals: ["States.HeartbeatTimeout"], Next: "Late" }],
        End: true,
      },
      Late: { Type: "Pass", Result: "late", End: true },
    },
  };
  const { ended } = await start(machine, { "sns.publish": () => ({}) });
  expect(await ended()).toEqual({ is: "succeeded", output: "late" });
});

test("TimeoutSeconds ends a function that never returns, and the execution goes on", async () => {
  const machine = task("arn:aws:lambda:eu:1:function:hang", { TimeoutSeconds: 3 });
  const { ended } = await start(machine, { hang: () => new Promise(() => undefined) });
  expect(await ended()).toMatchObject({
    is: "failed",
    failure: { class: "Terminal", error: "States.Timeout" },
  });
});

test("the machine's own TimeoutSeconds ends the execution as timed out", async () => {
  const machine = { ...one({ Type: "Wait", Seconds: 100 }), TimeoutSeconds: 3 };
  const { ended } = await start(machine);
  expect(await ended()).toMatchObject({
    is: "failed",
    failure: { class: "Timeout", error: "States.Timeout" },
  });
});

test("a machine that loops without waiting ends at the service's quota of history", async () => {
  const machine = {
    StartAt: "A",
    States: { A: { Type: "Pass", Next: "B" }, B: { Type: "Pass", Next: "A" } },
  };
  const { ended } = await start(machine);
  expect(await ended()).toMatchObject({ is: "failed", failure: { error: "States.Runtime" } });
});

test("a started machine answers .sync with its end, and its output as text; .sync:2 as JSON", async () => {
  const handlers = {
    "states:startExecution": () => ({ ExecutionArn: "arn" }),
    "states:awaitExecution": ({ input }: { input: unknown }) => ({ started: input, Output: '{"n":1}' }),
  };
  for (const [suffix, output] of [
    ["", { ExecutionArn: "arn" }],
    [".sync", { started: { ExecutionArn: "arn" }, Output: '{"n":1}' }],
    [".sync:2", { started: { ExecutionArn: "arn" }, Output: { n: 1 } }],
  ]) {
    const { ended } = await start(task(`arn:aws:states:::states:startExecution${String(suffix)}`), handlers);
    expect(await ended()).toEqual({ is: "succeeded", output });
  }
});

test("a run that is cancelled is an execution that was aborted", async () => {
  const { engine, clock, ended, types } = await start(one({ Type: "Wait", Seconds: 100 }));
  await clock.advance(1);
  await engine.cancel(RUN, "enough", 1_000);
  expect(await ended()).toEqual({ is: "cancelled", reason: "enough" });
  expect(await types()).toEqual(["ExecutionStarted", "WaitStateEntered", "ExecutionAborted"]);
});

test("all that is wrong with a definition is told at once, each with its place", () => {
  const machine = { StartAt: "Nowhere", States: { A: { Type: "Task", Next: "B" }, C: { Type: "Fog" } } };
  const problems = statesLanguage.check(machine);
  expect(problems.length).toBeGreaterThan(3);
  expect(problems.map(({ path }) => path)).toContain("States.A");
});

test("a fork goes on from a task, with what was settled before it, whatever was settled first", async () => {
  const calls: string[] = [];
  let isBroken = true;
  const { engine, clock, ended } = await start(
    {
      StartAt: "Both",
      States: {
        Both: {
          Type: "Parallel",
          Branches: [
            {
              StartAt: "Pause",
              States: {
                Pause: { Type: "Wait", Seconds: 5, Next: "Left" },
                Left: lambda("left", { End: true }),
              },
            },
            { StartAt: "Right", States: { Right: lambda("right", { End: true }) } },
          ],
          Next: "Last",
        },
        Last: lambda("last", { End: true }),
      },
    },
    {
      left: () => calls.push("left"),
      right: () => calls.push("right"),
      last: ({ input }) => {
        calls.push("last");
        if (isBroken) throw new TaskError("Broken", "It is broken.", { terminal: true });
        return input;
      },
    },
  );
  expect(await ended()).toMatchObject({ is: "failed" });
  expect(calls).toEqual(["right", "left", "last"]);
  isBroken = false;
  await engine.fork({ source: RUN, id: "shop/again" });
  expect(await elapse(clock, engine.result("shop/again"))).toEqual({ is: "succeeded", output: [2, 1] });
  expect(calls).toEqual(["right", "left", "last", "last"]);
  await engine.fork({ source: "shop/again", id: "shop/whole", from: "" });
  await elapse(clock, engine.result("shop/whole"));
  expect(calls.slice(4)).toEqual(["right", "left", "last"]);
});
