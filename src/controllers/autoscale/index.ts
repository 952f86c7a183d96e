/**
 * Keeps the number of each service's instances what its autoscaler comes to.
 *
 *   a scrape, a change, a request that waits, a schedule's time -> measure (measure.ts) -> decide (decide.ts)
 *     -> spec.replicas, the event that tells the numbers, and the status, in one commit
 *
 *  S1 Replicas are written only if the service is as it was when it was measured; else it is looked at again at once.
 *  S2 Whoever writes them tells in the cause what was measured (I5).
 *  S3 What is measured is written at most every 15 seconds, everything else at once, and nothing when nothing changed.
 *  S4 What is remembered (behavior.ts) is lost with the process: then nothing is taken away for a whole window. Signals are
 *     kept in the status.
 *  S5 A scrape tells for many services: each is looked at once for all that come together.
 */
import type { Clock } from "../../clock/clock.ts";
import { type Happening, eventOperation } from "../../controller/events.ts";
import type { Gates } from "../../controller/gates.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { type Resolver, resolve } from "../../controller/resolve.ts";
import { routesTo } from "../../controller/routes.ts";
import { lasting } from "../../controller/signals.ts";
import type { IndexView } from "../../controller/view.ts";
import { type Autoscale, autoscale as schema } from "../../kinds/autoscale.ts";
import { conditionOf } from "../../model/condition.ts";
import { parseDuration } from "../../model/duration.ts";
import { equal } from "../../model/equality.ts";
import { hasExpression } from "../../model/expression.ts";
import {
  type Draft,
  type Key,
  type Resource,
  addressOf,
  keyOf,
  keyText,
  parseKeyText,
} from "../../model/resource.ts";
import { type Path, pathText } from "../../model/walk.ts";
import { type MetricsSource, TARGET_LABELS } from "../../provider/monitoring.ts";
import type { Placement } from "../../provider/placement.ts";
import { TerminalError, type TrafficProvider } from "../../provider/provider.ts";
import type { Operation, Store } from "../../store/store.ts";
import { decide } from "./decide.ts";
import { type Foreseen, Foresight } from "./foresight.ts";
import { Held } from "./held.ts";
import { measure } from "./measure.ts";
import type { InstanceState } from "./measurement.ts";
import { boundsAt } from "./schedule.ts";
import type { Decision, Floor, Memory, Situation } from "./situation.ts";
import { type AutoscaleStatus, differsVisibly, statusOf } from "./status.ts";

export interface AutoscaleOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly resolver: Resolver;
  /** By the key text of their service. */
  readonly instances: IndexView;
  readonly balancers: IndexView;
  readonly metrics: MetricsSource;
  /** Who measures a service when it is somebody else than `metrics`. */
  readonly sourceOf?: (service: Resource) => MetricsSource | undefined;
  readonly trafficOf: (spec: Placement) => TrafficProvider;
  /** Has a service looked at now. */
  readonly wake: (service: Key) => void;
  /** Asked before a service is scaled; all are open when absent. */
  readonly gates?: Gates;
  /** Milliseconds between two scrapes of what services are scaled by; 1 s when absent. */
  readonly interval?: number;
}

type Spec = Readonly<Record<string, unknown>> & {
  readonly replicas: number;
  readonly autoscale?: unknown;
  readonly resources: { readonly cpu?: string; readonly memory?: string };
};
type Service = Resource<Spec, { readonly replicas?: number; readonly autoscale?: AutoscaleStatus }>;
type Instance = Resource<unknown, { readonly readyAt?: number; readonly exit?: object } | undefined>;

/** Measured values are written at most so often. */
const VALUES_EVERY = 15_000;
/** An instance counts when it has been ready for as long as a rate looks back: before, it shows the work of starting. */
const SETTLED = 3_000;
/** Between two looks at one service; scrapes of its instances and of its balancer come one after the other. */
const GAP = 300;
/** Between two looks at whether a request waits for a service without an instance. */
const LISTEN = 100;
/** Whoever is told of scrapes looks by itself only so often. */
const RARELY = 5_000;
const INTERVAL = 1_000;

