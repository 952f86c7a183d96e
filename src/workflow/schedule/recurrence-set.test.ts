import { expect, it } from "vitest";
import { formatWall } from "./civil.ts";
import { recurrenceSet } from "./recurrence-set.ts";

function all(text: string, timeZone = "UTC"): string[] {
  return Array.from(recurrenceSet(text, timeZone).walls.from(Number.NEGATIVE_INFINITY), formatWall);
}

it("RDATE adds, EXDATE and EXRULE take away, and what is given twice is one", () => {
  expect(
    all(
      [
        "DTSTART;TZID=Europe/Berlin:20260105T090000",
        "RRULE:FREQ=DAILY;COUNT=6",
        "RDATE;TZID=Europe/Berlin:20260107T090000,20260120T100000",
        "EXRULE:FREQ=DAILY;INTERVAL=2;COUNT=2",
        "EXDATE;TZID=Europe/Berlin:20260108T090000",
      ].join("\n"),
    ),
  ).toEqual(["2026-01-06T09:00:00", "2026-01-09T09:00:00", "2026-01-10T09:00:00", "2026-01-20T10:00:00"]);
});

it("times in UTC and in other zones are brought to DTSTART's", () => {
  expect(
    all(
      "DTSTART;TZID=Europe/Berlin:20260105T090000\r\nRRULE:FREQ=DAILY;UNTIL=20260107T080000Z\r\nEXDATE:20260106T080000Z\r\nRDATE;TZID=\r\n America/New_York:20260110T030000\r\nRDATE;VALUE=PERIOD:20260111T080000Z/PT1H\r\n",
    ),
  ).toEqual(["2026-01-05T09:00:00", "2026-01-07T09:00:00", "2026-01-10T09:00:00", "2026-01-11T09:00:00"]);
});

it("an EXDATE that is a date excludes its day, an UNTIL that is one includes it", () => {
  expect(all("DTSTART:20260105T090000\nRRULE:FREQ=DAILY;UNTIL=20260107\nEXDATE;VALUE=DATE:20260106")).toEqual(
    ["2026-01-05T09:00:00", "2026-01-07T09:00:00"],
  );
});

it("without a rule it is DTSTART and the RDATEs", () => {
  expect(all("DTSTART:20260105T090000\nRDATE:20260101T000000")).toEqual([
    "2026-01-01T00:00:00",
    "2026-01-05T09:00:00",
  ]);
});

it("the zone is DTSTART's, UTC for a Z, else that of its surroundings", () => {
  expect(recurrenceSet("DTSTART;TZID=Asia/Tokyo:20260105T090000", "UTC").zone.name).toBe("Asia/Tokyo");
  expect(recurrenceSet("DTSTART:20260105T090000Z", "Asia/Tokyo").zone.name).toBe("UTC");
  expect(recurrenceSet("DTSTART:20260105T090000", "Asia/Tokyo").zone.name).toBe("Asia/Tokyo");
});

it("a time that the clock jumps over does not count when it is left out", () => {
  const text = "DTSTART;TZID=Europe/Berlin:20260328T023000\nRRULE:FREQ=DAILY;COUNT=3";
  const { walls } = recurrenceSet(text, "UTC", { ignoresMissing: true });
  expect([...walls.from(0)].map(formatWall).at(-1)).toBe("2026-03-31T02:30:00");
  expect(all(text).at(-1)).toBe("2026-03-30T02:30:00");
});
