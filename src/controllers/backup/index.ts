/**
 * Backups: each is made once and then is good or has failed for good.
 *
 *   (asked for) --finalizer--> Pending --database is ready, its turn--> Running --whole on disk--> Verifying
 *   Verifying --the restore's checksum is the snapshot's--> Verified        (without `verify`: Finished)
 *   anything --refused, broke off three times, took too long--> Failed, its files gone
 *   deleted --files gone--> gone; works although the Database is gone
 *
 *  1. The path is in the status before anything is written there (I3), and derives from names and uid.
 *  2. What is good is whole and on disk (files.ts); what broke off is removed and begun anew.
 *  3. One backup of a database at a time. Deleting a Backup that is running ends it.
 */
import { desiredOf } from "../../controller/desired.ts";
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { isReady, timestamp, withCondition } from "../../model/condition.ts";
import { parseDuration } from "../../model/duration.ts";
import { equal } from "../../model/equality.ts";
import { type Key, type Resource, keyOf, keyText } from "../../model/resource.ts";
import { type Placement, placed } from "../../provider/placement.ts";
import {
  type DatabaseProvider,
  type Desired,
  type Provider,
  type ProviderContext,
  RequeueAfter,
  TerminalError,
} from "../../provider/provider.ts";
import { type Operation, type Store, StoreError } from "../../store/store.ts";
import { type Manifest, begin, finish, manifestOf, pathOf, remove, removeArchive } from "./files.ts";
import { type Backup, FINALIZER, isGood, isOver, wishesOf } from "./record.ts";

export interface BackupOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly providerOf: (kind: string, spec: Placement) => Provider;
  readonly context: Omit<ProviderContext, "signal">;
  /** Absolute folder for the backups of Databases that name no other. */
  readonly folder: string;
}

/** An attempt may break off for a reason that passes: the server was started anew. */
const ATTEMPTS = 3;
const PAUSE = 5_000;
/** Between looks whether a database has become ready, or another backup of it has ended. */
const PATIENCE = 1_000;

interface Turns {
  /** By key of the database: the uid of the Backup that runs. */
  readonly running: Map<string, string>;
  /** By uid of the Backup. */
  readonly aborts: Map<string, AbortController>;
}

interface Work {
  readonly backup: Backup;
  readonly context: ReconcileContext;
  readonly options: BackupOptions;
}

export function backupController(options: BackupOptions): Controller {
  const { store } = options;
  const turns: Turns = { running: new Map(), aborts: new Map() };
  return {
    name: "backup",
    concurrency: 8,
    *concerns({ key, resource, previous }) {
      if (key.kind !== "Backup") return;
      if (resource.metadata.deletionTimestamp !== undefined)
        turns.aborts.get(resource.metadata.uid)?.abort(new Error("The Backup is being deleted."));
      // Its status is written here and by nobody else.
      if (previous === undefined || previous.status === resource.status) yield key;
    },
    initial: () => store.list({ kind: "Backup" }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options, turns),
  };
}

async function reconcile(
  key: Key,
  context: ReconcileContext,
  options: BackupOptions,
  turns: Turns,
): Promise<Outcome> {
  const backup = options.store.get(key) as Backup | undefined;
  if (backup === undefined) return;
  const work = { backup, context, options };
  if (backup.metadata.deletionTimestamp !== undefined) return discard(work);
  if (isOver(backup)) return;
  if (backup.metadata.finalizers?.includes(FINALIZER) !== true)
    return setFinalizers(work, [...(backup.metadata.finalizers ?? []), FINALIZER]);
  const turn = keyText(databaseKey(backup));
  const { uid } = backup.metadata;
  const other = turns.running.get(turn);
  if (other !== undefined && other !== uid) return wait(work, "Another backup of the database is running.");
  const abort = new AbortController();
  turns.running.set(turn, uid);
  turns.aborts.set(uid, abort);
  try {
    return await attempt({
      ...work,
      context: { ...context, signal: AbortSignal.any([context.signal, abort.signal]) },
    });
  } finally {
    turns.running.delete(turn);
    turns.aborts.delete(uid);
  }
}

function databaseKey({ metadata, spec }: Backup): Key {
  return { kind: "Database", namespace: metadata.namespace ?? "default", name: spec.database };
}

