import { expect, it } from "vitest";
import type { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { decideDue } from "./due.ts";
import { type ScheduleSpec, compileSchedule } from "./schedule.ts";
import { timesBetween, upcoming } from "./upcoming.ts";

const begin = Date.parse("2026-01-01T00:00:00Z");
const end = Date.parse("2027-01-01T00:00:00Z");

function next(rule: ScheduleSpec["rules"][number], after: string, count: number): string[] {
  const schedule = compileSchedule("test", { rules: [rule] });
  return upcoming(schedule, Date.parse(after), count).map(({ time }) =>
    new Date(time).toISOString().slice(0, 19),
  );
}

it.each([
  ["0 0 LW * *", ["2026-01-30T00:00:00", "2026-02-27T00:00:00"]],
  ["0 0 * * MON#2", ["2026-01-12T00:00:00", "2026-02-09T00:00:00"]],
  ["0 0 15W * *", ["2026-01-15T00:00:00", "2026-02-16T00:00:00"]],
  ["0 0 * * FRI#L", ["2026-01-30T00:00:00", "2026-02-27T00:00:00"]],
  ["30 0 12 L FEB *", ["2026-02-28T12:00:30", "2027-02-28T12:00:30"]],
  ["30 0 12 1 1 * 2028", ["2028-01-01T12:00:30"]],
  ["@hourly", ["2026-01-01T01:00:00", "2026-01-01T02:00:00"]],
  ["0 9-17/4 * * MON-FRI", ["2026-01-01T09:00:00", "2026-01-01T13:00:00"]],
  ["0 0 13 * FRI", ["2026-01-02T00:00:00", "2026-01-09T00:00:00"]],
  ["0 0 13 * +FRI", ["2026-02-13T00:00:00", "2026-03-13T00:00:00"]],
  ["0 0 30 2 *", []],
])("cron '%s'", (cron, expected) => {
  expect(next({ cron }, "2026-01-01T00:00:00Z", 2)).toEqual(expected);
});

it("an interval is counted from its anchor, before and after it", () => {
  const rule = { every: "90m", anchor: "2026-01-10T00:30:00Z" };
  expect(next(rule, "2026-01-01T00:30:00Z", 2)).toEqual(["2026-01-01T02:00:00", "2026-01-01T03:30:00"]);
  expect(next(rule, "2026-01-10T00:00:00Z", 1)).toEqual(["2026-01-10T00:30:00"]);
});

it("several rules are one schedule, and what two of them give is one time", () => {
  const rules = [
    { cron: "0 */6 * * *" },
    { every: "4h" },
    { recurrence: "DTSTART:20260101T120000\nRRULE:FREQ=DAILY" },
  ];
  const times = timesBetween(compileSchedule("test", { rules }), begin, begin + 86_399_999, 100);
  expect(times.map((time) => (time - begin) / 3_600_000)).toEqual([0, 4, 6, 8, 12, 16, 18, 20]);
});

it("it starts with its start and is over at its end", () => {
  const spec = { rules: [{ every: "1h" }], start: "2026-01-01T10:00:00Z", end: "2026-01-01T12:00:00Z" };
  const times = timesBetween(compileSchedule("test", spec), begin, end, 100);
  expect(times.map((time) => (time - begin) / 3_600_000)).toEqual([10, 11]);
});

it("a February 29 on a Monday is found, however far, and never is never", () => {
  expect(next({ cron: "0 0 29 2 +MON" }, "2026-01-01T00:00:00Z", 2)).toEqual([
    "2044-02-29T00:00:00",
    "2072-02-29T00:00:00",
  ]);
});

it("a backfill is the times of its range, both ends with them, or is refused whole", () => {
  const schedule = compileSchedule("test", { rules: [{ cron: "@daily" }] });
  expect(timesBetween(schedule, begin, begin + 2 * 86_400_000, 10)).toHaveLength(3);
  expect(() => timesBetween(schedule, begin, end, 10)).toThrow(/more than 10 times.*Take a shorter range/);
});

it("a year is walked in virtual time, from decision to decision", () => {
  const spec: ScheduleSpec = {
    rules: [{ cron: "30 2 * * *" }, { recurrence: "DTSTART:20260101T180000\nRRULE:FREQ=MONTHLY;BYDAY=-1FR" }],
    timeZone: "Europe/Berlin",
    calendars: { exclude: ["holidays"] },
  };
  const schedule = compileSchedule("test", spec, {
    holidays: { dates: [{ annual: "12-25" }, { annual: "01-01" }] },
  });
  let now = begin;
  let handled = begin;
  let fired = 0;
  for (;;) {
    const decision = decideDue(schedule, handled, now);
    fired += decision.fire.length;
    handled = decision.handled;
    const start = decision.next?.start;
    if (start === undefined || start >= end) break;
    now = start;
  }
  // Each day but the two holidays; of the twelve last Fridays one is Christmas Day.
  expect(fired).toBe(365 - 2 + 11);
});

it("everything that is wrong with a schedule is told at once, with its place", () => {
  const spec: ScheduleSpec = {
    rules: [{ cron: "61 * * * *" }, { every: "1ms" }, { recurrence: "DTSTART:2026" }, { cron: "@reboot" }],
    timeZone: "Mars/Olympus",
    start: "tomorrow",
    calendars: { include: ["works"] },
    jitter: { upTo: "2d" },
  };
  try {
    compileSchedule("test", spec, { work: {} });
  } catch (error) {
    expect((error as DiagnosticError).diagnostics.map(({ path, code }) => `${path} ${code}`)).toEqual([
      "timeZone UnknownTimeZone",
      "calendars UnknownCalendar",
      "start InvalidSchedule",
      "jitter InvalidSchedule",
      "rules[0] InvalidCron",
      "rules[1] InvalidSchedule",
      "rules[2] InvalidRecurrence",
      "rules[3] InvalidCron",
    ]);
    expect(String(error)).toContain("Did you mean 'work'?");
    return;
  }
  expect.unreachable();
});
