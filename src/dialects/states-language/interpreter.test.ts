import { expect, it } from "vitest";
import type { Json } from "../../model/resource.ts";
import type { State, StateMachine } from "./definition.ts";
import type { Command, Event, Execution } from "./execution.ts";
import { newExecution, step } from "./interpreter.ts";

const identity = { id: "e", name: "e", roleArn: "r", machineId: "m", machineName: "m", startedAt: 0 };

function machine(States: Readonly<Record<string, State>>, fields: Partial<StateMachine> = {}): StateMachine {
  return { StartAt: Object.keys(States)[0] ?? "", States, ...fields };
}

const task: State = { Type: "Task", Resource: "work", End: true };

/** An execution, and the commands and records of its steps. */
class Driven {
  readonly machine: StateMachine;
  execution: Execution;
  commands: readonly Command[] = [];
  readonly trace: string[] = [];

  constructor(driven: StateMachine, input: Json = {}) {
    this.machine = driven;
    this.execution = newExecution(input, identity, 1);
  }

  async send(event: Event): Promise<void> {
    const done = await step(this.machine, this.execution, event);
    this.commands = done.commands;
    this.trace.push(...done.trace.map(({ type }) => type));
  }

  id(type: Command["type"], index = 0): string {
    const command = this.commands.filter((one) => one.type === type)[index];
    return command !== undefined && "id" in command ? command.id : `there is no ${type}`;
  }
}

async function started(driven: StateMachine, input?: Json): Promise<Driven> {
  const one = new Driven(driven, input);
  await one.send({ type: "started", at: 0 });
  return one;
}

it("an answer that comes twice, or for a task that is over, changes nothing", async () => {
  const one = await started(machine({ A: { ...task, End: false, Next: "B" }, B: task }));
  const id = one.id("run-task");
  await one.send({ type: "task-succeeded", id, output: 1, at: 1 });
  const second = one.id("run-task");
  await one.send({ type: "task-succeeded", id, output: 2, at: 2 });
  await one.send({ type: "task-failed", id: "0#999", error: "Late", cause: "", at: 2 });
  expect(one.commands).toEqual([]);
  await one.send({ type: "task-succeeded", id: second, output: 3, at: 3 });
  await one.send({ type: "aborted", at: 4 });
  expect(one.execution).toMatchObject({ status: "SUCCEEDED", output: 3 });
});

it("an execution that was stored and loaded goes on as if it had not been", async () => {
  const fan: State = {
    Type: "Map",
    ItemProcessor: machine({ W: task }),
    MaxConcurrency: 1,
    ResultPath: "$.done",
    End: true,
  };
  const definition = machine({ M: { ...fan, ItemsPath: "$.items" } });
  const one = await started(definition, { items: ["a", "b", "c"] });
  for (let at = 1; one.execution.status === "RUNNING"; at++) {
    one.execution = structuredClone(one.execution);
    await one.send({ type: "task-succeeded", id: one.id("run-task"), output: at, at });
  }
  expect(one.execution.output).toEqual({ items: ["a", "b", "c"], done: [1, 2, 3] });
});

it("the same events give the same execution, chance and all", async () => {
  const roll: State = {
    Type: "Pass",
    Parameters: { "id.$": "States.UUID()", "at.$": "$$.State.EnteredTime" },
    End: true,
  };
  const [one, other] = [await started(machine({ R: roll })), await started(machine({ R: roll }))];
  expect(one.execution.output).toEqual(other.execution.output);
});

it("a machine that loops without waiting gives the process back and can be aborted", async () => {
  const loop: State = { Type: "Pass", Next: "Loop" };
  const one = await started(machine({ Loop: loop }));
  expect(one.commands).toEqual([{ type: "continue" }]);
  await one.send({ type: "continued", at: 1 });
  expect(one.commands).toEqual([{ type: "continue" }]);
  await one.send({ type: "aborted", at: 2 });
  expect(one.execution.status).toBe("ABORTED");
});

it("a task that fails is tried again after its delay, then caught", async () => {
  const flaky: State = {
    ...task,
    Retry: [{ ErrorEquals: ["Busy"], IntervalSeconds: 5, MaxAttempts: 1 }],
    Catch: [{ ErrorEquals: ["States.ALL"], Next: "C", ResultPath: "$.error" }],
  };
  const one = await started(machine({ A: flaky, C: { Type: "Pass", End: true } }), { n: 1 });
  await one.send({ type: "task-failed", id: one.id("run-task"), error: "Busy", cause: "x", at: 1_000 });
  expect(one.commands).toEqual([{ type: "start-timer", id: one.id("start-timer"), at: 6_000 }]);
  await one.send({ type: "timer-fired", id: one.id("start-timer"), at: 6_000 });
  expect(one.commands).toMatchObject([{ type: "run-task", retryCount: 1 }]);
  await one.send({ type: "task-failed", id: one.id("run-task"), error: "Busy", cause: "y", at: 7_000 });
  expect(one.execution.output).toEqual({ n: 1, error: { Error: "Busy", Cause: "y" } });
});

