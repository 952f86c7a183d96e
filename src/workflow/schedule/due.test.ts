import fc from "fast-check";
import { expect, it } from "vitest";
import { type DuePolicy, type Missed, decideDue } from "./due.ts";
import { type Schedule, compileSchedule } from "./schedule.ts";
import { timesBetween } from "./upcoming.ts";

const hourly = compileSchedule("test", { rules: [{ cron: "0 * * * *" }] });
const at = (text: string): number => Date.parse(`2026-05-01T${text}:00Z`);
const policy = (missed: Missed): DuePolicy => ({ missed, grace: 60_000 });

it("a time is fired when it has come, once", () => {
  const first = decideDue(hourly, at("10:30"), at("11:00"));
  expect(first).toEqual({
    fire: [at("11:00")],
    skipped: [],
    handled: at("11:00"),
    next: { time: at("12:00"), start: at("12:00") },
  });
  expect(decideDue(hourly, first.handled, at("11:00"))).toMatchObject({
    fire: [],
    skipped: [],
    handled: at("11:00"),
  });
});

it.each([
  [{ run: "none" }, [], ["11:00", "15:00"], "missed by 5m; the policy runs nothing that was missed"],
  [{ run: "last" }, ["15:00"], ["11:00", "14:00"], "missed by 1h5m; a later time takes its place"],
  [
    { run: "all", atMost: 2 },
    ["14:00", "15:00"],
    ["11:00", "13:00"],
    "missed by 2h5m; at most 2 that were missed are run",
  ],
  [{ run: "all", atMost: 9 }, ["11:00", "12:00", "13:00", "14:00", "15:00"], undefined, ""],
  [
    { run: "all", atMost: 9, notOlderThan: 2 * 3_600_000 },
    ["14:00", "15:00"],
    ["11:00", "13:00"],
    "missed by 2h5m; nothing older than 2h is run",
  ],
  [
    { run: "last", notOlderThan: 60_000 },
    [],
    ["11:00", "15:00"],
    "missed by 5m; nothing older than 1m is run",
  ],
] as const)("five hours later, by %j", (missed, fired, skipped, why) => {
  const { fire, skipped: spans } = decideDue(hourly, at("10:30"), at("15:05"), policy(missed));
  expect(fire).toEqual(fired.map(at));
  expect(spans).toEqual(skipped === undefined ? [] : [{ from: at(skipped[0]), to: at(skipped[1]), why }]);
});

it("a time on time takes the place of those that were missed, and runs by every policy", () => {
  expect(decideDue(hourly, at("10:30"), at("15:00"), policy({ run: "last" })).fire).toEqual([at("15:00")]);
  expect(decideDue(hourly, at("10:30"), at("15:00"), policy({ run: "none" })).fire).toEqual([at("15:00")]);
  expect(decideDue(hourly, at("10:30"), at("15:00"), policy({ run: "all", atMost: 1 })).fire).toEqual([
    at("14:00"),
    at("15:00"),
  ]);
});

it("when the clock goes back, what was handled is not due again", () => {
  const back = decideDue(hourly, at("15:00"), at("11:30"));
  expect(back).toEqual({
    fire: [],
    skipped: [],
    handled: at("15:00"),
    next: { time: at("16:00"), start: at("16:00") },
  });
});

it("a schedule that has ended has no next", () => {
  const ended = compileSchedule("test", { rules: [{ cron: "0 * * * *" }], end: "2026-05-01T12:00:00Z" });
  expect(decideDue(ended, at("10:30"), at("11:00"))).toEqual({
    fire: [at("11:00")],
    skipped: [],
    handled: at("11:00"),
  });
});

it("ten years of seconds that nobody looked at are one decision", () => {
  const secondly = compileSchedule("test", { rules: [{ cron: "* * * * * *" }] });
  const now = at("11:00") + 500;
  const { fire, skipped } = decideDue(
    secondly,
    Date.parse("2016-01-01T00:00:00Z"),
    now,
    policy({ run: "none" }),
  );
  expect(fire).toHaveLength(60);
  expect(fire.at(-1)).toBe(at("11:00"));
  expect(skipped).toMatchObject([{ from: Date.parse("2016-01-01T00:00:01Z"), to: at("11:00") - 60_000 }]);
});

