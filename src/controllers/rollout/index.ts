/**
 * Keeps as many instances of each service as it declares, all of the declared template. Reads the service, its instances
 * and what it refers to; decides purely (decide.ts); writes instances to be created and removed, the status and the
 * events in one commit. Starting and stopping is the instance controller's; they meet in the store only.
 *
 *  - An Instance is written, with its port numbers, before anything is started (I3).
 *  - A service that is deleted removes its instances first; its finalizer goes when the last one is gone.
 *  - While the declared template cannot be known (something it refers to is not ready), the stable one is kept running.
 */
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import type { Gates } from "../../controller/gates.ts";
import { isKept, keptUntil } from "../../controller/kept.ts";
import { type Resolver, checkResolved, resolve, waitsText } from "../../controller/resolve.ts";
import { type DependentsView, type IndexView, affectedBy } from "../../controller/view.ts";
import { outliersOf } from "../../kinds/outliers.ts";
import { hasExpression } from "../../model/expression.ts";
import { conditionOf, isReady } from "../../model/condition.ts";
import {
  type Draft,
  FINALIZERS,
  type Key,
  LABELS,
  RESTARTED_AT,
  type Resource,
  keyOf,
  keyText,
} from "../../model/resource.ts";
import { parseDuration } from "../../model/duration.ts";
import { equal } from "../../model/equality.ts";
import type { Placement } from "../../provider/placement.ts";
import type { InstanceProvider } from "../../provider/provider.ts";
import { TerminalError } from "../../provider/provider.ts";
import type { Operation, Store } from "../../store/store.ts";
import { decide } from "./decide.ts";
import { remove, withFinalizers } from "./removal.ts";
import { draftInstances, portsToChoose } from "./drafts.ts";
import type { PortsInUse } from "./ports.ts";
import type { Decision } from "./situation.ts";
import {
  type InstanceStatus,
  type ServiceStatus,
  memoryOf,
  recorded,
  snapshotOf,
  statusOf,
  templatesIn,
} from "./status.ts";
import {
  type ServiceSpec,
  type Template,
  type VolumeSource,
  restartSettings,
  rolloutSettings,
  templateHash,
  templateOf,
} from "./template.ts";
import { type Held, scaledAs, statusOperation, writeGate, writeNotReady } from "./write.ts";

/** So that a very large service does not hold up everybody else: the rest follows at once. */
const PER_COMMIT = 500;
const MOST_PER_COMMIT = 2_000;
/** A look at a service costs as much as it has instances; larger ones rest in between, so that many changes make one look. */
const RESTS_FROM = 1_000;
const INSTANCES_PER_MILLISECOND = 500;

type RoutedInstance = Resource<{ readonly service: string; readonly template: string }, InstanceStatus>;

export interface RolloutOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly resolver: Resolver;
  /** Instances by the key text of their service. */
  readonly instances: IndexView;
  readonly dependents: DependentsView;
  readonly ports: PortsInUse;
  /** Whether a balancer sends requests to the service of an instance. */
  readonly routed: (instance: RoutedInstance) => boolean;
  /** Which provider runs a service; refuses with TerminalError when there is none. */
  readonly providerOf: (spec: Placement) => InstanceProvider;
  /** Asked before an instance is made, healed or removed; all are open when absent. */
  readonly gates?: Gates;
  /** Has a service looked at now. */
  readonly wake?: (key: Key) => void;
}

interface Options extends RolloutOptions {
  /** When this control plane began to look. */
  readonly watchedSince: number;
  /** Until when large services rest, by key text. */
  readonly rests: Map<string, number>;
}

export function rolloutController(given: RolloutOptions): Controller {
  const options: Options = { ...given, watchedSince: given.clock.now(), rests: new Map() };
  const { store, dependents } = options;
  const deafen = options.gates?.onOpened((key) => {
    if (key.kind === "Service") options.wake?.(key);
  });
  return {
    name: "rollout",
    stop: () => deafen?.(),
    concurrency: 32,
    *concerns(change) {
      const { key, resource } = change;
      if (key.kind === "Event") return;
      if (key.kind === "Instance") {
        yield serviceKey(resource);
        return;
      }
      if (key.kind === "Service") yield key;
      for (const affected of affectedBy(change, dependents)) if (affected.kind === "Service") yield affected;
    },
    initial: () => store.list({ kind: "Service" }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options),
  };
}

function serviceKey(instance: Resource): Key {
  return {
    kind: "Service",
    namespace: instance.metadata.namespace ?? "default",
    name: (instance.spec as { readonly service: string }).service,
  };
}

async function reconcile(key: Key, context: ReconcileContext, options: Options): Promise<Outcome> {
  const service = options.store.get(key) as Service | undefined;
  const text = keyText(key);
  if (service === undefined) {
    options.rests.delete(text);
    return;
  }
  const rest = (options.rests.get(text) ?? 0) - options.clock.now();
  if (rest > 0) return { requeueAfter: rest };
  const gate = options.gates?.closed(service);
  if (gate !== undefined) return writeGate(service, gate, context, options);
  if (service.metadata.deletionTimestamp !== undefined) return remove(service, context, options);
  if (service.metadata.finalizers?.includes(FINALIZERS.rollout) !== true)
    return takeCharge(service, context, options);
  const outcome = await roll(service, context, options);
  const size = options.instances.get(text).size;
  if (size < RESTS_FROM || outcome?.requeueAfter === 0) options.rests.delete(text);
  else options.rests.set(text, options.clock.now() + size / INSTANCES_PER_MILLISECOND);
  return outcome;
}