export function autoscaleController(options: AutoscaleOptions): Controller {
  const machine = new AutoscaleMachine(options);
  return {
    name: "autoscale",
    concurrency: 16,
    *concerns({ key, resource, previous }) {
      if (key.kind === "Service" && mattersToScale(previous as Service | undefined, resource as Service))
        yield key;
    },
    initial: () => options.store.list({ kind: "Service" }).items.map(keyOf),
    reconcile: (key, context) => machine.reconcile(key, context),
    stop: () => machine.stop(),
  };
}

function mattersToScale(previous: Service | undefined, { metadata, spec, status }: Service): boolean {
  // What is left of it in the status goes.
  if (spec.autoscale === undefined) return status?.autoscale !== undefined;
  return (
    previous === undefined ||
    previous.metadata.generation !== metadata.generation ||
    !equal(previous.status?.autoscale?.signals, status?.autoscale?.signals)
  );
}

interface Known {
  readonly uid: string;
  memory: Memory | undefined;
  /** Milliseconds since the epoch, as all times here. */
  lookedAt: number;
  /** Of the declaration that was looked at. */
  generation: number;
  writtenAt: number;
}

class AutoscaleMachine {
  readonly #options: AutoscaleOptions;
  readonly #foresight: Foresight;
  readonly #held: Held;
  readonly #known = new Map<string, Known>();
  readonly #unsubscribe: () => void;
  /** When a scrape was told of for the last time. */
  #heardAt = -Infinity;

  constructor(options: AutoscaleOptions) {
    this.#options = options;
    this.#foresight = new Foresight((text) => this.#sourceOf(parseKeyText(text)), options.clock);
    this.#held = new Held(options.balancers, options.trafficOf);
    this.#unsubscribe = options.metrics.onScraped((target) => this.#scraped(target));
  }

  stop(): void {
    this.#unsubscribe();
  }

