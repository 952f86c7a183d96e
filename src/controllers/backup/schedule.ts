/**
 * Makes Backups of Databases when their schedule says so, removes those that newer ones have taken the place of, and says
 * in each Database's condition `BackedUp` how its backups are. What is to be done is decided in decide.ts.
 *
 *  - A Backup's name derives from the moment it is for: made twice it is one.
 *  - Only what the schedule made is removed; what somebody asked for stays until somebody deletes it.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { isReady, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, type Key, type Resource, keyOf } from "../../model/resource.ts";
import type { Operation, Store } from "../../store/store.ts";
import { type ScheduleDecision, decideSchedule } from "./decide.ts";
import { type Backup, SCHEDULED_AT, SCHEDULED_FOR, wishesOf } from "./record.ts";

export interface ScheduleOptions {
  readonly store: Store;
  readonly clock: Clock;
}

type Database = Resource<
  unknown,
  { readonly conditions?: readonly Condition[]; readonly lastBackup?: string } | undefined
>;

export function backupScheduleController(options: ScheduleOptions): Controller {
  const { store } = options;
  return {
    name: "backup-schedule",
    *concerns({ key, resource }) {
      if (key.kind === "Database") yield key;
      else if (key.kind === "Backup")
        yield {
          kind: "Database",
          namespace: key.namespace,
          name: (resource as Backup).spec.database,
        };
    },
    initial: () => store.list({ kind: "Database" }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options),
  };
}

async function reconcile(key: Key, context: ReconcileContext, options: ScheduleOptions): Promise<Outcome> {
  const { store, clock } = options;
  const database = store.get(key) as Database | undefined;
  if (database === undefined || database.metadata.deletionTimestamp !== undefined) return;
  const now = clock.now();
  const decision = decideSchedule({
    name: key.name,
    createdAt: database.metadata.creationTimestamp,
    isReady: isReady(database),
    wishes: wishesOf(database),
    backups: (store.list({ kind: "Backup", namespace: key.namespace }).items as readonly Backup[]).filter(
      ({ spec, metadata }) => spec.database === key.name && metadata.deletionTimestamp === undefined,
    ),
    now,
  });
  const operations = [...statusOf(database, decision, now), ...backupsOf(database, decision)];
  if (operations.length > 0) await store.commit(operations, context.cause(actionOf(decision)));
  return decision.next === undefined ? undefined : { requeueAfter: Math.max(1, decision.next - now) };
}

function actionOf({ create, remove }: ScheduleDecision): string {
  if (create !== undefined) return `the schedule's backup of ${create.at}`;
  return remove.length > 0 ? "newer backups have taken its place" : "add up";
}

function backupsOf(database: Database, { create, remove }: ScheduleDecision): readonly Operation[] {
  const { name, namespace = "default" } = database.metadata;
  const operations: Operation[] = remove.map((backup) => ({
    type: "delete",
    key: keyOf(backup),
    uid: backup.metadata.uid,
  }));
  if (create !== undefined)
    operations.push({
      type: "create",
      resource: {
        apiVersion: "tutti.dev/v1",
        kind: "Backup",
        metadata: {
          name: create.name,
          namespace,
          labels: { [SCHEDULED_FOR]: name },
          annotations: { [SCHEDULED_AT]: create.at },
        },
        spec: { database: name, verify: wishesOf(database)?.verify ?? true, timeout: "6h" },
      },
    });
  return operations;
}

function statusOf(
  database: Database,
  { condition, last }: ScheduleDecision,
  now: number,
): readonly Operation[] {
  const { lastBackup: _before, ...rest } = database.status ?? {};
  const conditions = database.status?.conditions;
  const status = {
    ...rest,
    ...(last === undefined ? {} : { lastBackup: last }),
    ...(condition === undefined
      ? {}
      : { conditions: withCondition(conditions, { type: "BackedUp", ...condition }, now) }),
  };
  return equal(status, database.status ?? {})
    ? []
    : [{ type: "status", key: keyOf(database), status, expectedVersion: database.metadata.resourceVersion }];
}
