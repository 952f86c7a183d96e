/**
 * Keeps what is said of an own kind true: that it is there, whether what is of it fits, and that it stays as long as anything is
 * of it. That it is known, and who makes it, is for the control plane itself (app/own-kinds.ts).
 *
 *     declared ──finalizer──> Established ──its schema changes──> every resource of it looked at again: those that do not fit are told
 *     deleted ──resources of it left──> Terminating: still a kind ──none left──> finalizer gone
 */
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, ReconcileContext } from "../../controller/reconciler.ts";
import { customResourceDefinition } from "../../kinds/custom-resource-definition.ts";
import { type DefinitionSpec, ownKind } from "../../kinds/own-kind.ts";
import { kindNamed } from "../../kinds/registry.ts";
import { validateAs } from "../../kinds/validate.ts";
import { withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, type Metadata, type Resource, addressOf, keyOf } from "../../model/resource.ts";
import type { Operation, Store } from "../../store/store.ts";

export interface OwnKindOptions {
  readonly store: Store;
  readonly clock: Clock;
}

interface Status {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

type Definition = Resource<DefinitionSpec, Status>;

const KIND = customResourceDefinition.kind;
const [FINALIZER = ""] = customResourceDefinition.finalizers;
/** How many that do not fit are named. */
const NAMED = 5;

export function ownKindController(options: OwnKindOptions): Controller {
  const { store } = options;
  return {
    name: "own-kind",
    *concerns({ key, type, resource, previous }) {
      if (key.kind === KIND && isAskedAnew(previous?.metadata, resource.metadata)) yield key;
      const definition = type === "DELETED" ? kindNamed(key.kind)?.definition : undefined;
      if (definition !== undefined) yield { kind: KIND, namespace: "", name: definition };
    },
    initial: () => store.list({ kind: KIND }).items.map(keyOf),
    reconcile: async (key, context) => {
      const found = store.get(key) as Definition | undefined;
      if (found === undefined) return;
      if (found.metadata.deletionTimestamp !== undefined) await goes(found, context, options);
      else if (found.metadata.finalizers?.includes(FINALIZER) !== true)
        await takeCharge(found, context, options);
      else await stands(found, context, options);
    },
  };
}

/** All but its status, which is written here. */
function isAskedAnew(before: Metadata | undefined, now: Metadata): boolean {
  return (
    before?.generation !== now.generation ||
    before.deletionTimestamp !== now.deletionTimestamp ||
    before.finalizers !== now.finalizers
  );
}

async function takeCharge(
  found: Definition,
  context: ReconcileContext,
  { store }: OwnKindOptions,
): Promise<void> {
  const finalizers = [...(found.metadata.finalizers ?? []), FINALIZER];
  await store.commit([withFinalizers(found, finalizers)], context.cause("take charge"));
}

async function goes(found: Definition, context: ReconcileContext, options: OwnKindOptions): Promise<void> {
  const { store } = options;
  const { kind } = found.spec.names;
  const left = store.list({ kind }).items.length;
  if (left > 0) {
    await report(found, context, options, {
      type: "Terminating",
      status: "True",
      reason: "InUse",
      message: `It goes when nothing is of it any more: there are ${left}.`,
    });
    return;
  }
  const finalizers = (found.metadata.finalizers ?? []).filter((one) => one !== FINALIZER);
  if (finalizers.length === found.metadata.finalizers?.length) return;
  await store.commit([withFinalizers(found, finalizers)], context.cause("nothing is of this kind any more"));
}

async function stands(found: Definition, context: ReconcileContext, options: OwnKindOptions): Promise<void> {
  const misfits = misfitsOf(found, options.store);
  const [first] = misfits;
  const more = misfits.length > NAMED ? ` and ${misfits.length - NAMED} more` : "";
  const message =
    first === undefined
      ? "Everything that is of it fits its schema."
      : `${misfits.slice(0, NAMED).join(", ")}${more} ${misfits.length === 1 ? "does" : "do"} not fit its schema, and ${misfits.length === 1 ? "stays as it is" : "stay as they are"}.`;
  await report(
    found,
    context,
    options,
    { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "No other kind is called so." },
    { type: "Established", status: "True", reason: "InitialNamesAccepted", message: "It can be declared." },
    {
      type: "ResourcesFit",
      status: first === undefined ? "True" : "False",
      reason: first === undefined ? "Fit" : "DoNotFit",
      message,
    },
    { type: "Ready", status: "True", reason: "Established", message: "It can be declared." },
  );
}

function misfitsOf(found: Definition, store: Store): readonly string[] {
  const made = ownKind(found);
  if (!("kind" in made)) return [];
  const { kind } = made;
  return store
    .list({ kind: kind.kind })
    .items.filter(
      (one) => validateAs(kind, one as unknown as Readonly<Record<string, unknown>>).diagnostics.length > 0,
    )
    .map(addressOf);
}

async function report(
  found: Definition,
  context: ReconcileContext,
  { store, clock }: OwnKindOptions,
  ...conditions: readonly Omit<Condition, "lastTransitionTime">[]
): Promise<void> {
  const { names, versions } = found.spec;
  const before = found.status ?? {};
  const status = {
    ...before,
    observedGeneration: found.metadata.generation,
    acceptedNames: names,
    storedVersions: versions.map(({ name }) => name),
    conditions: conditions.reduce(
      (all, next) =>
        withCondition(all, { ...next, observedGeneration: found.metadata.generation }, clock.now()),
      before.conditions ?? [],
    ),
  };
  if (equal(status, before)) return;
  const bad = conditions.find(({ type, status: is }) => type === "ResourcesFit" && is === "False");
  const operations: Operation[] = [{ type: "status", key: keyOf(found), status }];
  if (bad !== undefined && before.observedGeneration !== found.metadata.generation)
    operations.push(
      eventOperation(store, clock.now(), "own-kind", found, {
        type: "Warning",
        reason: bad.reason,
        message: bad.message,
      }),
    );
  await store.commit(operations, context.cause("say how it is"));
}

function withFinalizers(found: Definition, finalizers: readonly string[]): Operation {
  const metadata = { ...found.metadata, finalizers };
  return {
    type: "update",
    resource: { ...found, metadata },
    expectedVersion: found.metadata.resourceVersion,
  };
}
