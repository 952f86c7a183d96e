/**
 * Says of each Location whether it can be reached, which engine is there and what its classes can do.
 *
 *   declared --describe--> Ready (looked at again at intervals) <--> Unreachable (looked at again sooner)
 *   deleted --nothing is there any more--> gone
 *
 *  - A Location in use is not gone before what is there is gone: else nobody could take that away.
 *  - It is looked at as soon as a Secret by which it is reached changes: renewed certificates are taken up at once.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { type LocationSpec, SECRETS_OF_LOCATIONS, secretsOf } from "../../kinds/location.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import { kinds } from "../../kinds/registry.ts";
import { bodySchema, schemaAt } from "../../kinds/schema.ts";
import { withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import {
  type Condition,
  FINALIZERS,
  type Key,
  type Metadata,
  type Resource,
  addressOf,
  keyOf,
} from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";

export interface LocationOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Rejects in one sentence when it cannot be reached. */
  readonly describe: (
    name: string,
  ) => Promise<{ readonly classes: object; readonly engine?: string | undefined }>;
  /** There is no Location of this name any more. */
  readonly gone: (name: string) => void;
}

interface Status {
  readonly conditions?: readonly Condition[];
}

const AGAIN = 60_000;
const SOONER = 10_000;
const IN_USE = 1_000;

export function locationController(options: LocationOptions): Controller {
  return {
    name: "location",
    *concerns({ key, resource, previous, type }) {
      const isNews = type === "DELETED" || isAskedAnew(previous?.metadata, resource.metadata);
      if (key.kind === "Location" && isNews) yield key;
      if (key.kind === "Secret" && key.namespace === SECRETS_OF_LOCATIONS)
        yield* reachedBy(key.name, options.store);
    },
    initial: () => options.store.list({ kind: "Location" }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options),
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

function reachedBy(secret: string, store: Store): readonly Key[] {
  const locations = store.list({ kind: "Location" }).items as readonly Resource<LocationSpec>[];
  return locations.filter(({ spec }) => secretsOf(spec).includes(secret)).map(keyOf);
}

async function reconcile(key: Key, context: ReconcileContext, options: LocationOptions): Promise<Outcome> {
  const location = options.store.get(key) as Resource<object, Status> | undefined;
  if (location === undefined) {
    options.gone(key.name);
    return;
  }
  const { finalizers = [] } = location.metadata;
  if (location.metadata.deletionTimestamp !== undefined) return remove(location, context, options);
  if (!finalizers.includes(FINALIZERS.location)) {
    const metadata = { ...location.metadata, finalizers: [...finalizers, FINALIZERS.location] };
    await options.store.commit(
      [
        {
          type: "update",
          resource: { ...location, metadata },
          expectedVersion: location.metadata.resourceVersion,
        },
      ],
      context.cause("take charge"),
    );
    return;
  }
  return look(location, context, options);
}

async function look(
  location: Resource<object, Status>,
  context: ReconcileContext,
  { store, clock, describe }: LocationOptions,
): Promise<Outcome> {
  let found: Awaited<ReturnType<LocationOptions["describe"]>> | undefined;
  let message = "It can be reached.";
  try {
    found = await describe(location.metadata.name);
  } catch (error) {
    message = error instanceof Error ? error.message : String(error);
  }
  const latest = store.get(keyOf(location)) as typeof location | undefined;
  if (latest === undefined) return;
  const condition = {
    type: "Ready",
    status: found === undefined ? ("False" as const) : ("True" as const),
    reason: found === undefined ? "Unreachable" : "Ready",
    message,
    observedGeneration: location.metadata.generation,
  };
  const status = {
    ...latest.status,
    ...(found === undefined ? {} : { classes: found.classes, engine: found.engine }),
    observedGeneration: location.metadata.generation,
    conditions: withCondition(latest.status?.conditions, condition, clock.now()),
  };
  if (!equal(status, latest.status))
    await store.commit([{ type: "status", key: keyOf(location), status }], context.cause(condition.reason));
  return { requeueAfter: found === undefined ? SOONER : AGAIN };
}

async function remove(
  location: Resource<object, Status>,
  context: ReconcileContext,
  { store, clock }: LocationOptions,
): Promise<Outcome> {
  if (location.metadata.finalizers?.includes(FINALIZERS.location) !== true) return;
  const there = kinds
    .filter(isPlaced)
    .flatMap(({ kind }) => store.list({ kind }).items)
    .find(
      (resource) => (resource.spec as { readonly location?: unknown }).location === location.metadata.name,
    );
  if (there === undefined) {
    const finalizers = location.metadata.finalizers.filter((finalizer) => finalizer !== FINALIZERS.location);
    await store.commit(
      [{ type: "update", resource: { ...location, metadata: { ...location.metadata, finalizers } } }],
      context.cause("nothing is there any more"),
    );
    return;
  }
  const condition = {
    type: "Ready",
    status: "False" as const,
    reason: "InUse",
    message: `It goes once nothing is there: ${addressOf(there)} is.`,
  };
  const status = {
    ...location.status,
    conditions: withCondition(location.status?.conditions, condition, clock.now()),
  };
  if (!equal(status, location.status))
    await store.commit([{ type: "status", key: keyOf(location), status }], context.cause("in use"));
  return { requeueAfter: IN_USE };
}

function isPlaced(kind: AnyKind): boolean {
  return kind.kind !== "System" && schemaAt(bodySchema(kind), ["spec", "location"]) !== undefined;
}
