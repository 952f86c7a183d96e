/** Retry and Catch: which of them an error is for, and how long to wait before the next attempt (States Language, "Errors"). */
import { type Chance, draw } from "./chance.ts";
import type { Retrier } from "./definition.ts";
import type { StatesError } from "./states-error.ts";

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_INTERVAL = 1;
const DEFAULT_RATE = 2;

/** Whether a Retrier or Catcher is for an error. */
function matches(names: readonly string[], error: StatesError): boolean {
  return names.some((name) => {
    if (name === "States.ALL") return true;
    if (name === "States.TaskFailed") return error.error !== "States.Timeout";
    if (name === "States.HeartbeatTimeout" && error.heartbeat) return true;
    return name === error.error;
  });
}

/** The first for an error. States.Runtime is for none: no further attempt could end otherwise. */
export function handlerFor<T extends { readonly ErrorEquals: readonly string[] }>(
  handlers: readonly T[] | undefined,
  error: StatesError,
): { readonly handler: T; readonly index: number } | undefined {
  if (error.error === "States.Runtime") return undefined;
  const index = (handlers ?? []).findIndex((one) => matches(one.ErrorEquals, error));
  const handler = handlers?.[index];
  return handler === undefined ? undefined : { handler, index };
}

/** Seconds until the attempt after `attempts` failed ones by this Retrier, or undefined where it has no more. */
export function retryDelay(retrier: Retrier, attempts: number, chance: Chance): number | undefined {
  if (attempts >= (retrier.MaxAttempts ?? DEFAULT_ATTEMPTS)) return undefined;
  const grown =
    (retrier.IntervalSeconds ?? DEFAULT_INTERVAL) * (retrier.BackoffRate ?? DEFAULT_RATE) ** attempts;
  const delay = Math.min(grown, retrier.MaxDelaySeconds ?? Infinity);
  return retrier.JitterStrategy === "FULL" ? delay * draw(chance) : delay;
}
