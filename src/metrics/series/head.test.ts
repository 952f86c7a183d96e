import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Labels } from "../labels.ts";
import { matcher } from "../matcher.ts";
import { memorySeries } from "./memory.ts";
import {
  FLOAT,
  HISTOGRAM,
  type Points,
  QueryLimitError,
  STALE,
  type SampleValue,
  UnknownSeries,
} from "../series.ts";
import type { NativeHistogram } from "../histogram.ts";

const all = [matcher("__name__", "=~", ".+")];

function histogram(count: number): NativeHistogram {
  return {
    schema: 0,
    zeroThreshold: 1e-128,
    zeroCount: 1,
    count,
    sum: count / 3,
    positiveSpans: [{ offset: 0, length: 2 }],
    positiveBuckets: [count - 2, 1],
    negativeSpans: [],
    negativeBuckets: [],
    counterReset: "unknown",
  };
}

function valuesOf(points: Points): SampleValue[] {
  return Array.from({ length: points.length }, (_, at) => {
    const mark = points.marks?.[at] ?? FLOAT;
    // What the store found out of resets is another matter: native-histograms.test.ts.
    if (mark === HISTOGRAM)
      return { ...(points.histograms?.[at] as NativeHistogram), counterReset: "unknown" };
    return mark === STALE ? "stale" : (points.values[at] as number);
  });
}

const anyValue = fc.oneof(
  { weight: 4, arbitrary: fc.double() },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 1000 }) },
  { weight: 2, arbitrary: fc.integer({ min: -100, max: 100 }).map((cents) => cents / 100) },
  fc.constantFrom<SampleValue>(Number.NaN, -0, 0, Infinity, -Infinity, 5e-324, 2 ** 53, 2 ** 60, "stale"),
  fc.integer({ min: 3, max: 5000 }).map(histogram),
);
const anySteps = fc.oneof(
  fc.constant([15_000]),
  fc.array(fc.integer({ min: 14_990, max: 15_010 }), { minLength: 1, maxLength: 20 }),
  fc.array(fc.double({ min: 0.001, max: 1e12, noNaN: true }), { minLength: 1, maxLength: 20 }),
);

