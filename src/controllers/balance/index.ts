/**
 * Keeps the pools of every balancer equal to the ready instances of the services it routes to, and to the machines that
 * take connections on the port that it names.
 *
 *  - An instance gets traffic only while it is ready, not degraded, not being deleted, and its template may serve.
 *  - A deleted instance becomes draining first; when nothing is in flight to it any more (or its drain time is over) in
 *    every balancer, the condition `Withdrawn` says so, and only then is its process asked to end. That acknowledgement
 *    is what makes rollouts and scaling lose no request.
 *  - Members that fail, are slow or stuck compared with their siblings are marked `Degraded` (outliers.ts), never more than a
 *    share of a service before they are replaced, and none any more when replacing does not help (condemned.ts).
 *
 * Level-triggered: what a balancer is told is computed from the store each time (I4); telling it twice changes nothing. What
 * was told is remembered so that it need not be told again; each look at the statistics compares it with what the balancer
 * has, so one that came back with something else is told anew.
 */
import { identityOf } from "../../controller/desired.ts";
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import {
  type BalancerSpec,
  type MachinePool,
  type PoolOf,
  type ServicePool,
  poolsOf,
  routesTo,
  routesToMachine,
  servicePoolsOf,
} from "../../controller/routes.ts";
import type { IndexView } from "../../controller/view.ts";
import { outliersOf } from "../../kinds/outliers.ts";
import { isKept } from "../../controller/kept.ts";
import { conditionOf, withCondition } from "../../model/condition.ts";
import { parseDuration } from "../../model/duration.ts";
import { type Condition, type Key, type Resource, keyOf, keyText } from "../../model/resource.ts";
import { placed } from "../../provider/placement.ts";
import type { Identity, Member, MemberStats, TrafficProvider } from "../../provider/provider.ts";
import { type Cause, type Store, StoreError } from "../../store/store.ts";
import { Condemned } from "./condemned.ts";
import { type Reaches, reaches } from "./reaches.ts";
import { type Outlier, mostOut, outliers } from "./outliers.ts";

export interface BalanceOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** By the key text of their service. */
  readonly instances: IndexView;
  readonly balancers: IndexView;
  readonly providerOf: (spec: { readonly class: string; readonly location: string }) => TrafficProvider;
  /** How often statistics are looked at, milliseconds. */
  readonly statsEvery?: number;
  /** Whether somebody takes connections there; tried when absent. */
  readonly reaches?: Reaches;
}

interface InstanceStatus {
  readonly host?: string;
  readonly exit?: object;
  readonly conditions?: readonly Condition[];
}
type Instance = Resource<
  {
    readonly service: string;
    readonly template: string;
    readonly ports: Readonly<Record<string, number>>;
    readonly run: { readonly stop: { readonly drain: string } };
  },
  InstanceStatus
>;
type Machine = Resource<unknown, { readonly address?: string; readonly conditions?: readonly Condition[] }>;
type ServiceSpec = Parameters<typeof outliersOf>[0];
type Balancer = Resource<
  BalancerSpec,
  { readonly conditions?: readonly Condition[]; readonly made?: unknown }
>;

export function balanceController(options: BalanceOptions): Controller {
  const machine = new BalanceMachine(options);
  return {
    name: "balance",
    concurrency: 16,
    *concerns({ type, key, resource, previous }) {
      if (key.kind === "Instance" && type === "DELETED") machine.gone(resource.metadata.uid);
      if (key.kind === "LoadBalancer") yield key;
      else if (
        key.kind === "Instance" &&
        (previous === undefined || mattersToTraffic(previous as Instance, resource as Instance))
      )
        yield* machine.routing(key.namespace, (resource.spec as { readonly service: string }).service);
      else if (key.kind === "Machine" && memberOf(previous as Machine) !== memberOf(resource as Machine))
        yield* machine.routingToMachine(key);
      else if (key.kind === "Service" && servingOf(previous) !== servingOf(resource))
        yield* machine.routing(key.namespace, key.name);
    },
    initial: () => [...options.balancers.all()].map(keyOf),
    reconcile: (key, context) => machine.reconcile(key, context),
  };
}

