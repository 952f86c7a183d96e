import type { Failure } from "../run/failure.ts";

/** A step that failed for good. `order`: the how many-th of the run it was to be settled. */
export class StepFailure extends Error {
  readonly failure: Failure;
  readonly order: number;

  constructor(failure: Failure, order = Infinity) {
    super(`${failure.error}: ${failure.message}`);
    this.name = "StepFailure";
    this.failure = failure;
    this.order = order;
  }
}

/** What stands around the step is over: another step failed, or the run was cancelled. */
export class Stopped extends Error {
  constructor() {
    super("The scope of this step has ended.");
    this.name = "Stopped";
  }
}
