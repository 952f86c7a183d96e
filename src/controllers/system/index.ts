/**
 * Adds up a System: how many of its resources are ready, where it can be reached, what it puts out for others. A System that is deleted goes last: its
 * finalizer stays until its resources are gone. Its Revisions and Changes stay after it; a last Revision says that it is gone
 * (planner/lives.ts), in the same commit, or in the next when somebody took the finalizer away.
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
  keyText,
} from "../../model/resource.ts";
import { ending } from "../../planner/lives.ts";
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
    initial: () => [...store.list({ kind: "System" }).items.map(keyOf), ...recorded(store)],
    reconcile: (key, context) => reconcile(key, context, { ...options, sources }),
  };
}

async function reconcile(
  key: Key,
  context: ReconcileContext,
  options: SystemOptions & { readonly sources: Sources },
): Promise<Outcome> {
  const system = options.store.get(key) as System | undefined;
  if (system === undefined) return goneBefore(key, context, options);
  const parts = options.parts.of(key);
  if (system.metadata.deletionTimestamp !== undefined) {
    if (parts.all.size === 0) await dissolve(system, context, options);
    else await takeDown(parts, context, options);
    return;
  }
  const now = options.clock.now();
  const revision = revisionsOf(options.store, key.name, key.namespace)[0]?.number ?? 0;
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
  if (!equal(status, system.status))
    await options.store.commit([{ type: "status", key, status }], context.cause("add up"));
}

/** Its last Revision says so, whoever took it away. */
async function goneBefore(
  key: Key,
  context: ReconcileContext,
  { store, sources }: SystemOptions & { readonly sources: Sources },
): Promise<void> {
  sources.forget(key);
  const end = ending(key, store);
  if (end !== undefined) await store.commit([end], context.cause("it is gone"));
}

/** Systems that there were. */
function recorded(store: Store): readonly Key[] {
  const keys = store.list({ kind: "Revision" }).items.map(({ metadata: { namespace = "default" }, spec }) => {
    const { system: name } = spec as { readonly system: string };
    return { kind: "System", namespace, name };
  });
  return [...new Map(keys.map((key) => [keyText(key), key])).values()];
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
  const { metadata } = system;
  if (metadata.finalizers?.includes(FINALIZERS.system) !== true) return;
  const finalizers = metadata.finalizers.filter((finalizer) => finalizer !== FINALIZERS.system);
  const end = ending({ ...keyOf(system), last: system }, store);
  const operations: Operation[] = [
    ...(end === undefined ? [] : [end]),
    { type: "update", resource: { ...system, metadata: { ...metadata, finalizers } } },
  ];
  await store.commit(operations, context.cause("everything is gone"));
}