function mattersToTraffic(previous: Instance, next: Instance): boolean {
  return (
    isServing(previous) !== isServing(next) ||
    previous.metadata.deletionTimestamp !== next.metadata.deletionTimestamp
  );
}

function isServing(instance: Instance): boolean {
  return (
    conditionOf(instance, "Ready")?.status === "True" &&
    instance.status?.exit === undefined &&
    conditionOf(instance, "Degraded")?.status !== "True"
  );
}

/** Ready, or made once and perhaps only its description of itself is late. */
function mayServe(balancer: Balancer): boolean {
  return (
    balancer.metadata.deletionTimestamp === undefined &&
    (conditionOf(balancer, "Ready")?.status === "True" || balancer.status?.made !== undefined)
  );
}

/** Deleted, alive, and not acknowledged yet. */
function isToBeWithdrawn(instance: Instance): boolean {
  return (
    instance.metadata.deletionTimestamp !== undefined &&
    instance.status?.exit === undefined &&
    conditionOf(instance, "Withdrawn")?.status !== "True"
  );
}

function servingOf(service: Resource | undefined): string {
  return ((service?.status as { readonly serving?: readonly string[] } | undefined)?.serving ?? []).join(",");
}

/** Where it would be asked; undefined when it cannot be. */
function memberOf(machine: Machine | undefined): string | undefined {
  if (machine === undefined || machine.metadata.deletionTimestamp !== undefined) return undefined;
  return conditionOf(machine, "Ready")?.status === "True" ? machine.status?.address : undefined;
}

class BalanceMachine {
  readonly #options: BalanceOptions;
  /** What each pool was told last, by balancer and pool, so that telling it again can be left out. */
  readonly #told = new Map<string, { readonly text: string; readonly ids: ReadonlySet<string> }>();
  /** Drains under way, by instance, balancer and pool. */
  readonly #draining = new Set<string>();
  /** By uid of an instance: the balancers and pools that send it nothing any more. */
  readonly #drained = new Map<string, Set<string>>();
  readonly #lastStats = new Map<string, number>();
  readonly #condemned = new Condemned();

  constructor(options: BalanceOptions) {
    this.#options = options;
  }

  /** An instance that is gone needs no acknowledgement any more. */
  gone(uid: string): void {
    this.#drained.delete(uid);
  }

