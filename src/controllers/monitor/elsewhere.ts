/**
 * What is observed by somebody else than the control plane: Monitors of a class that has a Prometheus of its own. What was
 * handed over is divided: each of those Monitors has what is of its System, the control plane the rest.
 *
 *   MonitoringSink --divide--> the control plane's own
 *                        '---> a Monitor's, held here --controller--> provider.configure, again when anything of it changes
 *   provider.alerts --every few seconds--> transitions --> Alerts (alert-log.ts)
 *
 *  - What is measured of all systems together (instances, databases, resources) is measured by both.
 *  - Level-triggered: a Monitor is given all of its content each time. What is refused is an event of the Monitor, and is
 *    given again after a back-off; meanwhile what was given before is in force, and its alerts are looked at.
 *  - Silences are divided by the system or resource they name; one that names neither holds everywhere. Routing is whole
 *    everywhere: whom to tell is not a matter of who measures.
 */
import { identityOf } from "../../controller/desired.ts";
import { createHash } from "node:crypto";
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { Labels } from "../../metrics/labels.ts";
import type { AlertRecord } from "../../metrics/rules/record.ts";
import { conditionOf } from "../../model/condition.ts";
import { LABELS, type Condition, type Key, type Resource, keyOf } from "../../model/resource.ts";
import {
  type ManagedSilence,
  type MetricsSource,
  type Monitored,
  type MonitoringSink,
  type MonitorProvider,
  type RaisedAlert,
  type RuleFile,
  TARGET_LABELS,
  type TargetGroup,
} from "../../provider/monitoring.ts";
import { type Placement, placed } from "../../provider/placement.ts";
import { type Provider, RequeueAfter } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";

const LOOK = 5_000;
/** What the digest of a rule begins with that the control plane does not evaluate. */
const RULES = "prometheus:";

/** Of those the control plane's own rules know nothing. */
export function isRaisedElsewhere({ rule }: Pick<AlertRecord, "rule">): boolean {
  return rule.startsWith(RULES);
}

export interface ElsewhereOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** The control plane's own. */
  readonly own: MonitoringSink;
  readonly providerOf: (kind: string, spec: Placement) => Provider;
  readonly wake: (monitor: Key) => void;
  readonly onTransition: (record: AlertRecord) => void;
  /** Those that were not over when the control plane ended. */
  readonly restored: () => readonly AlertRecord[];
}

type Monitor = Resource<Placement, { readonly made?: unknown; readonly conditions?: readonly Condition[] }>;

const EMPTY: Monitored = { targets: [], files: [], routing: {}, silences: [] };

export class Elsewhere implements MonitoringSink {
  readonly controller: Controller;
  readonly #options: ElsewhereOptions;
  #all: Monitored = EMPTY;
  /** What each Monitor was given last, by uid, as text. */
  readonly #given = new Map<string, string>();
  /** The systems that others observe, as they were when all was divided last. */
  #divided = "";
  /** What was said last of what each could not be given, by uid. */
  readonly #said = new Map<string, string>();
  /** Of each Monitor, by uid: its alerts by fingerprint. */
  readonly #alerts = new Map<string, ReadonlyMap<string, AlertRecord>>();

  constructor(options: ElsewhereOptions) {
    this.#options = options;
    this.controller = {
      name: "monitored-elsewhere",
      *concerns({ key, resource, previous }) {
        if (key.kind !== "Monitor") return;
        if (isElsewhere(resource as Monitor) || (previous !== undefined && isElsewhere(previous as Monitor)))
          yield key;
      },
      initial: () => this.#monitors().map(keyOf),
      reconcile: (key, context) => this.#reconcile(key, context),
    };
  }

