/**
 * Why an attempt did not succeed. The class says who may try again:
 *
 * | class     | meaning                                                    | tried again                           |
 * |-----------|------------------------------------------------------------|---------------------------------------|
 * | Retryable | the step said so, or threw                                 | as its `retry` says                   |
 * | Terminal  | trying again cannot help                                   | never                                 |
 * | InfraLost | the worker, process or machine under it is gone            | at once, free of the retry budget     |
 * | Cancelled | somebody cancelled it                                      | never                                 |
 * | Timeout   | a time limit of the attempt or of the step                 | as its `retry` says; `total` never    |
 */
export const failureClasses = ["Retryable", "Terminal", "InfraLost", "Cancelled", "Timeout"] as const;

export type FailureClass = (typeof failureClasses)[number];

export interface Failure {
  readonly class: FailureClass;
  /** The error's name, which retry and catch match: `PaymentDeclined`. */
  readonly error: string;
  readonly message: string;
  /** What the handler adds, for the catch. */
  readonly details?: unknown;
}

/** What a retry or catch lists: names, classes, or `*` for whatever is a failure of the step itself. */
export function matches(failure: Failure, errors: readonly string[]): boolean {
  if (failure.class === "Cancelled") return false;
  return errors.some((one) => one === "*" || one === failure.error || one === failure.class);
}
