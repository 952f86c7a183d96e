/**
 * A schedule: rules, calendars and policies as data, compiled to the moments they give.
 *
 *     cron, recurrence  ->  walls  ->  business-days.ts (calendars)  ->  clock-change.ts (zone, gap, overlap)  \
 *                                                                                                              >  moments
 *     interval          ->  moments on days that the calendars take                                           /
 *
 *  - Pure: what a schedule gives depends on its spec and the calendars alone, neither on now nor on what was asked before.
 *  - Moments of all rules ascend and differ; `start` and `end` cut them.
 *  - Who keeps the schedule's runs identifies a run by schedule and nominal time.
 */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { parseDuration } from "../../model/duration.ts";
import { type Shift, onDays } from "./business-days.ts";
import { type CalendarSpec, type CalendarUse, type Refusal, refusalOf } from "./calendar.ts";
import { DAY } from "./civil.ts";
import { type Gap, HORIZON, type Moment, type Overlap, momentsOf } from "./clock-change.ts";
import { cronPattern } from "./cron.ts";
import { type Interval, intervalTimes } from "./interval.ts";
import { type Jitter, type JitterSpec, jitterOf } from "./jitter.ts";
import { recurrenceSet } from "./recurrence-set.ts";
import { type WallSource, mergeBy } from "./wall-source.ts";
import { type Zone, zoneOf } from "./zone.ts";

export type ScheduleRule =
  | { readonly cron: string }
  /** A duration, such as `90m`; counted from the anchor, an ISO time, or else from 1970. */
  | { readonly every: string; readonly anchor?: string }
  /** The lines of a recurrence set: DTSTART, RRULE, RDATE, EXDATE, EXRULE. */
  | { readonly recurrence: string };

export interface ScheduleSpec {
  /** Their moments together. */
  readonly rules: readonly ScheduleRule[];
  /** An IANA name; UTC where it is not given. A DTSTART with a zone of its own goes by that. */
  readonly timeZone?: string;
  /** ISO times: no moment before the one nor at or after the other. */
  readonly start?: string;
  readonly end?: string;
  readonly calendars?: CalendarUse & { readonly shift?: Shift };
  /**
   * Unless given: a rule that names hours runs at the first moment after a gap, and the first time where one shows twice. One
   * that does not, such as every quarter of an hour, goes on as if no clock had been changed.
   */
  readonly gap?: Gap;
  readonly overlap?: Overlap;
  readonly jitter?: JitterSpec;
}

export interface Schedule {
  /** From `time` on, with it, ascending, at most a hundred years; with those that are only told (`omitted`). */
  moments(time: number): Iterable<Moment>;
  readonly jitter: Jitter;
}

/**
 * `name` decides the jitter, so that schedules that say the same are spread. Throws a DiagnosticError that holds everything
 * that is wrong.
 */
export function compileSchedule(
  name: string,
  spec: ScheduleSpec,
  calendars: Readonly<Record<string, CalendarSpec>> = {},
): Schedule {
  const problems: Diagnostic[] = [];
  const at = <T>(path: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      problems.push(...error.diagnostics.map((one) => ({ ...one, path })));
      return undefined;
    }
  };
  const zone = at("timeZone", () => zoneOf(spec.timeZone ?? "UTC"));
  const refusal = at("calendars", () => refusalIn(spec, calendars));
  const start = at("start", () => timeFrom(spec.start)) ?? Number.NEGATIVE_INFINITY;
  const end = at("end", () => timeFrom(spec.end)) ?? Number.POSITIVE_INFINITY;
  const jitter = at("jitter", () => jitterOf(name, spec.jitter));
  if (end <= start) problems.push(problem("end", "The schedule ends before it starts."));
  if (spec.rules.length === 0) problems.push(problem("rules", "A schedule without a rule never runs."));
  const sources = spec.rules.flatMap(
    (rule, index) =>
      at(`rules[${index}]`, () => compileRule(rule, spec, zone ?? zoneOf("UTC"), refusal)) ?? [],
  );
  if (problems.length > 0 || jitter === undefined) throw new DiagnosticError(problems);
  return {
    jitter,
    moments: function* (time) {
      const from = Math.max(time, start);
      for (const moment of distinct(
        mergeBy(
          sources.map((source) => source(from)),
          ({ time: key }) => key,
        ),
      )) {
        if (moment.time >= end) return;
        yield moment;
      }
    },
  };
}

