/**
 * What each integration was last told of each group, and from that whether it is to be told again.
 *
 * An entry is written after the delivery: a crash between both leads to a second delivery after the restart, never to
 * none.
 */
import type { AlertingState, NotificationEntry } from "./state.ts";

/** Alertmanager's words, which templates can show. */
export type NotificationReason =
  | "first notification"
  | "new alerts added"
  | "some alerts resolved"
  | "all alerts resolved"
  | "repeat interval elapsed";

export interface Told {
  readonly sendsResolved: boolean;
  /** Milliseconds. */
  readonly repeatInterval: number;
  readonly now: number;
  /** Fingerprints. */
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
}

/** Why to notify, or undefined for not at all. */
export function reasonToNotify(
  last: NotificationEntry | undefined,
  { firing, resolved, ...options }: Told,
): NotificationReason | undefined {
  // What resolved before anybody heard of it is no news.
  if (last === undefined) return firing.length > 0 ? "first notification" : undefined;
  const { firing: toldFiring, resolved: toldResolved } = last;
  if (!isSubset(firing, toldFiring))
    return toldFiring.length === 0 ? "first notification" : "new alerts added";
  // Whether or not the integration wants to hear of it: the log must no longer say that they fire.
  if (firing.length === 0) return toldFiring.length > 0 ? "all alerts resolved" : undefined;
  if (options.sendsResolved && !isSubset(resolved, toldResolved)) return "some alerts resolved";
  return last.at < options.now - options.repeatInterval ? "repeat interval elapsed" : undefined;
}

function isSubset(some: readonly string[], all: readonly string[]): boolean {
  const known = new Set(all);
  return some.every((one) => known.has(one));
}

export class NotificationLog {
  readonly #state: AlertingState;
  readonly #entries = new Map<string, NotificationEntry>();

  constructor(state: AlertingState, stored: readonly NotificationEntry[]) {
    this.#state = state;
    for (const entry of stored) this.#entries.set(entry.key, entry);
  }

  last(key: string): NotificationEntry | undefined {
    return this.#entries.get(key);
  }

  /** Throws when it cannot be saved; until a restart it is known nevertheless, so that nobody is told over and over. */
  record(entry: NotificationEntry): void {
    this.#entries.set(entry.key, entry);
    this.#state.save({ kind: "notification", entry });
  }

  forgetExpired(now: number): void {
    for (const { key, expiresAt } of this.#entries.values()) {
      if (expiresAt > now) continue;
      this.#entries.delete(key);
      this.#state.save({ kind: "notification-forgotten", key });
    }
  }
}
