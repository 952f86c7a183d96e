import { expect, it } from "vitest";
import { type CalendarSpec, calendarOf, easterOf } from "./calendar.ts";
import { formatDay, parseDay } from "./civil.ts";
import { type ScheduleSpec, compileSchedule } from "./schedule.ts";
import { upcoming } from "./upcoming.ts";

const calendars: Readonly<Record<string, CalendarSpec>> = {
  work: {
    weekdays: ["MO", "TU", "WE", "TH", "FR"],
    except: [
      { annual: "12-25", name: "Christmas Day" },
      { easter: -2, name: "Good Friday" },
      { easter: 1, name: "Easter Monday" },
      { recurrence: "DTSTART:20000101\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", name: "Thanksgiving" },
      { from: "2026-08-03", to: "2026-08-14", name: "Company holidays" },
      { date: "2026-10-02", name: "Bridge day" },
    ],
  },
  freeze: { dates: [{ from: "2026-12-20", to: "2027-01-03", name: "Freeze" }] },
};

function next(spec: Omit<ScheduleSpec, "rules">, after: string, count: number, cron = "0 9 * * *"): string[] {
  const schedule = compileSchedule("test", { ...spec, rules: [{ cron }] }, calendars);
  return upcoming(schedule, Date.parse(after), count).map(({ local }) => local.slice(5, 16));
}

it("Easter is when the church says", () => {
  expect([1961, 2000, 2024, 2025, 2026, 2038].map((year) => formatDay(easterOf(year)))).toEqual([
    "1961-04-02",
    "2000-04-23",
    "2024-03-31",
    "2025-04-20",
    "2026-04-05",
    "2038-04-25",
  ]);
});

it("each kind of rule takes out its days, and says its name", () => {
  const work = calendarOf(calendars["work"] as CalendarSpec);
  const on = (day: string): unknown => work(parseDay(day) as number);
  expect(on("2026-04-03")).toEqual({ contains: false, name: "Good Friday" });
  expect(on("2026-04-06")).toEqual({ contains: false, name: "Easter Monday" });
  expect(on("2026-11-26")).toEqual({ contains: false, name: "Thanksgiving" });
  expect(on("2026-08-14")).toEqual({ contains: false, name: "Company holidays" });
  expect(on("2026-10-02")).toEqual({ contains: false, name: "Bridge day" });
  expect(on("2026-08-17")).toEqual({ contains: true });
  expect(on("2026-08-16")).toEqual({ contains: false });
});

it("daily times over Easter are the same whether left out or moved", () => {
  for (const shift of ["skip", "next", "previous"] as const)
    expect(next({ calendars: { include: ["work"], shift } }, "2026-04-01T12:00:00Z", 2)).toEqual([
      "04-02T09:00",
      "04-07T09:00",
    ]);
});

it.each([
  ["skip", ["06-03T09:00", "07-03T09:00", "09-03T09:00"]],
  ["next", ["04-07T09:00", "05-04T09:00", "06-03T09:00", "07-03T09:00", "08-17T09:00"]],
  ["previous", ["04-02T09:00", "05-01T09:00", "06-03T09:00", "07-03T09:00", "07-31T09:00"]],
] as const)("the third of each month, by '%s'", (shift, expected) => {
  const spec = { calendars: { include: ["work"], shift } };
  expect(next(spec, "2026-04-01T00:00:00Z", expected.length, "0 9 3 * *")).toEqual(expected);
});

it("times moved onto one another are one, and those of a day stay in order", () => {
  const spec = { calendars: { include: ["work"], shift: "next" } } as const;
  expect(next(spec, "2026-04-03T00:00:00Z", 3, "0 9,17 * * *")).toEqual([
    "04-07T09:00",
    "04-07T17:00",
    "04-08T09:00",
  ]);
  // Good Friday's 17:00 and Saturday's 9:00.
  expect(next(spec, "2026-04-07T09:00:00Z", 1, "0 9,17 * * FRI,SAT")).toEqual(["04-07T17:00"]);
});

it("what is moved says from where and why", () => {
  const spec = { calendars: { include: ["work"], shift: "next" }, rules: [{ cron: "0 9 3 4 *" }] } as const;
  const [moved] = upcoming(compileSchedule("test", spec, calendars), Date.parse("2026-01-01T00:00:00Z"), 1);
  expect(moved?.why).toEqual(["moved from 2026-04-03: 2026-04-03 (Good Friday) is not in calendar 'work'"]);
});

it("an excluded calendar wins, for intervals too, and what is left out is told once a day", () => {
  const spec: ScheduleSpec = {
    rules: [{ every: "6h" }],
    timeZone: "Europe/Berlin",
    calendars: { exclude: ["freeze"] },
  };
  const [first] = upcoming(compileSchedule("test", spec, calendars), Date.parse("2026-12-19T18:30:00Z"), 1);
  expect(first?.local).toBe("2027-01-04T01:00:00+01:00[Europe/Berlin]");
  expect(first?.omitted).toHaveLength(15);
  expect(first?.omitted[0]?.why).toBe("2026-12-20 (Freeze) is in calendar 'freeze'");
});

it("a schedule whose calendars take no day has no next time", () => {
  for (const shift of ["skip", "next", "previous"] as const) {
    const spec: ScheduleSpec = { rules: [{ cron: "0 9 * * *" }], calendars: { include: ["none"], shift } };
    const schedule = compileSchedule("test", spec, { none: { dates: [] } });
    expect(upcoming(schedule, Date.parse("2026-01-01T00:00:00Z"), 1)).toEqual([]);
  }
});

it.each([
  [{ except: [{ date: "2026-02-30" }] }, "'2026-02-30' is no date"],
  [{ except: [{ annual: "13-01" }] }, "'13-01' is no day of a year"],
  [{ except: [{ easter: 1.5 }] }, "'1.5' is no number of days"],
  [{ dates: [{ from: "2026-02-02", to: "2026-02-01" }] }, "they end before they begin"],
  [{ weekdays: ["XX"] }, "'XX' is no weekday"],
])("a calendar that cannot be read is refused: %j", (spec, message) => {
  const use: ScheduleSpec = { rules: [{ cron: "@daily" }], calendars: { include: ["bad"] } };
  expect(() => compileSchedule("test", use, { bad: spec as CalendarSpec })).toThrow(message);
});
