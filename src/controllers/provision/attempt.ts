/**
 * When making, changing or removing something has failed, decided purely. An attempt begins with the first thing that is done
 * outside for what is declared now, and ends when that is so; it stands in the status, so that a restart gives no time back.
 *
 *   begun --failure, time left, retries left--> goes on --ready, gone--> over
 *     '--TerminalError | more failures in a row than `retries` | longer than the timeout--> failed --ready | declared anew | asked to try again--> over
 *
 *  - What has failed is looked at again now and then, and may yet come right.
 *  - Failures are counted only where `retries` bounds them, so that nothing is written for each.
 */
import { lifecycleOf } from "../../kinds/lifecycle.ts";
import { formatDuration, parseDuration } from "../../model/duration.ts";
import { type Draft, REQUESTS, type Resource } from "../../model/resource.ts";
import { TerminalError } from "../../provider/provider.ts";

export interface Attempt {
  readonly operation: "create" | "update" | "delete";
  readonly generation: number;
  /** The request to make it anew that it answers. */
  readonly replace?: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** In a row, where they are counted. */
  readonly failures?: number;
}

export interface Failure {
  /** One word in upper camel case. */
  readonly reason: string;
  readonly message: string;
}

interface Attempted {
  readonly attempt?: Attempt;
  readonly made?: unknown;
  readonly replaced?: string;
}

export interface Retried {
  /** The request to try again that was seen last: what is said of it was found out since. */
  readonly retried?: string;
}

export function isRetried({ metadata, status }: Resource): boolean {
  const { retried } = (status ?? {}) as Retried;
  return metadata.annotations?.[REQUESTS.retry] !== retried;
}

/** The one under way, or a new one. */
export function attemptAt(resource: Resource, isRemoval: boolean, now: number): Attempt {
  const { generation } = resource.metadata;
  const { attempt: before } = (resource.status ?? {}) as Attempted;
  const replace = resource.metadata.annotations?.[REQUESTS.replace];
  const isSame =
    before?.generation === generation &&
    before.replace === replace &&
    !isRetried(resource) &&
    (before.operation === "delete") === isRemoval;
  if (isSame) return before;
  const operation = isRemoval ? "delete" : isToBeMade(resource) ? "create" : "update";
  return { operation, generation, ...(replace === undefined ? {} : { replace }), since: now };
}

function isToBeMade({ metadata, status }: Resource): boolean {
  const { attempt, made, replaced } = (status ?? {}) as Attempted;
  const replace = metadata.annotations?.[REQUESTS.replace];
  const isOwed = replace !== undefined && replace !== replaced;
  return made === undefined || isOwed || attempt?.operation === "create";
}

interface Bounds {
  /** Milliseconds; for ever when absent. */
  readonly timeout: number | undefined;
  readonly retries: number | undefined;
}

export function boundsOf(resource: Resource, { operation }: Attempt): Bounds {
  const { timeouts, retries } = lifecycleOf(resource as Draft);
  const timeout = timeouts?.[operation];
  return { timeout: timeout === undefined ? undefined : parseDuration(timeout), retries };
}

/** With one failure more; the same when they are not counted, or as many as count. */
export function withFailure(attempt: Attempt, { retries }: Bounds): Attempt {
  const failures = attempt.failures ?? 0;
  return retries === undefined || failures > retries ? attempt : { ...attempt, failures: failures + 1 };
}

const DONE = { create: "made", update: "changed", delete: "removed" } as const;

/** Undefined while there is hope. `message`: why it is not so yet, one sentence. */
export function failureOf(
  attempt: Attempt,
  { timeout, retries }: Bounds,
  now: number,
  message: string,
  error?: unknown,
): Failure | undefined {
  if (error instanceof TerminalError) return { reason: error.diagnostic.code, message };
  if (retries !== undefined && (attempt.failures ?? 0) > retries)
    return { reason: "RetriesUsedUp", message: `It failed ${attempt.failures} times in a row. ${message}` };
  if (timeout !== undefined && now - attempt.since >= timeout)
    return {
      reason: "TimedOut",
      message: `It was not ${DONE[attempt.operation]} within ${formatDuration(timeout)}. ${message}`,
    };
  return undefined;
}
