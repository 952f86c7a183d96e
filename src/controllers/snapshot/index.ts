/**
 * Takes the snapshots that are declared, each once.
 *
 *   (declared) --finalizer--> waiting for its subject --class and location recorded--> being taken --> ready, for good
 *   deleted --what was copied is removed--> finalizer goes --> gone
 *
 *  - Its subject is the Volume or the Machine that it is of.
 *  - Where it will be is in the store before anything is copied, so that a crash, or the removal of its subject, leaves nothing
 *    that nobody would remove (I3).
 *  - Once taken it is never looked at again: what becomes of its subject is nothing to it.
 */
import { identityOf } from "../../controller/desired.ts";
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { type DependentsView, affectedBy } from "../../controller/view.ts";
import { isReady, timestamp, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, FINALIZERS, type Key, type Resource, keyOf } from "../../model/resource.ts";
import { type Placement, placed } from "../../provider/placement.ts";
import {
  type Desired,
  type Provider,
  type ProviderContext,
  RequeueAfter,
  type SnapshotProvider,
  TerminalError,
} from "../../provider/provider.ts";
import { type Store, StoreError } from "../../store/store.ts";

export interface SnapshotOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly dependents: DependentsView;
  readonly providerOf: (kind: string, spec: Placement) => Provider;
  readonly context: Omit<ProviderContext, "signal">;
}

interface Status {
  readonly conditions?: readonly Condition[];
  readonly observedGeneration?: number;
  readonly class?: string;
  readonly location?: string;
  readonly takenAt?: string;
  readonly bytes?: number;
  readonly path?: string;
}
type Snapshot = Resource<Readonly<Record<string, string>>, Status>;
type Subject = Resource<Placement, { readonly made?: Placement }>;

/** Of what each kind of snapshot is, and by which field it names it. */
const SUBJECTS = {
  VolumeSnapshot: { kind: "Volume", field: "volume" },
  MachineSnapshot: { kind: "Machine", field: "machine" },
} as const;

const KINDS = Object.keys(SUBJECTS) as readonly (keyof typeof SUBJECTS)[];
const SUBJECT_KINDS: ReadonlySet<string> = new Set(Object.values(SUBJECTS).map(({ kind }) => kind));

function subjectOf({ kind }: Resource): (typeof SUBJECTS)[keyof typeof SUBJECTS] {
  return SUBJECTS[kind as keyof typeof SUBJECTS];
}

function isSnapshot(kind: string): boolean {
  return Object.hasOwn(SUBJECTS, kind);
}

export function snapshotController(options: SnapshotOptions): Controller {
  const { store, dependents } = options;
  return {
    name: "snapshot",
    concurrency: 4,
    *concerns(change) {
      const { key, resource, previous } = change;
      if (isSnapshot(key.kind) && (previous === undefined || isAskedAnew(previous, resource))) yield key;
      if (SUBJECT_KINDS.has(key.kind))
        for (const affected of affectedBy(change, dependents)) if (isSnapshot(affected.kind)) yield affected;
    },
    initial: () => KINDS.flatMap((kind) => store.list({ kind }).items.map(keyOf)),
    reconcile: (key, context) => reconcile(key, context, options),
  };
}

/** All but its status, which is written here. */
function isAskedAnew({ metadata: before }: Resource, { metadata: now }: Resource): boolean {
  return (
    before.generation !== now.generation ||
    before.deletionTimestamp !== now.deletionTimestamp ||
    before.finalizers !== now.finalizers
  );
}

async function reconcile(key: Key, context: ReconcileContext, options: SnapshotOptions): Promise<Outcome> {
  const snapshot = options.store.get(key) as Snapshot | undefined;
  if (snapshot === undefined) return;
  if (snapshot.metadata.deletionTimestamp !== undefined)
    return reporting(snapshot, "removed", context, options, () => remove(snapshot, context, options));
  if (snapshot.status?.takenAt !== undefined) return;
  if (!isOurs(snapshot)) {
    const finalizers = [...(snapshot.metadata.finalizers ?? []), FINALIZERS.provision];
    await setFinalizers(snapshot, finalizers, "take charge", context, options);
    return;
  }
  return reporting(snapshot, "taken", context, options, () => take(snapshot, context, options));
}

function isOurs({ metadata }: Resource): boolean {
  return metadata.finalizers?.includes(FINALIZERS.provision) === true;
}

async function setFinalizers(
  snapshot: Snapshot,
  finalizers: readonly string[],
  action: string,
  context: ReconcileContext,
  { store }: SnapshotOptions,
): Promise<void> {
  const resource = { ...snapshot, metadata: { ...snapshot.metadata, finalizers } };
  await store.commit(
    [{ type: "update", resource, expectedVersion: snapshot.metadata.resourceVersion }],
    context.cause(action),
  );
}

/** What fails is written into the condition, then answered by the runtime: tried again, or not if it is terminal. */
async function reporting(
  snapshot: Snapshot,
  what: "taken" | "removed",
  context: ReconcileContext,
  options: SnapshotOptions,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RequeueAfter || error instanceof StoreError || context.signal.aborted) throw error;
    const isTerminal = error instanceof TerminalError;
    const why = error instanceof Error ? error.message : String(error);
    await write(
      snapshot,
      {
        reason: isTerminal ? error.diagnostic.code : "Failed",
        message: isTerminal ? why : `It could not be ${what}: ${why.replace(/\.$/, "")}.`,
      },
      context,
      options,
    );
    throw error;
  }
}

