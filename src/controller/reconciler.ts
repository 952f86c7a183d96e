/**
 * The contract of everything that keeps something true. A reconciler takes a key, reads what is wanted and what is, and
 * brings the second nearer to the first (I4). It is called again whenever something it watches has changed, after a
 * failure, at start, and when it asked for it; it must not matter how often.
 *
 * Outcomes
 *  - returns nothing: done until something changes.
 *  - returns `{ requeueAfter }`: look again after that many milliseconds.
 *  - throws TerminalError: it cannot work until somebody changes something; reported, not retried.
 *  - throws RequeueAfter: nothing to do before that delay; not an error.
 *  - throws anything else: reported, retried with back-off and jitter.
 */
import type { Clock } from "../clock/clock.ts";
import type { Key } from "../model/resource.ts";
import type { Cause, Change } from "../store/store.ts";

export interface ReconcileContext {
  /** Builds the cause of a write: this controller, what it does, and the change that made it look (I5). */
  readonly cause: (action: string) => Cause;
  readonly signal: AbortSignal;
}

export type Outcome = { readonly requeueAfter: number } | undefined | void;

export interface Controller {
  readonly name: string;
  /** Which keys a change concerns. Called for every change in the store: be quick, look at `change.key.kind` first. */
  readonly concerns: (change: Change) => Iterable<Key>;
  /** Keys to look at when starting. */
  readonly initial: () => Iterable<Key>;
  readonly reconcile: (key: Key, context: ReconcileContext) => Promise<Outcome>;
  /** How many keys are worked on at once; 16 when absent. */
  readonly concurrency?: number;
  /** After this long every key of `initial` is looked at again, in milliseconds; never when absent. */
  readonly resync?: number;
  /** Called once when the runtime stops. */
  readonly stop?: () => void | Promise<void>;
}

export interface Logger {
  debug(keys: object, message: string): void;
  info(keys: object, message: string): void;
  warn(keys: object, message: string): void;
  error(keys: object, message: string): void;
}

export const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface RuntimeOptions {
  readonly clock: Clock;
  readonly log?: Logger;
  /** Told of each reconcile when it has ended, in milliseconds; also of those that failed. */
  readonly reconciled?: (controller: string, duration: number, failed: boolean) => void;
}