  #scraped(target: Readonly<Record<string, string>>): void {
    const { clock, store, wake } = this.#options;
    this.#heardAt = clock.now();
    for (const text of this.#known.keys()) {
      const key = parseKeyText(text);
      const service = store.get(key) as Service | undefined;
      if (service !== undefined && tellsOf(target, service)) wake(key);
    }
  }

  async reconcile(key: Key, context: ReconcileContext): Promise<Outcome> {
    const service = this.#options.store.get(key) as Service | undefined;
    if (service?.spec.autoscale === undefined || service.metadata.deletionTimestamp !== undefined) {
      this.#known.delete(keyText(key));
      this.#foresight.forget(keyText(key));
      if (service?.status?.autoscale !== undefined) await this.#withdraw(service, context);
      return;
    }
    if (this.#options.gates?.closed(service) !== undefined) return { requeueAfter: RARELY };
    const known = this.#knownOf(service);
    const isWaitedFor = await this.#isWaitedFor(service);
    const rest = this.#rest(service, known, isWaitedFor);
    if (rest > 0) return { requeueAfter: rest };
    known.lookedAt = this.#options.clock.now();
    known.generation = service.metadata.generation;
    const declared = declaredOf(service, this.#options.resolver);
    const { situation, foreseen } = await this.#observe(service, declared, isWaitedFor);
    const decision = withForesight(decide(situation, known.memory), foreseen);
    known.memory = decision.memory;
    const latest = this.#options.store.get(key) as Service | undefined;
    // S1
    if (latest?.metadata.generation !== service.metadata.generation) return { requeueAfter: 1 };
    await this.#write(latest, decision, situation, known, context);
    return { requeueAfter: this.#pause(situation, decision, latest) };
  }

  #knownOf({ metadata }: Service): Known {
    const text = keyText({
      kind: "Service",
      namespace: metadata.namespace ?? "default",
      name: metadata.name,
    });
    const before = this.#known.get(text);
    if (before?.uid === metadata.uid) return before;
    const known = { uid: metadata.uid, memory: undefined, lookedAt: 0, generation: 0, writtenAt: 0 };
    this.#known.set(text, known);
    return known;
  }

  /** Whether somebody is held for it; asked for only where there is nobody to answer them. */
  async #isWaitedFor(service: Service): Promise<boolean> {
    return replicasOf(service) === 0 && this.#held.isWanted(keyOf(service));
  }

  /** Whether there is nothing new to be seen yet: milliseconds until there may be. */
  #rest(service: Service, known: Known, isWaitedFor: boolean): number {
    const { clock, interval = INTERVAL } = this.#options;
    if (isWaitedFor || known.generation !== service.metadata.generation) return 0;
    const left = (pause: number): number => known.lookedAt + pause - clock.now();
    if (replicasOf(service) === 0) return Math.min(LISTEN, left(interval));
    return left(GAP);
  }

  #sourceOf(key: Key): MetricsSource {
    const { store, metrics, sourceOf } = this.#options;
    const service = store.get(key);
    return (service === undefined ? undefined : sourceOf?.(service)) ?? metrics;
  }

  #isRouted({ metadata }: Service): boolean {
    const named = { namespace: metadata.namespace ?? "default", name: metadata.name };
    return [...this.#options.balancers.all()].some(
      (balancer) => balancer.metadata.deletionTimestamp === undefined && routesTo(balancer, named),
    );
  }

  async #observe(
    service: Service,
    { autoscale, replicas }: Declared,
    isWaitedFor: boolean,
  ): Promise<{ readonly situation: Situation; readonly foreseen: Foreseen | undefined }> {
    const { clock, instances } = this.#options;
    const { namespace = "default", name } = service.metadata;
    const routed = this.#isRouted(service);
    const { resources } = service.spec;
    const subject = { namespace, service: name, metrics: autoscale.metrics, resources, routed };
    const text = keyText(keyOf(service));
    const startup = service.status?.autoscale?.startup;
    // Who waits is served first: what else there is to do is seen in a moment, with an instance there.
    const measured = isWaitedFor
      ? { measurements: [], demand: { routed: true, active: 1 } }
      : await measure(this.#sourceOf(keyOf(service)), subject, clock);
    const { measurements, demand } = measured;
    const foreseen = isWaitedFor ? undefined : await this.#foresight.look(text, autoscale, subject, startup);
    const now = clock.now();
    const present = [...instances.get(text).values()] as readonly Instance[];
    const floors: readonly Floor[] = lasting(service.status?.autoscale?.signals, now).map((signal) => ({
      replicas: signal.replicas,
      because: `the signal ${signal.name}`,
    }));
    const situation: Situation = {
      now,
      autoscale,
      bounds: boundsAt(autoscale, now),
      replicas,
      instances: present.flatMap((instance) => stateOf(instance, now)),
      measurements,
      floors: foreseen?.floor === undefined ? floors : [...floors, foreseen.floor],
      demand,
      idleAfter: parseDuration(autoscale.idleAfter),
    };
    return { situation, foreseen };
  }

  async #write(
    service: Service,
    decision: Decision,
    { replicas, now }: Situation,
    known: Known,
    context: ReconcileContext,
  ): Promise<void> {
    const { store, instances } = this.#options;
    const key = keyOf(service);
    const before = service.status?.autoscale;
    const present = [...instances.get(keyText(key)).values()] as readonly Instance[];
    const next = statusOf(before, decision, {
      now,
      replicas,
      current: service.status?.replicas ?? 0,
      signals: lasting(before?.signals, now),
      startup: startupOf(present),
      generation: service.metadata.generation,
    });
    const isScaled = decision.desired !== service.spec.replicas;
    const isDue = now >= known.writtenAt + VALUES_EVERY;
    if (!isScaled && (equal(before, next) || !(isDue || differsVisibly(before, next)))) return;
    const expectedVersion = service.metadata.resourceVersion;
    const status: Operation = { type: "status", key, status: { ...service.status, autoscale: next } };
    const spec = { ...service.spec, replicas: decision.desired };
    const operations: readonly Operation[] = isScaled
      ? [{ type: "update", resource: { ...service, spec } as Draft, expectedVersion }, status]
      : [{ ...status, expectedVersion }];
    const told = happenings(before, decision, decision.desired !== replicas).map((happening) =>
      eventOperation(store, now, "autoscale", service, happening),
    );
    const action = isScaled ? `scale ${replicas} -> ${decision.desired}: ${decision.because}` : "measure";
    await store.commit([...operations, ...told], context.cause(action));
    known.writtenAt = now;
  }

  #pause({ now, replicas, demand }: Situation, { lookAt }: Decision, service: Service): number {
    const { interval = INTERVAL, metrics } = this.#options;
    const { status } = service;
    if (replicas === 0 && demand.routed) return LISTEN;
    const isTold = now - this.#heardAt < RARELY && this.#sourceOf(keyOf(service)) === metrics;
    const ends = lasting(status?.autoscale?.signals, now).map(({ until }) => until - now);
    const due = lookAt === undefined ? Infinity : lookAt - now;
    return Math.max(GAP, Math.min(isTold ? RARELY : interval, due, ...ends));
  }

  async #withdraw(service: Service, context: ReconcileContext): Promise<void> {
    const { autoscale: _autoscale, ...status } = service.status ?? {};
    const expectedVersion = service.metadata.resourceVersion;
    await this.#options.store.commit(
      [{ type: "status", key: keyOf(service), status, expectedVersion }],
      context.cause("it is not scaled any more"),
    );
  }
}

