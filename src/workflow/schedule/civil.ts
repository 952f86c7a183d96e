/**
 * Arithmetic on what a clock on the wall shows, in the proleptic Gregorian calendar and without a time zone. A `Wall` is
 * the number of milliseconds since 1970-01-01T00:00 on that clock, a day is the number of days since then. zone.ts turns
 * walls into moments.
 */
export type Wall = number;

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** In the order of ISO 8601 and RFC 5545; a weekday is an index here: Monday is 0. */
export const weekdays = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"] as const;
export type Weekday = (typeof weekdays)[number];

export interface CivilDate {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  /** From 1. */
  readonly dayOfMonth: number;
}

export function dayOf({ year, month, dayOfMonth }: CivilDate): number {
  return Date.UTC(year, month - 1, dayOfMonth) / DAY;
}

export function civilOf(day: number): CivilDate {
  const date = new Date(day * DAY);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, dayOfMonth: date.getUTCDate() };
}

export function weekdayOf(day: number): number {
  return modulo(day + 3, 7);
}

export function daysInMonth(year: number, month: number): number {
  return dayOf({ year, month: month + 1, dayOfMonth: 1 }) - dayOf({ year, month, dayOfMonth: 1 });
}

export function firstDayOf(year: number): number {
  return dayOf({ year, month: 1, dayOfMonth: 1 });
}

export function daysInYear(year: number): number {
  return firstDayOf(year + 1) - firstDayOf(year);
}

/** The first day of the week that `day` is in, for weeks that begin on `weekStart`. */
export function startOfWeek(day: number, weekStart: number): number {
  return day - modulo(weekdayOf(day) - weekStart, 7);
}

/** The first day of week 1: the first week with four days or more in the year (ISO 8601). */
export function firstWeekOf(year: number, weekStart: number): number {
  return startOfWeek(firstDayOf(year) + 3, weekStart);
}

/** The year whose weeks `day` is counted in; near New Year another than its calendar year. */
export function weekYearOf(day: number, weekStart: number): number {
  return civilOf(startOfWeek(day, weekStart) + 3).year;
}

/** The remainder that is never negative. */
export function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

/** `2026-03-29T02:30:00`. */
export function formatWall(wall: Wall): string {
  return new Date(wall).toISOString().slice(0, 19);
}

/** `2026-03-29`. */
export function formatDay(day: number): string {
  return formatWall(day * DAY).slice(0, 10);
}

/** The day of `2026-03-29`; undefined where there is no such day. */
export function parseDay(text: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return undefined;
  return existingDay(Number(match[1]), Number(match[2]), Number(match[3]));
}

/** The day of a date, undefined for a date that is none, such as February 30. */
export function existingDay(year: number, month: number, dayOfMonth: number): number | undefined {
  if (month < 1 || month > 12 || dayOfMonth < 1 || dayOfMonth > daysInMonth(year, month)) return undefined;
  return dayOf({ year, month, dayOfMonth });
}
