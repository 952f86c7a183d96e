/**
 * Alertmanager's engine: takes alerts, routes and groups them, and has their receivers told.
 *
 *   loading --start--> running --stop--> stopped
 *               ^         |
 *               `- reload (loading again until what is being delivered has ended)
 *
 * Invariants
 *  D1 A firing alert that nothing mutes is told to its receivers within group_wait of its coming, or within
 *     group_interval when its group exists already; later only as long as a receiver cannot be reached.
 *  D2 While nothing in a group changes, a receiver is not told again before repeat_interval has passed; not after a
 *     restart or a reload either.
 *  D3 A receiver that was told that an alert fires and wants to know (send_resolved) is told once that it has resolved,
 *     unless the alert is muted then, or the
 *     process ends while the receiver cannot be reached: alerts are not saved, their senders repeat them for a while.
 *  D4 Nothing is told before `start`: silences and the alerts that inhibit others are there first.
 *  D5 Alerts, groups and silences are bounded; what is beyond is refused, and what is there stays.
 *
 * Sources: Alertmanager's documentation ("Concepts", "Configuration"), and its behaviour (src/api/alertmanager/compare.test.ts).
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import type { Labels } from "../labels.ts";
import { AggregationGroup, type GroupSurroundings } from "./aggregation-group.ts";
import { type Alert, compareLabels, fingerprint, isResolved, mergeAlerts, overlaps } from "./alert.ts";
import type { Configuration } from "./configuration/configuration.ts";
import { AlertingCounters, type AlertingSample, type IntegrationHealth } from "./counters.ts";
import { Inhibitor } from "./inhibitor.ts";
import type { Integration } from "./integration.ts";
import { NotificationLog } from "./notification-log.ts";
import { Pipeline } from "./pipeline.ts";
import { Route } from "./route.ts";
import { silenceState } from "./silence.ts";
import { Silences } from "./silences.ts";
import type { AlertingState } from "./state.ts";

/** An alert as a sender gives it. Times are milliseconds since the epoch. */
export interface ReceivedAlert {
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt?: number | undefined;
  readonly endsAt?: number | undefined;
  readonly generatorURL?: string | undefined;
}

export type AlertState = "unprocessed" | "active" | "suppressed";

export interface AlertStatus {
  readonly state: AlertState;
  readonly silencedBy: readonly string[];
  readonly inhibitedBy: readonly string[];
}

export interface KnownAlert {
  readonly alert: Alert;
  readonly status: AlertStatus;
  readonly receivers: readonly string[];
}

export interface KnownGroup {
  readonly labels: Labels;
  readonly routeLabels: Readonly<Record<string, string>>;
  readonly receiver: string;
  readonly mutedBy: readonly string[];
  readonly alerts: readonly KnownAlert[];
}

/** What a configuration's receivers are made of; `receivers/integrations.ts` makes them. */
export type Integrations = ReadonlyMap<string, readonly Integration[]>;

export interface DispatcherOptions {
  readonly clock: Clock;
  readonly configuration: Configuration;
  readonly integrations: Integrations;
  readonly state: AlertingState;
  readonly externalUrl?: string;
  readonly limits?: Partial<Limits>;
}

export interface Limits {
  readonly alerts: number;
  readonly groups: number;
}

/** The last moment that a Date can say. */
const LATEST = 8.64e15;
const LIMITS: Limits = { alerts: 100_000, groups: 50_000 };
/** How often what is over is forgotten, in milliseconds. */
const MAINTENANCE = 15 * 60_000;
/** How long resolved alerts are remembered: Prometheus repeats for a quarter of an hour that they have resolved. */
const RESOLVED_RETENTION = 20 * 60_000;

export class Dispatcher {
  readonly silences: Silences;
  readonly startedAt: number;
  readonly #clock: Clock;
  readonly #log: NotificationLog;
  readonly #counters = new AlertingCounters();
  readonly #limits: Limits;
  readonly #externalUrl: string;
  readonly #alerts = new Map<string, Alert>();
  #phase: "loading" | "running" | "stopped" = "loading";
  #configuration: Configuration;
  #root: Route;
  #inhibitor: Inhibitor;
  #pipeline: Pipeline;
  /** By route, then by the key of the group labels. */
  #groups = new Map<Route, Map<string, AggregationGroup>>();
  #reload: Promise<void> = Promise.resolve();
  #maintenance: Timer | undefined;

