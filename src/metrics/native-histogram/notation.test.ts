import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { equals } from "./arithmetic.ts";
import { fromClassic } from "./classic.ts";
import { arbitraryCustom, arbitraryExponential } from "./fixtures/arbitrary.ts";
import { histogramToJson } from "./json.ts";
import { formatHistogram, parseHistogram } from "./notation.ts";
import { parseSamples } from "./series-notation.ts";
import { describeHistogram } from "./text.ts";
import { problem } from "./validity.ts";

const h = (text: string) => parseHistogram(text).histogram;

describe("histograms as text", () => {
  test("what is written is read again", () => {
    fc.assert(
      fc.property(fc.oneof(arbitraryExponential(), arbitraryCustom()), (histogram) => {
        expect(equals(parseHistogram(formatHistogram(histogram)).histogram, histogram)).toBe(true);
        expect(problem(histogram)).toBeUndefined();
      }),
    );
  });

  test("every field is read", () => {
    expect(
      parseHistogram(
        "{{schema:1 sum:-0.3 count:3.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] offset:-3 n_buckets:[4.1 5] n_offset:-5 counter_reset_hint:gauge}}",
      ),
    ).toEqual({
      saysReset: true,
      histogram: {
        schema: 1,
        sum: -0.3,
        count: 3.1,
        zeroCount: 7.1,
        zeroThreshold: 0.05,
        positiveSpans: [{ offset: -3, length: 3 }],
        positiveBuckets: [5.1, 10, 7],
        negativeSpans: [{ offset: -5, length: 2 }],
        negativeBuckets: [4.1, 5],
        counterReset: "gauge",
      },
    });
  });

  test.each([
    "{{schema:x}}",
    "{{sum:1 sum:2}}",
    "{{colour:1}}",
    "{{buckets:5}}",
    "{1}",
    "{{counter_reset_hint:maybe}}",
  ])("%s is refused", (text) => {
    expect(() => parseHistogram(text)).toThrow(SyntaxError);
  });

  test("people see the bounds of buckets", () => {
    expect(
      describeHistogram(h("{{count:9 sum:1e7 z_bucket:2 z_bucket_w:0.001 buckets:[3 0 1] n_buckets:[3]}}")),
    ).toBe("{count:9, sum:1e+07, [-1,-0.5):3, [-0.001,0.001]:2, (0.5,1]:3, (2,4]:1}");
  });

  test("the HTTP API says which bounds belong to a bucket", () => {
    expect(
      histogramToJson(h("{{count:9 sum:1.5 z_bucket:2 z_bucket_w:0.001 buckets:[3 0 1] n_buckets:[3]}}")),
    ).toEqual({
      count: "9",
      sum: "1.5",
      buckets: [
        [1, "-1", "-0.5", "3"],
        [3, "-0.001", "0.001", "2"],
        [0, "0.5", "1", "3"],
        [0, "2", "4", "1"],
      ],
    });
    expect(histogramToJson(h("{{}}"))).toEqual({ count: "0", sum: "0" });
  });
});

describe("series of samples as text", () => {
  const values = (text: string) => parseSamples(text).map(({ value }) => value);

  test("numbers, gaps, ends, repetitions and steps", () => {
    expect(values("1 _ stale 2x2 _x2 1+2x2 3-1x2 -1-1x1 Inf NaN 1e2")).toEqual([
      1,
      undefined,
      "stale",
      2,
      2,
      2,
      undefined,
      undefined,
      1,
      3,
      5,
      3,
      2,
      1,
      -1,
      -2,
      Number.POSITIVE_INFINITY,
      Number.NaN,
      100,
    ]);
    expect(values("0x3")).toEqual([0, 0, 0, 0]);
  });

  test("histograms are repeated and added up", () => {
    const text = "{{count:1 sum:2 buckets:[1]}}+{{count:2 sum:1 buckets:[1 1]}}x2 {{count:1}}x1";
    const shown = values(text).map((value) => (typeof value === "object" ? formatHistogram(value) : value));
    expect(shown).toEqual([
      "{{count:1 sum:2 buckets:[1]}}",
      "{{count:3 sum:3 buckets:[2 1]}}",
      "{{count:5 sum:4 buckets:[3 2]}}",
      "{{count:1}}",
      "{{count:1}}",
    ]);
  });

  test.each(["1+2", "abc", "1x", "{{count:1}", "1x99999999999", "{{count:1}}+{{schema:-53 count:1}}x2"])(
    "%s is refused",
    (text) => {
      expect(() => parseSamples(text)).toThrow(SyntaxError);
    },
  );
});

describe("classic histograms", () => {
  const bucket = (upper: number, cumulative: number) => ({ upper, cumulative });

  test("become native ones with the same bounds", () => {
    const buckets = [bucket(5, 3), bucket(1, 1), bucket(Number.POSITIVE_INFINITY, 7)];
    expect(formatHistogram(fromClassic({ buckets, sum: 20, count: 7 })!)).toBe(
      "{{schema:-53 count:7 sum:20 custom_values:[1 5] buckets:[1 2 4]}}",
    );
  });

  test("do without the bucket of +Inf when there is a count", () => {
    expect(formatHistogram(fromClassic({ buckets: [bucket(1, 1)], count: 3 })!)).toBe(
      "{{schema:-53 count:3 custom_values:[1] buckets:[1 2]}}",
    );
  });

  test("are refused when their buckets are not cumulative", () => {
    expect(fromClassic({ buckets: [bucket(1, 3), bucket(2, 1)] })).toBeUndefined();
    expect(fromClassic({ buckets: [bucket(1, 3)], count: 2 })).toBeUndefined();
  });
});

describe("validity", () => {
  test.each([
    ["{{schema:9 count:1}}", "schema"],
    ["{{count:-1}}", "negative"],
    ["{{count:1 buckets:[-1]}}", "negative"],
    ["{{schema:-53 custom_values:[2 1]}}", "ascend"],
    ["{{schema:-53 custom_values:[1] buckets:[1 2 3]}}", "more buckets"],
    ["{{schema:-53 n_buckets:[1]}}", "negative buckets"],
    ["{{schema:-53 z_bucket:1}}", "zero bucket"],
  ])("%s is refused", (text, about) => {
    expect(problem(h(text))).toContain(about);
  });

  test("spans must cover the buckets", () => {
    const histogram = { ...h("{{count:1 buckets:[1]}}"), positiveSpans: [{ offset: 0, length: 2 }] };
    expect(problem(histogram)).toContain("2 buckets, but there are 1");
  });
});