  async setTargets(targets: readonly TargetGroup[]): Promise<void> {
    this.#all = { ...this.#all, targets };
    const systems = this.#systems();
    await this.#options.own.setTargets(
      targets.flatMap((group) => restOf(group, (labels) => !systems.has(systemOf(labels)))),
    );
    this.#wakeAll();
  }

  async setGroups(files: readonly RuleFile[]): Promise<void> {
    this.#all = { ...this.#all, files };
    const systems = this.#systems();
    await this.#options.own.setGroups(files.filter((file) => !systems.has(this.#systemOfFile(file))));
    this.#wakeAll();
  }

  async setRouting(routing: Readonly<Record<string, unknown>>): Promise<void> {
    this.#all = { ...this.#all, routing };
    await this.#options.own.setRouting(routing);
    this.#wakeAll();
  }

  async setSilences(silences: readonly ManagedSilence[]): Promise<void> {
    this.#all = { ...this.#all, silences };
    await this.#options.own.setSilences(silences);
    this.#wakeAll();
  }

  /** Who measures a resource, when it is not the control plane. */
  readonly sourceOf = (resource: Resource): MetricsSource | undefined => {
    const system = systemOfMonitor(resource);
    const monitor = this.#monitors().find((one) => systemOfMonitor(one) === system);
    return monitor === undefined ? undefined : this.#providerOf(monitor).source(identityOf(monitor));
  };

  async #reconcile(key: Key, context: ReconcileContext): Promise<Outcome> {
    const monitor = this.#options.store.get(key) as Monitor | undefined;
    if (monitor === undefined || !isElsewhere(monitor)) {
      await this.#takeBack();
      return undefined;
    }
    if (conditionOf(monitor, "Ready")?.status !== "True") {
      this.#given.delete(monitor.metadata.uid);
      return undefined;
    }
    const refused = await this.#give(monitor, context).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    this.#note(monitor, await this.#providerOf(monitor).alerts(identityOf(monitor)));
    if (refused !== undefined) throw refused.error;
    return { requeueAfter: LOOK };
  }

  async #give(monitor: Monitor, context: ReconcileContext): Promise<void> {
    const { uid } = monitor.metadata;
    const content = this.#contentOf(monitor);
    const text = JSON.stringify(content);
    if (this.#given.get(uid) === text) return;
    // What the control plane measured of it until now it measures no more.
    await this.#divideAgain();
    try {
      const left = await this.#providerOf(monitor).configure(identityOf(monitor), content);
      this.#given.set(uid, text);
      await this.#say(monitor, "NotTold", left.join(" "), context);
    } catch (error) {
      if (!(error instanceof RequeueAfter))
        await this.#say(monitor, "Refused", error instanceof Error ? error.message : String(error), context);
      throw error;
    }
  }

  /** Once for each news. */
  async #say(monitor: Monitor, reason: string, message: string, context: ReconcileContext): Promise<void> {
    const { store, clock } = this.#options;
    const { uid } = monitor.metadata;
    if ((this.#said.get(uid) ?? "") === message) return;
    this.#said.set(uid, message);
    if (message === "") return;
    const event = eventOperation(store, clock.now(), "monitored-elsewhere", monitor, {
      type: "Warning",
      reason,
      message,
    });
    await store.commit([event], context.cause("tell what its Prometheus does not take"));
  }

  /** Of Monitors that are gone, or the control plane's own from now on. */
  async #takeBack(): Promise<void> {
    await this.#divideAgain();
    const present = new Set(this.#monitors().map(({ metadata }) => metadata.uid));
    for (const [uid, alerts] of this.#alerts) {
      if (present.has(uid)) continue;
      this.#alerts.delete(uid);
      for (const record of alerts.values()) this.#over(record);
    }
    for (const uid of this.#given.keys()) if (!present.has(uid)) this.#given.delete(uid);
    for (const uid of this.#said.keys()) if (!present.has(uid)) this.#said.delete(uid);
  }

  /** When there are others than before that observe something. */
  async #divideAgain(): Promise<void> {
    const { targets, files } = this.#all;
    const systems = this.#systems();
    const text = [...systems].toSorted().join();
    if (text === this.#divided) return;
    await this.#options.own.setTargets(
      targets.flatMap((group) => restOf(group, (labels) => !systems.has(systemOf(labels)))),
    );
    await this.#options.own.setGroups(files.filter((file) => !systems.has(this.#systemOfFile(file))));
    this.#divided = text;
  }

  #contentOf(monitor: Monitor): Monitored {
    const system = systemOfMonitor(monitor);
    return {
      targets: this.#all.targets.flatMap((group) => restOf(group, (labels) => isMeasuredFor(labels, system))),
      files: this.#all.files.filter((file) => this.#systemOfFile(file) === system),
      routing: this.#all.routing,
      silences: this.#all.silences,
    };
  }

  /** Alerts that are new or changed, and those that are over. */
  #note(monitor: Monitor, raised: readonly RaisedAlert[]): void {
    const { clock, onTransition } = this.#options;
    const before = this.#alerts.get(monitor.metadata.uid) ?? this.#restoredOf(monitor);
    const now = new Map(
      raised.map((alert) => recordOf(alert, clock.now())).map((one) => [one.fingerprint, one]),
    );
    for (const [fingerprint, record] of now)
      if (before.get(fingerprint)?.state !== record.state) onTransition(record);
    for (const [fingerprint, record] of before) if (!now.has(fingerprint)) this.#over(record);
    this.#alerts.set(monitor.metadata.uid, now);
  }

  #over(record: AlertRecord): void {
    const { clock, onTransition } = this.#options;
    onTransition({ ...record, state: "inactive", resolvedAt: clock.now() });
  }

  #restoredOf(monitor: Monitor): ReadonlyMap<string, AlertRecord> {
    const system = systemOfMonitor(monitor);
    const records = this.#options
      .restored()
      .filter((record) => isRaisedElsewhere(record) && systemOf(record.labels) === system);
    return new Map(records.map((record) => [record.fingerprint, record]));
  }

  #monitors(): readonly Monitor[] {
    return (this.#options.store.list({ kind: "Monitor" }).items as readonly Monitor[]).filter(isElsewhere);
  }

  #systems(): ReadonlySet<string> {
    return new Set(this.#monitors().map(systemOfMonitor));
  }

  /** By what its AlertRule is of: a declared one by its System's label, a generated one by that of what it is about. */
  #systemOfFile({ name }: RuleFile): string {
    const [namespace = "", ...rest] = name.split("/");
    const rule = this.#options.store.get({ kind: "AlertRule", namespace, name: rest.join("/") });
    const labels = rule?.metadata.labels ?? {};
    return `${namespace}/${labels[LABELS.system] ?? labels["tutti.dev/monitored-system"] ?? ""}`;
  }

  #providerOf(monitor: Monitor): MonitorProvider {
    return this.#options.providerOf("Monitor", placed(monitor)) as MonitorProvider;
  }

  #wakeAll(): void {
    for (const monitor of this.#monitors()) this.#options.wake(keyOf(monitor));
  }
}