describe("the head", () => {
  test("gives back every sample as it was, whatever values and times", () => {
    fc.assert(
      fc.property(fc.array(anyValue, { minLength: 1, maxLength: 400 }), anySteps, (values, steps) => {
        const series = memorySeries();
        const reference = series.reference(Labels.of({ __name__: "m" }));
        let time = 1e12;
        const times = values.map((_, at) => (time += steps[at % steps.length] ?? 1));
        values.forEach((value, at) => series.append(reference, times[at] ?? 0, value));
        const [found] = series.select(all, -Infinity, Infinity);
        expect(found && [...found.points.times.subarray(0, found.points.length)]).toEqual(times);
        expect(found && valuesOf(found.points)).toEqual(values);
      }),
    );
  });

  test("keeps runs of one kind of value through full chunks", () => {
    const kinds: Record<string, fc.Arbitrary<number>> = {
      integers: fc.integer({ min: -1e9, max: 1e9 }),
      decimals: fc.integer({ min: 0, max: 1e6 }).map((cents) => cents / 100),
      "amounts of memory": fc.integer({ min: 0, max: 1e6 }).map((pages) => pages * 4096),
      doubles: fc.double(),
      "rare outliers": fc.oneof({ weight: 30, arbitrary: fc.constant(7) }, fc.double()),
    };
    for (const arbitrary of Object.values(kinds)) {
      fc.assert(
        fc.property(fc.array(arbitrary, { minLength: 100, maxLength: 300 }), (values) => {
          const series = memorySeries();
          const reference = series.reference(Labels.of({ __name__: "m" }));
          values.forEach((value, at) => series.append(reference, at * 15_000, value));
          const [found] = series.select(all, -Infinity, Infinity);
          expect(found && valuesOf(found.points)).toEqual(values);
        }),
        { numRuns: 30 },
      );
    }
  });

  test("reads only what is in the range, both ends included", () => {
    const series = memorySeries();
    const reference = series.reference(Labels.of({ __name__: "m" }));
    for (let at = 0; at < 1000; at++) series.append(reference, at * 1000, at);
    for (const [from, to] of [
      [0, 0],
      [119_000, 121_000],
      [119_500, 360_500],
      [998_000, 5_000_000],
      [-5, 3],
    ] as const) {
      const [found] = series.select(all, from, to);
      const expected = Array.from({ length: 1000 }, (_, at) => at).filter(
        (at) => at * 1000 >= from && at * 1000 <= to,
      );
      expect(found && valuesOf(found.points)).toEqual(expected);
    }
    expect(series.select(all, 1500, 1600)).toEqual([]);
  });

  test("keeps start times, and says nothing of them when there are none", () => {
    const series = memorySeries();
    const reference = series.reference(Labels.of({ __name__: "m_total" }));
    series.append(reference, 1000, 5, 400);
    series.append(reference, 2000, 6, 400);
    series.append(reference, 3000, 1, 2500);
    series.append(reference, 4000, 2);
    series.append(reference, 5000, 1);
    expect(series.select(all, 0, 9000)[0]?.points.starts).toEqual(
      new Float64Array([400, 400, 2500, 2500, 0]),
    );
    expect(series.select(all, 2000, 3000)[0]?.points.starts).toEqual(new Float64Array([400, 2500]));
    const other = series.reference(Labels.of({ __name__: "other" }));
    series.append(other, 1000, 5);
    expect(series.select([matcher("__name__", "=", "other")], 0, 9000)[0]?.points.starts).toBeUndefined();
  });

  test("refuses what is not newer than the last sample, and the same once more is no fault", () => {
    const series = memorySeries();
    const reference = series.reference(Labels.of({ __name__: "m" }));
    expect(series.append(reference, 1000, 1)).toBeUndefined();
    expect(series.append(reference, 1000, 1)).toBeUndefined();
    expect(series.append(reference, 1000, 2)).toBe("duplicate");
    expect(series.append(reference, 1000, "stale")).toBe("duplicate");
    expect(series.append(reference, 999, 1)).toBe("out-of-order");
    expect(series.append(reference, Number.NaN, 1)).toBe("too-old");
    expect(series.append(reference, 2000, histogram(5))).toBeUndefined();
    expect(series.append(reference, 2000, histogram(5))).toBeUndefined();
    expect(series.append(reference, 2000, histogram(6))).toBe("duplicate");
    expect(series.append(reference, 2000, 1)).toBe("duplicate");
    expect(series.select(all, 0, 9000)[0]?.points.length).toBe(2);
  });

  test("takes no more series than it may, and those it has go on", () => {
    const series = memorySeries({ limits: { series: 2 } });
    const sample = (name: string, time: number) => ({
      labels: Labels.of({ __name__: name }),
      time,
      value: 1,
    });
    expect(series.write([sample("a", 1), sample("b", 1), sample("c", 1), sample("a", 2)])).toEqual({
      appended: 3,
      rejected: { limit: 1 },
    });
    expect(() => series.append(12_345, 1, 1)).toThrow(UnknownSeries);
  });

  test("counts what a query reads before it decodes", () => {
    const series = memorySeries();
    for (const name of ["a", "b"]) {
      const reference = series.reference(Labels.of({ __name__: name }));
      for (let at = 0; at < 500; at++) series.append(reference, at * 1000, at);
    }
    const budget = { samples: 250 };
    expect(series.select(all, 100_000, 199_000, budget)).toHaveLength(2);
    expect(budget.samples).toBe(50);
    expect(() => series.select(all, 100_000, 199_000, budget)).toThrow(QueryLimitError);
    expect(budget.samples).toBe(50);
  });
});
