/**
 * The times of a recurrence rule (RFC 5545, section 3.3.10).
 *
 *     periods (every INTERVAL-th from DTSTART's)  ->  days (day-filter.ts) x times of day  ->  BYSETPOS  ->  DTSTART, UNTIL, COUNT
 *
 * DTSTART is a time of the rule only when the rule gives it, as in the calendars people use. Where a rule can be entered
 * in the middle it is; one with COUNT is counted from where it was last counted to.
 */
import { DAY, HOUR, MINUTE, SECOND, type Wall, civilOf, firstDayOf, modulo } from "./civil.ts";
import { dayFilter } from "./day-filter.ts";
import type { LocalTime } from "./local-time.ts";
import { type Period, periodOf } from "./period.ts";
import { type RecurrenceRule, frequencies } from "./recurrence-rule.ts";
import type { WallSource } from "./wall-source.ts";

export interface RecurrenceOptions {
  /** The last wall it may give, with it; the rule's own UNTIL, which may be in UTC, is for the caller to bring here. */
  readonly until?: Wall;
  /** Whether a wall counts towards COUNT: one that the clock never shows does not. */
  readonly counts?: (wall: Wall) => boolean;
}

/** Times end with the year 9999, the last that iCalendar can write. */
const END_OF_TIME = Date.UTC(10_000, 0) - 1;

export class Recurrence implements WallSource {
  readonly #rule: RecurrenceRule;
  readonly #start: Wall;
  readonly #until: Wall;
  readonly #counts: (wall: Wall) => boolean;
  readonly #period: Period;
  readonly #first: number;
  readonly #allows: (day: number) => boolean;
  readonly #times: TimesOfDay;
  /** So many were counted before this period. */
  #counted: { readonly period: number; readonly count: number };

  /** A search has shown that no period from this on has a wall. */
  #barren = Number.POSITIVE_INFINITY;

  constructor(rule: RecurrenceRule, start: LocalTime, options: RecurrenceOptions = {}) {
    this.#rule = rule;
    this.#start = start.wall;
    this.#until = Math.min(options.until ?? END_OF_TIME, END_OF_TIME);
    this.#counts = options.counts ?? (() => true);
    this.#period = periodOf(rule);
    this.#allows = remembersLast(dayFilter(rule, Math.floor(start.wall / DAY)));
    this.#times = new TimesOfDay(rule, start);
    this.#first = this.#firstPeriod();
    this.#counted = { period: this.#first, count: 0 };
  }

