/**
 * An error as the States Language knows it: a name that Retry and Catch match on, and a cause for people. Whatever goes wrong while a
 * state runs is one of these; anything else thrown is a fault of ours.
 */
export class StatesError extends Error {
  /** `undefined` where a worker failed without naming an error. */
  readonly error: string | undefined;
  readonly explanation: string | undefined;
  /** The error was a heartbeat that did not come; it is also known as States.HeartbeatTimeout. */
  readonly heartbeat: boolean;

  /** A child failed with it: the evaluation that failed, if one did, is recorded already. */
  readonly ofChild: boolean;

  constructor(
    error: string | undefined,
    explanation: string | undefined,
    { heartbeat = false, ofChild = false } = {},
  ) {
    super(`${error ?? "an unnamed error"}: ${explanation ?? "no cause is given"}`);
    this.name = "StatesError";
    this.error = error;
    this.explanation = explanation;
    this.heartbeat = heartbeat;
    this.ofChild = ofChild;
  }
}

/** The input does not fit the definition. No state can retry or catch it. */
export function runtimeError(explanation: string): StatesError {
  return new StatesError("States.Runtime", explanation);
}

/** A JSONata expression failed, or gave a value of the wrong type. */
export function queryError(explanation: string): StatesError {
  return new StatesError("States.QueryEvaluationError", explanation);
}
