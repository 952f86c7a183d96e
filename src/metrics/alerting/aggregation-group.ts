/**
 * An aggregation group: the alerts of one route that have the same group labels, told of together.
 *
 *   idle --start--> waiting (group_wait) --timer--> flushing --> waiting (group_interval) --timer--> flushing ...
 *                                                      `--> ended, when nothing is left in it
 *
 * Invariants
 *  G1 A flush begins group_wait after the group's start, or at once when an alert has been firing for longer than that
 *     already; the next ones follow every group_interval. Two flushes never run at the same time.
 *  G2 What a flush tells is decided when it begins: an alert does not resolve while it is being told of.
 *  G3 A resolved alert leaves the group only after a flush that succeeded, and only if it has not changed meanwhile.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import type { Labels } from "../labels.ts";
import { type Alert, compareAlerts, isResolved } from "./alert.ts";
import { LONGEST_DELAY } from "./delay.ts";
import type { Route } from "./route.ts";

/** An alert as it was when a flush began (G2). */
export interface FlushedAlert {
  readonly alert: Alert;
  readonly isResolved: boolean;
}

export interface Flush {
  readonly group: AggregationGroup;
  readonly alerts: readonly FlushedAlert[];
  readonly now: number;
  /** Aborted when retries are to end: at the deadline, or when the group stops. */
  readonly signal: AbortSignal;
}

export interface GroupSurroundings {
  readonly clock: Clock;
  /** Resolves to whether everybody who should know does. Never rejects. */
  readonly notify: (flush: Flush) => Promise<boolean>;
  /** Nothing is left; the group does nothing more. */
  readonly ended: (group: AggregationGroup) => void;
}

/** However short group_interval is, a flush gets this long. */
const SHORTEST_DEADLINE = 10_000;

export class AggregationGroup {
  readonly route: Route;
  readonly labels: Labels;
  /** The same after a restart or a reload that leaves the route as it is. */
  readonly key: string;
  readonly #surroundings: GroupSurroundings;
  readonly #alerts = new Map<string, Alert>();
  #isStarted = false;
  #hasFlushed = false;
  #isOverdue = false;
  #timer: Timer | undefined;
  #flushing: Promise<void> | undefined;
  readonly #stopped = new AbortController();

  constructor(route: Route, labels: Labels, surroundings: GroupSurroundings) {
    this.route = route;
    this.labels = labels;
    const pairs = [...labels].map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    this.key = `${route.key}:{${pairs.join(", ")}}`;
    this.#surroundings = surroundings;
  }

  alerts(): readonly Alert[] {
    return [...this.#alerts.values()].toSorted(compareAlerts);
  }

  insert(alert: Alert): void {
    this.#alerts.set(alert.fingerprint, alert);
    if (this.#isStarted && !this.#hasFlushed && this.#hasWaited(alert)) this.#schedule(0);
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const isLate = [...this.#alerts.values()].some((alert) => this.#hasWaited(alert));
    this.#schedule(isLate ? 0 : this.route.options.groupWait);
  }

  /** Resolves when an attempt that is under way has ended. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopped.abort(new Error("The group was stopped."));
    await this.#flushing;
  }

  #hasWaited(alert: Alert): boolean {
    return alert.startsAt + this.route.options.groupWait < this.#surroundings.clock.now();
  }

  #schedule(delay: number): void {
    this.#timer?.cancel();
    if (this.#stopped.signal.aborted) return;
    const { clock } = this.#surroundings;
    const rest = delay - LONGEST_DELAY;
    this.#timer =
      rest > 0
        ? clock.setTimeout(() => this.#schedule(rest), LONGEST_DELAY)
        : clock.setTimeout(() => this.#due(), delay);
  }

  #due(): void {
    if (this.#flushing !== undefined) {
      this.#isOverdue = true;
      return;
    }
    this.#hasFlushed = true;
    this.#schedule(this.route.options.groupInterval);
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined;
      if (!this.#isOverdue) return;
      this.#isOverdue = false;
      this.#schedule(0);
    });
  }

  async #flush(): Promise<void> {
    const { clock, notify, ended } = this.#surroundings;
    const now = clock.now();
    const alerts = this.alerts().map((alert) => ({ alert, isResolved: isResolved(alert, now) }));
    const deadline = new AbortController();
    const timer = clock.setTimeout(
      () => deadline.abort(new Error("The time for this notification is over.")),
      Math.min(Math.max(this.route.options.groupInterval, SHORTEST_DEADLINE), LONGEST_DELAY),
    );
    const signal = AbortSignal.any([deadline.signal, this.#stopped.signal]);
    const isTold = await notify({ group: this, alerts, now, signal });
    timer.cancel();
    if (!isTold || this.#stopped.signal.aborted) return;
    for (const flushed of alerts) {
      const { fingerprint } = flushed.alert;
      if (flushed.isResolved && this.#alerts.get(fingerprint) === flushed.alert)
        this.#alerts.delete(fingerprint);
    }
    if (this.#alerts.size > 0) return;
    this.#timer?.cancel();
    this.#stopped.abort(new Error("The group has ended."));
    ended(this);
  }
}
