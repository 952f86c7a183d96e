/**
 * The interpreter of the States Language: a state machine of its own.
 *
 *     step(definition, execution, event) -> { commands, trace }
 *
 * It reads no clock and does no I/O: time comes with the events, chance from the execution's seed, work is asked for by commands. The
 * same events in the same order give the same execution, so a journal of events is all a durable engine needs to keep. `step` changes the
 * execution in place; steps of one execution are taken one after another. It is asynchronous only because JSONata is.
 *
 * A step goes on until every thread waits, or for MAX_WORK pieces of work; then it asks for a `continued` event, so that a machine which
 * loops without waiting cannot hold the process.
 */
import type { Json } from "../../model/resource.ts";
import { complete, exitCaught, passOn } from "./data-flow.ts";
import type { Catcher, StateMachine } from "./definition.ts";
import type {
  Command,
  Event,
  Execution,
  Identity,
  SingleState,
  Thread,
  TraceRecord,
  Waiting,
  Work,
} from "./execution.ts";
import { childEnded, finish, runMap, runParallel, startItems, stopChildren } from "./fan-out.ts";
import { Run, failureOf } from "./run.ts";
import { behaviours, taskKind } from "./states.ts";
import { StatesError, runtimeError } from "./states-error.ts";

const ROOT = "0";
const MAX_WORK = 10_000;

/** An execution that waits for its `started` event. `seed` is any 32-bit number. */
export function newExecution(
  input: Json,
  identity: Identity,
  seed: number,
  single?: Pick<SingleState, "context" | "retryCount">,
): Execution {
  return {
    identity,
    input,
    chance: { seed },
    threads: new Map(),
    mapRuns: [],
    status: "RUNNING",
    output: undefined,
    error: undefined,
    cause: undefined,
    work: [],
    sequence: 0,
    timeout: undefined,
    single: single === undefined ? undefined : { ...single, ended: undefined, nextState: undefined },
  };
}

export interface Step {
  readonly commands: readonly Command[];
  readonly trace: readonly TraceRecord[];
}

/** `together` happened at the time of `event`: all of it is known before anything follows from it. */
export async function step(
  machine: StateMachine,
  execution: Execution,
  event: Event,
  together: readonly Event[] = [],
): Promise<Step> {
  const run = new Run(machine, execution, event.at);
  for (const one of [event, ...together]) if (execution.status === "RUNNING") await apply(run, one);
  if (execution.status === "RUNNING") await work(run);
  return { commands: run.commands, trace: run.trace };
}

async function apply(run: Run, event: Event): Promise<void> {
  const { execution } = run;
  if (event.type === "started") start(run);
  else if (event.type === "aborted") run.abort("ABORTED", { error: undefined, cause: undefined });
  else if (event.type === "exhausted") run.abort("FAILED", { error: event.error, cause: event.cause });
  else if (event.type === "timer-fired" && event.id === execution.timeout) {
    run.abort("TIMED_OUT", { error: "States.Timeout", cause: undefined });
  } else if ("id" in event) {
    const thread = execution.threads.get(event.id.slice(0, event.id.lastIndexOf("#")));
    if (thread?.waiting !== undefined) await guarded(run, thread, () => receive(run, thread, event));
  }
}

function start(run: Run): void {
  const { execution, machine } = run;
  if (execution.threads.size > 0) return;
  run.trace.push({
    type: "ExecutionStarted",
    details: { input: execution.input, roleArn: execution.identity.roleArn },
  });
  const root: Thread = {
    id: ROOT,
    parent: undefined,
    machine: [],
    hidden: false,
    item: undefined,
    variables: {},
    state: "",
    input: execution.input,
    enteredAt: run.at,
    retries: [],
    retryCount: 0,
    waiting: undefined,
  };
  execution.threads.set(ROOT, root);
  if (machine.TimeoutSeconds !== undefined) {
    execution.timeout = run.newId({ id: "execution" });
    run.startTimer(execution.timeout, machine.TimeoutSeconds);
  }
  execution.work.push({ kind: "enter", thread: ROOT, state: machine.StartAt, input: execution.input });
}

async function work(run: Run): Promise<void> {
  const { execution } = run;
  let done = 0;
  while (done < execution.work.length && done < MAX_WORK && execution.status === "RUNNING") {
    const piece = execution.work[done++] as Work;
    const thread = execution.threads.get(piece.thread);
    if (thread !== undefined) await carryOut(run, thread, piece);
  }
  execution.work = execution.work.slice(done);
  if (execution.work.length > 0) run.commands.push({ type: "continue" });
}

async function carryOut(run: Run, thread: Thread, piece: Work): Promise<void> {
  if (piece.kind === "enter") run.enter(thread, piece.state, piece.input);
  else if (piece.kind === "run") await guarded(run, thread, () => runState(run, thread));
  else {
    const parent = run.execution.threads.get(thread.parent?.id ?? "");
    if (parent !== undefined) await guarded(run, parent, () => childEnded(run, thread, piece.outcome));
  }
}

async function runState(run: Run, thread: Thread): Promise<void> {
  const state = run.stateOf(thread);
  if (state.Type === "Map") await runMap(run, thread, state);
  else if (state.Type === "Parallel") await runParallel(run, thread, state);
  else await behaviours[state.Type](run, thread, state);
}

