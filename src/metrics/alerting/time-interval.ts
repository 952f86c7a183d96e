/**
 * Time intervals: when a route is muted or active, by the calendar of a place (Alertmanager's configuration
 * documentation, "time_interval"). A moment is in an interval when it is in one range of every field that is given.
 */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface TimeInterval {
  /** Minutes of the day; the end is not in it. */
  readonly times?: readonly Range[] | undefined;
  /** Sunday is 0; both ends are in it, as below. */
  readonly weekdays?: readonly Range[] | undefined;
  /** From 1, or from -1 at the month's end backwards. */
  readonly daysOfMonth?: readonly Range[] | undefined;
  readonly months?: readonly Range[] | undefined;
  readonly years?: readonly Range[] | undefined;
  /** An IANA time zone; UTC when undefined. */
  readonly location?: string | undefined;
}

export function containsTime(interval: TimeInterval, time: number): boolean {
  const at = calendarOf(time, interval.location ?? "UTC");
  return (
    within(interval.times, at.minute, (range) => ({ from: range.from, to: range.to - 1 })) &&
    within(interval.daysOfMonth, at.day, (range) => clampedDays(range, at.daysInMonth)) &&
    within(interval.months, at.month) &&
    within(interval.weekdays, at.weekday) &&
    within(interval.years, at.year)
  );
}

function within(
  ranges: readonly Range[] | undefined,
  value: number,
  adapt: (range: Range) => Range = (range) => range,
): boolean {
  if (ranges === undefined) return true;
  return ranges.map(adapt).some((range) => value >= range.from && value <= range.to);
}

/** Counted from the start of a month of so many days; a range that begins after the month's end stays empty. */
function clampedDays(range: Range, days: number): Range {
  const forward = (day: number): number => (day < 0 ? days + day + 1 : day);
  return { from: forward(range.from), to: Math.min(forward(range.to), days) };
}

interface Calendar {
  readonly minute: number;
  readonly weekday: number;
  readonly day: number;
  readonly month: number;
  readonly year: number;
  readonly daysInMonth: number;
}

function calendarOf(time: number, location: string): Calendar {
  const parts = Object.fromEntries(
    formatFor(location)
      .formatToParts(time)
      .map(({ type, value }) => [type, Number(value)] as const),
  );
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts;
  return {
    minute: hour * 60 + minute,
    day,
    month,
    year,
    weekday: new Date(Date.UTC(year, month - 1, day)).getUTCDay(),
    daysInMonth: new Date(Date.UTC(year, month, 0)).getUTCDate(),
  };
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Throws a RangeError when there is no such time zone. */
export function formatFor(location: string): Intl.DateTimeFormat {
  let format = formats.get(location);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: location,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
    });
    formats.set(location, format);
  }
  return format;
}

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];

/** These throw an Error that says in a sentence why the text is no range. */
export function parseWeekdays(text: string): Range {
  return parseRange(text, (word) => {
    const at = WEEKDAYS.indexOf(word);
    if (at === -1) throw new Error(`'${word}' is no weekday: write for example monday:friday.`);
    return at;
  });
}

export function parseMonths(text: string): Range {
  return parseRange(text, (word) => {
    const at = MONTHS.indexOf(word) + 1;
    const month = at === 0 ? integer(word) : at;
    if (month < 1 || month > 12)
      throw new Error(`'${word}' is no month: write for example may:august or 5:8.`);
    return month;
  });
}

export function parseYears(text: string): Range {
  return parseRange(text, integer);
}

export function parseDaysOfMonth(text: string): Range {
  const range = splitRange(text, integer);
  for (const day of [range.from, range.to])
    if (day === 0 || day < -31 || day > 31) throw new Error(`${day} is no day of a month.`);
  if (range.from < 0 && range.to > 0)
    throw new Error("A range that begins with a negative day ends with one.");
  // Whatever the month's length: 28 days are the fewest.
  const forward = (day: number): number => (day < 0 ? 28 + day : day);
  if (forward(range.from) > forward(range.to))
    throw new Error(`Day ${range.to} always comes before day ${range.from}.`);
  return range;
}

export function parseTimes(start: string, end: string): Range {
  const range = { from: minuteOf(start), to: minuteOf(end) };
  if (range.from >= range.to) throw new Error(`${start} is not before ${end}.`);
  return range;
}

function minuteOf(text: string): number {
  if (!/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/.test(text))
    throw new Error(`'${text}' is no time of day: write for example 08:30.`);
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

function parseRange(text: string, member: (word: string) => number): Range {
  const range = splitRange(text, member);
  if (range.from > range.to) throw new Error(`'${text}' ends before it begins.`);
  return range;
}

function splitRange(text: string, member: (word: string) => number): Range {
  const [from = "", to = from, ...more] = text.toLowerCase().split(":");
  if (more.length > 0) throw new Error(`'${text}' is no range: write for example 1:5.`);
  return { from: member(from), to: member(to) };
}

function integer(word: string): number {
  if (!/^[+-]?\d+$/.test(word)) throw new Error(`'${word}' is no whole number.`);
  return Number(word);
}