/** Not the control plane's own: of a class that was chosen or made so. */
function isElsewhere(monitor: Monitor): boolean {
  const { class: chosen } = placed(monitor);
  return chosen !== "auto" && chosen !== "embedded" && monitor.metadata.deletionTimestamp === undefined;
}

function systemOfMonitor({ metadata }: Resource): string {
  return `${metadata.namespace ?? "default"}/${metadata.labels?.[LABELS.system] ?? ""}`;
}

/**
 * What of a target is for those who observe one system (`namespace/system`): its own, and what is measured of all systems
 * together, such as the instances of a location, whose series say themselves what they are of.
 */
export function isMeasuredFor(labels: Readonly<Record<string, string>>, system: string): boolean {
  return labels[TARGET_LABELS.system] === undefined || systemOf(labels) === system;
}

function systemOf(labels: Readonly<Record<string, string>>): string {
  return `${labels[TARGET_LABELS.namespace] ?? "default"}/${labels[TARGET_LABELS.system] ?? ""}`;
}

/** The group with the targets that fit; the very same when all do. */
function restOf(
  group: TargetGroup,
  fits: (labels: Readonly<Record<string, string>>) => boolean,
): readonly TargetGroup[] {
  const targets = group.targets.filter(({ labels }) => fits(labels));
  if (targets.length === group.targets.length) return [group];
  return targets.length === 0 ? [] : [{ ...group, targets }];
}

function recordOf({ labels, annotations, state, activeAt, value }: RaisedAlert, now: number): AlertRecord {
  const name = labels["alertname"] ?? "alert";
  const digest = createHash("sha256").update(Labels.of(labels).key).digest("hex");
  return {
    fingerprint: digest.slice(0, 16),
    rule: `${RULES}${name}`,
    name,
    state,
    labels,
    annotations,
    value: Number(value.replace("Inf", "Infinity")),
    activeAt: Date.parse(activeAt),
    ...(state === "firing" ? { firedAt: now } : {}),
  };
}
