/**
 * What a schedule asks for now: a pure function of what is there. When the last backup was made is read off the Backups
 * themselves, so that a moment that passed while nobody looked is made up, once.
 */
import { Cron } from "croner";
import { timestamp } from "../../model/condition.ts";
import {
  type Backup,
  type BackupWishes,
  SCHEDULED_AT,
  SCHEDULED_FOR,
  failureOf,
  isGood,
  isOver,
} from "./record.ts";

export interface ScheduleSituation {
  readonly name: string;
  /** RFC 3339: moments before it are not made up. */
  readonly createdAt: string;
  readonly isReady: boolean;
  readonly wishes: BackupWishes | undefined;
  /** Every Backup of the Database that is not on its way out. */
  readonly backups: readonly Backup[];
  readonly now: number;
}

export interface ScheduleDecision {
  /** The Backup to be made, and the moment of the schedule it is for. */
  readonly create?: { readonly name: string; readonly at: string };
  /** Those that newer ones have taken the place of. */
  readonly remove: readonly Backup[];
  /** When to look again. */
  readonly next?: number;
  readonly last?: string;
  readonly condition?: {
    readonly status: "True" | "False";
    readonly reason: string;
    readonly message: string;
  };
}

export function decideSchedule(situation: ScheduleSituation): ScheduleDecision {
  const { wishes, backups, now } = situation;
  const over = backups.filter(isOver).toSorted(newestFirst);
  const good = over.filter(isGood);
  const next = wishes?.schedule === undefined ? undefined : cron(wishes.schedule).nextRun(new Date(now));
  const due = wishes === undefined ? undefined : dueAt(situation, wishes, good.length > 0);
  return {
    ...(due === undefined ? {} : { create: { name: nameAt(situation.name, due), at: timestamp(due) } }),
    remove: wishes?.schedule === undefined ? [] : superseded(over.filter(isScheduled), wishes.keep),
    ...(next === null || next === undefined ? {} : { next: next.getTime() }),
    ...(good[0] === undefined ? {} : { last: good[0].metadata.name }),
    ...conditionOf(wishes, over, good, next?.getTime()),
  };
}

function isScheduled(backup: Backup): boolean {
  return backup.metadata.labels?.[SCHEDULED_FOR] !== undefined;
}

/** The moment that a Backup is missing for; undefined when none is, or one of the schedule is still being made. */
function dueAt(
  { createdAt, backups, now, isReady }: ScheduleSituation,
  { schedule, archive }: BackupWishes,
  hasGood: boolean,
): number | undefined {
  const scheduled = backups.filter(isScheduled);
  if (scheduled.some((backup) => !isOver(backup))) return undefined;
  const moments = scheduled.map((backup) => Date.parse(backup.metadata.annotations?.[SCHEDULED_AT] ?? ""));
  const last = Math.max(Date.parse(createdAt), ...moments.filter((moment) => !Number.isNaN(moment)));
  if (schedule !== undefined) {
    const [before] = cron(schedule).previousRuns(1, new Date(now + 1));
    if (before !== undefined && before.getTime() > last) return before.getTime();
  }
  // An archive is worth nothing without a backup to begin from.
  const isFirst = archive && isReady && !hasGood && backups.every(isOver) && scheduled.length === 0;
  return isFirst ? Math.floor(now / 1000) * 1000 : undefined;
}

function cron(schedule: string): Cron {
  return new Cron(schedule, { timezone: "UTC", paused: true });
}

/** `orders-20260504t103000z`: sorts by time, and is a name. */
function nameAt(database: string, moment: number): string {
  return `${database}-${timestamp(moment).replace(/[-:]/g, "").toLowerCase()}`;
}

function newestFirst(a: Backup, b: Backup): number {
  return Date.parse(b.status?.finishedAt ?? "") - Date.parse(a.status?.finishedAt ?? "");
}

/**
 * Good ones beyond `keep`. Failed ones, which hold nothing, go when `keep` newer ones are there whatever came of them,
 * so that trouble stays to be seen. The last good one always stays, for `keep` is at least one.
 */
function superseded(over: readonly Backup[], keep: number): readonly Backup[] {
  const good = over.filter(isGood);
  return [...good.slice(keep), ...over.slice(keep).filter((backup) => !isGood(backup))];
}

function conditionOf(
  wishes: BackupWishes | undefined,
  [newest]: readonly Backup[],
  [good]: readonly Backup[],
  next: number | undefined,
): Pick<ScheduleDecision, "condition"> {
  if (wishes === undefined && newest === undefined) return {};
  const lastGood =
    good === undefined
      ? "There is no good one."
      : `The last good one is backup/${good.metadata.name} of ${good.status?.finishedAt}.`;
  if (newest !== undefined && newest !== good)
    return {
      condition: {
        status: "False",
        reason: "BackupFailed",
        message: `backup/${newest.metadata.name} failed: ${failureOf(newest)} ${lastGood}`,
      },
    };
  if (good !== undefined) return { condition: { status: "True", reason: "BackedUp", message: lastGood } };
  const when = next === undefined ? "only on request" : `at ${timestamp(next)}`;
  return {
    condition: {
      status: "False",
      reason: "NoBackup",
      message: `No backup has been made yet; the next is made ${when}.`,
    },
  };
}
