/**
 * Jitter: how much later than its nominal time a run starts, so that not all that is due at midnight starts at midnight. It
 * derives from the schedule's name, so that a restart comes to the same.
 */
import { refuse } from "../../diagnostics/diagnostic.ts";
import { parseDuration } from "../../model/duration.ts";

export interface JitterSpec {
  /** A duration: so much at most, and always less than to the schedule's next time. */
  readonly upTo: string;
  /** Another for each time, or the same for all times of the schedule, which keeps their distances. Each time's by default. */
  readonly per?: "time" | "schedule";
}

export interface Jitter {
  /** The most that any time is delayed by. */
  readonly longest: number;
  /** When the run of `time` starts, before `next` in any case. */
  startOf(time: number, next: number | undefined): number;
}

/** Throws a DiagnosticError for a duration that cannot be read. */
export function jitterOf(name: string, spec: JitterSpec | undefined): Jitter {
  const longest = spec === undefined ? 0 : parseDuration(spec.upTo);
  if (longest > 86_400_000)
    refuse({ code: "InvalidSchedule", message: `A jitter of ${spec?.upTo} is too long: a day is the most.` });
  const seed = hash(name, 0x811c9dc5);
  const key = (time: number): number => (spec?.per === "schedule" ? seed : hash(String(time), seed));
  return {
    longest,
    startOf: (time, next) => {
      if (longest === 0) return time;
      const start = time + Math.floor((key(time) / 0x1_0000_0000) * longest);
      return next === undefined ? start : Math.min(start, next - 1);
    },
  };
}

/** FNV-1a, with MurmurHash3's last mix so that neighbours differ in all bits. */
function hash(text: string, seed: number): number {
  let value = seed;
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
