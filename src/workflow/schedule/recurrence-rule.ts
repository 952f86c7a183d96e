/** A recurrence rule as it is written (RFC 5545, section 3.3.10): `FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1`. */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggestion.ts";
import { type Weekday, weekdays } from "./civil.ts";
import { type LocalTime, parseLocalTime } from "./local-time.ts";

/** From the finest to the coarsest. */
export const frequencies = [
  "SECONDLY",
  "MINUTELY",
  "HOURLY",
  "DAILY",
  "WEEKLY",
  "MONTHLY",
  "YEARLY",
] as const;
export type Frequency = (typeof frequencies)[number];

export interface WeekdayNumber {
  /** Monday is 0. */
  readonly weekday: number;
  /** Which of them in the month or year, from the end when negative; every one when undefined. */
  readonly nth?: number;
}

/** Every list is undefined where the rule has no such part. */
export interface RecurrenceRule {
  readonly frequency: Frequency;
  readonly interval: number;
  readonly count?: number;
  readonly until?: LocalTime;
  readonly weekStart: number;
  readonly bySecond?: readonly number[];
  readonly byMinute?: readonly number[];
  readonly byHour?: readonly number[];
  readonly byDay?: readonly WeekdayNumber[];
  readonly byMonthDay?: readonly number[];
  readonly byYearDay?: readonly number[];
  readonly byWeekNumber?: readonly number[];
  readonly byMonth?: readonly number[];
  readonly bySetPosition?: readonly number[];
}

type Part = Partial<RecurrenceRule>;
type Read = (value: string) => Part | undefined;

const numbers =
  (field: keyof RecurrenceRule, low: number, high: number, signed: boolean): Read =>
  (value) => {
    const list = value.split(",").map((text) => (/^[+-]?\d{1,3}$/.test(text) ? Number(text) : Number.NaN));
    const within = (number: number): boolean => {
      const size = signed ? Math.abs(number) : number;
      return size >= low && size <= high;
    };
    return list.every(within) ? { [field]: list } : undefined;
  };

const positive = (text: string): number | undefined =>
  /^\d{1,9}$/.test(text) && Number(text) > 0 ? Number(text) : undefined;

const parts: Readonly<Record<string, Read>> = {
  FREQ: (value) => (frequencies.includes(value as Frequency) ? { frequency: value as Frequency } : undefined),
  INTERVAL: (value) => defined("interval", positive(value)),
  COUNT: (value) => defined("count", positive(value)),
  UNTIL: (value) => defined("until", parseLocalTime(value)),
  WKST: (value) => defined("weekStart", weekdayIndex(value)),
  // Second 60 is a leap second; a clock without them shows 59 (section 3.3.12).
  BYSECOND: (value) => {
    const read = numbers("bySecond", 0, 60, false)(value);
    return read === undefined
      ? undefined
      : { bySecond: read.bySecond?.map((second) => Math.min(second, 59)) ?? [] };
  },
  BYMINUTE: numbers("byMinute", 0, 59, false),
  BYHOUR: numbers("byHour", 0, 23, false),
  BYDAY: (value) => {
    const days = value.split(",").map(parseWeekday);
    return days.every((day) => day !== undefined) ? { byDay: days } : undefined;
  },
  BYMONTHDAY: numbers("byMonthDay", 1, 31, true),
  BYYEARDAY: numbers("byYearDay", 1, 366, true),
  BYWEEKNO: numbers("byWeekNumber", 1, 53, true),
  BYMONTH: numbers("byMonth", 1, 12, false),
  BYSETPOS: numbers("bySetPosition", 1, 366, true),
  // RFC 7529: the calendar and what becomes of days that it lacks. These are what RFC 5545 does.
  RSCALE: (value) => (value === "GREGORIAN" ? {} : undefined),
  SKIP: (value) => (value === "OMIT" ? {} : undefined),
};

function defined(field: keyof RecurrenceRule, value: unknown): Part | undefined {
  return value === undefined ? undefined : { [field]: value };
}

function weekdayIndex(text: string): number | undefined {
  const index = weekdays.indexOf(text as Weekday);
  return index < 0 ? undefined : index;
}

function parseWeekday(text: string): WeekdayNumber | undefined {
  const match = /^([+-]?\d{1,2})?([A-Z]{2})$/.exec(text);
  const weekday = weekdayIndex(match?.[2] ?? "");
  if (weekday === undefined) return undefined;
  if (match?.[1] === undefined) return { weekday };
  const nth = Number(match[1]);
  return nth === 0 || Math.abs(nth) > 53 ? undefined : { weekday, nth };
}

/** Throws a DiagnosticError that holds everything that is wrong with it. */
export function parseRecurrenceRule(text: string): RecurrenceRule {
  const problems: string[] = [];
  let rule: Part = {};
  const seen = new Set<string>();
  // A semicolon at the end is written by some calendars.
  for (const item of text.trim().toUpperCase().replace(/;$/, "").split(";")) {
    const [name = "", value] = item.split("=", 2);
    const read = Object.hasOwn(parts, name) ? parts[name] : undefined;
    if (read === undefined || value === undefined) {
      problems.push(
        `'${item}' is no part of a recurrence rule. ${didYouMean(name, Object.keys(parts)) ?? ""}`.trim(),
      );
      continue;
    }
    if (seen.has(name)) problems.push(`${name} is given twice.`);
    seen.add(name);
    const part = read(value);
    if (part === undefined) problems.push(`${name} cannot be '${value}'.`);
    rule = { ...rule, ...part };
  }
  if (!seen.has("FREQ")) problems.push("FREQ is missing: a recurrence rule says how often.");
  if (problems.length === 0) problems.push(...contradictionsIn(rule));
  if (problems.length > 0) throw new DiagnosticError(problems.map((message) => problem(text, message)));
  return { interval: 1, weekStart: 0, ...rule } as RecurrenceRule;
}

/** What the frequency leaves no room for. */
const frequenciesOf: readonly (readonly [keyof RecurrenceRule, string, readonly Frequency[]])[] = [
  ["byWeekNumber", "BYWEEKNO", ["YEARLY"]],
  ["byYearDay", "BYYEARDAY", ["SECONDLY", "MINUTELY", "HOURLY", "YEARLY"]],
  ["byMonthDay", "BYMONTHDAY", frequencies.filter((one) => one !== "WEEKLY")],
];

function* contradictionsIn(rule: Part): Iterable<string> {
  const { frequency = "DAILY" } = rule;
  if (rule.count !== undefined && rule.until !== undefined)
    yield "COUNT and UNTIL exclude each other: give one of them.";
  for (const [field, name, allowed] of frequenciesOf)
    if (rule[field] !== undefined && !allowed.includes(frequency))
      yield `${name} is not for FREQ=${frequency}.`;
  if (rule.byDay?.some(({ nth }) => nth !== undefined) !== true) return;
  if (frequency !== "MONTHLY" && frequency !== "YEARLY")
    yield "A number before a weekday in BYDAY is for FREQ=MONTHLY and FREQ=YEARLY only.";
  else if (rule.byWeekNumber !== undefined) yield "With BYWEEKNO no weekday in BYDAY has a number.";
}

function problem(rule: string, message: string): Diagnostic {
  return {
    severity: "error",
    code: "InvalidRecurrence",
    message: `Recurrence rule '${rule.slice(0, 200)}': ${message}`,
    hint: "RFC 5545, section 3.3.10, says what a rule may hold.",
  };
}
