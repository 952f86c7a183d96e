import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryCustom, arbitraryExponential, total } from "./fixtures/arbitrary.ts";
import { average, standardDeviation, variance } from "./moments.ts";
import { parseHistogram } from "./notation.ts";
import { fraction, quantile } from "./quantile.ts";
import { keepAbove, keepBelow } from "./trim.ts";

const h = (text: string) => parseHistogram(text).histogram;

describe("quantiles and fractions", () => {
  test("within an exponential bucket, half the observations are below its geometric middle", () => {
    const histogram = h("{{count:4 sum:5 buckets:[1 2 1]}}");
    expect(quantile(histogram, 0.5).value).toBeCloseTo(Math.SQRT2, 12);
    expect(fraction(histogram, 1, Math.SQRT2).value).toBeCloseTo(0.25, 12);
  });

  test("within custom buckets and the zero bucket observations are spread evenly", () => {
    expect(quantile(h("{{schema:-53 count:4 custom_values:[5 10] buckets:[1 2 1]}}"), 0.5).value).toBe(7.5);
    expect(quantile(h("{{count:4 z_bucket:4 z_bucket_w:2}}"), 0.75).value).toBe(1);
  });

  test("the zero bucket has no negative half when nothing else is negative", () => {
    expect(quantile(h("{{count:5 z_bucket:4 z_bucket_w:2 offset:5 buckets:[1]}}"), 0).value).toBe(0);
  });

  test("one is the inverse of the other", () => {
    fc.assert(
      fc.property(
        arbitraryExponential(),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (histogram, q) => {
          fc.pre(histogram.count > 0);
          const { value } = quantile(histogram, q);
          expect(fraction(histogram, Number.NEGATIVE_INFINITY, value).value).toBeGreaterThanOrEqual(q - 1e-6);
        },
      ),
    );
  });

  test("a quantile grows with the share", () => {
    fc.assert(
      fc.property(
        fc.oneof(arbitraryExponential(), arbitraryCustom()),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (histogram, a, b) => {
          fc.pre(histogram.count > 0);
          const lower = quantile(histogram, Math.min(a, b)).value;
          const upper = quantile(histogram, Math.max(a, b)).value;
          expect(upper).toBeGreaterThanOrEqual(lower - 1e-9 * Math.min(Math.abs(lower), Number.MAX_VALUE));
        },
      ),
    );
  });

  test("shares out of bounds and empty histograms have no finite answer", () => {
    const histogram = h("{{count:1 buckets:[1]}}");
    expect(quantile(histogram, -0.1).value).toBe(Number.NEGATIVE_INFINITY);
    expect(quantile(histogram, 1.1).value).toBe(Number.POSITIVE_INFINITY);
    expect(quantile(histogram, Number.NaN).value).toBeNaN();
    expect(quantile(h("{{}}"), 0.5).value).toBeNaN();
    expect(fraction(h("{{}}"), 0, 1).value).toBeNaN();
  });

  test("observations of NaN are above all others, and outside of all bounds", () => {
    const histogram = h("{{count:15 sum:NaN buckets:[12]}}");
    expect(quantile(histogram, 0.8)).toEqual({ value: 1, nan: "skewed" });
    expect(quantile(histogram, 0.81)).toEqual({ value: Number.NaN, nan: "result" });
    expect(fraction(histogram, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)).toEqual({
      value: 0.8,
      nan: "excluded",
    });
  });
});

describe("mean and spread", () => {
  test("the mean is exact, the spread is estimated from the middles of buckets", () => {
    const histogram = h("{{count:10 sum:-100 n_offset:4 n_buckets:[10]}}");
    expect(average(histogram)).toBe(-10);
    // All are taken for -sqrt(8 * 16).
    expect(standardDeviation(histogram)).toBeCloseTo(Math.sqrt(128) - 10, 12);
    expect(variance(h("{{}}"))).toBeNaN();
  });
});

describe("trimming", () => {
  test("what is kept below and above a value is all there was", () => {
    fc.assert(
      fc.property(
        arbitraryExponential(),
        fc.double({ min: -50, max: 50, noNaN: true }),
        (histogram, limit) => {
          const below = keepBelow(histogram, limit);
          const above = keepAbove(histogram, limit);
          expect(total(below) + total(above)).toBeCloseTo(total(histogram), 6);
          expect(below.count / (histogram.count || 1)).toBeCloseTo(
            fraction(histogram, Number.NEGATIVE_INFINITY, limit).value || 0,
            6,
          );
        },
      ),
    );
  });

  test("where nothing is cut off, the histogram stays as it is, with its exact sum", () => {
    const histogram = h("{{count:4 sum:5.1 buckets:[1 2 1]}}");
    expect(keepBelow(histogram, 4)).toBe(histogram);
    expect(keepAbove(histogram, 0.5)).toBe(histogram);
  });

  test("a bucket without an end goes as a whole when its open end is cut off", () => {
    const histogram = h("{{schema:-53 count:15 sum:172.5 custom_values:[5 10] buckets:[4 6 5]}}");
    expect(keepBelow(histogram, 50)).toMatchObject({ count: 10, positiveBuckets: [4, 6] });
    expect(keepAbove(histogram, 50)).toMatchObject({ count: 5, sum: 250, positiveBuckets: [5] });
  });
});
