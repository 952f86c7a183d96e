/**
 * Which days a recurrence rule allows. BYMONTH, BYWEEKNO, BYYEARDAY, BYMONTHDAY and BYDAY expand a period or limit it (the
 * table in RFC 5545, section 3.3.10); either way a day of the period stays when it meets every part. What the rule leaves
 * out comes from DTSTART.
 */
import { civilOf, daysInMonth, daysInYear, firstDayOf, firstWeekOf, weekYearOf, weekdayOf } from "./civil.ts";
import type { RecurrenceRule, WeekdayNumber } from "./recurrence-rule.ts";

/** `start` is the day of DTSTART. */
export function dayFilter(rule: RecurrenceRule, start: number): (day: number) => boolean {
  const tests = [...testsOf({ ...rule, ...derived(rule, start) })];
  return (day) => {
    const facts = factsOf(day);
    return tests.every((test) => test(facts));
  };
}

interface Facts {
  readonly day: number;
  readonly year: number;
  readonly month: number;
  readonly dayOfMonth: number;
  readonly monthLength: number;
  /** From 1. */
  readonly dayOfYear: number;
  readonly yearLength: number;
  readonly weekday: number;
}

function factsOf(day: number): Facts {
  const { year, month, dayOfMonth } = civilOf(day);
  return {
    day,
    year,
    month,
    dayOfMonth,
    monthLength: daysInMonth(year, month),
    dayOfYear: day - firstDayOf(year) + 1,
    yearLength: daysInYear(year),
    weekday: weekdayOf(day),
  };
}

function derived(rule: RecurrenceRule, start: number): Partial<RecurrenceRule> {
  const { frequency, byDay, byMonthDay, byYearDay } = rule;
  if (frequency === "YEARLY") return derivedOfYear(rule, start);
  if (byDay !== undefined || byMonthDay !== undefined || byYearDay !== undefined) return {};
  if (frequency === "MONTHLY") return { byMonthDay: [civilOf(start).dayOfMonth] };
  if (frequency === "WEEKLY") return { byDay: [{ weekday: weekdayOf(start) }] };
  return {};
}

function derivedOfYear(rule: RecurrenceRule, start: number): Partial<RecurrenceRule> {
  const { month, dayOfMonth } = civilOf(start);
  const { byMonth = [month], byWeekNumber, byYearDay, byMonthDay, byDay } = rule;
  if (byYearDay !== undefined) return {};
  if (byWeekNumber !== undefined)
    return byMonthDay === undefined && byDay === undefined ? { byDay: [{ weekday: weekdayOf(start) }] } : {};
  // A day of the month, without more, is one of DTSTART's month.
  if (byMonthDay !== undefined) return { byMonth };
  return byDay === undefined ? { byMonth, byMonthDay: [dayOfMonth] } : {};
}

function* testsOf(rule: RecurrenceRule): Iterable<(facts: Facts) => boolean> {
  const { byMonth, byWeekNumber, byYearDay, byMonthDay, byDay, weekStart } = rule;
  if (byMonth !== undefined) {
    const months = new Set(byMonth);
    yield ({ month }) => months.has(month);
  }
  if (byWeekNumber !== undefined) {
    const weeks = new Set(byWeekNumber);
    yield ({ day }) => {
      const year = weekYearOf(day, weekStart);
      const first = firstWeekOf(year, weekStart);
      const length = (firstWeekOf(year + 1, weekStart) - first) / 7;
      return hasPlace(weeks, Math.floor((day - first) / 7) + 1, length);
    };
  }
  if (byYearDay !== undefined) {
    const days = new Set(byYearDay);
    yield ({ dayOfYear, yearLength }) => hasPlace(days, dayOfYear, yearLength);
  }
  if (byMonthDay !== undefined) {
    const days = new Set(byMonthDay);
    yield ({ dayOfMonth, monthLength }) => hasPlace(days, dayOfMonth, monthLength);
  }
  if (byDay !== undefined) {
    const inMonth = rule.frequency === "MONTHLY" || byMonth !== undefined;
    yield (facts) => byDay.some((one) => isWeekday(one, facts, inMonth));
  }
}

/** Whether a place, counted from 1, is among `places`, of which negative ones are counted from the end. */
function hasPlace(places: ReadonlySet<number>, place: number, length: number): boolean {
  return places.has(place) || places.has(place - length - 1);
}

function isWeekday({ weekday, nth }: WeekdayNumber, facts: Facts, inMonth: boolean): boolean {
  if (weekday !== facts.weekday) return false;
  if (nth === undefined) return true;
  const place = inMonth ? facts.dayOfMonth : facts.dayOfYear;
  const length = inMonth ? facts.monthLength : facts.yearLength;
  return nth > 0 ? Math.ceil(place / 7) === nth : Math.ceil((length - place + 1) / 7) === -nth;
}
