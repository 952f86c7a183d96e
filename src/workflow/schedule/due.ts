/**
 * Which of a schedule's times are to be run now. Level-triggered: the answer depends on the schedule, on the last time that
 * was handled, and on now, not on having been awake in between.
 *
 *     handled                              now
 *        |---- skipped ----|---- fired ----|---- next ...
 *        missed, too many    missed and      not yet
 *        or too old          kept, on time
 *
 *  1. Every time after `handled` whose start has come is fired or is in `skipped`, never both; `handled` in the answer is the
 *     last of them. Stored in one commit with the runs it fires, no crash loses or doubles a time.
 *  2. What is fired are the latest: of the times that are due all that are skipped come before all that are fired.
 *  3. When the clock goes back, nothing is due until it has passed the last handled time again.
 *  4. The work is bounded by what is fired, not by how long nobody looked.
 */
import { formatDuration } from "../../model/duration.ts";
import type { Schedule } from "./schedule.ts";

export type Missed =
  | { readonly run: "none" }
  /** One run for all that was missed, and that only where none is on time. */
  | { readonly run: "last"; readonly notOlderThan?: number }
  | { readonly run: "all"; readonly atMost: number; readonly notOlderThan?: number };

export interface DuePolicy {
  readonly missed: Missed;
  /** In milliseconds: a time whose start is no longer past than this is on time, not missed. */
  readonly grace: number;
}

export const defaultDuePolicy: DuePolicy = { missed: { run: "last" }, grace: 60_000 };

export interface DueDecision {
  /** Nominal times, ascending. */
  readonly fire: readonly number[];
  /** Nominal times, from the first to the last that is skipped, both with it. */
  readonly skipped: readonly { readonly from: number; readonly to: number; readonly why: string }[];
  /** What to pass as `handled` next time. */
  readonly handled: number;
  /** When to look again; undefined when the schedule has ended. */
  readonly next?: { readonly time: number; readonly start: number };
}

/** No decision fires more. */
const MOST = 1000;

/** All in milliseconds since the epoch; `handled` of a new schedule is when it was created. */
export function decideDue(
  schedule: Schedule,
  handled: number,
  now: number,
  policy: DuePolicy = defaultDuePolicy,
): DueDecision {
  const last = lastDue(schedule, handled, now);
  if (last === undefined) return { fire: [], skipped: [], handled, ...nextAfter(schedule, handled) };
  const fire = firedOf(schedule, handled, last, now, policy);
  const through = fire[0] === undefined ? last : latest(schedule, handled, fire[0] - 1, 1)[0];
  const skipped = through === undefined ? [] : [spanOf(schedule, handled, through, now, policy)];
  return { fire, skipped, handled: last, ...nextAfter(schedule, last) };
}

/** The latest time after `handled` whose start has come. */
function lastDue(schedule: Schedule, handled: number, now: number): number | undefined {
  // By its jitter only the last can still be waiting: it starts before the one after it.
  const times = latest(schedule, handled, now, 2);
  const time = times.at(-1);
  if (time === undefined) return undefined;
  return startOf(schedule, time) <= now ? time : times.at(-2);
}

function firedOf(
  schedule: Schedule,
  handled: number,
  last: number,
  now: number,
  { missed, grace }: DuePolicy,
): readonly number[] {
  const most = missed.run === "all" ? Math.min(missed.atMost, MOST) : 1;
  const oldest =
    missed.run === "none"
      ? Number.POSITIVE_INFINITY
      : now - (missed.notOlderThan ?? Number.POSITIVE_INFINITY);
  const earliest = Math.max(handled, now - grace - schedule.jitter.longest - 1);
  const onTime = latest(schedule, earliest, last, MOST).filter(
    (time) => startOf(schedule, time) >= now - grace,
  );
  const before = onTime[0] === undefined ? last : onTime[0] - 1;
  if (missed.run === "last" && onTime.length > 0) return onTime;
  if (missed.run === "none" || most === 0) return onTime;
  const late = latest(schedule, handled, before, most).filter((time) => time >= oldest);
  return [...late, ...onTime].slice(-MOST);
}

function spanOf(
  schedule: Schedule,
  handled: number,
  to: number,
  now: number,
  { missed }: DuePolicy,
): DueDecision["skipped"][number] {
  return { from: first(schedule, handled) ?? to, to, why: reasonFor(to, now, missed) };
}

function reasonFor(time: number, now: number, missed: Missed): string {
  const late = `missed by ${formatDuration(now - time)}`;
  if (missed.run === "none") return `${late}; the policy runs nothing that was missed`;
  if (missed.notOlderThan !== undefined && time < now - missed.notOlderThan)
    return `${late}; nothing older than ${formatDuration(missed.notOlderThan)} is run`;
  if (missed.run === "last") return `${late}; a later time takes its place`;
  return `${late}; at most ${Math.min(missed.atMost, MOST)} that were missed are run`;
}

function nextAfter(schedule: Schedule, handled: number): Pick<DueDecision, "next"> {
  const time = first(schedule, handled);
  return time === undefined ? {} : { next: { time, start: startOf(schedule, time) } };
}

function startOf(schedule: Schedule, time: number): number {
  return schedule.jitter.longest === 0 ? time : schedule.jitter.startOf(time, first(schedule, time));
}

/** The first time after `time`. */
function first(schedule: Schedule, time: number): number | undefined {
  for (const moment of schedule.moments(time + 1)) if (!moment.omitted) return moment.time;
  return undefined;
}

/** Of the times after `after` and not past `now` the last so many, ascending. Looks in ever longer stretches before `now`. */
function latest(schedule: Schedule, after: number, now: number, count: number): readonly number[] {
  for (let stretch = 60_000; ; stretch *= 8) {
    const begin = Math.max(after, now - stretch);
    const times: number[] = [];
    for (const { time, omitted } of schedule.moments(begin + 1)) {
      if (time > now) break;
      if (!omitted) times.push(time);
    }
    if (times.length >= count || begin === after)
      return times.slice(times.length - Math.min(count, times.length));
  }
}
