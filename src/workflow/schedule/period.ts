/** The periods that a recurrence rule repeats by: each has a number, and the numbers of two that follow differ by one. */
import {
  DAY,
  HOUR,
  MINUTE,
  SECOND,
  type Wall,
  civilOf,
  dayOf,
  firstDayOf,
  firstWeekOf,
  startOfWeek,
  weekYearOf,
} from "./civil.ts";
import type { RecurrenceRule } from "./recurrence-rule.ts";

export interface Period {
  numberOf(wall: Wall): number;
  /** When the period begins. */
  startOf(number: number): Wall;
  /**
   * How many of them in a row may be empty before it is certain that all are: the calendar repeats itself every 400 years.
   * For those shorter than a day, a bound.
   */
  readonly cycle: number;
}

export function periodOf({ frequency, weekStart, byWeekNumber }: RecurrenceRule): Period {
  switch (frequency) {
    case "YEARLY":
      return byWeekNumber === undefined ? year : weekYear(weekStart);
    case "MONTHLY":
      return month;
    case "WEEKLY":
      return week(weekStart);
    case "DAILY":
      return even(DAY, 146_097);
    case "HOURLY":
      return even(HOUR, LONGEST_SEARCH);
    case "MINUTELY":
      return even(MINUTE, LONGEST_SEARCH);
    case "SECONDLY":
      return even(SECOND, LONGEST_SEARCH);
  }
}

const LONGEST_SEARCH = 200_000;

const year: Period = {
  numberOf: (wall) => civilOf(Math.floor(wall / DAY)).year,
  startOf: (number) => firstDayOf(number) * DAY,
  cycle: 400,
};

/** A year by its weeks, so that each week is in one year only. */
const weekYear = (weekStart: number): Period => ({
  numberOf: (wall) => weekYearOf(Math.floor(wall / DAY), weekStart),
  startOf: (number) => firstWeekOf(number, weekStart) * DAY,
  cycle: 400,
});

const month: Period = {
  numberOf: (wall) => {
    const date = civilOf(Math.floor(wall / DAY));
    return date.year * 12 + date.month - 1;
  },
  startOf: (number) =>
    dayOf({ year: Math.floor(number / 12), month: (number % 12) + 1, dayOfMonth: 1 }) * DAY,
  cycle: 4800,
};

const week = (weekStart: number): Period => {
  const origin = startOfWeek(0, weekStart);
  return {
    numberOf: (wall) => Math.floor((Math.floor(wall / DAY) - origin) / 7),
    startOf: (number) => (number * 7 + origin) * DAY,
    cycle: 20_871,
  };
};

const even = (length: number, cycle: number): Period => ({
  numberOf: (wall) => Math.floor(wall / length),
  startOf: (number) => number * length,
  cycle,
});