it("each heartbeat begins its time anew; one that does not come times the task out", async () => {
  const one = await started(machine({ A: { ...task, HeartbeatSeconds: 10, TimeoutSeconds: 60 } }));
  const id = one.id("run-task");
  const [timeout, first] = [one.id("start-timer"), one.id("start-timer", 1)];
  await one.send({ type: "task-heartbeat", id, at: 9_000 });
  const second = one.id("start-timer");
  expect(one.commands).toEqual([
    { type: "cancel-timer", id: first },
    { type: "start-timer", id: second, at: 19_000 },
  ]);
  await one.send({ type: "timer-fired", id: first, at: 10_000 });
  expect(one.execution.status).toBe("RUNNING");
  await one.send({ type: "timer-fired", id: second, at: 19_000 });
  expect(one.execution).toMatchObject({ status: "FAILED", error: "States.Timeout" });
  expect(one.commands).toContainEqual({ type: "cancel-task", id });
  expect(one.commands).toContainEqual({ type: "cancel-timer", id: timeout });
});

it("the first branch that fails calls off the others", async () => {
  const Branches = [
    machine({ A: task }),
    machine({ B: { Type: "Wait", Seconds: 9, End: true } }),
    machine({ C: task }),
  ];
  const one = await started(machine({ P: { Type: "Parallel", Branches, End: true } }));
  const [first, third] = [one.id("run-task"), one.id("run-task", 1)];
  const timer = one.id("start-timer");
  await one.send({ type: "task-failed", id: third, error: "E", cause: "c", at: 1 });
  expect(one.execution).toMatchObject({ status: "FAILED", error: "E", cause: "c" });
  expect(one.commands).toContainEqual({ type: "cancel-task", id: first });
  expect(one.commands).toContainEqual({ type: "cancel-timer", id: timer });
});

it("results of a Map stand in the order of its items, in whatever order they come; only so many run at once", async () => {
  const map: State = { Type: "Map", ItemProcessor: machine({ W: task }), MaxConcurrency: 2, End: true };
  const one = await started(machine({ M: map }), ["a", "b", "c"]);
  expect(one.commands).toHaveLength(2);
  const first = one.id("run-task");
  await one.send({ type: "task-succeeded", id: one.id("run-task", 1), output: "B", at: 1 });
  await one.send({ type: "task-succeeded", id: one.id("run-task"), output: "C", at: 2 });
  await one.send({ type: "task-succeeded", id: first, output: "A", at: 3 });
  expect(one.execution.output).toEqual(["A", "B", "C"]);
});

it("a distributed Map tolerates as many failures as it says", async () => {
  const fails: State = {
    Type: "Choice",
    Choices: [{ Variable: "$", NumericGreaterThan: 1, Next: "F" }],
    Default: "S",
  };
  const inner = machine({ C: fails, F: { Type: "Fail", Error: "Bad" }, S: { Type: "Succeed" } });
  const map = (count: number): State => ({
    Type: "Map",
    ItemProcessor: { ...inner, ProcessorConfig: { Mode: "DISTRIBUTED" } },
    ToleratedFailureCount: count,
    End: true,
  });
  expect((await started(machine({ M: map(2) }), [1, 2, 3])).execution).toMatchObject({
    status: "SUCCEEDED",
    output: [1],
  });
  const failed = await started(machine({ M: map(1) }), [1, 2, 3]);
  expect(failed.execution).toMatchObject({
    status: "FAILED",
    error: "States.ExceedToleratedFailureThreshold",
  });
});

it("ten thousand iterations are done in bounded steps", async () => {
  const map: State = { Type: "Map", ItemProcessor: machine({ P: { Type: "Pass", End: true } }), End: true };
  const items = Array.from({ length: 10_000 }, (_, index) => index);
  const one = await started(machine({ M: map }), items);
  while (one.execution.status === "RUNNING") await one.send({ type: "continued", at: 1 });
  expect(one.execution.output).toEqual(items);
  expect(one.execution.threads.size).toBe(0);
});

it("data nested deeper than the stack fails the execution, not the process", async () => {
  const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000)) as Json;
  const one = await started(machine({ A: { Type: "Pass", Parameters: { "a.$": "$" }, End: true } }), deep);
  expect(one.execution).toMatchObject({ status: "FAILED", error: "States.Runtime" });
});

it("a machine that takes longer than it may is timed out", async () => {
  const one = await started(machine({ A: task }, { TimeoutSeconds: 30 }));
  await one.send({ type: "timer-fired", id: one.id("start-timer"), at: 30_000 });
  expect(one.execution).toMatchObject({ status: "TIMED_OUT", error: "States.Timeout" });
  expect(one.trace.at(-1)).toBe("ExecutionTimedOut");
});

it("variables set in a branch are not seen outside; those of outside are seen in it", async () => {
  const inner: State = {
    Type: "Pass",
    Assign: { own: 1, outer: 2 },
    Parameters: { "seen.$": "$outer" },
    End: true,
  };
  const one = await started(
    machine({
      Set: { Type: "Pass", Assign: { outer: 1 }, Next: "P" },
      P: { Type: "Parallel", Branches: [machine({ I: inner })], Next: "Get" },
      Get: { Type: "Pass", Parameters: { "outer.$": "$outer", "branches.$": "$" }, End: true },
    }),
  );
  expect(one.execution.output).toEqual({ outer: 1, branches: [{ seen: 1 }] });
});
