/**
 * Triggers that look for themselves: files, conditions of resources, alerts, the ends of other workflows' runs. Level-triggered:
 * what is there now and was not dealt with yet starts a run, whether or not anybody looked when it came.
 *
 *   what is there ──identity──> dealt with? (seen.ts) ──no──> the Schedule is asked for a run (fire.ts)
 *
 * What was there before the Schedule was made is no concern of it, but for files: one that lies in the directory is to be
 * dealt with.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import type { Run } from "../../controller/runs.ts";
import type { IndexView } from "../../controller/view.ts";
import { type Key, keyOf } from "../../model/resource.ts";
import type { Change, Store } from "../../store/store.ts";
import { alertsFor } from "./alerts.ts";
import { conditionsFor } from "./conditions.ts";
import { filesFor } from "./files.ts";
import { type Trigger, type TriggeredSchedule, fire } from "./fire.ts";
import { endsFor } from "./runs.ts";
import type { Seen, SeenFiles } from "./seen.ts";

export interface TriggerOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Runs by their workflow. */
  readonly runs: IndexView<Run>;
  /** Schedules by whether they have triggers that look (`lookersOf`). */
  readonly schedules: IndexView<TriggeredSchedule>;
  readonly seen: SeenFiles;
}

/** Until the Schedule has room for what waits. */
const PATIENCE = 5_000;
const LOOKING = ["file", "condition", "alert", "workflow"] as const;

export function triggerController(options: TriggerOptions): Controller {
  const { store, seen } = options;
  return {
    name: "trigger",
    *concerns(change) {
      const { key, type, resource, previous } = change;
      if (key.kind === "Schedule") {
        if (type === "DELETED") void seen.forget(resource.metadata.uid).catch(() => undefined);
        else if (
          previous?.metadata.generation !== resource.metadata.generation &&
          looks(resource as TriggeredSchedule)
        )
          yield key;
      } else yield* interested(options.schedules, change);
    },
    initial: () =>
      (store.list({ kind: "Schedule" }).items as readonly TriggeredSchedule[]).filter(looks).map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options),
  };
}

const LOOKERS = "lookers";

/** Index of schedules. */
export function lookersOf(schedule: TriggeredSchedule): string {
  return looks(schedule) ? LOOKERS : "";
}

function looks({ spec }: TriggeredSchedule): boolean {
  return spec.triggers.some((trigger) => LOOKING.some((name) => name in trigger));
}

/** Schedules that may have something to do with the change. */
function* interested(
  schedules: IndexView<TriggeredSchedule>,
  { key, resource, previous, type }: Change,
): Generator<Key> {
  if (key.kind === "Event" || (type === "MODIFIED" && previous?.status === resource.status)) return;
  for (const schedule of schedules.get(LOOKERS).values())
    if (schedule.spec.triggers.some((trigger) => concerns(trigger, schedule, key, resource as Run)))
      yield keyOf(schedule);
}

function concerns(trigger: Trigger, schedule: TriggeredSchedule, key: Key, resource: Run): boolean {
  const { namespace = "default" } = schedule.metadata;
  if ("alert" in trigger) return key.kind === "Alert";
  if (key.namespace !== namespace && key.namespace !== "") return false;
  if ("workflow" in trigger) return key.kind === "Run" && resource.spec.workflow === trigger.workflow.name;
  return "condition" in trigger && trigger.condition.includes(`/${key.name} `);
}

async function reconcile(key: Key, context: ReconcileContext, options: TriggerOptions): Promise<Outcome> {
  const { store } = options;
  const schedule = store.get(key) as TriggeredSchedule | undefined;
  if (schedule === undefined || schedule.metadata.deletionTimestamp !== undefined || schedule.spec.suspend)
    return;
  const seen = await options.seen.of(schedule.metadata.uid);
  const delays: number[] = [];
  for (const trigger of schedule.spec.triggers) {
    const delay = await look(schedule, trigger, seen, context, options);
    if (delay !== undefined) delays.push(delay);
  }
  return delays.length === 0 ? undefined : { requeueAfter: Math.min(...delays) };
}

/** Gives when to look again, milliseconds; nothing where a change says so. */
async function look(
  schedule: TriggeredSchedule,
  trigger: Trigger,
  seen: Seen,
  context: ReconcileContext,
  { store, clock, runs }: TriggerOptions,
): Promise<number | undefined> {
  const now = clock.now();
  const firing = { store, now, seen, cause: context.cause(`the trigger ${trigger.name}`) };
  if ("condition" in trigger) {
    await conditionsFor(schedule, trigger, firing);
    return undefined;
  }
  if ("webhook" in trigger) return undefined;
  const found =
    "file" in trigger
      ? await filesFor(schedule, trigger, store, now)
      : "alert" in trigger
        ? { ...alertsFor(schedule, trigger, store), again: undefined }
        : { ...endsFor(schedule, trigger, runs), again: undefined };
  const asked = await fire(schedule, trigger, found.happenings, firing);
  const present = new Set(found.present);
  await seen.keep(trigger.name, (identity) => present.has(identity));
  return asked === "full" ? PATIENCE : found.again;
}