async function takeCharge(
  service: Service,
  context: ReconcileContext,
  { store }: RolloutOptions,
): Promise<undefined> {
  const { finalizers = [], resourceVersion: expectedVersion } = service.metadata;
  const resource = withFinalizers(service, [...finalizers, FINALIZERS.rollout]);
  await store.commit([{ type: "update", resource, expectedVersion }], context.cause("take charge"));
}

/** What is to be run: the declared, resolved, or while that cannot be known the stable template. */
interface Wanted {
  readonly spec: ServiceSpec;
  readonly template: Template;
  readonly hash: string;
  /** Why it is not the declared. */
  readonly held?: Held;
}
type Service = Resource<ServiceSpec, ServiceStatus>;

async function roll(service: Service, context: ReconcileContext, options: Options): Promise<Outcome> {
  const declared = declaredOf(service, options);
  if (!("reason" in declared)) return step(service, declared, context, options);
  const steady = steadyOf(service, declared, options);
  const outcome =
    steady === undefined
      ? await writeNotReady(service, declared, context, options)
      : await step(service, steady, context, options);
  if (declared.error !== undefined) throw declared.error;
  return outcome;
}

function declaredOf(service: Service, options: RolloutOptions): Wanted | Held {
  try {
    const resolved = resolve(service, options.resolver);
    if (resolved.waits.length > 0) return { reason: "WaitingFor", message: waitsText(resolved.waits) };
    checkResolved(service, resolved.spec);
    const spec = resolved.spec as ServiceSpec;
    const template = templateOf(spec, {
      folder: folderOf(service, options.store),
      class: options.providerOf(spec).class,
      sourceOf: (volume) => sourceOf(keyOf(service).namespace, volume, options.store),
    });
    const hash = templateHash(template, service.metadata.annotations?.[RESTARTED_AT]);
    return { spec, template, hash };
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return { reason: error.diagnostic.code, message: error.message, error };
  }
}

/**
 * What runs goes on being healed and scaled while the declared template waits for something, provided that nothing is
 * half rolled out and the rest of the declaration needs no value.
 */
function steadyOf({ spec, status }: Service, held: Held, options: RolloutOptions): Wanted | undefined {
  const { replicas, rollout, restart } = spec;
  if (status?.stable === undefined || status.rollout !== undefined) return undefined;
  if (hasExpression(JSON.stringify([replicas, rollout, restart, spec.class, spec.location])))
    return undefined;
  try {
    options.providerOf(status.stable.template);
    return { spec, ...status.stable, held };
  } catch (error) {
    if (error instanceof TerminalError) return undefined;
    throw error;
  }
}

async function step(
  service: Service,
  wanted: Wanted,
  context: ReconcileContext,
  options: Options,
): Promise<Outcome> {
  const all = options.instances.get(keyText(keyOf(service)));
  const now = options.clock.now();
  const { keep } = outliersOf(wanted.spec);
  const kept =
    parseDuration(keep) === 0 ? [] : [...all.values()].filter((instance) => isKept(instance, keep, now));
  const present = [...all.values()].filter(
    (instance) => instance.metadata.deletionTimestamp === undefined && !kept.includes(instance),
  );
  const decision = decide({
    now,
    replicas: wanted.spec.replicas,
    declared: wanted.hash,
    settings: rolloutSettings(wanted.spec, wanted.template),
    restart: restartSettings(wanted.spec),
    instances: present.map(snapshotOf),
    leaving: all.size - present.length - kept.length,
    answering: answering(all.values(), options),
    watchedSince: options.watchedSince,
    memory: memoryOf(service.status),
  });
  const known = [wanted, ...templatesIn(service.status)];
  const template = recorded(decision.target, known)?.template ?? wanted.template;
  const batch = Math.max(PER_COMMIT, Math.min(MOST_PER_COMMIT, Math.ceil(wanted.spec.replicas / 50)));
  const count = Math.min(decision.create, batch);
  const names = portsToChoose(template);
  const write = async (numbers: readonly number[]): Promise<void> =>
    commit(
      service,
      wanted,
      decision,
      {
        present: present.length,
        removed: decision.remove.slice(0, batch),
        created: draftInstances({
          service,
          template,
          hash: decision.target,
          attempt: decision.attempt,
          count,
          numbers,
          isTaken: (name) => all.has(keyText({ ...keyOf(service), kind: "Instance", name })),
          clock: options.clock,
        }),
      },
      context,
      options,
    );
  await (names.length * count === 0
    ? write([])
    : options.ports.reserve(
        (taken) => options.providerOf(template).allocatePorts(names.length * count, taken),
        write,
      ));
  if (decision.create > count || decision.remove.length > batch) return { requeueAfter: 0 };
  const lookAfter = Math.min(
    decision.requeueAfter ?? Number.POSITIVE_INFINITY,
    ...kept.map((instance) => keptUntil(instance, keep) - now),
  );
  return lookAfter === Number.POSITIVE_INFINITY ? undefined : { requeueAfter: lookAfter };
}

