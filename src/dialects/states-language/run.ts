/**
 * One step of an execution while it is taken: the execution, the commands and the trace so far, and the moves that every state shares
 * (enter, leave, fail). What a type of state does is in states.ts and fan-out.ts.
 */
import type { Json } from "../../model/resource.ts";
import {
  type Catcher,
  type QueryLanguage,
  type State,
  type StateMachine,
  processorOf,
} from "./definition.ts";
import { handlerFor, retryDelay } from "./failure-handling.ts";
import type { Command, Execution, Outcome, Thread, TraceRecord, Waiting } from "./execution.ts";
import { jsonBytes } from "./json-text.ts";
import { StatesError } from "./states-error.ts";

/** The most a state may give on, in bytes of JSON text: the service's quota. */
export const MAX_PAYLOAD_BYTES = 262_144;

export class Run {
  readonly machine: StateMachine;
  readonly execution: Execution;
  readonly at: number;
  readonly commands: Command[] = [];
  readonly trace: TraceRecord[] = [];

  constructor(machine: StateMachine, execution: Execution, at: number) {
    this.machine = machine;
    this.execution = execution;
    this.at = at;
  }

  machineOf(thread: Thread): StateMachine {
    let machine = this.machine;
    for (let depth = 0; depth < thread.machine.length; depth += 2) {
      const state = machine.States[String(thread.machine[depth])];
      const inner = thread.machine[depth + 1];
      if (state === undefined)
        throw new Error(`The definition has no state '${String(thread.machine[depth])}'.`);
      machine = typeof inner === "number" ? branchOf(state, inner) : processorOf(state);
    }
    return machine;
  }

  stateOf(thread: Thread): State {
    const state = this.machineOf(thread).States[thread.state];
    if (state === undefined) throw new Error(`The definition has no state '${thread.state}'.`);
    return state;
  }

  languageOf(state: State): QueryLanguage {
    return state.QueryLanguage ?? this.machine.QueryLanguage ?? "JSONPath";
  }

  newId(thread: Pick<Thread, "id">): string {
    return `${thread.id}#${this.execution.sequence++}`;
  }

  record(thread: Thread, type: string, details: TraceRecord["details"] = {}): void {
    if (!thread.hidden) this.trace.push({ type, ...placeOf(thread), details });
  }

  recordState(thread: Thread, type: string, value: Json): void {
    if (!thread.hidden) this.trace.push({ type, state: thread.state, value, ...placeOf(thread) });
  }

  /** `task`: whose TimeoutSeconds they are. */
  startTimer(id: string, seconds: number, task?: string): void {
    const bounds = task === undefined ? {} : { bounds: { task, seconds } };
    this.commands.push({ type: "start-timer", id, at: this.at + seconds * 1_000, ...bounds });
  }

  enter(thread: Thread, name: string, input: Json): void {
    thread.state = name;
    thread.input = input;
    thread.enteredAt = this.at;
    thread.retries = [];
    thread.retryCount = this.execution.single?.retryCount ?? 0;
    thread.waiting = undefined;
    this.recordState(thread, `${this.stateOf(thread).Type}StateEntered`, input);
    this.execution.work.push({ kind: "run", thread: thread.id });
  }

  /** The state is done. `next` undefined ends the thread's machine. */
  leave(thread: Thread, output: Json, next: string | undefined): void {
    this.recordState(thread, `${this.stateOf(thread).Type}StateExited`, output);
    if (this.execution.single !== undefined) {
      this.execution.single.nextState = next;
      this.end(thread, { output });
    } else if (next === undefined) this.end(thread, { output });
    else this.execution.work.push({ kind: "enter", thread: thread.id, state: next, input: output });
  }

  checkSize(value: Json, name: string): void {
    if (jsonBytes(value) <= MAX_PAYLOAD_BYTES) return;
    throw new StatesError(
      "States.DataLimitExceeded",
      `The state/task '${name}' returned a result with a size exceeding the maximum number of bytes service limit.`,
    );
  }

  /** The thread's machine is done, well or not. */
  end(thread: Thread, outcome: Outcome): void {
    thread.waiting = undefined;
    if (thread.parent !== undefined) {
      this.execution.work.push({ kind: "ended", thread: thread.id, outcome });
    } else if ("output" in outcome) this.#finish("SUCCEEDED", outcome);
    else this.#finish("FAILED", outcome);
  }

