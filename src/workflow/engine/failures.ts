import type { Failure } from "../run/failure.ts";

/** A step that failed for good. `order`: the how many-th of the run it was to be settled; `at`: when, as recorded. */
export class StepFailure extends Error {
  readonly failure: Failure;
  readonly order: number;
  readonly at: number;

  constructor(failure: Failure, order = Infinity, at = 0) {
    super(`${failure.error}: ${failure.message}`);
    this.name = "StepFailure";
    this.failure = failure;
    this.order = order;
    this.at = at;
  }
}

/** What stands around the step is over: another step failed, or the run was cancelled. */
export class Stopped extends Error {
  constructor() {
    super("The scope of this step has ended.");
    this.name = "Stopped";
  }
}

/** It says nothing about the steps, and the run halts with it: nothing is waited for, nothing undone. */
export function isFault(error: unknown): boolean {
  return !(error instanceof StepFailure) && !(error instanceof Stopped);
}

/** Failures of steps before being stopped by them. */
export function firstOf(failures: readonly unknown[]): unknown {
  const own = failures.filter((error) => error instanceof StepFailure);
  return own.length === 0 ? failures[0] : own.reduce((first, one) => (one.order < first.order ? one : first));
}
