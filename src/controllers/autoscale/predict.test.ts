/** Whether a load repeats itself, and what then is to be expected. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Course, expected, isBelieved, scoreOf } from "./predict.ts";

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
/** Steps of ten minutes keep the tests small. */
const STEP = 10 * MINUTE;
const A_DAY = DAY / STEP;

function course(days: number, at: (step: number) => number | undefined): Course {
  const values = Array.from({ length: Math.round(days * A_DAY) + 1 }, (_, index) => at(index));
  return { start: 0, step: STEP, values };
}

/** Seeded noise in [-1, 1]. */
function noise(index: number): number {
  const mixed = Math.imul(index ^ (index >>> 15), 0x2c1b3c6d) ^ Math.imul(index + 77, 0x297a2d39);
  return ((mixed >>> 0) / 2 ** 31 - 1) as number;
}

/** At eight it jumps from ten to a hundred, at six it goes back. */
function office(index: number): number {
  const hour = ((index * STEP) % DAY) / (60 * MINUTE);
  return hour >= 8 && hour < 18 ? 100 : 10;
}

describe("a load that jumps at the same time every day", () => {
  const days = course(3, office);

  it("is believed after three days, and not before", () => {
    expect(isBelieved(scoreOf(days, DAY, STEP))).toBe(true);
    expect(scoreOf(course(2.5, office), DAY, STEP)).toBeUndefined();
  });

  it("is foreseen by the horizon and no sooner", () => {
    const at = (now: number) => expected(days, DAY, { now: 3 * DAY + now, horizon: STEP, present: 12 });
    expect(at(7 * 60 * MINUTE)).toBe(12);
    expect(at(7.9 * 60 * MINUTE)).toBe(102);
    expect(at(8.1 * 60 * MINUTE)).toBe(12);
  });

  it("is believed although every day is noisy, and a day may be busier as a whole", () => {
    const noisy = course(3, (index) => office(index) + noise(index) + 5 * Math.floor(index / A_DAY));
    expect(isBelieved(scoreOf(noisy, DAY, STEP))).toBe(true);
  });

  it("is not believed when much of it is unknown", () => {
    const holes = course(3, (index) => (index % 3 === 0 ? undefined : office(index)));
    expect(isBelieved(scoreOf(holes, DAY, STEP))).toBe(false);
  });
});

describe("a load that does not repeat itself", () => {
  it("is not believed: noise, a jump at another hour each day, nothing at all", () => {
    const elsewhere = (index: number): number => office(index + Math.floor(index / A_DAY) * 37);
    for (const at of [noise, elsewhere, () => 0, () => 50])
      expect(isBelieved(scoreOf(course(3, at), DAY, STEP))).toBe(false);
  });

  it("whatever it is, noise alone is never believed", () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 100, noNaN: true })), (stream) => {
        const values = [...stream.take(3 * A_DAY + 1)];
        expect(isBelieved(scoreOf({ start: 0, step: STEP, values }, DAY, STEP))).toBe(false);
      }),
      { numRuns: 20 },
    );
  });
});

it("what is expected is never less than what is there", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 2 * A_DAY, maxLength: 3 * A_DAY }),
      fc.double({ min: 0, max: 200, noNaN: true }),
      fc.integer({ min: 0, max: DAY }),
      (values, present, later) => {
        const given = { now: (values.length - 1) * STEP + later, horizon: 3 * STEP, present };
        expect(expected({ start: 0, step: STEP, values }, DAY, given)).toBeGreaterThanOrEqual(present);
      },
    ),
  );
});
