/**
 * Whether a failed attempt may be made again: pure.
 *
 * The rule of RFC 9110 §9.2.2: what may have been processed is repeated only when repeating is harmless (idempotent
 * methods); what was certainly not sent may always be repeated. Nothing is repeated once the client has seen a byte.
 */
import type { FailureKind } from "./upstream.ts";

export interface Attempt {
  readonly kind: FailureKind;
  readonly method: string;
  /** Whether any byte of the request was handed to the member's connection. */
  readonly sent: boolean;
  /** Whether the connection had carried requests before: then it was most likely closed for idleness. */
  readonly reused: boolean;
  /** Whether the client was sent any part of the response. */
  readonly responded: boolean;
  /** Whether the body can be sent again from its start. */
  readonly replayable: boolean;
  readonly retriesLeft: number;
}

/**
 * - `another`: on another member, the failure counts against this one.
 * - `same`: the member is not to blame (stale connection): any member, on a new connection.
 * - `give-up`: tell the client.
 */
export type RetryDecision = "another" | "same" | "give-up";

const IDEMPOTENT = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
  "PROPFIND",
  "REPORT",
  "SEARCH",
  "QUERY",
]);

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

export function decideRetry(attempt: Attempt): RetryDecision {
  if (attempt.responded || attempt.kind === "timeout") return "give-up";
  if (!attempt.sent) return attempt.kind === "connect" ? "another" : "same";
  if (!isIdempotent(attempt.method) || !attempt.replayable) return "give-up";
  // A stale connection costs no retry: the next attempt uses a new one, so it happens once.
  if (attempt.reused && attempt.kind === "closed") return "same";
  return attempt.retriesLeft > 0 ? "another" : "give-up";
}
