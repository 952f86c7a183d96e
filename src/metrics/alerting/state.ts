/**
 * What must outlive the process: silences and what has been notified of. Alerts need not: their senders send again.
 * `save` is called before what it saves is acted upon or answered, and returns when a `kill -9` can no longer undo it.
 */
import type { Silence } from "./silence.ts";

/** What one integration was last told of a group. */
export interface NotificationEntry {
  /** Of group and integration. */
  readonly key: string;
  /** Fingerprints. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly expiresAt: number;
}

export type StateChange =
  | { readonly kind: "silence"; readonly silence: Silence }
  | { readonly kind: "silence-forgotten"; readonly id: string }
  | { readonly kind: "notification"; readonly entry: NotificationEntry }
  | { readonly kind: "notification-forgotten"; readonly key: string };

export interface StoredState {
  readonly silences: readonly Silence[];
  readonly notifications: readonly NotificationEntry[];
}

export interface AlertingState {
  load(): StoredState;
  save(change: StateChange): void;
}

/** Keeps nothing. */
export const forgetfulState: AlertingState = {
  load: () => ({ silences: [], notifications: [] }),
  save: () => {},
};