it("a delayed time is due when its run starts, and before the next time in any case", () => {
  const jittered = compileSchedule("nightly", { rules: [{ cron: "*/5 * * * *" }], jitter: { upTo: "20m" } });
  const waiting = decideDue(jittered, at("11:00"), at("11:00"));
  const start = waiting.next?.start ?? 0;
  expect(start).toBeGreaterThan(at("11:05"));
  expect(start).toBeLessThan(at("11:10"));
  expect(decideDue(jittered, at("11:00"), start - 1).fire).toEqual([]);
  expect(decideDue(jittered, at("11:00"), start).fire).toEqual([at("11:05")]);
});

it("schedules that say the same are spread by their names, the same after a restart", () => {
  const spec = { rules: [{ cron: "@daily" }], jitter: { upTo: "1h", per: "schedule" } } as const;
  const delays = Array.from({ length: 200 }, (_, index) => {
    const { next } = decideDue(compileSchedule(`job-${index}`, spec), at("10:00"), at("10:00"));
    return (next?.start ?? 0) - (next?.time ?? 0);
  });
  expect(Math.min(...delays)).toBeLessThan(300_000);
  expect(Math.max(...delays)).toBeGreaterThan(3_300_000);
  expect(new Set(delays.map((delay) => Math.floor(delay / 360_000))).size).toBe(10);
  const days = timesBetween(compileSchedule("job-7", spec), at("10:00"), at("10:00") + 5 * 86_400_000, 10);
  const again = compileSchedule("job-7", spec);
  expect(days.map((day) => again.jitter.startOf(day, undefined) - day)).toEqual(days.map(() => delays[7]));
});

it("over any restarts and jumps of the clock each time is fired or skipped exactly once, as the policy says", () => {
  const begin = Date.parse("2026-03-28T00:00:00Z");
  fc.assert(
    fc.property(
      fc.constantFrom(...schedules),
      fc.constantFrom<Missed>(
        { run: "none" },
        { run: "last" },
        { run: "last", notOlderThan: 3_600_000 },
        { run: "all", atMost: 3 },
        { run: "all", atMost: 100, notOlderThan: 7_200_000 },
      ),
      fc.array(fc.record({ step: fc.integer({ min: -7200, max: 14_400 }), commits: fc.boolean() }), {
        maxLength: 40,
      }),
      (schedule, missed, looks) => {
        let [now, handled] = [begin, begin];
        let latest = begin;
        const seen: number[] = [];
        for (const { step, commits } of looks) {
          now += step * 1000;
          const decision = decideDue(schedule, handled, now, policy(missed));
          expect(decideDue(schedule, handled, now, policy(missed))).toEqual(decision);
          expect(decision.handled).toBeGreaterThanOrEqual(handled);
          expect(
            decision.fire.every(
              (time) => schedule.jitter.startOf(time, undefined) - time <= 600_000 && time <= now,
            ),
          ).toBe(true);
          // Killed before the commit: nothing was fired, and the next look decides anew.
          if (!commits) continue;
          for (const { from, to } of decision.skipped) seen.push(...timesBetween(schedule, from, to, 10_000));
          seen.push(...decision.fire);
          handled = decision.handled;
          latest = Math.max(latest, now);
        }
        expect(seen).toEqual(timesBetween(schedule, begin + 1, handled, 10_000));
        const due = timesBetween(schedule, begin + 1, latest, 10_000);
        // All that is due is handled, but for the last, which may wait for its jittered start.
        expect(due.length - seen.length).toBeLessThanOrEqual(schedule.jitter.longest > 0 ? 1 : 0);
      },
    ),
    { numRuns: 300 },
  );
});

const schedules: readonly Schedule[] = [
  hourly,
  compileSchedule("a", {
    rules: [{ cron: "*/20 * * * *" }],
    timeZone: "Europe/Berlin",
    overlap: "both",
    gap: "next",
  }),
  compileSchedule("b", { rules: [{ every: "17m" }, { cron: "30 2 * * *" }], timeZone: "Europe/Berlin" }),
  compileSchedule("c", { rules: [{ cron: "*/10 * * * *" }], jitter: { upTo: "10m" } }),
];