  *from(wall: Wall): Iterable<Wall> {
    if (this.#rule.count !== undefined) {
      yield* this.#countedFrom(wall, this.#rule.count);
      return;
    }
    const begin = Math.max(wall, this.#start);
    for (const { walls } of this.#periodsFrom(this.#period.numberOf(begin), begin))
      for (const one of walls) {
        if (one > this.#until) return;
        if (one >= begin) yield one;
      }
  }

  *#countedFrom(wall: Wall, total: number): Iterable<Wall> {
    const known = this.#counted;
    const resumed = known.period <= this.#period.numberOf(wall);
    let count = resumed ? known.count : 0;
    for (const { period, walls } of this.#periodsFrom(resumed ? known.period : this.#first, this.#start)) {
      if (this.#period.startOf(period) <= wall) this.#counted = { period, count };
      for (const one of walls) {
        if (one > this.#until || count >= total) return;
        if (one < this.#start) continue;
        if (this.#counts(one)) count++;
        if (one >= wall) yield one;
      }
      if (count >= total) return;
    }
  }

  /**
   * Of the periods from `number` on, those that have walls; days before `begin` may be left out of the first. Ends where it
   * is certain that no more come.
   */
  *#periodsFrom(
    number: number,
    begin: Wall,
  ): Iterable<{ readonly period: number; readonly walls: Iterable<Wall> }> {
    let empty = 0;
    let period = this.#aligned(number);
    let firstEmpty = period;
    if (period >= this.#barren) return;
    while (empty <= this.#period.cycle && this.#period.startOf(period) <= this.#until) {
      const start = this.#period.startOf(period);
      const skipTo = this.#times.isWithinDay ? this.#afterBarren(start) : undefined;
      const days = skipTo === undefined ? this.#daysOf(period) : [];
      empty++;
      if (days.length > 0) {
        empty = 0;
        firstEmpty = period + this.#rule.interval;
        yield { period, walls: this.#wallsOn(days, this.#times.within(start), begin) };
      }
      period += this.#rule.interval;
      if (skipTo !== undefined) period = Math.max(period, this.#aligned(this.#period.numberOf(skipTo)));
    }
    this.#barren = Math.min(this.#barren, firstEmpty);
  }

  /**
   * The period that INTERVAL is counted from: DTSTART's. For years by their weeks it is DTSTART's calendar year where no day
   * of the rule in its week year is in that calendar year or after: nothing begins in the year of a week that has passed.
   */
  #firstPeriod(): number {
    const own = this.#period.numberOf(this.#start);
    if (this.#rule.byWeekNumber === undefined) return own;
    const { year } = civilOf(Math.floor(this.#start / DAY));
    return this.#daysOf(own).some((day) => day >= firstDayOf(year)) ? own : year;
  }

  /** The first period from `number` on that the interval leads to. */
  #aligned(number: number): number {
    const { interval } = this.#rule;
    return this.#first + Math.max(0, Math.ceil((number - this.#first) / interval)) * interval;
  }

  /** For periods within a day: when to look again, where neither this day, hour nor minute can have a wall. */
  #afterBarren(start: Wall): Wall | undefined {
    const day = Math.floor(start / DAY);
    return this.#allows(day) ? this.#times.afterBarren(start) : (day + 1) * DAY;
  }

  #daysOf(period: number): readonly number[] {
    const start = this.#period.startOf(period);
    if (this.#times.isWithinDay) return [Math.floor(start / DAY)];
    const end = this.#period.startOf(period + 1) / DAY;
    const days: number[] = [];
    for (let day = start / DAY; day < end; day++) if (this.#allows(day)) days.push(day);
    return days;
  }

  /** A year of seconds is too long for a list: one by one. */
  *#wallsOn(days: readonly number[], times: readonly number[], begin: Wall): Iterable<Wall> {
    const places = this.#rule.bySetPosition;
    if (places === undefined) {
      for (const day of days) if ((day + 1) * DAY > begin) for (const time of times) yield day * DAY + time;
      return;
    }
    const size = days.length * times.length;
    const indexes = new Set(places.map((place) => (place > 0 ? place - 1 : size + place)));
    for (const index of [...indexes].sort((a, b) => a - b))
      if (index >= 0 && index < size)
        yield (
          (days[Math.floor(index / times.length)] as number) * DAY + (times[index % times.length] as number)
        );
  }
}

/** BYHOUR, BYMINUTE and BYSECOND: those finer than the frequency give times, the others limit its periods. */
class TimesOfDay {
  /** Whether a period is shorter than a day. */
  readonly isWithinDay: boolean;
  readonly #hours: readonly number[] | undefined;
  readonly #minutes: readonly number[] | undefined;
  readonly #seconds: readonly number[] | undefined;
  readonly #length: number;
  /** From the start of the period. */
  readonly #offsets: readonly number[];

  constructor(rule: RecurrenceRule, start: LocalTime) {
    // A date has no time: whatever the rule says of hours is ignored (section 3.3.10).
    const { byHour, byMinute, bySecond } = start.isDate
      ? { byHour: undefined, byMinute: undefined, bySecond: undefined }
      : rule;
    const level = frequencies.indexOf(rule.frequency);
    const time = modulo(start.wall, DAY);
    this.isWithinDay = level < frequencies.indexOf("DAILY");
    this.#hours = ascending(byHour);
    this.#minutes = ascending(byMinute);
    this.#seconds = ascending(bySecond);
    this.#length = [SECOND, MINUTE, HOUR][level] ?? DAY;
    const hours = level > 2 ? (this.#hours ?? [Math.floor(time / HOUR)]) : [0];
    const minutes = level > 1 ? (this.#minutes ?? [Math.floor((time % HOUR) / MINUTE)]) : [0];
    const seconds = level > 0 ? (this.#seconds ?? [Math.floor((time % MINUTE) / SECOND)]) : [0];
    this.#offsets = product(hours, minutes, seconds);
  }

  /** The times of day of the period that begins at `start`. */
  within(start: Wall): readonly number[] {
    const time = this.isWithinDay ? modulo(start, DAY) : 0;
    return time === 0 ? this.#offsets : this.#offsets.map((offset) => time + offset);
  }

  /** For a period within a day that the parts coarser than it leave out: when the next hour, minute or second begins. */
  afterBarren(start: Wall): Wall | undefined {
    for (const [allowed, unit, modulus] of [
      [this.#hours, HOUR, 24],
      [this.#minutes, MINUTE, 60],
      [this.#seconds, SECOND, 60],
    ] as const) {
      if (unit < this.#length) return undefined;
      const number = Math.floor(start / unit);
      if (allowed?.includes(modulo(number, modulus)) === false) return (number + 1) * unit;
    }
    return undefined;
  }
}

/** Ascending times of day of all combinations. */
export function product(
  hours: readonly number[],
  minutes: readonly number[],
  seconds: readonly number[],
): readonly number[] {
  return hours.flatMap((hour) =>
    minutes.flatMap((minute) => seconds.map((second) => hour * HOUR + minute * MINUTE + second * SECOND)),
  );
}

function ascending(list: readonly number[] | undefined): readonly number[] | undefined {
  return list === undefined ? undefined : [...new Set(list)].sort((a, b) => a - b);
}

/** Periods within a day ask about the same day again and again. */
function remembersLast(test: (day: number) => boolean): (day: number) => boolean {
  let last: number | undefined;
  let answer = false;
  return (day) => {
    if (day !== last) {
      answer = test(day);
      last = day;
    }
    return answer;
  };
}