/** Templates of those that are on their way out, but not yet out of every balancer (D10). */
function answering(instances: IterableIterator<Resource>, { routed }: RolloutOptions): readonly string[] {
  const answering = [...instances].filter(
    ({ metadata, status }) => metadata.deletionTimestamp !== undefined && mayAnswer(status as InstanceStatus),
  ) as RoutedInstance[];
  // They are of one service: what routes to one routes to all.
  const [first] = answering;
  return first !== undefined && routed(first) ? answering.map(({ spec }) => spec.template) : [];
}

function mayAnswer(status: InstanceStatus | undefined): boolean {
  if (status?.state === undefined || status.exit !== undefined) return false;
  return conditionOf({ status }, "Withdrawn")?.status !== "True";
}

interface Doing {
  readonly present: number;
  readonly created: readonly Draft[];
  readonly removed: Decision["remove"];
}

async function commit(
  service: Service,
  wanted: Wanted,
  decision: Decision,
  { present, created, removed }: Doing,
  context: ReconcileContext,
  { store, clock }: RolloutOptions,
): Promise<void> {
  const now = clock.now();
  const status = scaledAs(
    service.status,
    statusOf(service, service.status, decision, {
      now,
      replicas: wanted.spec.replicas,
      hash: wanted.hash,
      template: wanted.template,
      total: present - removed.length + created.length,
      held: wanted.held,
    }),
  );
  const operations: Operation[] = [
    ...created.map((resource): Operation => ({ type: "create", resource })),
    ...removed.map(({ name }): Operation => ({
      type: "delete",
      key: { kind: "Instance", namespace: keyOf(service).namespace, name },
    })),
  ];
  if (!equal(status, service.status)) operations.push(statusOperation(service, status, store));
  operations.push(
    ...happenings(service, decision, created.length, wanted.held === undefined).map((happening) =>
      eventOperation(store, now, "rollout", service, happening),
    ),
  );
  if (operations.length > 0) await store.commit(operations, context.cause(action(decision, created.length)));
}

function action(decision: Decision, created: number): string {
  const parts = [created > 0 ? `create ${created}` : "", ...summarise(decision.remove)].filter(
    (part) => part !== "",
  );
  return parts.length === 0 ? decision.state.reason : parts.join(", ");
}

function summarise(removals: Decision["remove"]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { because } of removals) counts.set(because, (counts.get(because) ?? 0) + 1);
  return [...counts].map(([because, count]) => `remove ${count} (${because})`);
}

function happenings(
  service: Resource<ServiceSpec, ServiceStatus>,
  decision: Decision,
  created: number,
  isDeclared: boolean,
): Decision["happenings"] {
  const ended = decision.remove.filter(
    ({ because }) => because !== "scaled down" && because !== "replaced by a new template",
  );
  const before = service.status?.replicas ?? 0;
  return [
    ...decision.happenings,
    ...ended.slice(0, 3).map(({ name, because }) => ({
      type: "Warning" as const,
      reason: "InstanceEnded",
      message: `Instance ${name} is replaced: ${because}`,
    })),
    ...(created > 0 && ended.length === 0
      ? [
          {
            reason: "InstancesCreated",
            message: `${created} created, ${before} were there; template ${decision.target}.`,
          },
        ]
      : []),
    ...(decision.complete &&
    isDeclared &&
    service.status?.conditions?.find((condition) => condition.type === "Ready")?.status !== "True"
      ? [{ reason: "Ready", message: decision.state.message }]
      : []),
  ];
}

function folderOf(service: Resource, store: Store): string {
  const name = service.metadata.labels?.[LABELS.system];
  const system =
    name === undefined
      ? undefined
      : store.get({ kind: "System", namespace: service.metadata.namespace ?? "default", name });
  return (system?.spec as { readonly folder?: string } | undefined)?.folder || "/";
}

function sourceOf(namespace: string, name: string, store: Store): VolumeSource | undefined {
  const { path, volume } = (store.get({ kind: "Volume", namespace, name })?.status ?? {}) as VolumeSource;
  if (path === undefined && volume === undefined) return undefined;
  return { ...(path === undefined ? {} : { path }), ...(volume === undefined ? {} : { volume }) };
}

/** It is ready, and nothing of it runs from what was declared, or was given by what it refers to, before. */
export function isRolledOut(resource: Resource, options: RolloutOptions): boolean {
  const service = resource as Service;
  const declared = declaredOf(service, options);
  if ("reason" in declared || !isReady(service)) return false;
  const instances = options.instances.get(keyText(keyOf(service))).values();
  return [...instances].every(
    ({ spec }) => (spec as { readonly template: string }).template === declared.hash,
  );
}
