import fc from "fast-check";
import { expect, it } from "vitest";
import type { Moment } from "./clock-change.ts";
import { type Schedule, type ScheduleSpec, compileSchedule } from "./schedule.ts";
import { upcoming } from "./upcoming.ts";

function next(spec: ScheduleSpec, after: string, count: number): string[] {
  return upcoming(compileSchedule("test", spec), Date.parse(after), count).map(({ local }) =>
    local.slice(5, local.indexOf("[")),
  );
}

const berlin = { timeZone: "Europe/Berlin" };

it.each([
  ["skip", ["03-28T02:30:00+01:00", "03-30T02:30:00+02:00"]],
  ["next", ["03-28T02:30:00+01:00", "03-29T03:00:00+02:00"]],
  ["before", ["03-28T02:30:00+01:00", "03-29T01:59:59+01:00"]],
  ["shift", ["03-28T02:30:00+01:00", "03-29T03:30:00+02:00"]],
] as const)("half past two, on the day without it, by '%s'", (gap, expected) => {
  expect(next({ ...berlin, rules: [{ cron: "30 2 * * *" }], gap }, "2026-03-27T12:00:00Z", 2)).toEqual(
    expected,
  );
});

it.each([
  ["first", ["10-25T02:00:00+02:00", "10-25T02:30:00+02:00", "10-26T02:00:00+01:00"]],
  ["second", ["10-25T02:00:00+01:00", "10-25T02:30:00+01:00", "10-26T02:00:00+01:00"]],
  ["both", ["10-25T02:00:00+02:00", "10-25T02:30:00+02:00", "10-25T02:00:00+01:00"]],
] as const)("two o'clock, on the day with two of it, by '%s'", (overlap, expected) => {
  expect(next({ ...berlin, rules: [{ cron: "0,30 2 * * *" }], overlap }, "2026-10-24T12:00:00Z", 3)).toEqual(
    expected,
  );
});

it("what names no hours goes on by elapsed time, unless a policy is given", () => {
  const rules = [
    { cron: "*/30 * * * *" },
    { recurrence: "DTSTART:20260101T000000\nRRULE:FREQ=HOURLY;INTERVAL=1" },
  ];
  for (const rule of rules)
    for (const [begin, end] of [
      ["2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"],
      ["2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z"],
    ] as const) {
      const times = timesOf(compileSchedule("test", { ...berlin, rules: [rule] }), begin, end);
      const steps = times.slice(1).map((time, index) => time - (times[index] as number));
      expect(new Set(steps).size).toBe(1);
    }
  expect(
    next({ ...berlin, rules: [{ cron: "0 * * * *" }], overlap: "first" }, "2026-10-25T00:00:00Z", 1),
  ).toEqual(["10-25T03:00:00+01:00"]);
});

it("a moment that a jumped-over time falls on is one moment", () => {
  const rules = [{ cron: "0,15,30 2,3 * * *" }];
  expect(next({ ...berlin, rules }, "2026-03-29T00:00:00Z", 2)).toEqual([
    "03-29T03:00:00+02:00",
    "03-29T03:15:00+02:00",
  ]);
});

it("a day that a zone has never had is a gap", () => {
  const spec = { timeZone: "Pacific/Apia", rules: [{ cron: "0 9 * * *" }] };
  expect(next({ ...spec, gap: "skip" }, "2011-12-29T00:00:00Z", 3)).toEqual([
    "12-29T09:00:00-10:00",
    "12-31T09:00:00+14:00",
    "01-01T09:00:00+14:00",
  ]);
  expect(next({ ...spec, gap: "next" }, "2011-12-29T20:00:00Z", 2)).toEqual([
    "12-31T00:00:00+14:00",
    "12-31T09:00:00+14:00",
  ]);
});

it("an offset of half an hour, and a midnight that is not there", () => {
  expect(
    next({ timeZone: "Australia/Lord_Howe", rules: [{ cron: "15 2 * * *" }] }, "2026-10-02T20:00:00Z", 2),
  ).toEqual(["10-04T02:30:00+11:00", "10-05T02:15:00+11:00"]);
  expect(
    next({ timeZone: "America/Santiago", rules: [{ cron: "@daily" }] }, "2026-09-05T05:00:00Z", 1),
  ).toEqual(["09-06T01:00:00-03:00"]);
});

it("where one begins changes nothing, and moments ascend without doubles, in any zone and by any policy", () => {
  const begin = Date.parse("2026-01-01T00:00:00Z");
  fc.assert(
    fc.property(
      fc.record({
        timeZone: fc.constantFrom(
          "Europe/Berlin",
          "America/St_Johns",
          "Australia/Lord_Howe",
          "Africa/Casablanca",
        ),
        gap: fc.constantFrom("skip", "next", "before", "shift"),
        overlap: fc.constantFrom("first", "second", "both"),
        cron: fc.constantFrom(
          "*/20 * * * *",
          "15,45 1-3 * * *",
          "0 0 * * *",
          "30 2 * * SUN",
          "59 59 1,2 * * *",
        ),
      }),
      fc.integer({ min: 0, max: 365 * 24 * 60 }),
      (drawn, minutes) => {
        const { cron, ...policies } = drawn;
        const spec = { ...policies, rules: [{ cron }] } as ScheduleSpec;
        const schedule = compileSchedule("test", spec);
        const all = timesOf(schedule, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        const from = begin + minutes * 60_000 + (minutes % 3) - 1;
        const some = timesOf(schedule, new Date(from).toISOString(), "2027-01-01T00:00:00Z");
        expect(some).toEqual(all.filter((time) => time >= from));
        expect(all).toEqual([...new Set(all)].sort((a, b) => a - b));
      },
    ),
    { numRuns: 60 },
  );
});

it("each moment says why it is when it is", () => {
  const schedule = compileSchedule("test", { ...berlin, rules: [{ cron: "30 2 * * *" }], gap: "skip" });
  const [moved] = upcoming(
    compileSchedule("test", { ...berlin, rules: [{ cron: "30 2 * * *" }] }),
    Date.parse("2026-03-28T12:00:00Z"),
    1,
  );
  expect(moved?.why).toEqual(["2026-03-29T02:30:00 does not show: the first moment after"]);
  const [after] = upcoming(schedule, Date.parse("2026-03-28T12:00:00Z"), 1);
  expect(after).toMatchObject({
    why: [],
    omitted: [{ local: "2026-03-29T02:30:00", why: "2026-03-29T02:30:00 does not show" }],
  });
});

function timesOf(schedule: Schedule, begin: string, end: string): number[] {
  const times: number[] = [];
  for (const moment of schedule.moments(Date.parse(begin)) as Iterable<Moment>) {
    if (moment.time >= Date.parse(end)) break;
    if (!moment.omitted) times.push(moment.time);
  }
  return times;
}
