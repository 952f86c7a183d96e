/** When a failed attempt is followed by another. */
import { createHash } from "node:crypto";
import { type Failure, matches } from "./failure.ts";

export interface RetryRule {
  readonly errors: readonly string[];
  /** Attempts in all, with the first. */
  readonly attempts: number;
  /** Milliseconds before the second attempt. */
  readonly interval: number;
  /** What each further pause is multiplied with. */
  readonly rate: number;
  /** Milliseconds, longest pause. */
  readonly maximum: number;
  readonly jitter: boolean;
}

/**
 * Milliseconds until the next attempt, or undefined when there is none. `counted` are the attempts so far that used up the
 * budget, with the failed one. With jitter the pause is anywhere between nothing and its full length (Brooker,
 * "Exponential Backoff and Jitter", AWS Architecture Blog, 2015: full jitter), drawn from `seed`, so that the same run
 * always waits alike.
 */
export function pauseAfter(
  rules: readonly RetryRule[],
  failure: Failure,
  counted: number,
  seed: string,
): number | undefined {
  if (failure.class === "Terminal" || failure.class === "Cancelled") return undefined;
  const rule = rules.find(({ errors }) => matches(failure, errors));
  if (rule === undefined || counted >= rule.attempts) return undefined;
  const pause = Math.min(rule.maximum, rule.interval * rule.rate ** (counted - 1));
  const drawn = rule.jitter ? Math.floor(pause * fraction(`${seed}/${counted}`)) : pause;
  return Math.max(drawn, Math.min(rule.maximum, askedPause(failure)));
}

/** What whoever failed asked for, as `retryAfter` in its details, milliseconds: a server's Retry-After. */
function askedPause({ details }: Failure): number {
  const asked = (details as { readonly retryAfter?: unknown } | null | undefined)?.retryAfter;
  return typeof asked === "number" && asked > 0 ? asked : 0;
}

/** A number in [0, 1) that depends on the text alone. */
function fraction(text: string): number {
  return createHash("sha256").update(text).digest().readUIntBE(0, 6) / 2 ** 48;
}
