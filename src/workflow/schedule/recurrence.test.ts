import fc from "fast-check";
import { expect, it } from "vitest";
import { DAY, formatWall } from "./civil.ts";
import { recurrenceSet } from "./recurrence-set.ts";

function times(start: string, rule: string, most = 5, from?: string): string[] {
  const { walls } = recurrenceSet(`DTSTART:${start}\nRRULE:${rule}`, "UTC");
  const begin = from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(`${from}Z`);
  const found: string[] = [];
  for (const wall of walls.from(begin)) if (found.push(formatWall(wall)) === most) break;
  return found;
}

const days = (found: readonly string[]): string[] => found.map((one) => one.slice(0, 10));

it("a day of the month in a week of the year is one that is both", () => {
  const rule = "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=30;BYWEEKNO=1;UNTIL=20320101";
  expect(days(times("20241230", rule, 10))).toEqual(["2024-12-30", "2025-12-30", "2030-12-30", "2031-12-30"]);
});

it("DTSTART is a time only when the rule gives it", () => {
  expect(days(times("20260101T090000", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", 2))).toEqual([
    "2026-02-13",
    "2026-03-13",
  ]);
});

it("an hour, minute or second that no period meets ends the search", () => {
  expect(times("20260101T000000", "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30")).toEqual([]);
  expect(times("20260101T000000", "FREQ=YEARLY;BYWEEKNO=1;BYMONTH=7")).toEqual([]);
  expect(times("20260101T000000", "FREQ=SECONDLY;INTERVAL=60;BYSECOND=30")).toEqual([]);
  expect(times("20260101T000000", "FREQ=HOURLY;INTERVAL=24;BYHOUR=3")).toEqual([]);
});

it("a leap second is the second before it", () => {
  expect(times("20260101T000000", "FREQ=MINUTELY;BYSECOND=60,59", 2)).toEqual([
    "2026-01-01T00:00:59",
    "2026-01-01T00:01:59",
  ]);
});

it("a year of seconds is entered anywhere at once", () => {
  const rule = `FREQ=YEARLY;BYMONTH=${list(1, 12)};BYMONTHDAY=${list(1, 31)};BYHOUR=${list(0, 23)};BYMINUTE=${list(0, 59)};BYSECOND=${list(0, 59)}`;
  expect(times("20000101T000000", rule, 1, "2099-07-01T12:34:56")).toEqual(["2099-07-01T12:34:56"]);
});

it.each([
  ["", "FREQ is missing"],
  ["FREQ=DAYLY", "FREQ cannot be 'DAYLY'"],
  ["FREQ=DAILY;INTERVAL=0", "INTERVAL cannot be '0'"],
  ["FREQ=DAILY;COUNT=1;UNTIL=20260101", "COUNT and UNTIL exclude each other"],
  ["FREQ=DAILY;BYWEEKNO=1", "BYWEEKNO is not for FREQ=DAILY"],
  ["FREQ=WEEKLY;BYDAY=1MO", "A number before a weekday"],
  ["FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", "With BYWEEKNO no weekday in BYDAY has a number"],
  ["FREQ=DAILY;BYHOUR=24", "BYHOUR cannot be '24'"],
  ["FREQ=DAILY;FREQ=DAILY", "FREQ is given twice"],
  ["FREQ=DAILY;BYHOURS=2", "Did you mean 'BYHOUR'?"],
  ["FREQ=DAILY;constructor=2", "'CONSTRUCTOR=2' is no part"],
  ["FREQ=DAILY;UNTIL=20260230", "UNTIL cannot be '20260230'"],
])("'%s' is refused: %s", (rule, message) => {
  expect(() => times("20260101T000000", rule)).toThrow(message);
});

it("everything that is wrong is told at once", () => {
  expect(() => recurrenceSet("RRULE:FREQ=X;BYHOUR=99\nWHAT:1\nEXDATE:never", "Nowhere/At_All")).toThrow(
    expect.objectContaining({ diagnostics: expect.objectContaining({ length: 2 }) }),
  );
  expect(() => recurrenceSet("DTSTART:20260101\nRRULE:FREQ=X;BYHOUR=99\nEXDATE:never", "UTC")).toThrow(
    /FREQ cannot be 'X'[\s\S]*BYHOUR cannot be '99'[\s\S]*'never' is no date or time/,
  );
});

it("where one enters a rule changes nothing about what follows, counted or not", () => {
  fc.assert(
    fc.property(
      rules,
      fc.integer({ min: 0, max: 900 }),
      fc.integer({ min: 0, max: 900 }),
      (rule, one, two) => {
        const { walls } = recurrenceSet(`DTSTART:20260115T083000\nRRULE:${rule}`, "UTC");
        const start = Date.UTC(2026, 0, 15, 8, 30);
        const end = start + 1000 * DAY;
        const all = until(walls.from(start), end);
        // Twice, as a rule that counts remembers where it was.
        for (const day of [one, two, one]) {
          const from = start + day * DAY + 3_600_000;
          expect(until(walls.from(from), end)).toEqual(all.filter((wall) => wall >= from));
        }
        expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
      },
    ),
    { numRuns: 150 },
  );
});

function until(walls: Iterable<number>, end: number): number[] {
  const found: number[] = [];
  for (const wall of walls) {
    if (wall > end) break;
    found.push(wall);
  }
  return found;
}

const rules = fc
  .record({
    frequency: fc.constantFrom(
      "DAILY",
      "WEEKLY;BYDAY=MO,SU",
      "WEEKLY;WKST=SU;BYDAY=TU,SA;BYSETPOS=-1",
      "MONTHLY;BYMONTHDAY=31,-1",
      "MONTHLY;BYDAY=2TU,-1FR",
      "YEARLY;BYWEEKNO=1,-1,20",
      "YEARLY;BYYEARDAY=1,-1,100",
      "HOURLY;BYHOUR=3,9",
      "HOURLY;BYMINUTE=10,50;BYSETPOS=-1",
    ),
    interval: fc.integer({ min: 1, max: 7 }),
    count: fc.option(fc.integer({ min: 1, max: 60 })),
  })
  .map(({ frequency, interval, count }) =>
    [`FREQ=${frequency}`, `INTERVAL=${interval}`, ...(count === null ? [] : [`COUNT=${count}`])].join(";"),
  );

function list(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index).join(",");
}
