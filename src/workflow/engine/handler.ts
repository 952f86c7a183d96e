/** The code behind steps. */
import type { Failure } from "../run/failure.ts";
import { failed } from "../run/events.ts";
import type { TaskStep } from "./interpreter.ts";

export interface Attempt {
  readonly run: string;
  readonly path: string;
  readonly step: TaskStep;
  readonly input: unknown;
  /** Counted from 1, with those lost. */
  readonly attempt: number;
  /** The same in every attempt of the step: what the effect outside is made unique by (I12). */
  readonly idempotencyKey: string;
  /** When the step was ready for the first time, milliseconds since the epoch: the same after a restart. */
  readonly since: number;
  /** Aborted when the result is no longer wanted. */
  readonly signal: AbortSignal;
}

/** Gives a JSON value. What it throws is Retryable, unless it is a TaskError that says otherwise. */
export type Handler = (attempt: Attempt) => unknown;

/** How a handler names its failure, for retry and catch. */
export class TaskError extends Error {
  readonly failure: Failure;

  constructor(
    error: string,
    message: string,
    options: { readonly terminal?: boolean; readonly details?: unknown } = {},
  ) {
    super(message);
    this.name = error;
    this.failure = {
      ...failed(options.terminal === true ? "Terminal" : "Retryable", error, message),
      details: options.details,
    };
  }
}

/** Of whatever was thrown, which need not be an Error. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof TaskError) return thrown.failure;
  if (thrown instanceof Error) return failed("Retryable", thrown.name, thrown.message);
  return failed("Retryable", "Error", "The handler threw something that is no Error.");
}