async function take(
  snapshot: Snapshot,
  context: ReconcileContext,
  options: SnapshotOptions,
): Promise<Outcome> {
  const { store, clock } = options;
  const { kind, field } = subjectOf(snapshot);
  const namespace = snapshot.metadata.namespace ?? "default";
  const name = snapshot.spec[field] ?? "";
  const subject = store.get({ kind, namespace, name }) as Subject | undefined;
  const wait = waitFor(`${field}/${name}`, subject);
  if (subject === undefined || wait !== undefined)
    return write(snapshot, { reason: "WaitingFor", message: wait ?? "" }, context, options);
  const provider = takerOf(snapshot, subject.status?.made ?? placed(subject), options);
  const place = { class: provider.class, location: subject.spec.location };
  const taking = { reason: "NotReady", message: `The ${field} '${name}' is being copied.` };
  await write(snapshot, { ...taking, more: place }, context, options);
  const desired: Desired = {
    identity: identityOf(subject),
    spec: subject.status?.made ?? subject.spec,
    status: subject.status,
  };
  const taken = await provider.snapshot(desired, identityOf(snapshot), {
    ...options.context,
    signal: context.signal,
  });
  const more = { ...place, ...taken, takenAt: timestamp(clock.now()) };
  const message = `It holds ${taken.bytes} bytes of the ${field} '${name}'.`;
  return write(snapshot, { isReady: true, reason: "Taken", message, more }, context, options);
}

function waitFor(address: string, subject: Subject | undefined): string | undefined {
  if (subject === undefined) return `Waiting for ${address}, which does not exist.`;
  if (subject.metadata.deletionTimestamp !== undefined)
    return `Waiting for ${address}, which is being deleted.`;
  return isReady(subject) ? undefined : `Waiting for ${address}, which is not ready.`;
}

/** Refuses with TerminalError when the class takes none. */
function takerOf(snapshot: Snapshot, spec: Placement, { providerOf }: SnapshotOptions): SnapshotProvider {
  const { kind, field } = subjectOf(snapshot);
  const provider = providerOf(kind, spec) as Provider & Partial<SnapshotProvider>;
  if (provider.snapshot === undefined)
    throw new TerminalError({
      code: "NoSnapshots",
      path: `spec.${field}`,
      message: `${kind}s of class ${provider.class} have no snapshots.`,
      hint: `Use a ${field} of another class; \`tutti describe location/local\` tells what each can do.`,
    });
  return provider as SnapshotProvider;
}

async function remove(
  snapshot: Snapshot,
  context: ReconcileContext,
  options: SnapshotOptions,
): Promise<Outcome> {
  if (!isOurs(snapshot)) return undefined;
  const { class: className, location } = snapshot.status ?? {};
  // Without a class nothing was ever begun.
  if (className !== undefined && location !== undefined)
    await takerOf(snapshot, { class: className, location }, options).removeSnapshot(identityOf(snapshot), {
      ...options.context,
      signal: context.signal,
    });
  const latest = options.store.get(keyOf(snapshot)) as Snapshot | undefined;
  if (latest === undefined) return undefined;
  const finalizers = (latest.metadata.finalizers ?? []).filter((one) => one !== FINALIZERS.provision);
  await setFinalizers(latest, finalizers, "removed", context, options);
  return undefined;
}

interface Report {
  readonly isReady?: boolean;
  readonly reason: string;
  readonly message: string;
  readonly more?: Partial<Status>;
}

async function write(
  snapshot: Snapshot,
  report: Report,
  context: ReconcileContext,
  { store, clock }: SnapshotOptions,
): Promise<undefined> {
  const latest = store.get(keyOf(snapshot)) as Snapshot | undefined;
  if (latest?.metadata.uid !== snapshot.metadata.uid) return undefined;
  const now = clock.now();
  const status = statusAfter(latest, report, now);
  if (equal(status, latest.status)) return undefined;
  const { reason, message } = report;
  const type = NORMAL.has(reason) ? ("Normal" as const) : ("Warning" as const);
  const event = eventOperation(store, now, "snapshot", snapshot, { type, reason, message });
  await store.commit(
    [
      {
        type: "status",
        key: keyOf(snapshot),
        status,
        expectedVersion: latest.metadata.resourceVersion,
      },
      ...(reason === "NotReady" ? [] : [event]),
    ],
    context.cause(reason),
  );
  return undefined;
}

const NORMAL: ReadonlySet<string> = new Set(["WaitingFor", "NotReady", "Taken"]);

function statusAfter(
  { status, metadata }: Snapshot,
  { isReady: ready = false, reason, message, more }: Report,
  now: number,
): Status {
  const observedGeneration = metadata.generation;
  const condition = {
    type: "Ready",
    status: ready ? ("True" as const) : ("False" as const),
    reason,
    message,
    observedGeneration,
  };
  return {
    ...status,
    ...more,
    observedGeneration,
    conditions: withCondition(status?.conditions, condition, now),
  };
}
