/** What schedules allow at a moment: between which numbers it may be, and when that changes next. */
import { Cron } from "croner";
import type { Autoscale } from "../../kinds/autoscale.ts";

export interface Bounds {
  readonly min: number;
  readonly max: number;
  /** The schedules that hold, in words; empty when none does. */
  readonly by: readonly string[];
  /** When the next schedule begins or ends, milliseconds since the epoch. */
  readonly until?: number;
}

/**
 * A schedule holds from each of its beginnings to the next of its ends. Of several that hold the highest minimum and the
 * lowest maximum count, the minimum first. An exact number is both.
 */
export function boundsAt(autoscale: Autoscale, now: number): Bounds {
  let min = autoscale.minReplicas;
  let max = autoscale.maxReplicas;
  let until = Infinity;
  const held = autoscale.schedules.filter((schedule) => {
    const begins = next(schedule.start, schedule.timeZone, now);
    const ends = next(schedule.end, schedule.timeZone, now);
    until = Math.min(until, begins, ends);
    return ends < begins;
  });
  for (const { replicas, maxReplicas } of held) max = Math.min(max, replicas ?? maxReplicas ?? max);
  // The declared minimum is for when no schedule says less.
  if (max < min) min = max;
  for (const { replicas, minReplicas } of held) min = Math.max(min, replicas ?? minReplicas ?? min);
  return {
    min,
    max: Math.max(min, max),
    by: held.map(({ name, start, end }) => name ?? `${start} to ${end}`),
    ...(until === Infinity ? {} : { until }),
  };
}

const patterns = new Map<string, Cron>();
/** More than anybody declares; it is only there to be bounded. */
const REMEMBERED = 10_000;

/** The first moment after `now`; never comes: Infinity. */
function next(pattern: string, timezone: string, now: number): number {
  const key = `${timezone} ${pattern}`;
  let cron = patterns.get(key);
  if (cron === undefined) {
    if (patterns.size >= REMEMBERED) patterns.clear();
    cron = new Cron(pattern, { timezone, paused: true });
    patterns.set(key, cron);
  }
  return cron.nextRun(new Date(now))?.getTime() ?? Infinity;
}
