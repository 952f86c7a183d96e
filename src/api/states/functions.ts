/** What state machines may ask of this control plane itself, as functions: another execution, and a worker of an activity. */
import { createHash } from "node:crypto";
import {
  ACTIVITY,
  AWAIT_EXECUTION,
  START_EXECUTION,
} from "../../dialects/states-language/engine/integrations.ts";
import { readArn } from "../../dialects/states-language/engine/names.ts";
import { isObject } from "../../dialects/states-language/json-path.ts";
import { hasEnded, runId } from "../../controller/runs.ts";
import type { Json, JsonObject } from "../../model/resource.ts";
import { type Attempt, type StepType, TaskError } from "../../workflow/engine/step-type.ts";
import { type StatesContext, type StatesOptions, arn } from "./context.ts";
import { Fault } from "./fault.ts";
import {
  executionOfRun,
  inputOfRun,
  outcomeOf,
  requireRun,
  startOf,
  startRun,
  statusOfRun,
  whenEnded,
} from "./runs.ts";

/** Function steps: those of state machines here, all others by `others`. */
export function withStates(options: StatesOptions, others: StepType): StepType {
  const own: Readonly<Record<string, (context: StatesContext, attempt: Attempt) => Promise<unknown>>> = {
    [ACTIVITY]: offered,
    [START_EXECUTION]: started,
    [AWAIT_EXECUTION]: awaited,
  };
  const handlerOf = (step: Attempt["step"]): (typeof own)[string] | undefined =>
    step.type === "function" && Object.hasOwn(own, step.handler) ? own[step.handler] : undefined;
  return {
    ...others,
    ...(others.ready === undefined
      ? {}
      : {
          ready: (step, signal, of) =>
            handlerOf(step) === undefined
              ? (others.ready?.(step, signal, of) ?? Promise.resolve())
              : Promise.resolve(),
        }),
    execute: (attempt) => {
      const handler = handlerOf(attempt.step);
      if (handler === undefined) return others.execute(attempt);
      const [namespace = "default"] = attempt.run.split("/");
      return handler({ ...options, namespace, actor: `run:${attempt.run}`, signal: attempt.signal }, attempt);
    },
  };
}

function offered({ namespace, activities }: StatesContext, { input, signal }: Attempt): Promise<unknown> {
  const { activity, token, input: given } = input as { activity: string; token: string; input: unknown };
  const [name = ""] = readArn(activity)?.rest ?? [];
  return activities.offer(arn(namespace, "activity", name), { token, input: given }, signal);
}

/** Named after the step unless the state names it, so that a step that is done again starts nothing twice. */
async function started(context: StatesContext, attempt: Attempt): Promise<unknown> {
  const given = isObject(attempt.input as Json) ? (attempt.input as JsonObject) : {};
  const { StateMachineArn: machine, Input: input = {}, Name: name } = given;
  const own = createHash("sha256").update(attempt.idempotencyKey).digest("hex").slice(0, 32);
  try {
    const run = await startRun(context, {
      stateMachineArn: String(machine ?? ""),
      name: typeof name === "string" ? name : own,
      input: typeof input === "string" ? input : JSON.stringify(input),
      chance: 0,
    });
    return { ExecutionArn: executionOfRun(run).arn, StartDate: startOf(run) * 1_000 };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new TaskError(`StepFunctions.${error.name}Exception`, error.message, { terminal: true });
  }
}

async function awaited(context: StatesContext, { input, signal }: Attempt): Promise<unknown> {
  const run = requireRun(context, String((input as JsonObject)["ExecutionArn"] ?? ""));
  const ended = await whenEnded(context, run, signal);
  if (ended === undefined)
    throw new TaskError("States.TaskFailed", "The execution was deleted.", { terminal: true });
  if (!hasEnded(ended)) {
    await context.cancel(runId(run), "The execution that waits for it was stopped.");
    throw signal.reason;
  }
  const { arn: executionArn, name, machineArn } = executionOfRun(ended);
  const { stopDate, output, error, cause } = await outcomeOf(context, ended);
  const status = statusOfRun(ended);
  const described = {
    ExecutionArn: executionArn,
    Input: JSON.stringify(inputOfRun(ended)),
    InputDetails: { Included: true },
    Name: name,
    ...(output === undefined ? {} : { Output: output, OutputDetails: { Included: true } }),
    ...(error === undefined ? {} : { Error: error }),
    ...(cause === undefined ? {} : { Cause: cause }),
    StartDate: startOf(ended) * 1_000,
    StateMachineArn: machineArn,
    Status: status,
    StopDate: Number(stopDate) * 1_000,
  };
  if (status === "SUCCEEDED") return described;
  throw new TaskError("States.TaskFailed", `The execution ended ${status}.`, {
    terminal: true,
    details: { cause: JSON.stringify(described) },
  });
}
