/**
 * Adds up a System: how many of its resources are ready, where it can be reached, whether the last Change has come to
 * its end. A System that is deleted goes last: its finalizer stays until its resources are gone, then its Revisions and
 * Changes go with it.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { kinds } from "../../kinds/registry.ts";
import { isReady, timestamp, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import {
  type Condition,
  type Draft,
  FINALIZERS,
  type Key,
  LABELS,
  type Resource,
  addressOf,
  keyOf,
} from "../../model/resource.ts";
import type { Operation, Store } from "../../store/store.ts";

export interface SystemOptions {
  readonly store: Store;
  readonly clock: Clock;
}

interface Status {
  readonly conditions?: readonly Condition[];
}
type System = Resource<object, Status>;

const PARTS = kinds.filter((kind) => kind.declarable && kind.kind !== "System").map((kind) => kind.kind);
const PASSIVE: ReadonlySet<string> = new Set(["ConfigMap", "Secret", "Namespace", "Location"]);
const RECORDS = ["Revision", "Change"] as const;

export function systemController(options: SystemOptions): Controller {
  const { store } = options;
  return {
    name: "system",
    *concerns({ key, resource }) {
      if (key.kind === "System") yield key;
      else if (key.kind !== "Instance" && key.kind !== "Event") {
        const name =
          resource.metadata.labels?.[LABELS.system] ??
          (resource.spec as { readonly system?: string } | undefined)?.system;
        if (name !== undefined) yield { kind: "System", namespace: key.namespace || "default", name };
      }
    },
    initial: () => store.list({ kind: "System" }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options),
  };
}

async function reconcile(key: Key, context: ReconcileContext, options: SystemOptions): Promise<Outcome> {
  const system = options.store.get(key) as System | undefined;
  if (system === undefined) return;
  const resources = partsOf(key, options.store);
  if (system.metadata.deletionTimestamp !== undefined) {
    if (resources.length === 0) await dissolve(system, context, options);
    else await takeDown(resources, context, options);
    return;
  }
  const now = options.clock.now();
  const revisions = recordsOf(key, "Revision", options.store);
  const revision = Math.max(
    0,
    ...revisions.map((record) => (record.spec as { readonly number: number }).number),
  );
  const open = resources.filter((resource) => !isDone(resource));
  const status = {
    ...system.status,
    observedGeneration: system.metadata.generation,
    resources: resources.length,
    readyResources: resources.length - open.length,
    revision,
    urls: declaredOrder(resources, revisions, revision).flatMap(
      (resource) => (resource.status as { readonly urls?: readonly string[] } | undefined)?.urls ?? [],
    ),
    conditions: withCondition(
      system.status?.conditions,
      summary(resources, open, system.metadata.generation),
      now,
    ),
  };
  const operations: Operation[] = equal(status, system.status) ? [] : [{ type: "status", key, status }];
  operations.push(...changesEnded(key, revision, open.length === 0, now, options.store));
  if (operations.length > 0) await options.store.commit(operations, context.cause("add up"));
}

function partsOf(key: Key, store: Store): readonly Resource[] {
  return PARTS.flatMap(
    (kind) => store.list({ kind, namespace: key.namespace, labels: { [LABELS.system]: key.name } }).items,
  );
}

function recordsOf(key: Key, kind: (typeof RECORDS)[number], store: Store): readonly Resource[] {
  return store
    .list({ kind, namespace: key.namespace })
    .items.filter((record) => (record.spec as { readonly system: string }).system === key.name);
}

/** As the newest Revision lists them; what is not in it comes last. */
function declaredOrder(
  resources: readonly Resource[],
  revisions: readonly Resource[],
  newest: number,
): readonly Resource[] {
  const spec = revisions
    .map((record) => record.spec as { readonly number: number; readonly resources: readonly Draft[] })
    .find(({ number }) => number === newest);
  const places = new Map((spec?.resources ?? []).map((draft, index) => [addressOf(draft), index]));
  const placeOf = (resource: Resource): number => places.get(addressOf(resource)) ?? places.size;
  return [...resources].sort((a, b) => placeOf(a) - placeOf(b));
}

/** Ready, and not on its way out. */
function isDone(resource: Resource): boolean {
  return (
    resource.metadata.deletionTimestamp === undefined && (PASSIVE.has(resource.kind) || isReady(resource))
  );
}

function summary(
  resources: readonly Resource[],
  open: readonly Resource[],
  observedGeneration: number,
): Omit<Condition, "lastTransitionTime"> {
  if (open.length === 0)
    return {
      type: "Ready",
      status: "True",
      reason: "AllReady",
      message: `All ${resources.length} resources are ready.`,
      observedGeneration,
    };
  const names = open.slice(0, 3).map(addressOf).join(", ");
  return {
    type: "Ready",
    status: "False",
    reason: "NotReady",
    message: `${open.length} of ${resources.length} resources are not ready: ${names}${open.length > 3 ? " ..." : ""}.`,
    observedGeneration,
  };
}

function changesEnded(
  key: Key,
  revision: number,
  ready: boolean,
  now: number,
  store: Store,
): readonly Operation[] {
  return recordsOf(key, "Change", store).flatMap((change): readonly Operation[] => {
    const { state } = (change.status ?? {}) as { readonly state?: string };
    if (state === "Succeeded" || state === "Superseded") return [];
    const superseded = (change.spec as { readonly revision: number }).revision < revision;
    const next = superseded ? "Superseded" : ready ? "Succeeded" : "InProgress";
    if (next === state) return [];
    return [
      {
        type: "status",
        key: keyOf(change),
        status: { state: next, ...(next === "InProgress" ? {} : { finishedAt: timestamp(now) }) },
      },
    ];
  });
}

/** Whoever deletes a System means what it is made of. */
async function takeDown(
  resources: readonly Resource[],
  context: ReconcileContext,
  { store }: SystemOptions,
): Promise<void> {
  const present = resources.filter((resource) => resource.metadata.deletionTimestamp === undefined);
  if (present.length === 0) return;
  await store.commit(
    present.map((resource): Operation => ({ type: "delete", key: keyOf(resource) })),
    context.cause("its system is deleted"),
  );
}

async function dissolve(system: System, context: ReconcileContext, { store }: SystemOptions): Promise<void> {
  const key = keyOf(system);
  const operations: Operation[] = RECORDS.flatMap((kind) =>
    recordsOf(key, kind, store).map((record): Operation => ({ type: "delete", key: keyOf(record) })),
  );
  if (system.metadata.finalizers?.includes(FINALIZERS.system) === true) {
    const finalizers = system.metadata.finalizers.filter((finalizer) => finalizer !== FINALIZERS.system);
    operations.push({
      type: "update",
      resource: { ...system, metadata: { ...system.metadata, finalizers } },
    });
  }
  if (operations.length > 0) await store.commit(operations, context.cause("everything is gone"));
}