/** What fails is tried again a few times, unless somebody has to change something first. */
async function attempt(work: Work): Promise<Outcome> {
  const { context } = work;
  try {
    return await proceed(work);
  } catch (error) {
    // Deleted, or the control plane stops: who looks next removes or resumes it.
    if (context.signal.aborted) return;
    if (error instanceof RequeueAfter || error instanceof StoreError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const failures = (latest(work).status?.failures ?? 0) + 1;
    if (error instanceof TerminalError || failures >= ATTEMPTS) return fail(work, reason);
    await write(work, "Pending", `It broke off and is begun anew: ${reason}`, { failures });
    return { requeueAfter: PAUSE * failures };
  }
}

async function proceed(work: Work): Promise<Outcome> {
  const { backup, options } = work;
  const database = options.store.get(databaseKey(backup));
  if (database === undefined || database.metadata.deletionTimestamp !== undefined)
    return fail(work, `There is no database/${backup.spec.database} to back up.`);
  const limit = parseDuration(backup.spec.timeout);
  if (!isReady(database)) {
    if (options.clock.now() - Date.parse(backup.metadata.creationTimestamp) > limit)
      return fail(work, `database/${backup.spec.database} was not ready within ${backup.spec.timeout}.`);
    return wait(work, `Waiting for database/${backup.spec.database}, which is not ready.`);
  }
  return within(work, limit, (signal) => take({ ...work, context: { ...work.context, signal } }, database));
}

/** Ends the work, and it has failed, when the time is up. */
async function within(
  work: Work,
  limit: number,
  act: (signal: AbortSignal) => Promise<Outcome>,
): Promise<Outcome> {
  const { context, options, backup } = work;
  const late = new AbortController();
  const timer = options.clock.setTimeout(() => late.abort(), limit);
  try {
    return await act(AbortSignal.any([context.signal, late.signal]));
  } catch (error) {
    if (late.signal.aborted && !context.signal.aborted)
      return await fail(work, `It took longer than ${backup.spec.timeout}.`);
    throw error;
  } finally {
    timer.cancel();
  }
}

async function take(work: Work, database: Resource): Promise<Outcome> {
  const { backup, context, options } = work;
  const spec = madeOf(database);
  const provider = options.providerOf("Database", spec);
  if (!canBackUp(provider))
    return fail(work, `The class '${provider.class}' of Database cannot be backed up.`);
  const engine = (spec as { readonly engine?: string }).engine ?? "postgres";
  const path =
    backup.status?.path ??
    pathOf(
      wishesOf(database)?.folder ?? options.folder,
      { namespace: databaseKey(backup).namespace, name: backup.spec.database },
      { name: backup.metadata.name, uid: backup.metadata.uid },
    );
  const startedAt = timestamp(options.clock.now());
  await write(work, "Running", "It is being made.", { path, engine, startedAt });
  const desired = desiredOf(database, spec);
  const call = { ...options.context, signal: context.signal };
  const manifest = manifestOf(path) ?? (await copy(work, provider, desired, path));
  const { report } = manifest;
  if (report === undefined) throw new Error(`${path} has no report.`);
  if (!backup.spec.verify) return succeed(work, provider, desired, manifest, false);
  await write(work, "Verifying", "It is being restored into a scratch database.", {});
  const restored = await provider.verify(desired, path, call);
  if (restored !== report.checksum)
    return fail(
      work,
      `What was restored from it for a check is not what was in the database: checksum ${restored} instead of ${report.checksum}.`,
    );
  return succeed(work, provider, desired, manifest, true);
}

async function copy(
  { backup, context, options }: Work,
  provider: DatabaseProvider,
  desired: Desired,
  path: string,
): Promise<Manifest> {
  const begun: Manifest = {
    uid: backup.metadata.uid,
    namespace: desired.identity.namespace,
    name: backup.metadata.name,
    database: desired.identity.name,
    engine: (desired.spec as { readonly engine?: string }).engine ?? "postgres",
    begunAt: timestamp(options.clock.now()),
  };
  const partial = await begin(path, begun);
  const call = { ...options.context, signal: context.signal };
  const report = await provider.backup(desired, partial, call);
  const manifest = { ...begun, report };
  await finish(path, manifest);
  return manifest;
}

async function succeed(
  work: Work,
  provider: DatabaseProvider,
  desired: Desired,
  { report }: Manifest,
  verified: boolean,
): Promise<Outcome> {
  const { options, context, backup } = work;
  const finishedAt = timestamp(options.clock.now());
  const message = verified
    ? "It is whole: a restore of it has the checksum of what was in the database."
    : "It is whole. Whether it can be restored was not tried.";
  await write(work, verified ? "Verified" : "Finished", message, { ...report, verified, finishedAt });
  await prune(provider, desired, databaseKey(backup), { ...work, context }, options);
}

/** The archive is kept back to the oldest good backup. */
async function prune(
  provider: DatabaseProvider,
  desired: Desired,
  database: Key,
  { context }: Work,
  { store, context: call }: BackupOptions,
): Promise<void> {
  const kept = (store.list({ kind: "Backup", namespace: database.namespace }).items as readonly Backup[])
    .filter((one) => one.spec.database === database.name && isGood(one))
    .flatMap((one) => (one.metadata.deletionTimestamp === undefined ? [one.status?.path ?? ""] : []));
  await provider.prune?.(desired, kept, { ...call, signal: context.signal });
}

async function fail(work: Work, message: string): Promise<Outcome> {
  const { backup, options } = work;
  const { path } = latest(work).status ?? {};
  if (path !== undefined) await remove(path, backup.metadata.uid);
  await write(work, "Failed", message, { finishedAt: timestamp(options.clock.now()) });
}

async function discard(work: Work): Promise<Outcome> {
  const { backup, context, options } = work;
  if (backup.metadata.finalizers?.includes(FINALIZER) !== true) return;
  const { path } = backup.status ?? {};
  if (path !== undefined) await remove(path, backup.metadata.uid);
  await setFinalizers(
    work,
    backup.metadata.finalizers.filter((one) => one !== FINALIZER),
  );
  if (path === undefined) return;
  const database = options.store.get(databaseKey(backup));
  if (database === undefined) return removeArchive(path);
  const spec = madeOf(database);
  const provider = options.providerOf("Database", spec);
  if (canBackUp(provider))
    await prune(provider, desiredOf(database, spec), keyOf(database), { ...work, context }, options);
}

function canBackUp(provider: Provider): provider is DatabaseProvider {
  return "backup" in provider;
}

/** As it was made: expressions resolved, the class chosen. */
function madeOf(database: Resource): Placement {
  const { spec, status } = database as Resource<Placement, { readonly made?: Placement }>;
  return placed({ spec: status?.made ?? spec, status });
}

async function wait(work: Work, message: string): Promise<Outcome> {
  await write(work, "Pending", message, {});
  return { requeueAfter: PATIENCE };
}

function latest({ backup, options }: Work): Backup {
  return (options.store.get(keyOf(backup)) as Backup | undefined) ?? backup;
}

async function setFinalizers(
  { backup, context, options }: Work,
  finalizers: readonly string[],
): Promise<void> {
  const now = options.store.get(keyOf(backup));
  if (now === undefined) return;
  await options.store.commit(
    [
      {
        type: "update",
        resource: { ...now, metadata: { ...now.metadata, finalizers } },
        expectedVersion: now.metadata.resourceVersion,
      },
    ],
    context.cause(finalizers.includes(FINALIZER) ? "take charge" : "its files are gone"),
  );
}

type Reason = "Pending" | "Running" | "Verifying" | "Verified" | "Finished" | "Failed";

async function write(work: Work, reason: Reason, message: string, fields: Backup["status"]): Promise<void> {
  const { context, options } = work;
  const { store, clock } = options;
  const backup = latest(work);
  const now = clock.now();
  const good = reason === "Verified" || reason === "Finished";
  const condition = {
    type: "Ready",
    status: good ? ("True" as const) : ("False" as const),
    reason,
    message,
    observedGeneration: backup.metadata.generation,
  };
  const status = {
    ...backup.status,
    ...fields,
    observedGeneration: backup.metadata.generation,
    conditions: withCondition(backup.status?.conditions, condition, now),
  };
  if (equal(status, backup.status)) return;
  const operations: Operation[] = [{ type: "status", key: keyOf(backup), status }];
  if (good || reason === "Failed") operations.push(...news(work, now, good, reason, message));
  await store.commit(operations, context.cause(reason));
}

/** Told of the Backup and of its Database. */
function news(
  { backup, options: { store } }: Work,
  now: number,
  good: boolean,
  reason: Reason,
  message: string,
): readonly Operation[] {
  const type = good ? ("Normal" as const) : ("Warning" as const);
  const database = store.get(databaseKey(backup));
  return [
    eventOperation(store, now, "backup", backup, { type, reason, message }),
    ...(database === undefined || good
      ? []
      : [
          eventOperation(store, now, "backup", database, {
            type,
            reason: "BackupFailed",
            message: `backup/${backup.metadata.name} failed: ${message}`,
          }),
        ]),
  ];
}