  /** The balancers that route to a service. */
  *routing(namespace: string, service: string): Generator<Key> {
    for (const balancer of this.#options.balancers.all())
      if (routesTo(balancer, { namespace, name: service })) yield keyOf(balancer);
  }

  *routingToMachine({ namespace, name }: Key): Generator<Key> {
    for (const balancer of this.#options.balancers.all())
      if (routesToMachine(balancer, { namespace, name })) yield keyOf(balancer);
  }

  async reconcile(key: Key, context: ReconcileContext): Promise<Outcome> {
    const balancer = this.#options.store.get(key) as Balancer | undefined;
    if (balancer === undefined) {
      this.#forget(keyText(key));
      return;
    }
    if (!mayServe(balancer)) {
      this.#forget(keyText(key));
      return this.#acknowledge(balancer, context);
    }
    const isReady = conditionOf(balancer, "Ready")?.status === "True";
    const provider = this.#options.providerOf(placed(balancer));
    const identity = identityOf(balancer);
    try {
      await this.#tell(provider, identity, balancer, context);
    } catch (error) {
      this.#forget(keyText(key));
      if (isReady) throw error;
      // It is not well and does not answer: it sends nobody anything.
      return this.#acknowledge(balancer, context);
    }
    return isReady
      ? this.#inspect(provider, identity, balancer, context)
      : { requeueAfter: this.#options.statsEvery ?? 1_000 };
  }

  async #tell(
    provider: TrafficProvider,
    identity: Identity,
    balancer: Balancer,
    context: ReconcileContext,
  ): Promise<void> {
    const text = keyText(keyOf(balancer));
    const version = `${balancer.metadata.uid} ${conditionOf(balancer, "Ready")?.lastTransitionTime ?? ""} ${balancer.metadata.generation}`;
    const keep = (pool: PoolOf, members: readonly Member[]): Promise<void> =>
      this.#keep(provider, identity, { key: `${text} ${pool.pool}`, version, pool: pool.pool }, members);
    for (const pool of poolsOf(balancer.spec)) {
      if ("machines" in pool) {
        await keep(pool, await this.#machines(identity.namespace, pool));
        continue;
      }
      const instances = this.#instancesOf(identity.namespace, pool.service);
      await keep(pool, this.#members(identity.namespace, pool, instances));
      for (const instance of instances) this.#drain(provider, identity, pool.pool, instance, context);
    }
  }

  async #keep(
    provider: TrafficProvider,
    identity: Identity,
    { key, version, pool }: { readonly key: string; readonly version: string; readonly pool: string },
    members: readonly Member[],
  ): Promise<void> {
    const telling = `${version} ${JSON.stringify(members)}`;
    if (this.#told.get(key)?.text === telling) return;
    this.#told.delete(key);
    await provider.setMembers(identity, pool, members);
    this.#told.set(key, { text: telling, ids: new Set(members.map((member) => member.id)) });
  }

  /** Those that run and take connections. */
  async #machines(namespace: string, { machines, port }: MachinePool): Promise<readonly Member[]> {
    const { store, reaches: isReached = reaches } = this.#options;
    const members = machines.map(async (id): Promise<readonly Member[]> => {
      const host = memberOf(store.get({ kind: "Machine", namespace, name: id }) as Machine | undefined);
      if (host === undefined || !(await isReached(host, port))) return [];
      return [{ id, host, port, state: "ready" }];
    });
    return (await Promise.all(members)).flat();
  }

  #forget(balancer: string): void {
    for (const key of this.#told.keys()) if (key.startsWith(`${balancer} `)) this.#told.delete(key);
    this.#lastStats.delete(balancer);
  }

  #instancesOf(namespace: string, service: string): readonly Instance[] {
    return [
      ...this.#options.instances.get(keyText({ kind: "Service", namespace, name: service })).values(),
    ] as Instance[];
  }

  #members(namespace: string, pool: ServicePool, instances: readonly Instance[]): readonly Member[] {
    const service = this.#options.store.get({ kind: "Service", namespace, name: pool.service });
    const serving = (service?.status as { readonly serving?: readonly string[] } | undefined)?.serving;
    return instances.flatMap((instance): readonly Member[] => {
      const port =
        pool.port === undefined ? Object.values(instance.spec.ports)[0] : instance.spec.ports[pool.port];
      if (port === undefined || !isServing(instance)) return [];
      if (conditionOf(instance, "Withdrawn")?.status === "True") return [];
      const isLeaving = instance.metadata.deletionTimestamp !== undefined;
      // Who leaves gets nothing new anyway, and may still be answering.
      if (!isLeaving && serving?.includes(instance.spec.template) === false) return [];
      return [
        {
          id: instance.metadata.name,
          host: instance.status?.host ?? "127.0.0.1",
          port,
          state: isLeaving ? "draining" : "ready",
        },
      ];
    });
  }

  /** Waits beside the queue, since it may take as long as the slowest request. One that fails is tried again at the next look. */
  #drain(
    provider: TrafficProvider,
    identity: Identity,
    pool: string,
    instance: Instance,
    context: ReconcileContext,
  ): void {
    const { uid, deletionTimestamp, name } = instance.metadata;
    const balancer = keyText(identity);
    const drain = `${uid} ${balancer} ${pool}`;
    if (!isToBeWithdrawn(instance) || deletionTimestamp === undefined || this.#draining.has(drain)) return;
    // Drained, and not said yet, because others are not or because saying it failed: then only that is done again.
    const isDrained = this.#drained.get(uid)?.has(`${balancer} ${pool}`) === true;
    this.#draining.add(drain);
    const timeout = Math.max(
      0,
      Date.parse(deletionTimestamp) + parseDuration(instance.spec.run.stop.drain) - this.#options.clock.now(),
    );
    void (isDrained ? Promise.resolve() : provider.drain(identity, pool, name, timeout))
      .then(() => this.#note(instance, balancer, pool, context))
      .catch(() => {})
      .finally(() => this.#draining.delete(drain));
  }

  /** A pool sends the instance nothing any more; when the last one has said so, its condition does. */
  async #note(instance: Instance, balancer: string, pool: string, context: ReconcileContext): Promise<void> {
    const { uid } = instance.metadata;
    const drained = this.#drained.get(uid) ?? new Set();
    this.#drained.set(uid, drained.add(`${balancer} ${pool}`));
    const namespace = instance.metadata.namespace ?? "default";
    for (const other of this.#options.balancers.all()) {
      if ((other.metadata.namespace ?? "default") !== namespace || !mayServe(other as Balancer)) continue;
      for (const one of servicePoolsOf(other.spec as BalancerSpec))
        if (one.service === instance.spec.service && !drained.has(`${keyText(keyOf(other))} ${one.pool}`))
          return;
    }
    await this.#withdrawn(keyOf(instance), uid, context);
  }

  async #withdrawn(key: Key, uid: string, context: ReconcileContext): Promise<void> {
    while (!(await this.#saidWithdrawn(key, uid, context)));
    this.#drained.delete(uid);
  }

  /** False when somebody else wrote the status in between: a conflict is told when that other write can be read. */
  async #saidWithdrawn(key: Key, uid: string, context: ReconcileContext): Promise<boolean> {
    const { store, clock } = this.#options;
    const instance = store.get(key) as Instance | undefined;
    if (instance?.metadata.uid !== uid) return true;
    const conditions = withCondition(
      instance.status?.conditions,
      { type: "Withdrawn", status: "True", reason: "Drained", message: "No balancer sends it requests." },
      clock.now(),
    );
    const status = { ...instance.status, conditions };
    const expectedVersion = instance.metadata.resourceVersion;
    try {
      await store.commit([{ type: "status", key, status, expectedVersion }], context.cause("drained"));
      return true;
    } catch (error) {
      if (error instanceof StoreError && error.code === "Conflict") return false;
      throw error;
    }
  }

  /** A balancer that does not serve has no traffic to withdraw. */
  async #acknowledge(balancer: Balancer, context: ReconcileContext): Promise<void> {
    const namespace = balancer.metadata.namespace ?? "default";
    for (const { service, pool } of servicePoolsOf(balancer.spec)) {
      for (const instance of this.#instancesOf(namespace, service))
        if (isToBeWithdrawn(instance)) await this.#note(instance, keyText(keyOf(balancer)), pool, context);
    }
  }

  async #inspect(
    provider: TrafficProvider,
    identity: Identity,
    balancer: Balancer,
    context: ReconcileContext,
  ): Promise<Outcome> {
    const { clock } = this.#options;
    const every = this.#options.statsEvery ?? 1_000;
    const text = keyText(keyOf(balancer));
    const left = (this.#lastStats.get(text) ?? clock.now()) + every - clock.now();
    if (!this.#lastStats.has(text)) this.#lastStats.set(text, clock.now());
    if (left > 0) return { requeueAfter: left };
    this.#lastStats.set(text, clock.now());
    const stats = await provider.stats(identity);
    for (const pool of poolsOf(balancer.spec)) {
      const members = stats.filter((member) => member.pool === pool.pool);
      this.#compare(`${text} ${pool.pool}`, members);
      if ("service" in pool) await this.#condemn(pool.service, members, balancer, context);
    }
    return { requeueAfter: every };
  }

  /** A pool that has other members than it was told has lost its memory: the next look tells it again. */
  #compare(poolKey: string, members: readonly MemberStats[]): void {
    const told = this.#told.get(poolKey);
    if (told === undefined) return;
    const there = new Set(members.map((member) => member.id));
    if ([...told.ids].every((id) => there.has(id)) && there.size === told.ids.size) return;
    this.#told.delete(poolKey);
  }

  async #condemn(
    name: string,
    members: readonly MemberStats[],
    balancer: Balancer,
    context: ReconcileContext,
  ): Promise<void> {
    const { store, clock } = this.#options;
    const namespace = balancer.metadata.namespace ?? "default";
    const service = store.get({ kind: "Service", namespace, name }) as Resource<ServiceSpec> | undefined;
    if (service === undefined) return;
    const settings = outliersOf(service.spec);
    if (!settings.enabled) return;
    const found = outliers(members, settings);
    if (found.length === 0) return;
    // Those taken out before and not replaced yet count: one after the other would empty the pool as well.
    const siblings = this.#instancesOf(namespace, name).filter(
      (instance) =>
        instance.metadata.deletionTimestamp === undefined && !isKept(instance, settings.keep, clock.now()),
    );
    const degraded = siblings.filter((instance) => conditionOf(instance, "Degraded")?.status === "True");
    const most = mostOut(siblings.length, settings);
    const paused = this.#condemned.pausedUntil(service.metadata.uid, most, clock.now());
    if (paused !== undefined) return this.#sayPaused(service, paused, context);
    for (const outlier of found.slice(0, Math.max(0, most - degraded.length)))
      await this.#takeOut(service, outlier, context);
  }

