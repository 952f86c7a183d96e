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
