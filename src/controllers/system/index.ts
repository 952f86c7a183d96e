/**
 * Adds up a System: how many of its resources are ready, where it can be reached, what it puts out for others. A System that is deleted goes last: its
 * finalizer stays until its resources are gone, then its Revisions and Changes, with what was asked for them, go with it.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { lifecycleOf } from "../../kinds/lifecycle.ts";
import { withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import {
  type Condition,
  FINALIZERS,
  type Key,
  LABELS,
  type Resource,
  addressOf,
  keyOf,
} from "../../model/resource.ts";
import { revisionsOf } from "../../planner/revisions.ts";
import type { Operation, Store } from "../../store/store.ts";
import type { Resolver } from "../../controller/resolve.ts";
import { CONDITION, Sources, evaluateOutputs } from "./outputs.ts";
import { type Parts, type PartsView, firstOf, urlsOf } from "./parts.ts";

export interface SystemOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly parts: PartsView;
  readonly resolver: Resolver;
}

interface Status {
  readonly conditions?: readonly Condition[];
}
type System = Resource<object, Status>;

const RECORDS = ["Revision", "Change"] as const;

export function systemController(options: SystemOptions): Controller {
  const { store } = options;
  const sources = new Sources();
  return {
    name: "system",
    *concerns({ key, resource }) {
      yield* sources.of(key);
      if (key.kind === "System") yield key;
      else if (key.kind !== "Instance" && key.kind !== "Event") {
        const name =
          resource.metadata.labels?.[LABELS.system] ??
          (resource.spec as { readonly system?: string } | undefined)?.system;
        if (name !== undefined) yield { kind: "System", namespace: key.namespace || "default", name };
      }
    },
    initial: () => store.list({ kind: "System" }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, { ...options, sources }),
  };
}

async function reconcile(
  key: Key,
  context: ReconcileContext,
  options: SystemOptions & { readonly sources: Sources },
): Promise<Outcome> {
  const system = options.store.get(key) as System | undefined;
  if (system === undefined) return options.sources.forget(key);
  const parts = options.parts.of(key);
  if (system.metadata.deletionTimestamp !== undefined) {
    if (parts.all.size === 0) await dissolve(system, context, options);
    else await takeDown(parts, context, options);
    return;
  }
  const now = options.clock.now();
  const revisions = recordsOf(key, "Revision", options.store);
  const revision = Math.max(
    0,
    ...revisions.map((record) => (record.spec as { readonly number: number }).number),
  );
  options.sources.keep(system);
  const { values, condition } = evaluateOutputs(system, options.resolver);
  const summed = withCondition(
    system.status?.conditions?.filter(({ type }) => condition !== undefined || type !== CONDITION),
    summary(parts, system.metadata.generation),
    now,
  );
  const { outputs: _outputs, ...before } = (system.status ?? {}) as Status & { readonly outputs?: unknown };
  const status = {
    ...before,
    ...(Object.keys(values).length === 0 ? {} : { outputs: values }),
    observedGeneration: system.metadata.generation,
    resources: parts.all.size,
    readyResources: parts.all.size - parts.open.size,
    revision,
    urls: declaredOrder(parts.reachable, key, options.store).flatMap(urlsOf),
    conditions: condition === undefined ? summed : withCondition(summed, condition, now),
  };
  const operations: readonly Operation[] = equal(status, system.status)
    ? []
    : [{ type: "status", key, status }];
  if (operations.length > 0) await options.store.commit(operations, context.cause("add up"));
}

function recordsOf(key: Key, kind: (typeof RECORDS)[number], store: Store): readonly Resource[] {
  return store
    .list({ kind, namespace: key.namespace })
    .items.filter((record) => (record.spec as { readonly system: string }).system === key.name);
}

/** As the newest Revision lists them; what is not in it comes last. */
function declaredOrder(reachable: Parts["reachable"], key: Key, store: Store): readonly Resource[] {
  if (reachable.size < 2) return [...reachable.values()];
  const newest = revisionsOf(store, key.name, key.namespace)[0];
  const places = new Map((newest?.resources ?? []).map((draft, index) => [addressOf(draft), index]));
  const placeOf = (resource: Resource): number => places.get(addressOf(resource)) ?? places.size;
  return [...reachable.values()].sort(
    (a, b) => placeOf(a) - placeOf(b) || (addressOf(a) < addressOf(b) ? -1 : 1),
  );
}

function summary({ all, open }: Parts, observedGeneration: number): Omit<Condition, "lastTransitionTime"> {
  if (open.size === 0)
    return {
      type: "Ready",
      status: "True",
      reason: "AllReady",
      message: `All ${all.size} resources are ready.`,
      observedGeneration,
    };
  const names = firstOf(open.values(), 3).map(addressOf).join(", ");
  return {
    type: "Ready",
    status: "False",
    reason: "NotReady",
    message: `${open.size} of ${all.size} resources are not ready: ${names}${open.size > 3 ? " ..." : ""}.`,
    observedGeneration,
  };
}

/** Whoever deletes a System means what it is made of, but for what is protected: for that the System waits. */
async function takeDown({ all }: Parts, context: ReconcileContext, { store }: SystemOptions): Promise<void> {
  const present = [...all.values()].filter(
    (resource) => resource.metadata.deletionTimestamp === undefined && !lifecycleOf(resource).protect,
  );
  if (present.length === 0) return;
  await store.commit(
    present.map((resource): Operation => ({ type: "delete", key: keyOf(resource) })),
    context.cause("its system is deleted"),
  );
}

async function dissolve(system: System, context: ReconcileContext, { store }: SystemOptions): Promise<void> {
  const key = keyOf(system);
  const operations: Operation[] = [
    ...RECORDS.flatMap((kind) => recordsOf(key, kind, store)),
    ...recordsOf(key, "Change", store).flatMap((change) => besides(change, store)),
  ].map((record) => ({ type: "delete", key: keyOf(record) }));
  if (system.metadata.finalizers?.includes(FINALIZERS.system) === true) {
    const finalizers = system.metadata.finalizers.filter((finalizer) => finalizer !== FINALIZERS.system);
    operations.push({
      type: "update",
      resource: { ...system, metadata: { ...system.metadata, finalizers } },
    });
  }
  if (operations.length > 0) await store.commit(operations, context.cause("everything is gone"));
}

/** What there is for a Change beside itself: the question to people, and who works on it. */
function besides({ metadata, spec }: Resource, store: Store): readonly Resource[] {
  const { namespace = "", name } = metadata;
  const { approval = "" } = spec as { readonly approval?: string };
  return [
    store.get({ kind: "Approval", namespace, name: approval }) ?? [],
    store.get({ kind: "Lease", namespace, name: `change-${name}` }) ?? [],
  ].flat();
}
