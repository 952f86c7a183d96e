/** `retry` of a definition as the rules that the machine reads. */
import { parseDuration } from "../../model/duration.ts";
import type { Retry } from "../definition/workflow.ts";
import type { RetryRule } from "../run/retry.ts";

const rules = new WeakMap<readonly Retry[], readonly RetryRule[]>();

export function rulesOf(retry: readonly Retry[]): readonly RetryRule[] {
  const known = rules.get(retry);
  if (known !== undefined) return known;
  const made = retry.map(ruleOf);
  rules.set(retry, made);
  return made;
}

function ruleOf({
  errors,
  attempts,
  interval = "1s",
  rate = 2,
  maximum = "1h",
  jitter = "full",
}: Retry): RetryRule {
  return {
    errors,
    attempts,
    interval: parseDuration(interval),
    rate,
    maximum: parseDuration(maximum),
    jitter: jitter === "full",
  };
}