  async #takeOut(
    service: Resource<ServiceSpec>,
    { id, message }: Outlier,
    context: ReconcileContext,
  ): Promise<void> {
    const { store, clock } = this.#options;
    const key = { kind: "Instance", namespace: service.metadata.namespace ?? "default", name: id };
    const instance = store.get(key) as Instance | undefined;
    if (instance === undefined || conditionOf(instance, "Degraded")?.status === "True") return;
    const { keep } = outliersOf(service.spec);
    const keeping = parseDuration(keep) === 0 ? "" : ` It is kept for ${keep} to be looked at.`;
    const conditions = withCondition(
      instance.status?.conditions,
      { type: "Degraded", status: "True", reason: "Outlier", message },
      clock.now(),
    );
    const cause: Cause = context.cause(`take out ${id}: ${message}`);
    await store.commit(
      [
        {
          type: "status",
          key,
          status: { ...instance.status, conditions },
          expectedVersion: instance.metadata.resourceVersion,
        },
        ...[instance, service].map((about) =>
          eventOperation(store, clock.now(), "balance", about, {
            type: "Warning",
            reason: "Degraded",
            message: `${id} is taken out and replaced: ${message}${keeping}`,
          }),
        ),
      ],
      cause,
    );
    this.#condemned.add(service.metadata.uid, clock.now());
  }

  /** Once for each pause. */
  async #sayPaused(service: Resource<ServiceSpec>, until: number, context: ReconcileContext): Promise<void> {
    if (!this.#condemned.isNews(service.metadata.uid, until)) return;
    const { store, clock } = this.#options;
    const message =
      "Instances go on being worse than their siblings although several were replaced, so the cause is elsewhere: none is replaced for that for a while. Look at what the service depends on.";
    await store.commit(
      [
        eventOperation(store, clock.now(), "balance", service, {
          type: "Warning",
          reason: "ReplacingPaused",
          message,
        }),
      ],
      context.cause("pause replacing"),
    );
  }
}
