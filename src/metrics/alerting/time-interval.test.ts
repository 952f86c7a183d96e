import { describe, expect, it } from "vitest";
import {
  type TimeInterval,
  containsTime,
  parseDaysOfMonth,
  parseMonths,
  parseTimes,
  parseWeekdays,
  parseYears,
} from "./time-interval.ts";

function within(interval: TimeInterval, time: string): boolean {
  return containsTime(interval, Date.parse(time));
}

describe("an interval contains", () => {
  it.each([
    ["all time when it names nothing", {}, "2026-01-01T00:00:00Z", true],
    ["its first minute", { times: [parseTimes("09:00", "17:00")] }, "2026-01-05T09:00:00Z", true],
    [
      "no moment of its last minute",
      { times: [parseTimes("09:00", "17:00")] },
      "2026-01-05T17:00:00Z",
      false,
    ],
    [
      "the last minute of the day until 24:00",
      { times: [parseTimes("23:00", "24:00")] },
      "2026-01-05T23:59:59Z",
      true,
    ],
    ["its weekdays", { weekdays: [parseWeekdays("Monday:friday")] }, "2026-01-09T12:00:00Z", true],
    ["no others", { weekdays: [parseWeekdays("monday:friday")] }, "2026-01-11T12:00:00Z", false],
    [
      "the last days of a short month",
      { daysOfMonth: [parseDaysOfMonth("-3:-1")] },
      "2026-02-26T12:00:00Z",
      true,
    ],
    ["not the fourth last", { daysOfMonth: [parseDaysOfMonth("-3:-1")] }, "2026-02-25T12:00:00Z", false],
    ["the leap day", { daysOfMonth: [parseDaysOfMonth("-1")] }, "2024-02-29T12:00:00Z", true],
    [
      "no day that the month does not have",
      { daysOfMonth: [parseDaysOfMonth("30:31")] },
      "2026-02-28T12:00:00Z",
      false,
    ],
    [
      "days up to the end of a month",
      { daysOfMonth: [parseDaysOfMonth("25:31")] },
      "2026-02-28T12:00:00Z",
      true,
    ],
    ["its months, by name and number", { months: [parseMonths("march:5")] }, "2026-05-31T12:00:00Z", true],
    ["its years", { years: [parseYears("2025:2026")] }, "2027-01-01T00:00:00Z", false],
    [
      "what one of its ranges does",
      { years: [parseYears("2020"), parseYears("2026")] },
      "2026-06-01T00:00:00Z",
      true,
    ],
  ] as const)("%s", (_title, interval, time, expected) => {
    expect(within(interval, time)).toBe(expected);
  });

  it("times of its place, with daylight saving and another day there", () => {
    const office = { times: [parseTimes("09:00", "17:00")], location: "Europe/Berlin" };
    expect(within(office, "2026-01-05T08:00:00Z")).toBe(true);
    expect(within(office, "2026-07-06T07:00:00Z")).toBe(true);
    expect(within(office, "2026-07-06T15:30:00Z")).toBe(false);
    const sydney = {
      weekdays: [parseWeekdays("monday")],
      times: [parseTimes("00:00", "01:00")],
      location: "Australia/Sydney",
    };
    expect(within(sydney, "2026-01-04T13:30:00Z")).toBe(true);
  });
});

describe("no ranges are", () => {
  it.each([
    [() => parseWeekdays("friday:monday"), "ends before it begins"],
    [() => parseWeekdays("5"), "is no weekday"],
    [() => parseWeekdays("monday:tuesday:friday"), "is no range"],
    [() => parseMonths("december:january"), "ends before it begins"],
    [() => parseMonths("13"), "is no month"],
    [() => parseYears("next"), "is no whole number"],
    [() => parseDaysOfMonth("0"), "is no day of a month"],
    [() => parseDaysOfMonth("-3:2"), "ends with one"],
    [() => parseDaysOfMonth("-1:-3"), "always comes before"],
    [() => parseDaysOfMonth("32"), "is no day of a month"],
    [() => parseTimes("17:00", "09:00"), "is not before"],
    [() => parseTimes("9:00", "10:00"), "is no time of day"],
    [() => parseTimes("23:00", "24:01"), "is no time of day"],
  ])("%s", (parse, message) => {
    expect(parse).toThrow(message);
  });
});
