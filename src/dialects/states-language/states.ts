/** What each type of state does when it runs. Map and Parallel are in fan-out.ts. */
import type { Json } from "../../model/resource.ts";
import { holds } from "./choice.ts";
import { argumentsOf, complete, effectiveInput, evaluate, numberOf, passOn, pathScope } from "./data-flow.ts";
import type { ChoiceRule, State } from "./definition.ts";
import type { Thread } from "./execution.ts";
import { jsonText } from "./json-text.ts";
import { evaluatePath } from "./path-expression.ts";
import type { Run } from "./run.ts";
import { StatesError, queryError, runtimeError } from "./states-error.ts";
import { taskToken } from "./task-token.ts";
import { parseTimestamp } from "./timestamp.ts";

type Behaviour = (run: Run, thread: Thread, state: State) => Promise<void>;

const pass: Behaviour = async (run, thread, state) => {
  const result = await argumentsOf(run, thread, state);
  await complete(run, thread, state, state.Result ?? result);
};

const succeed: Behaviour = (run, thread, state) => passOn(run, thread, state, undefined);

const fail: Behaviour = async (run, thread, state) => {
  const root = effectiveInput(run, thread, state);
  const text = async (name: "Error" | "Cause"): Promise<string | undefined> => {
    const path = state[`${name}Path`];
    const given = state[name];
    if (path === undefined && given === undefined) return undefined;
    const value =
      path === undefined
        ? await evaluate(run, thread, given as Json, name, { root })
        : evaluatePath(path, pathScope(run, thread, { root }), `${name}Path`);
    if (typeof value === "string") return value;
    const explanation = `The field '${name}' is a string, not ${jsonText(value)}.`;
    throw path === undefined ? queryError(explanation) : runtimeError(explanation);
  };
  run.end(thread, { error: await text("Error"), cause: await text("Cause") });
};

const choice: Behaviour = async (run, thread, state) => {
  const input = effectiveInput(run, thread, state);
  for (const rule of state.Choices ?? []) {
    if (!(await isChosen(run, thread, rule, input))) continue;
    await passOn(run, thread, rule, rule.Next);
    return;
  }
  if (state.Default === undefined) {
    throw new StatesError(
      "States.NoChoiceMatched",
      "No rule of the Choice state holds, and it has no Default.",
    );
  }
  await passOn(run, thread, state, state.Default);
};

async function isChosen(run: Run, thread: Thread, rule: ChoiceRule, input: Json): Promise<boolean> {
  if (rule.Condition === undefined) return holds(rule, pathScope(run, thread, { root: input }));
  const value = await evaluate(run, thread, rule.Condition, "Condition", { root: input });
  if (typeof value !== "boolean") {
    throw queryError(`The Condition '${String(rule.Condition)}' is true or false, not ${jsonText(value)}.`);
  }
  return value;
}

const wait: Behaviour = async (run, thread, state) => {
  const input = effectiveInput(run, thread, state);
  const at = await wakeAt(run, thread, state, input);
  const id = run.newId(thread);
  thread.waiting = { kind: "timer", id };
  run.commands.push({ type: "start-timer", id, at });
};

const MAX_WAIT_SECONDS = 99_999_999;

async function wakeAt(run: Run, thread: Thread, state: State, root: Json): Promise<number> {
  const seconds = await numberOf(run, thread, state, "Seconds", root);
  if (seconds !== undefined) {
    if (seconds < 0) throw runtimeError(`The SecondsPath parameter references a negative value: ${seconds}`);
    if (seconds > MAX_WAIT_SECONDS) throw runtimeError(`A wait is at most ${MAX_WAIT_SECONDS} seconds.`);
    return run.at + seconds * 1_000;
  }
  const path = state.TimestampPath;
  const value =
    path === undefined
      ? await evaluate(run, thread, state.Timestamp as Json, "Timestamp", { root })
      : evaluatePath(path, pathScope(run, thread, { root }), "TimestampPath");
  const at = typeof value === "string" ? parseTimestamp(value) : undefined;
  if (at !== undefined) return Math.max(at, run.at);
  const explanation = `The field '${path === undefined ? "Timestamp" : "TimestampPath"}' is a timestamp as 2030-01-31T12:00:00Z, not ${jsonText(value)}.`;
  throw path === undefined ? queryError(explanation) : runtimeError(explanation);
}

/** The records of a task's history have the name of what it calls. */
export function taskKind(resource: string): "LambdaFunction" | "Activity" | "Task" {
  if (/^arn:[^:]*:lambda:/.test(resource)) return "LambdaFunction";
  return /^arn:[^:]*:states:[^:]*:[^:]*:activity:/.test(resource) ? "Activity" : "Task";
}

const task: Behaviour = async (run, thread, state) => {
  const id = run.newId(thread);
  const root = effectiveInput(run, thread, state);
  const given = await argumentsOf(run, thread, state, taskToken(run.execution.identity.id, id));
  const credentials =
    state.Credentials === undefined
      ? undefined
      : await evaluate(run, thread, state.Credentials, "Credentials", { root });
  const timeout = await positive(run, thread, state, "TimeoutSeconds", root);
  const heartbeatSeconds = await positive(run, thread, state, "HeartbeatSeconds", root);
  startTask(run, thread, state, { id, given, credentials, timeout, heartbeatSeconds });
};

interface TaskStart {
  readonly id: string;
  readonly given: Json;
  readonly credentials: Json | undefined;
  readonly timeout: number | undefined;
  readonly heartbeatSeconds: number | undefined;
}

export function startTask(run: Run, thread: Thread, state: State, start: TaskStart): void {
  const { id, given, credentials, timeout, heartbeatSeconds } = start;
  const resource = state.Resource ?? state.Type;
  const timer = (seconds: number | undefined, task?: string): string | undefined => {
    if (seconds === undefined) return undefined;
    const timerId = run.newId(thread);
    run.startTimer(timerId, seconds, task);
    return timerId;
  };
  const limits = { timeoutInSeconds: timeout, heartbeatInSeconds: heartbeatSeconds };
  run.record(thread, `${taskKind(resource)}Scheduled`, { resource, parameters: given, ...limits });
  run.commands.push({
    type: "run-task",
    id,
    state: thread.state,
    stateInput: thread.input,
    resource,
    arguments: given,
    credentials,
    retryCount: thread.retryCount,
  });
  thread.waiting = {
    kind: "task",
    id,
    timeout: timer(timeout, id),
    heartbeat: timer(heartbeatSeconds),
    heartbeatSeconds,
  };
}

async function positive(
  run: Run,
  thread: Thread,
  state: State,
  name: string,
  root: Json,
): Promise<number | undefined> {
  const seconds = await numberOf(run, thread, state, name, root);
  if (seconds !== undefined && seconds <= 0) throw runtimeError(`${name} is positive, not ${seconds}.`);
  return seconds;
}

export const behaviours: Readonly<Record<Exclude<State["Type"], "Map" | "Parallel">, Behaviour>> = {
  Pass: pass,
  Succeed: succeed,
  Fail: fail,
  Choice: choice,
  Wait: wait,
  Task: task,
};
