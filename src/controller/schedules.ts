/**
 * Schedules as controllers and the API see them, and the one way in which something asks a Schedule for a run: an entry in its
 * status, durable when the asking is answered. The schedule's controller makes the Run, when its policy has room.
 */
import { createHash } from "node:crypto";
import type { Condition, Key, Resource } from "../model/resource.ts";
import { type Cause, type Store, StoreError } from "../store/store.ts";
import type { Run } from "./runs.ts";

/** Waits for room, or for its turn. */
export interface WaitingRun {
  /** RFC 3339 with milliseconds: nominal, or when the trigger fired. */
  readonly time: string;
  /** Name of the run to be: who asks twice for the same gets one. */
  readonly run: string;
  readonly type: "schedule" | "trigger" | "backfill";
  readonly trigger?: string;
  /** What the trigger saw. */
  readonly event?: unknown;
}

export interface ScheduleStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly handled?: string;
  readonly next?: readonly string[];
  readonly lastRun?: { readonly name: string; readonly time: string };
  readonly waiting?: readonly WaitingRun[];
  readonly active?: readonly string[];
  readonly missed?: readonly { readonly from: string; readonly to: string; readonly why: string }[];
  readonly seen?: Readonly<Record<string, string>>;
}

/** More that wait are refused. */
const MOST_WAITING = 1000;
const ATTEMPTS = 16;

export type Asked = "queued" | "known" | "full" | "suspended" | "gone";

export interface Asking {
  readonly store: Store;
  readonly schedule: Key;
  readonly entries: readonly WaitingRun[];
  readonly cause: Cause;
  /** What a trigger has seen now, kept in the same commit. */
  readonly seen?: Readonly<Record<string, string>>;
}

type StoredSchedule = Resource<{ readonly suspend: boolean }, ScheduleStatus | undefined>;

/** Durable when it resolves. `known`: everything asked for is a run already, or waits to be one. */
export async function askForRuns(asking: Asking): Promise<Asked> {
  const { store, schedule: key, cause } = asking;
  for (let attempt = 1; ; attempt += 1) {
    const schedule = store.get(key) as StoredSchedule | undefined;
    if (schedule === undefined || schedule.metadata.deletionTimestamp !== undefined) return "gone";
    const { asked, status } = statusAfter(schedule, asking);
    if (status === undefined) return asked;
    try {
      const expectedVersion = schedule.metadata.resourceVersion;
      await store.commit([{ type: "status", key, status, expectedVersion }], cause);
      return asked;
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "Conflict") || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Without a status there is nothing to write. */
function statusAfter(
  { spec, status = {} }: StoredSchedule,
  { store, schedule, entries, seen }: Asking,
): { readonly asked: Asked; readonly status?: ScheduleStatus } {
  const isSuspended = spec.suspend && entries.length > 0;
  const waiting = status.waiting ?? [];
  const fresh = isSuspended ? [] : entries.filter(({ run }) => !isKnown(store, schedule, waiting, run));
  if (fresh.length === 0 && seen === undefined) return { asked: isSuspended ? "suspended" : "known" };
  if (waiting.length + fresh.length > MOST_WAITING) return { asked: "full" };
  return {
    asked: isSuspended ? "suspended" : "queued",
    status: {
      ...status,
      ...(fresh.length === 0 ? {} : { waiting: [...waiting, ...fresh] }),
      ...(seen === undefined ? {} : { seen: { ...status.seen, ...seen } }),
    },
  };
}

function isKnown(store: Store, { namespace }: Key, waiting: readonly WaitingRun[], name: string): boolean {
  return waiting.some(({ run }) => run === name) || store.get({ kind: "Run", namespace, name }) !== undefined;
}

/** `nightly-20260504t103000z`: sorts by time, and is a name. */
export function nameAtTime(schedule: string, time: number): string {
  const text = new Date(time).toISOString().toLowerCase();
  const seconds = `${text.slice(0, 19)}z`.replace(/[-:]/g, "");
  const rest = time % 1000 === 0 ? "" : `-${text.slice(20, 23)}`;
  return `${schedule.slice(0, 200)}-${seconds}${rest}`;
}

/** The same for the same identity, such as the id of a delivery. */
export function nameOfEvent(schedule: string, trigger: string, identity: string): string {
  const digest = createHash("sha256").update(`${trigger}\n${identity}`).digest("hex").slice(0, 16);
  return `${schedule.slice(0, 200)}-${trigger}-${digest}`;
}

/** Index of the runs of a schedule. */
export function scheduleOf(run: Resource): string {
  const { cause } = (run as Run).spec;
  const isOfSchedule = cause?.type === "schedule" || cause?.type === "trigger" || cause?.type === "backfill";
  return isOfSchedule ? `${run.metadata.namespace ?? "default"}/${cause.name ?? ""}` : "";
}
