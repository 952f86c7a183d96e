/**
 * How a task is done by steps of the engine: a phase is one step, and what its outcome means for the execution.
 *
 *     call       function ------------------------------> succeeded | failed
 *     callback   function (the request) -> signal -> ...-> succeeded | failed      a heartbeat waits for the next signal
 *     activity   function (somebody takes it) -> signal -> ...
 *     job        function (the request) -> function (waits for its end) -> succeeded | failed
 *
 * Answers from outside are signals of the run, so they are durable before whoever sent them is told so, wherever the
 * execution is at that moment.
 */
import type { TaskStep } from "../../../workflow/engine/interpreter.ts";
import type { Failure } from "../../../workflow/run/failure.ts";
import type { Json } from "../../../model/resource.ts";
import type { Event } from "../execution.ts";

/** An event whose time is that of what caused it. */
export type Occurrence = Event extends infer One ? (One extends Event ? Omit<One, "at"> : never) : never;

export type PhaseOutcome =
  | { readonly is: "succeeded"; readonly result: Json }
  | { readonly is: "failed"; readonly failure: Failure };

/** What happens now, and what is done next for the task. */
export interface Following {
  readonly events: readonly Occurrence[];
  readonly next?: Phase;
}

export interface Phase {
  /** After the task's path; of one task each is different. */
  readonly suffix: string;
  readonly step: TaskStep;
  readonly follow: (outcome: PhaseOutcome) => Following;
  /** The same under the task's TimeoutSeconds. Absent: the limit is a timer of the execution. */
  within?(timer: string, seconds: number): Phase;
}

export interface Request {
  readonly id: string;
  readonly step: TaskStep;
  /** From what the step gave to the task's result. */
  readonly result: (given: Json) => Json;
  /** The cause of a failed task. */
  readonly cause: (failure: Failure) => string | undefined;
}

/** What a signal to a waiting task says. */
export type Answer =
  | { readonly output: Json }
  | { readonly error?: string; readonly cause?: string }
  | { readonly heartbeat: true };

/** Of the signals that answer the task. */
export function signalOf(id: string): string {
  return `task-${id.slice(id.lastIndexOf("#") + 1)}`;
}

export function call(request: Request): Following {
  return { events: [{ type: "task-started", id: request.id }], next: calling(request) };
}

/** Submitted as soon as it is asked for: nobody tells when a job of this kind was taken. */
export function job(request: Request): Following {
  const { events, ...rest } = call(request);
  return { events: [...events, { type: "task-submitted", id: request.id }], ...rest };
}

function calling(request: Request): Phase {
  const { id, step } = request;
  return {
    suffix: "",
    step,
    follow: (outcome) => ended(request, outcome),
    within: (timer, seconds) => ({
      suffix: "",
      step: { ...step, timeouts: { total: `${seconds}s` } },
      follow: (outcome) =>
        outcome.is === "failed" && outcome.failure.class === "Timeout"
          ? { events: [{ type: "timer-fired", id: timer }] }
          : ended({ ...request, id }, outcome),
    }),
  };
}

function ended({ id, result, cause }: Request, outcome: PhaseOutcome): Following {
  if (outcome.is === "succeeded")
    return { events: [{ type: "task-succeeded", id, output: result(outcome.result) }] };
  const { failure } = outcome;
  const error = NAMES[failure.error] ?? failure.error;
  return {
    events: [{ type: "task-failed", id, error: error === "" ? undefined : error, cause: cause(failure) }],
  };
}

/** Of the engine's own failures, as the language knows them. */
const NAMES: Readonly<Record<string, string>> = { NoHandler: "States.TaskFailed", Timeout: "States.Timeout" };

export function callback(request: Request): Following {
  const { id, step } = request;
  const asking: Phase = {
    suffix: "",
    step,
    follow: (outcome) =>
      outcome.is === "failed"
        ? ended(request, outcome)
        : { events: [{ type: "task-submitted", id }], next: answering(id, 1) },
  };
  return { events: [{ type: "task-started", id }], next: asking };
}

export function activity(request: Request): Following {
  const { id, step } = request;
  const offering: Phase = {
    suffix: "",
    step,
    follow: (outcome) =>
      outcome.is === "failed"
        ? ended(request, outcome)
        : { events: [{ type: "task-started", id }], next: answering(id, 1) },
  };
  return { events: [], next: offering };
}

/** `wait`: from what was submitted to the step that waits for its end. */
export function jobOf(request: Request, wait: (submitted: Json) => TaskStep): Following {
  const { id, step } = request;
  const submitting: Phase = {
    suffix: "",
    step,
    follow: (outcome) =>
      outcome.is === "failed"
        ? ended(request, outcome)
        : {
            events: [{ type: "task-submitted", id }],
            next: {
              suffix: "!end",
              step: wait(outcome.result),
              follow: (last) => ended(request, last),
            },
          },
  };
  return { events: [{ type: "task-started", id }], next: submitting };
}

function answering(id: string, count: number): Phase {
  return {
    suffix: count === 1 ? "!answer" : `!answer#${count}`,
    step: { type: "wait", signal: signalOf(id) },
    follow: (outcome) => {
      if (outcome.is === "failed") {
        const { error, message } = outcome.failure;
        return { events: [{ type: "task-failed", id, error, cause: message }] };
      }
      const answer = outcome.result as Answer;
      if ("heartbeat" in answer)
        return { events: [{ type: "task-heartbeat", id }], next: answering(id, count + 1) };
      if ("output" in answer) return { events: [{ type: "task-succeeded", id, output: answer.output }] };
      return { events: [{ type: "task-failed", id, error: answer.error, cause: answer.cause }] };
    },
  };
}
