/**
 * Says of each ResourceSet which members it has, and whether they are what its value asks for. Members are planned and committed
 * like all that is declared: by the Change that is under way, or, when there is none, by one of their own (follow.ts).
 *
 *   WaitingFor (what its value comes from) -> Pending (the value asks for others than there are)
 *                                          -> NotReady (members) -> AllReady
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { type Resolver, resolve, waitsText } from "../../controller/resolve.ts";
import { type DependentsView, affectedBy } from "../../controller/view.ts";
import { kindNamed } from "../../kinds/registry.ts";
import { statusSchema } from "../../kinds/schema.ts";
import { type NewCondition, isReady, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, type Key, LABELS, type Resource, addressOf, keyOf } from "../../model/resource.ts";
import { SET } from "../../planner/expansion.ts";
import { FINAL_STATES } from "../../kinds/change.ts";
import { memberNames } from "../../planner/sets.ts";
import { TerminalError } from "../../provider/provider.ts";
import type { Operation, Store } from "../../store/store.ts";
import { type FollowOptions, following } from "./follow.ts";

export interface SetOptions extends FollowOptions {
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly dependents: DependentsView;
}

interface Spec {
  readonly forEach: unknown;
  readonly template: { readonly kind: string };
}
interface Status {
  readonly conditions?: readonly Condition[];
  readonly members?: readonly string[];
}
type ResourceSet = Resource<Spec, Status>;

const KIND = "ResourceSet";
/** It has other members than its value asks for; a Change brings them. */
const OUTDATED = "Pending";

export function setController(options: SetOptions): Controller {
  const { store, dependents } = options;
  return {
    name: "set",
    *concerns(change) {
      const { key, resource } = change;
      if (key.kind === KIND) yield key;
      if (key.kind === "Change") yield* setsOf(resource, store);
      const set = resource.metadata.labels?.[SET];
      const namespace = resource.metadata.namespace ?? "default";
      if (set !== undefined) yield { kind: KIND, namespace, name: set };
      for (const other of affectedBy(change, dependents)) if (other.kind === KIND) yield other;
    },
    initial: () => store.list({ kind: KIND }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options),
  };
}

/** A Change that has ended may have left them behind their value. */
function* setsOf({ metadata, spec, status }: Resource, store: Store): Generator<Key> {
  if (!FINAL_STATES.has((status as { readonly state?: string } | undefined)?.state ?? "")) return;
  const { system = "" } = spec as { readonly system?: string };
  const { namespace = "default" } = metadata;
  for (const set of store.list({ kind: KIND, namespace, labels: { [LABELS.system]: system } }).items)
    yield keyOf(set);
}

async function reconcile(key: Key, context: ReconcileContext, options: SetOptions): Promise<Outcome> {
  const { store, clock, resolver } = options;
  const set = store.get(key) as ResourceSet | undefined;
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
  const members = membersOf(set, store);
  const { condition, members: names } = judged(set, members, resolver);
  const observedGeneration = set.metadata.generation;
  const status = {
    ...set.status,
    observedGeneration,
    members: names,
    conditions: withCondition(set.status?.conditions, { ...condition, observedGeneration }, clock.now()),
  };
  const operations: Operation[] = equal(status, set.status) ? [] : [{ type: "status", key, status }];
  if (operations.length > 0) await store.commit(operations, context.cause(condition.reason));
  const follow = condition.reason === OUTDATED ? following(set, options) : [];
  if (follow.length > 0) await store.commit(follow, context.cause("its value has changed"));
}

function membersOf({ metadata, spec }: ResourceSet, store: Store): readonly Resource[] {
  const { name, namespace = "default", labels } = metadata;
  const { kind } = spec.template;
  const system = labels?.[LABELS.system];
  const query = {
    kind,
    labels: { [SET]: name, ...(system === undefined ? {} : { [LABELS.system]: system }) },
  };
  return store.list(kindNamed(kind)?.namespaced === false ? query : { ...query, namespace }).items;
}

function judged(
  set: ResourceSet,
  present: readonly Resource[],
  resolver: Resolver,
): { readonly condition: NewCondition; readonly members: readonly string[] } {
  const names = present.map(({ metadata }) => metadata.name).toSorted();
  const not = (reason: string, message: string): { condition: NewCondition; members: readonly string[] } => ({
    condition: { type: "Ready", status: "False", reason, message },
    members: names,
  });
  const value = valueOf(set, resolver);
  if ("waits" in value) return not("WaitingFor", value.waits);
  if ("problem" in value) return not("ExpressionFailed", value.problem);
  const wanted = memberNames(set, value.value);
  if (wanted === undefined) return not("InvalidValue", "What it goes over is no number, list or mapping.");
  const missing = wanted.filter((name) => !names.includes(name));
  const surplus = names.filter((name) => !wanted.includes(name));
  if (missing.length + surplus.length > 0)
    return not(
      OUTDATED,
      `By its value ${counted(missing, "is missing", "are missing")}${missing.length > 0 && surplus.length > 0 ? " and " : ""}${counted(surplus, "is too many", "are too many")}.`,
    );
  const open = present.filter((member) => !isDone(member));
  if (open.length > 0)
    return not(
      "NotReady",
      `${open.length} of ${present.length} are not ready: ${open.slice(0, 3).map(addressOf).join(", ")}${open.length > 3 ? " ..." : ""}.`,
    );
  return {
    condition: {
      type: "Ready",
      status: "True",
      reason: "AllReady",
      message: `All ${present.length} members are ready.`,
    },
    members: wanted,
  };
}

function counted(names: readonly string[], one: string, several: string): string {
  if (names.length === 0) return "";
  return `${names.slice(0, 3).join(", ")}${names.length > 3 ? " ..." : ""} ${names.length === 1 ? one : several}`;
}

type Value = { readonly value: unknown } | { readonly waits: string } | { readonly problem: string };

/** Of `forEach` alone: the template holds what only its members can tell. */
function valueOf(set: ResourceSet, resolver: Resolver): Value {
  try {
    const { spec, waits } = resolve({ ...set, spec: { forEach: set.spec.forEach } }, resolver);
    return waits.length > 0 ? { waits: waitsText(waits) } : { value: (spec as Spec).forEach };
  } catch (error) {
    if (error instanceof TerminalError) return { problem: error.message };
    throw error;
  }
}

function isDone(member: Resource): boolean {
  if (member.metadata.deletionTimestamp !== undefined) return false;
  const kind = kindNamed(member.kind);
  return isReady(member) || kind === undefined || !("conditions" in (statusSchema(kind).properties ?? {}));
}