  constructor(options: DispatcherOptions) {
    const { clock, state, configuration } = options;
    this.#clock = clock;
    this.startedAt = clock.now();
    const stored = state.load();
    this.silences = new Silences(clock, state, stored.silences);
    this.#log = new NotificationLog(state, stored.notifications);
    this.#limits = { ...LIMITS, ...options.limits };
    this.#externalUrl = options.externalUrl ?? "";
    this.#configuration = configuration;
    this.#root = new Route(configuration.route);
    this.#inhibitor = new Inhibitor(configuration.inhibitRules);
    this.#pipeline = this.#makePipeline(options.integrations);
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get isRunning(): boolean {
    return this.#phase === "running";
  }

  now(): number {
    return this.#clock.now();
  }

  /** Begins to notify (D4). */
  start(): void {
    if (this.#phase !== "loading") return;
    this.#phase = "running";
    for (const group of this.#allGroups()) group.start();
    this.#maintain();
  }

  /** Ends retries; resolves when what is being delivered has ended. */
  async stop(): Promise<void> {
    this.#phase = "stopped";
    this.#maintenance?.cancel();
    await Promise.all([...this.#allGroups()].map((group) => group.stop()));
  }

  /** Another configuration; alerts, silences and the log stay. Resolves when it is in force. */
  async reload(configuration: Configuration, integrations: Integrations): Promise<void> {
    const wasRunning = this.#phase === "running";
    if (this.#phase === "stopped") return;
    this.#phase = "loading";
    this.#maintenance?.cancel();
    const before = [...this.#allGroups()];
    this.#configuration = configuration;
    this.#root = new Route(configuration.route);
    this.#inhibitor = new Inhibitor(configuration.inhibitRules);
    this.#pipeline = this.#makePipeline(integrations);
    this.#groups = new Map();
    this.#counters.keepOnly(new Set(configuration.receivers.map(({ name }) => name)));
    const untold = before.flatMap((group) => group.alerts());
    for (const alert of new Map(
      [...untold, ...this.#alerts.values()].map((one) => [one.fingerprint, one]),
    ).values())
      this.#dispatch(alert);
    // What is being delivered must be in the log before the new groups look there (D2).
    const ended = Promise.all([this.#reload, ...before.map((group) => group.stop())]).then(() => {});
    this.#reload = ended;
    await ended;
    if (this.#reload === ended && wasRunning) this.start();
  }

  /** Takes what is valid and gives, by index, why the rest is not. */
  ingest(received: readonly ReceivedAlert[]): ReadonlyMap<number, string> {
    const problems = new Map<number, string>();
    const now = this.#clock.now();
    for (const [index, one] of received.entries()) {
      const alert = this.#accepted(one, now);
      const problem = this.#problemOf(alert);
      this.#counters.received(isResolved(alert, now) ? "resolved" : "firing");
      if (problem !== undefined) {
        this.#counters.invalid();
        problems.set(index, problem);
        continue;
      }
      const known = this.#alerts.get(alert.fingerprint);
      const merged = known !== undefined && overlaps(known, alert) ? mergeAlerts(known, alert, now) : alert;
      this.#alerts.set(merged.fingerprint, merged);
      // Senders repeat for a while that an alert has resolved: that is no news, and not told again (D3).
      const isOver = known !== undefined && isResolved(known, now) && isResolved(merged, now);
      if (!isOver) this.#dispatch(merged);
    }
    return problems;
  }

  /** Those that fire, by fingerprint. */
  alerts(): readonly KnownAlert[] {
    const now = this.#clock.now();
    return [...this.#alerts.values()]
      .filter((alert) => !isResolved(alert, now))
      .toSorted((one, other) => (one.fingerprint < other.fingerprint ? -1 : 1))
      .map((alert) => this.#known(alert, now, this.#receiversOf(alert)));
  }

  /** Groups with alerts that fire. */
  groups(): readonly KnownGroup[] {
    const now = this.#clock.now();
    const groups = [...this.#allGroups()].map((group): KnownGroup => {
      const { options } = group.route;
      const firing = group.alerts().filter((alert) => !isResolved(alert, now));
      return {
        labels: group.labels,
        routeLabels: options.labels,
        receiver: options.receiver,
        mutedBy: this.#pipeline.mutedBy(options, now),
        alerts: firing.map((alert) => this.#known(alert, now, this.#receiversOf(alert).toSorted())),
      };
    });
    return groups
      .filter(({ alerts }) => alerts.length > 0)
      .toSorted(
        (one, other) => compareLabels(one.labels, other.labels) || compareText(one.receiver, other.receiver),
      );
  }

  /** Names of the receivers an alert with those labels goes to. */
  route(labels: Labels): readonly string[] {
    return this.#root.match(labels).map(({ options }) => options.receiver);
  }

  /** In Alertmanager's names, for the control plane's own measurements. */
  samples(): readonly AlertingSample[] {
    const now = this.#clock.now();
    const count = (name: string, of: Iterable<string>, label: string): readonly AlertingSample[] => {
      const counts = new Map<string, number>();
      for (const each of of) counts.set(each, (counts.get(each) ?? 0) + 1);
      return [...counts].map(([value, total]) => ({ name, labels: { [label]: value }, value: total }));
    };
    return [
      ...this.#counters.samples(),
      ...count(
        "alertmanager_alerts",
        [...this.#alerts.values()]
          .filter((alert) => !isResolved(alert, now))
          .map((alert) => this.#statusOf(alert, now).state),
        "state",
      ),
      ...count(
        "alertmanager_silences",
        this.silences.list().map((silence) => silenceState(silence, now)),
        "state",
      ),
      {
        name: "alertmanager_dispatcher_aggregation_groups",
        labels: {},
        value: [...this.#allGroups()].length,
      },
    ];
  }

  health(): readonly IntegrationHealth[] {
    return this.#counters.health();
  }

  #makePipeline(integrations: Integrations): Pipeline {
    return new Pipeline({
      clock: this.#clock,
      log: this.#log,
      silences: this.silences,
      inhibitor: this.#inhibitor,
      timeIntervals: this.#configuration.timeIntervals,
      integrations,
      counters: this.#counters,
      externalUrl: this.#externalUrl,
    });
  }

  #accepted(received: ReceivedAlert, now: number): Alert {
    const { labels, annotations, generatorURL = "", startsAt, endsAt } = received;
    return {
      labels,
      annotations,
      generatorURL,
      startsAt: startsAt ?? endsAt ?? now,
      endsAt: endsAt ?? Math.min(now + this.#configuration.resolveTimeout, LATEST),
      timeout: endsAt === undefined,
      updatedAt: now,
      fingerprint: fingerprint(labels),
    };
  }

  #problemOf(alert: Alert): string | undefined {
    if (alert.labels.size === 0) return "An alert needs at least one label.";
    if (alert.endsAt < alert.startsAt) return "The start time must be before the end time.";
    if (!this.#alerts.has(alert.fingerprint) && this.#alerts.size >= this.#limits.alerts)
      return `There are ${this.#limits.alerts} alerts already.`;
    return undefined;
  }

  #dispatch(alert: Alert): void {
    this.#inhibitor.observe(alert);
    for (const route of this.#root.match(alert.labels)) this.#group(route, alert)?.insert(alert);
  }

  /** The alert's group on a route, made if need be; undefined when there are too many (D5). */
  #group(route: Route, alert: Alert): AggregationGroup | undefined {
    const labels = route.groupLabels(alert.labels);
    const siblings = this.#groups.get(route) ?? new Map<string, AggregationGroup>();
    this.#groups.set(route, siblings);
    const known = siblings.get(labels.key);
    if (known !== undefined) return known;
    if ([...this.#groups.values()].reduce((sum, { size }) => sum + size, 0) >= this.#limits.groups) {
      this.#counters.invalid();
      return undefined;
    }
    const pipeline = this.#pipeline;
    const surroundings: GroupSurroundings = {
      clock: this.#clock,
      notify: pipeline.notify,
      ended: (group) => {
        if (siblings.get(labels.key) === group) siblings.delete(labels.key);
      },
    };
    const group = new AggregationGroup(route, labels, surroundings);
    siblings.set(labels.key, group);
    group.insert(alert);
    if (this.#phase === "running") group.start();
    return group;
  }

  #known(alert: Alert, now: number, receivers: readonly string[]): KnownAlert {
    return { alert, receivers, status: this.#statusOf(alert, now) };
  }

  #statusOf(alert: Alert, now: number): AlertStatus {
    const silencedBy = this.silences.silencedBy(alert.labels);
    const inhibitor = this.#inhibitor.inhibitedBy(alert.labels, now);
    const isMuted = silencedBy.length > 0 || inhibitor !== undefined;
    const state = isMuted ? "suppressed" : this.#phase === "running" ? "active" : "unprocessed";
    return { state, silencedBy, inhibitedBy: inhibitor === undefined ? [] : [inhibitor] };
  }

  #receiversOf(alert: Alert): readonly string[] {
    return this.#root.match(alert.labels).map(({ options }) => options.receiver);
  }

  *#allGroups(): Generator<AggregationGroup> {
    for (const siblings of this.#groups.values()) yield* siblings.values();
  }

  #maintain(): void {
    const now = this.#clock.now();
    for (const [id, alert] of this.#alerts)
      if (isResolved(alert, now - RESOLVED_RETENTION)) this.#alerts.delete(id);
    this.#inhibitor.forgetResolved(now);
    try {
      this.#log.forgetExpired(now);
      this.silences.forgetOld();
    } catch {
      // What cannot be forgotten in the state now is forgotten when it is read again.
      this.#counters.logFailed();
    }
    this.#maintenance = this.#clock.setTimeout(() => this.#maintain(), MAINTENANCE);
  }
}

function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
