import fc from "fast-check";
import { expect, test } from "vitest";
import { add, divide, equals } from "./arithmetic.ts";
import { arbitraryCustom, arbitraryExponential } from "./fixtures/arbitrary.ts";
import { formatHistogram, parseHistogram } from "./notation.ts";
import { HistogramMean, HistogramSum } from "./sum.ts";

const h = (text: string) => parseHistogram(text).histogram;

function sumOf(...texts: string[]): HistogramSum {
  const [first = "", ...rest] = texts;
  const sum = new HistogramSum(h(first));
  for (const text of rest) sum.add(h(text));
  return sum;
}

test("the sum of many is what adding one after the other gives", () => {
  const many = fc.oneof(
    fc.array(arbitraryExponential(), { minLength: 1, maxLength: 5 }),
    fc.array(arbitraryCustom(), { minLength: 1, maxLength: 5 }),
  );
  fc.assert(
    fc.property(many, ([first, ...rest]) => {
      const sum = new HistogramSum(first!);
      const mean = new HistogramMean(first!);
      for (const histogram of rest) {
        expect(sum.add(histogram)).toBe(true);
        mean.add(histogram);
      }
      const expected = rest.reduce((total, histogram) => add(total, histogram)!.histogram, first!);
      expect(equals(sum.total(), expected)).toBe(true);
      expect(formatHistogram(mean.mean())).toBe(formatHistogram(divide(expected, rest.length + 1)));
    }),
  );
});

test("large values that cancel out do not take the small ones with them", () => {
  const sum = sumOf(
    "{{count:1 sum:1}}",
    "{{count:2 sum:1e100}}",
    "{{count:3 sum:1}}",
    "{{count:4 sum:-1e100}}",
  );
  expect(sum.total()).toMatchObject({ count: 10, sum: 2 });
});

test("a mean whose sum overflows goes on as a running mean", () => {
  const mean = new HistogramMean(h("{{count:1.7e308 sum:1}}"));
  mean.add(h("{{count:1e308 sum:2}}"));
  mean.add(h("{{count:0 sum:6}}"));
  expect(mean.mean().count / 1e307).toBeCloseTo(9, 9);
  expect(mean.mean().sum).toBeCloseTo(3, 12);
});

test("exponential and custom buckets are not added up, and nothing is lost by trying", () => {
  const sum = sumOf("{{count:1 buckets:[1]}}");
  expect(sum.add(h("{{schema:-53 count:1 buckets:[1]}}"))).toBe(false);
  expect(formatHistogram(sum.total())).toBe("{{count:1 buckets:[1]}}");
});

test("a reset and the certainty of none collide even when others come between", () => {
  const sum = sumOf("{{counter_reset_hint:reset}}", "{{}}", "{{counter_reset_hint:not_reset}}");
  expect(sum.resetsCollide).toBe(true);
  expect(sumOf("{{counter_reset_hint:reset}}", "{{}}").resetsCollide).toBe(false);
});