/** Its own, its balancers' and those that tell of all instances; where it is scaled by anything at all, any. */
function tellsOf(target: Readonly<Record<string, string>>, { metadata, spec }: Service): boolean {
  if (target["job"] === "instances" || asksAnything(spec)) return true;
  return (
    target[TARGET_LABELS.namespace] === (metadata.namespace ?? "default") &&
    (target[TARGET_LABELS.service] === metadata.name ||
      target[TARGET_LABELS.resource]?.startsWith("loadBalancer/") === true)
  );
}

const ANYTHING: ReadonlySet<string> = new Set(["Object", "External", "Queue", "Query"]);

function asksAnything({ autoscale }: Spec): boolean {
  const { metrics = [] } = (autoscale ?? {}) as Partial<Autoscale>;
  return metrics.some(({ type }) => ANYTHING.has(type));
}

function replicasOf({ spec, status }: Service): number {
  // An expression stands there until the first decision.
  return typeof spec.replicas === "number" ? spec.replicas : (status?.replicas ?? 1);
}

interface Declared {
  readonly autoscale: Autoscale;
  readonly replicas: number;
}

/** With values in place of expressions. Refuses with TerminalError what these give and cannot be. */
function declaredOf(service: Service, resolver: Resolver): Declared {
  const { autoscale, replicas: written } = service.spec;
  const partial = { ...service, spec: { autoscale, replicas: written } } as Resource;
  const isOpen = hasExpression(JSON.stringify(partial.spec));
  const given = (isOpen ? resolve(partial, resolver).spec : partial.spec) as Spec;
  const result = schema.safeParse(given.autoscale);
  const replicas = typeof given.replicas === "number" ? given.replicas : replicasOf(service);
  if (result.success) return { autoscale: result.data, replicas };
  const [issue] = result.error.issues;
  throw new TerminalError({
    code: "InvalidValue",
    address: addressOf(service),
    path: pathText(["spec", "autoscale", ...((issue?.path ?? []) as Path)]),
    message: `The value that an expression gave is not valid: ${issue?.message ?? ""}.`,
    hint: "Check what the expression refers to.",
  });
}

function stateOf(instance: Instance, now: number): readonly InstanceState[] {
  if (instance.metadata.deletionTimestamp !== undefined || instance.status?.exit !== undefined) return [];
  const since = instance.status?.readyAt ?? Infinity;
  const counts = conditionOf(instance, "Ready")?.status === "True" && since + SETTLED <= now;
  return [{ name: instance.metadata.name, counts }];
}

/** How long the slowest of those that are there took. */
function startupOf(instances: readonly Instance[]): number | undefined {
  const took = instances.flatMap(({ metadata, status }) =>
    status?.readyAt === undefined ? [] : [status.readyAt - Date.parse(metadata.creationTimestamp)],
  );
  return took.length === 0 ? undefined : Math.max(0, ...took);
}

function withForesight(decision: Decision, foreseen: Foreseen | undefined): Decision {
  if (foreseen === undefined) return decision;
  return { ...decision, conditions: { ...decision.conditions, Foresight: foreseen.verdict } };
}

function happenings(
  before: AutoscaleStatus | undefined,
  { reason, conditions }: Decision,
  isScaled: boolean,
): readonly Happening[] {
  const active = conditions.ScalingActive;
  const was = before?.conditions?.find(({ type }) => type === "ScalingActive")?.status;
  const stopped = active.status === "False" && was === "True";
  return [
    ...(isScaled ? [{ reason: "Autoscaled", message: reason }] : []),
    ...(stopped ? [{ type: "Warning", reason: active.reason, message: active.message } as const] : []),
  ];
}
