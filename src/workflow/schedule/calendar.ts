/**
 * Calendars: named sets of days, given by weekdays, by dates and by what is left out, such as holidays. A schedule takes
 * only days that are in one of the calendars it includes and in none that it excludes.
 */
import { refuse } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import {
  DAY,
  type Weekday,
  civilOf,
  dayOf,
  existingDay,
  formatDay,
  parseDay,
  weekdayOf,
  weekdays,
} from "./civil.ts";
import { recurrenceSet } from "./recurrence-set.ts";

/** Days that a calendar adds or leaves out. */
export type DayRule = { readonly name?: string } & (
  | { readonly date: string }
  /** `12-25`, each year. */
  | { readonly annual: string }
  | { readonly from: string; readonly to: string }
  /** Days after Easter Sunday of the Western churches, before it when negative. */
  | { readonly easter: number }
  /** The lines of a recurrence set: `DTSTART:20260101`, `RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH`. */
  | { readonly recurrence: string }
);

export interface CalendarSpec {
  /** Every such day; all weekdays where neither these nor dates are given. */
  readonly weekdays?: readonly Weekday[];
  readonly dates?: readonly DayRule[];
  /** Less these. */
  readonly except?: readonly DayRule[];
}

export interface Membership {
  readonly contains: boolean;
  /** The name of the rule that decided, such as a holiday's. */
  readonly name?: string | undefined;
}

export type Calendar = (day: number) => Membership;

/** Throws a DiagnosticError for a rule that cannot be read. */
export function calendarOf(spec: CalendarSpec): Calendar {
  const included = (spec.dates ?? []).map(compile);
  const excluded = (spec.except ?? []).map(compile);
  const days = new Set((spec.weekdays ?? (spec.dates === undefined ? weekdays : [])).map(weekdayNumber));
  return (day) => {
    const exception = excluded.find(({ contains }) => contains(day));
    if (exception !== undefined) return { contains: false, name: exception.name };
    const date = included.find(({ contains }) => contains(day));
    if (date !== undefined) return { contains: true, name: date.name };
    return { contains: days.has(weekdayOf(day)) };
  };
}

export interface CalendarUse {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/** Why a day is not taken; undefined for one that is. */
export type Refusal = (day: number) => string | undefined;

/** Throws a DiagnosticError for a calendar that is not among `specs` or cannot be read. */
export function refusalOf(
  { include = [], exclude = [] }: CalendarUse,
  specs: Readonly<Record<string, CalendarSpec>>,
): Refusal {
  const named = (name: string): { name: string; calendar: Calendar } => {
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (spec === undefined)
      refuse({
        code: "UnknownCalendar",
        message: `There is no calendar '${name}'.`,
        hint: didYouMean(name, Object.keys(specs)) ?? "Declare it, or take the name out of the schedule.",
      });
    return { name, calendar: calendarOf(spec) };
  };
  const included = include.map(named);
  const excluded = exclude.map(named);
  return (day) => {
    for (const { name, calendar } of excluded) {
      const membership = calendar(day);
      if (membership.contains) return `${formatDay(day)}${inBrackets(membership)} is in calendar '${name}'`;
    }
    if (included.length === 0) return undefined;
    const memberships = included.map(({ calendar }) => calendar(day));
    if (memberships.some(({ contains }) => contains)) return undefined;
    const reason = memberships.find(({ name }) => name !== undefined) ?? {};
    const names = include.map((name) => `'${name}'`).join(" or ");
    return `${formatDay(day)}${inBrackets(reason)} is not in calendar ${names}`;
  };
}

function inBrackets({ name }: Pick<Membership, "name">): string {
  return name === undefined ? "" : ` (${name})`;
}

interface CompiledRule {
  readonly name: string | undefined;
  readonly contains: (day: number) => boolean;
}

function compile(rule: DayRule): CompiledRule {
  return { name: rule.name, contains: test(rule) };
}

function test(rule: DayRule): (day: number) => boolean {
  if ("date" in rule) {
    const date = dayFrom(rule.date);
    return (day) => day === date;
  }
  if ("from" in rule) {
    const [from, to] = [dayFrom(rule.from), dayFrom(rule.to)];
    if (to < from)
      refuseDay(`The days from '${rule.from}' to '${rule.to}' are none: they end before they begin.`);
    return (day) => day >= from && day <= to;
  }
  if ("annual" in rule) {
    const match = /^(\d{2})-(\d{2})$/.exec(rule.annual);
    const [month, dayOfMonth] = [Number(match?.[1]), Number(match?.[2])];
    if (match === null || existingDay(2000, month, dayOfMonth) === undefined)
      refuseDay(`'${rule.annual.slice(0, 40)}' is no day of a year.`);
    return (day) => {
      const date = civilOf(day);
      return date.month === month && date.dayOfMonth === dayOfMonth;
    };
  }
  if ("easter" in rule) {
    if (!Number.isInteger(rule.easter) || Math.abs(rule.easter) > 200)
      refuseDay(`'${rule.easter}' is no number of days before or after Easter.`);
    return (day) => easterOf(civilOf(day - rule.easter).year) + rule.easter === day;
  }
  const { walls } = recurrenceSet(rule.recurrence, "UTC");
  return (day) => {
    for (const wall of walls.from(day * DAY)) return wall < (day + 1) * DAY;
    return false;
  };
}

function dayFrom(text: string): number {
  return parseDay(text) ?? refuseDay(`'${text.slice(0, 40)}' is no date.`);
}

function weekdayNumber(weekday: Weekday): number {
  const index = weekdays.indexOf(weekday);
  return index < 0 ? refuseDay(`'${String(weekday).slice(0, 40)}' is no weekday.`) : index;
}

function refuseDay(message: string): never {
  refuse({
    code: "InvalidCalendar",
    message,
    hint: "Write a date as 2026-12-25, a day of each year as 12-25, a weekday as MO.",
  });
}

/** The day of Easter Sunday in the Gregorian calendar (Meeus, Jones and Butcher's algorithm). */
export function easterOf(year: number): number {
  const golden = year % 19;
  const century = Math.floor(year / 100);
  const ofCentury = year % 100;
  const correction = Math.floor((century - Math.floor((century + 8) / 25) + 1) / 3);
  const epact = (19 * golden + century - Math.floor(century / 4) - correction + 15) % 30;
  const toSunday = (32 + 2 * (century % 4) + 2 * Math.floor(ofCentury / 4) - epact - (ofCentury % 4)) % 7;
  const late = Math.floor((golden + 11 * epact + 22 * toSunday) / 451);
  const sum = epact + toSunday - 7 * late + 114;
  return dayOf({ year, month: Math.floor(sum / 31), dayOfMonth: (sum % 31) + 1 });
}