/** Does something of a thread; an error of the language is a failure of its state. */
async function guarded(run: Run, thread: Thread, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const known = stated(error);
    if (thread.waiting?.kind === "children") stopChildren(run, thread.waiting, undefined);
    await failState(run, thread, known);
  }
}

/** The error as the language knows it. Data nested too deep for the stack is a fault of the data; anything else is ours. */
function stated(error: unknown): StatesError {
  if (error instanceof StatesError) return error;
  if (error instanceof RangeError) return runtimeError(`The data cannot be worked on: ${error.message}.`);
  throw error;
}

async function failState(run: Run, thread: Thread, error: StatesError): Promise<void> {
  try {
    await run.fail(thread, error, caught);
  } catch (second) {
    // What a Catcher does can fail too; that is caught by nobody.
    const known = stated(second);
    if (known.error === "States.QueryEvaluationError")
      run.record(thread, "EvaluationFailed", { ...failureOf(known), state: thread.state });
    run.end(thread, { error: known.error, cause: known.explanation });
  }
}

function caught(run: Run, thread: Thread, catcher: Catcher, error: StatesError): Promise<void> {
  const unnamed = error.error === undefined && error.explanation === undefined;
  const errorOutput: Json = unnamed
    ? { Error: null, Cause: null }
    : { Error: error.error ?? null, Cause: error.explanation ?? "" };
  return exitCaught(run, thread, catcher, errorOutput);
}

type Received = Extract<Event, { readonly id: string }>;

async function receive(run: Run, thread: Thread, event: Received): Promise<void> {
  const { waiting } = thread;
  if (waiting === undefined) return;
  if (waiting.kind === "task") await receiveForTask(run, thread, waiting, event);
  else if (waiting.kind !== "children" && waiting.id === event.id) await arrived(run, thread, waiting, event);
}

async function arrived(run: Run, thread: Thread, waiting: Waiting, event: Received): Promise<void> {
  const state = run.stateOf(thread);
  if (event.type === "timer-fired") {
    thread.waiting = undefined;
    if (waiting.kind === "timer") await passOn(run, thread, state, state.Next);
    if (waiting.kind === "retry") run.execution.work.push({ kind: "run", thread: thread.id });
  } else if (event.type === "items-failed") {
    run.record(thread, "MapRunFailed", { error: event.error, cause: event.cause });
    throw new StatesError(event.error ?? "States.ItemReaderFailed", event.cause);
  } else if (event.type === "results-failed") {
    run.record(thread, "MapRunFailed", { error: event.error, cause: event.cause });
    throw new StatesError(event.error ?? "States.ResultWriterFailed", event.cause);
  } else if (event.type === "items-read" && waiting.kind === "items") {
    await startItems(run, thread, state, event.items.slice(0, waiting.maxItems), waiting.stateInput);
  } else if (event.type === "results-written") {
    thread.waiting = undefined;
    await finish(run, thread, state, event.output);
  }
}

async function receiveForTask(
  run: Run,
  thread: Thread,
  waiting: Extract<Waiting, { readonly kind: "task" }>,
  event: Received,
): Promise<void> {
  const state = run.stateOf(thread);
  const kind = taskKind(state.Resource ?? "");
  if (event.type === "timer-fired") {
    if (event.id === waiting.timeout || event.id === waiting.heartbeat) timeOut(run, thread, event.id);
  } else if (event.id !== waiting.id) return;
  else if (event.type === "task-started") run.record(thread, `${kind}Started`);
  else if (event.type === "task-submitted") run.record(thread, `${kind}Submitted`);
  else if (event.type === "task-heartbeat") beat(run, thread, waiting);
  else {
    run.stopTimers(waiting);
    thread.waiting = undefined;
    await answered(run, thread, event);
  }
}

async function answered(run: Run, thread: Thread, event: Received): Promise<void> {
  const state = run.stateOf(thread);
  const kind = taskKind(state.Resource ?? "");
  if (event.type === "task-failed") {
    run.record(thread, `${kind}Failed`, { error: event.error, cause: event.cause });
    throw new StatesError(event.error, event.cause);
  }
  if (event.type !== "task-succeeded") return;
  try {
    run.checkSize(event.output, thread.state);
  } catch (error) {
    run.record(thread, `${kind}Failed`, failureOf(stated(error)));
    throw error;
  }
  run.record(thread, `${kind}Succeeded`, { output: event.output });
  await complete(run, thread, state, event.output);
}

function timeOut(run: Run, thread: Thread, id: string): never {
  const { waiting } = thread;
  run.record(thread, `${taskKind(run.stateOf(thread).Resource ?? "")}TimedOut`, { error: "States.Timeout" });
  run.stopWaiting(thread);
  const heartbeat = waiting?.kind === "task" && id === waiting.heartbeat;
  throw new StatesError("States.Timeout", undefined, { heartbeat });
}

function beat(run: Run, thread: Thread, waiting: Extract<Waiting, { readonly kind: "task" }>): void {
  if (waiting.heartbeat === undefined || waiting.heartbeatSeconds === undefined) return;
  run.commands.push({ type: "cancel-timer", id: waiting.heartbeat });
  waiting.heartbeat = run.newId(thread);
  run.startTimer(waiting.heartbeat, waiting.heartbeatSeconds);
}
