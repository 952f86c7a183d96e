/** A schedule's times for people and for backfill: the next ones with why each is when it is, and those of a range. */
import { refuse } from "../../diagnostics/diagnostic.ts";
import { formatWall } from "./civil.ts";
import type { Schedule } from "./schedule.ts";

export interface Upcoming {
  /** In milliseconds since the epoch. */
  readonly time: number;
  /** When its run starts: `time` and its jitter. */
  readonly start: number;
  /** What the clock there shows: `2026-03-29T03:00:00+02:00[Europe/Berlin]`. */
  readonly local: string;
  /** Why it is not when the rule says; empty for most. */
  readonly why: readonly string[];
  /** What was left out between the time before and this one, and why; the first so many. */
  readonly omitted: readonly { readonly local: string; readonly why: string }[];
}

const MOST_OMITTED = 20;

/** The next `count` times after `time`. */
export function upcoming(schedule: Schedule, time: number, count: number): readonly Upcoming[] {
  const found: Omit<Upcoming, "start">[] = [];
  let omitted: { local: string; why: string }[] = [];
  if (count <= 0) return [];
  for (const moment of schedule.moments(time + 1)) {
    if (moment.omitted) {
      if (omitted.length < MOST_OMITTED)
        omitted.push({ local: formatWall(moment.wall), why: moment.why.join("; ") });
      continue;
    }
    found.push({ time: moment.time, local: localText(moment), why: moment.why, omitted });
    omitted = [];
    // One more, as a jitter ends before the next time.
    if (found.length > count) break;
  }
  return found.slice(0, count).map((one, index) => ({
    ...one,
    start: schedule.jitter.startOf(one.time, found[index + 1]?.time),
  }));
}

/**
 * The times from `from` to `to`, both with it, ascending: what a backfill runs. Throws a DiagnosticError when there are more
 * than `limit`: half a backfill is none.
 */
export function timesBetween(schedule: Schedule, from: number, to: number, limit: number): readonly number[] {
  const times: number[] = [];
  for (const { time, omitted } of schedule.moments(from)) {
    if (time > to) break;
    if (omitted) continue;
    if (times.length === limit)
      refuse({
        code: "TooManyTimes",
        message: `From ${new Date(from).toISOString()} to ${new Date(to).toISOString()} the schedule has more than ${limit} times.`,
        hint: "Take a shorter range, or a higher limit.",
      });
    times.push(time);
  }
  return times;
}

function localText({
  time,
  zone,
}: {
  readonly time: number;
  readonly zone: { name: string; wallAt(time: number): number };
}): string {
  const wall = zone.wallAt(time);
  const minutes = Math.round((wall - time) / 60_000);
  const size = Math.abs(minutes);
  const offset = `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  return `${formatWall(wall)}${offset}[${zone.name}]`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