/** When so many in a row are only told, nothing more is looked for: a schedule whose calendars take no day. */
const MOST_OMITTED = 10_000;

type MomentSource = (from: number) => Iterable<Moment>;

function* distinct(moments: Iterable<Moment>): Iterable<Moment> {
  let last: number | undefined;
  let omitted = 0;
  for (const moment of moments) {
    if (moment.omitted) {
      if (++omitted > MOST_OMITTED) return;
    } else {
      if (moment.time === last) continue;
      last = moment.time;
      omitted = 0;
    }
    yield moment;
  }
}

function compileRule(
  rule: ScheduleRule,
  spec: ScheduleSpec,
  zone: Zone,
  refusal: Refusal | undefined,
): MomentSource {
  if ("every" in rule) return intervalSource(intervalOf(rule), spec, zone, refusal);
  const { walls, namesHours, zone: own } = wallsOf(rule, spec, zone);
  const steps = onDays(walls, refusal, spec.calendars?.shift ?? "skip");
  const policy = {
    gap: spec.gap ?? (namesHours ? "next" : "skip"),
    overlap: spec.overlap ?? (namesHours ? "first" : "both"),
  } as const;
  return (from) => momentsOf(steps, own, policy, from);
}

function wallsOf(
  rule: Exclude<ScheduleRule, { readonly every: string }>,
  spec: ScheduleSpec,
  zone: Zone,
): { readonly walls: WallSource; readonly namesHours: boolean; readonly zone: Zone } {
  if ("cron" in rule) return { ...cronPattern(rule.cron), zone };
  return recurrenceSet(rule.recurrence, zone.name, { ignoresMissing: spec.gap === "skip" });
}

function intervalOf({ every, anchor }: Extract<ScheduleRule, { readonly every: string }>): Interval {
  const milliseconds = parseDuration(every);
  if (!(milliseconds >= 1000))
    throw new DiagnosticError([
      problem("every", `An interval of '${every}' is too short: it is a second or more.`),
    ]);
  return { every: milliseconds, anchor: timeFrom(anchor) ?? 0 };
}

function intervalSource(
  interval: Interval,
  spec: ScheduleSpec,
  zone: Zone,
  refusal: Refusal | undefined,
): MomentSource {
  if (spec.calendars?.shift !== undefined && spec.calendars.shift !== "skip")
    throw new DiagnosticError([
      problem(
        "calendars.shift",
        "The times of an interval cannot be moved to another day: it goes by elapsed time.",
      ),
    ]);
  return function* (from) {
    let begin: number | undefined = from;
    while (begin !== undefined && begin <= from + HORIZON) {
      const times: Iterable<number> = intervalTimes(interval, begin);
      begin = undefined;
      for (const time of times) {
        if (time > from + HORIZON) return;
        const wall = zone.wallAt(time);
        const day = Math.floor(wall / DAY);
        const why = refusal?.(day);
        yield { time, wall, zone, why: why === undefined ? [] : [why], omitted: why !== undefined };
        if (why === undefined) continue;
        begin = Math.max(time + 1, zone.firstMomentOf((day + 1) * DAY));
        break;
      }
    }
  };
}

function refusalIn(
  { calendars: use }: ScheduleSpec,
  calendars: Readonly<Record<string, CalendarSpec>>,
): Refusal | undefined {
  return use === undefined ? undefined : refusalOf(use, calendars);
}

function timeFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d{2}-\d{2}T.*(?:Z|[+-]\d{2}:\d{2})$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time))
    throw new DiagnosticError([
      problem("", `'${text.slice(0, 100)}' is no time such as 2026-01-05T09:00:00Z.`),
    ]);
  return time;
}

function problem(path: string, message: string): Diagnostic {
  return { severity: "error", code: "InvalidSchedule", path, message };
}
