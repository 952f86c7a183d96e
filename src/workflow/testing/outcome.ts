/** What a test lets a step come to, instead of doing it. */
import type { Attempt } from "../engine/step-type.ts";
import type { FailureClass } from "../run/failure.ts";

const mark = Symbol("outcome");

/** How one attempt ends. `after`: how long it takes, in virtual time. */
export type Outcome = { readonly [mark]: true; readonly after: string | number } & (
  | { readonly is: "result"; readonly result: unknown }
  | {
      readonly is: "failure";
      readonly class: FailureClass;
      readonly error: string;
      readonly message: string;
      readonly details?: unknown;
    }
  | { readonly is: "never" }
);

/** One outcome for each attempt, the attempts of a step counted without those that a crash of the engine took. */
export interface Attempts {
  readonly [mark]: true;
  readonly is: "attempts";
  readonly outcomes: readonly (Outcome | GivenFunction)[];
}

/** An attempt that time can pass in. */
export interface GivenAttempt extends Attempt {
  /** A duration (`5s`) or milliseconds of virtual time, which stands still while the function does anything else. */
  sleep(duration: string | number): Promise<void>;
}

/** Gives a result (JSON) or an Outcome. What it throws is the failure of the attempt. */
export type GivenFunction = (attempt: GivenAttempt) => unknown;

/** A plain value is the result of every attempt; a list is a result as well: `attempts(...)` is what differs by attempt. */
export type Given = unknown;

export interface OutcomeOptions {
  readonly after?: string | number;
}

export interface FailureOptions extends OutcomeOptions {
  readonly message?: string;
  /** Retryable when absent. */
  readonly class?: FailureClass;
  readonly details?: unknown;
}

export function succeeds(result: unknown = null, { after = 0 }: OutcomeOptions = {}): Outcome {
  return { [mark]: true, is: "result", result, after };
}

/** `error`: the name that retry and catch match. */
export function fails(
  error: string,
  {
    message = `given by the test`,
    class: failureClass = "Retryable",
    details,
    after = 0,
  }: FailureOptions = {},
): Outcome {
  return {
    [mark]: true,
    is: "failure",
    class: failureClass,
    error,
    message,
    after,
    ...(details === undefined ? {} : { details }),
  };
}

/** The attempt's time is up. */
export const timesOut = ({ after = 0 }: OutcomeOptions = {}): Outcome =>
  fails("Timeout", { class: "Timeout", message: "The test lets the attempt time out.", after });

/** The machine or process below the attempt is gone, which costs no retry. */
export const isLost = ({ after = 0 }: OutcomeOptions = {}): Outcome =>
  fails("InfraLost", {
    class: "InfraLost",
    message: "The test takes away what the attempt ran on.",
    after,
  });

/** Only a time limit, or the end of the run, ends the attempt. */
export const neverReturns = (): Outcome => ({ [mark]: true, is: "never", after: 0 });

export function attempts(...outcomes: readonly unknown[]): Attempts {
  return {
    [mark]: true,
    is: "attempts",
    outcomes: outcomes.map(
      (one) => (isOutcome(one) || typeof one === "function" ? one : succeeds(one)) as Outcome,
    ),
  };
}

export function isOutcome(value: unknown): value is Outcome {
  return isMarked(value) && value.is !== "attempts";
}

export function isAttempts(value: unknown): value is Attempts {
  return isMarked(value) && value.is === "attempts";
}

function isMarked(value: unknown): value is Outcome | Attempts {
  return typeof value === "object" && value !== null && mark in value;
}