  abort(status: "ABORTED" | "TIMED_OUT" | "FAILED", outcome: Outcome): void {
    this.#finish(status, outcome);
  }

  #finish(status: "SUCCEEDED" | "FAILED" | "ABORTED" | "TIMED_OUT", outcome: Outcome): void {
    const { execution } = this;
    for (const thread of execution.threads.values()) this.stopWaiting(thread);
    execution.threads.clear();
    if (execution.timeout !== undefined) this.commands.push({ type: "cancel-timer", id: execution.timeout });
    execution.timeout = undefined;
    execution.work = [];
    execution.status = status;
    if ("output" in outcome) execution.output = outcome.output;
    else {
      execution.error = outcome.error;
      execution.cause = outcome.cause;
    }
    const words = { SUCCEEDED: "Succeeded", FAILED: "Failed", ABORTED: "Aborted", TIMED_OUT: "TimedOut" };
    const details: TraceRecord["details"] = "output" in outcome ? { output: outcome.output } : { ...outcome };
    this.trace.push({ type: `Execution${words[status]}`, details });
  }

  /** Calls off whatever a thread waits for. */
  stopWaiting(thread: Thread): void {
    const { waiting } = thread;
    thread.waiting = undefined;
    if (waiting === undefined || waiting.kind === "children") return;
    const isTimer = waiting.kind === "timer" || waiting.kind === "retry";
    this.commands.push({ type: isTimer ? "cancel-timer" : "cancel-task", id: waiting.id });
    this.stopTimers(waiting);
  }

  stopTimers(waiting: Waiting): void {
    if (waiting.kind !== "task") return;
    for (const id of [waiting.timeout, waiting.heartbeat]) {
      if (id !== undefined) this.commands.push({ type: "cancel-timer", id });
    }
  }

  /** The state failed: by Retry it runs again later; else `caught` gives what a Catcher does; else the thread's machine fails. */
  async fail(
    thread: Thread,
    error: StatesError,
    caught: (run: Run, thread: Thread, catcher: Catcher, error: StatesError) => Promise<void>,
  ): Promise<void> {
    const state = this.stateOf(thread);
    thread.waiting = undefined;
    if (error.error === "States.QueryEvaluationError" && !error.ofChild)
      this.record(thread, "EvaluationFailed", { ...failureOf(error), state: thread.state });
    if (this.#retry(thread, state, error)) return;
    const isFanOut = state.Type === "Map" || state.Type === "Parallel";
    if (isFanOut && error.error !== "States.Runtime") this.record(thread, `${state.Type}StateFailed`);
    const found = handlerFor(state.Catch, error);
    if (found === undefined) this.end(thread, { error: error.error, cause: error.explanation });
    else {
      if (this.execution.single !== undefined) {
        this.execution.single.ended = "CAUGHT_ERROR";
        this.execution.error = error.error;
        this.execution.cause = error.explanation;
      }
      await caught(this, thread, found.handler, error);
    }
  }

  #retry(thread: Thread, state: State, error: StatesError): boolean {
    const { single, chance } = this.execution;
    const found = handlerFor(state.Retry, error);
    if (found === undefined) return false;
    const attempts = thread.retries[found.index] ?? single?.retryCount ?? 0;
    const delay = retryDelay(found.handler, attempts, chance);
    if (delay === undefined) return false;
    if (single !== undefined) {
      single.ended = "RETRIABLE";
      this.end(thread, { error: error.error, cause: error.explanation });
      return true;
    }
    thread.retries[found.index] = attempts + 1;
    thread.retryCount++;
    thread.waiting = { kind: "retry", id: this.newId(thread) };
    this.startTimer(thread.waiting.id, delay);
    return true;
  }
}

function placeOf({ id, parent }: Thread): Pick<TraceRecord, "thread" | "parent"> {
  return parent === undefined ? { thread: id } : { thread: id, parent: parent.id };
}

export function failureOf({ error, explanation }: StatesError): {
  readonly error: string | undefined;
  readonly cause: string | undefined;
} {
  return { error, cause: explanation };
}

function branchOf(state: State, index: number): StateMachine {
  const branch = state.Branches?.[index];
  if (branch === undefined) throw new Error(`The state has no branch ${index}.`);
  return branch;
}
