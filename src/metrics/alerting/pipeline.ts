/**
 * The way of a flush to its receivers:
 *
 *   alerts -> not inhibited -> route is active -> not silenced -> for each integration, side by side:
 *             is there news? (notification-log.ts) -> deliver, again and again until the deadline -> write the log
 *
 * Invariants
 *  P1 An integration is told of a group only when there is news for it or repeat_interval has passed.
 *  P2 The log is written only after a delivery, so that news is never lost; a failed delivery makes the flush fail, and
 *     the next flush tells the same.
 *  P3 One integration that fails does not hold up the others.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Flush, FlushedAlert } from "./aggregation-group.ts";
import type { AlertingCounters } from "./counters.ts";
import type { Inhibitor } from "./inhibitor.ts";
import { DeliveryError, type Integration, type Notification } from "./integration.ts";
import { type NotificationLog, type NotificationReason, reasonToNotify } from "./notification-log.ts";
import type { RouteOptions } from "./route.ts";
import type { Silences } from "./silences.ts";
import type { NotificationEntry } from "./state.ts";
import { type TimeInterval, containsTime } from "./time-interval.ts";

export interface PipelineParts {
  readonly clock: Clock;
  readonly log: NotificationLog;
  readonly silences: Silences;
  readonly inhibitor: Inhibitor;
  readonly timeIntervals: ReadonlyMap<string, readonly TimeInterval[]>;
  /** By receiver. */
  readonly integrations: ReadonlyMap<string, readonly Integration[]>;
  readonly counters: AlertingCounters;
  readonly externalUrl: string;
}

/** The first pause between two attempts, by how much it grows, and the longest; with jitter of half. Milliseconds. */
const BACKOFF = { first: 500, factor: 1.5, longest: 60_000 };

export class Pipeline {
  readonly #parts: PipelineParts;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  /** Names of the time intervals that mute a route now; that it is not active now has no name of its own. */
  mutedBy(options: RouteOptions, now: number): readonly string[] {
    const contains = (name: string): boolean =>
      (this.#parts.timeIntervals.get(name) ?? []).some((interval) => containsTime(interval, now));
    const { activeTimeIntervals, muteTimeIntervals } = options;
    if (activeTimeIntervals.length > 0 && !activeTimeIntervals.some(contains)) return activeTimeIntervals;
    return muteTimeIntervals.filter(contains);
  }

  /** Whether every integration that had to be told was. */
  readonly notify = async (flush: Flush): Promise<boolean> => {
    const alerts = this.#unmuted(flush);
    if (alerts.length === 0) return true;
    const integrations = this.#parts.integrations.get(flush.group.route.options.receiver) ?? [];
    const outcomes = await Promise.all(integrations.map((one) => this.#tell(one, flush, alerts)));
    return outcomes.every(Boolean);
  };

  #unmuted({ alerts, now, group }: Flush): readonly FlushedAlert[] {
    const { inhibitor, silences, counters } = this.#parts;
    const drop = (some: readonly FlushedAlert[], reason: string, isMuted: (one: FlushedAlert) => boolean) => {
      const left = some.filter((one) => !isMuted(one));
      counters.suppressed(reason, some.length - left.length);
      return left;
    };
    const uninhibited = drop(
      alerts,
      "inhibition",
      ({ alert }) => inhibitor.inhibitedBy(alert.labels, now) !== undefined,
    );
    const isMuted = this.mutedBy(group.route.options, now).length > 0;
    const active = drop(uninhibited, "time_interval", () => isMuted);
    return drop(active, "silence", ({ alert }) => silences.silencedBy(alert.labels).length > 0);
  }

  async #tell(integration: Integration, flush: Flush, alerts: readonly FlushedAlert[]): Promise<boolean> {
    const { log, clock } = this.#parts;
    const { receiver, repeatInterval, groupInterval } = flush.group.route.options;
    const key = `${flush.group.key}:${receiver}/${integration.name}`;
    const firing = fingerprints(alerts, false);
    const resolved = fingerprints(alerts, true);
    const { sendsResolved } = integration;
    const last = log.last(key);
    const reason = reasonToNotify(last, {
      sendsResolved,
      repeatInterval,
      now: flush.now,
      firing,
      resolved,
    });
    if (reason === undefined) return true;
    const told = sendsResolved ? alerts : alerts.filter((one) => !one.isResolved);
    // Kept for longer than until the next look at it, however rare that is.
    const expiresAt = clock.now() + 2 * Math.max(repeatInterval, groupInterval);
    const isTold =
      told.length === 0 ||
      (await this.#deliver(integration, this.#notification(flush, told, reason), flush.signal));
    if (isTold) this.#record({ key, firing, resolved, at: clock.now(), expiresAt });
    // What was told last must not be forgotten for as long as nothing can be told (P2).
    else if (last !== undefined) this.#record({ ...last, expiresAt });
    return isTold;
  }

  #record(entry: NotificationEntry): void {
    try {
      this.#parts.log.record(entry);
    } catch {
      this.#parts.counters.logFailed();
    }
  }

  #notification(flush: Flush, alerts: readonly FlushedAlert[], reason: NotificationReason): Notification {
    const { group, now } = flush;
    return {
      receiver: group.route.options.receiver,
      groupKey: group.key,
      groupLabels: group.labels,
      routeLabels: group.route.options.labels,
      reason,
      now,
      externalUrl: this.#parts.externalUrl,
      alerts: alerts.map(({ alert, isResolved }) => ({
        status: isResolved ? "resolved" : "firing",
        labels: alert.labels,
        annotations: alert.annotations,
        startsAt: alert.startsAt,
        endsAt: isResolved ? alert.endsAt : undefined,
        generatorURL: alert.generatorURL,
        fingerprint: alert.fingerprint,
      })),
    };
  }

  async #deliver(
    integration: Integration,
    notification: Notification,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { clock, counters } = this.#parts;
    const { receiver } = notification;
    counters.notification(receiver, integration);
    for (let pause = BACKOFF.first; ; pause = Math.min(pause * BACKOFF.factor, BACKOFF.longest)) {
      const failure = await this.#attempt(integration, notification);
      if (failure === undefined) return true;
      // Between half and one and a half of the pause, so that many groups do not come back at the same moment.
      const isOver =
        !failure.isTemporary ||
        signal.aborted ||
        !(await slept(clock, pause * (0.5 + clock.random()), signal));
      if (!isOver) continue;
      counters.failed(receiver, integration, failure);
      return false;
    }
  }

  async #attempt(integration: Integration, notification: Notification): Promise<DeliveryError | undefined> {
    const { clock, counters } = this.#parts;
    try {
      await integration.deliver(notification);
      counters.attempt(notification.receiver, integration, undefined, clock.now());
      return undefined;
    } catch (error) {
      const failure = error instanceof DeliveryError ? error : unexpected(error);
      counters.attempt(notification.receiver, integration, failure, clock.now());
      return failure;
    }
  }
}

/** A fault of ours: its text may hold anything, a secret too. */
function unexpected(error: unknown): DeliveryError {
  const name = error instanceof Error ? error.name : typeof error;
  return new DeliveryError(`The notification could not be made (${name}).`, { isTemporary: false });
}

async function slept(clock: Clock, delay: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(delay, signal);
    return true;
  } catch {
    return false;
  }
}

function fingerprints(alerts: readonly FlushedAlert[], isResolved: boolean): readonly string[] {
  return alerts.filter((one) => one.isResolved === isResolved).map(({ alert }) => alert.fingerprint);
}
