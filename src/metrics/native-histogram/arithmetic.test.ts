import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { add, compact, divide, equals, multiply, negate, subtract } from "./arithmetic.ts";
import { arbitraryCustom, arbitraryExponential, total } from "./fixtures/arbitrary.ts";
import { reduceResolution } from "./layout.ts";
import { formatHistogram, parseHistogram } from "./notation.ts";

const h = (text: string) => parseHistogram(text).histogram;

describe("sums of histograms", () => {
  test("do not depend on the order", () => {
    fc.assert(
      fc.property(arbitraryExponential(), arbitraryExponential(), (a, b) => {
        expect(formatHistogram(add(a, b)!.histogram)).toBe(formatHistogram(add(b, a)!.histogram));
      }),
    );
  });

  test("of custom buckets do not depend on the order either", () => {
    fc.assert(
      fc.property(arbitraryCustom(), arbitraryCustom(), (a, b) => {
        expect(formatHistogram(add(a, b)!.histogram)).toBe(formatHistogram(add(b, a)!.histogram));
      }),
    );
  });

  test("hold all observations, whatever the shape of the buckets", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.tuple(arbitraryExponential(), arbitraryExponential()),
          fc.tuple(arbitraryCustom(), arbitraryCustom()),
        ),
        ([a, b]) => {
          expect(total(add(a, b)!.histogram)).toBe(total(a) + total(b));
        },
      ),
    );
  });

  test("minus one of the two is the other, in the coarser shape", () => {
    fc.assert(
      fc.property(arbitraryExponential(), arbitraryExponential(), (a, b) => {
        const both = add(a, b)!.histogram;
        const rest = subtract(both, b)!.histogram;
        expect(total(rest)).toBe(total(a));
        expect(rest.counterReset).toBe("gauge");
        expect(add(rest, b)!.histogram.count).toBe(both.count);
      }),
    );
  });

  test("widen the narrower zero bucket past the bucket it would cut through", () => {
    const wide = h("{{z_bucket:1 z_bucket_w:0.75 count:1}}");
    const narrow = h("{{z_bucket:2 z_bucket_w:0.001 count:7 offset:-2 buckets:[1 4]}}");
    // The bucket (0.25, 0.5] lies within; the next, (0.5, 1], is cut by 0.75, so all of it is taken in.
    const sum = add(wide, h("{{count:9 offset:-1 buckets:[4 5]}}"))!.histogram;
    expect(formatHistogram(sum)).toBe("{{count:10 z_bucket:10 z_bucket_w:1}}");
    expect(formatHistogram(add(wide, narrow)!.histogram)).toBe("{{count:8 z_bucket:8 z_bucket_w:0.75}}");
  });

  test("of different schemas have the coarser", () => {
    const sum = add(h("{{schema:1 count:4 buckets:[1 1 2]}}"), h("{{count:1 buckets:[1]}}"))!.histogram;
    expect(formatHistogram(sum)).toBe("{{count:5 buckets:[2 3]}}");
  });

  test("of custom buckets keep the bounds that both have, and say so", () => {
    const a = h("{{schema:-53 count:6 custom_values:[1 2 5] buckets:[1 1 1 3]}}");
    const b = h("{{schema:-53 count:3 custom_values:[2 3] buckets:[1 1 1]}}");
    const sum = add(a, b)!;
    expect(formatHistogram(sum.histogram)).toBe("{{schema:-53 count:9 custom_values:[2] buckets:[3 6]}}");
    expect(sum.boundsReconciled).toBe(true);
    expect(add(a, a)!.boundsReconciled).toBe(false);
  });

  test("are not made of exponential and custom buckets", () => {
    expect(add(h("{{count:1 buckets:[1]}}"), h("{{schema:-53 count:1 buckets:[1]}}"))).toBeUndefined();
  });

  test("say when one was reset and the other was not", () => {
    const reset = h("{{count:1 counter_reset_hint:reset}}");
    const notReset = h("{{count:1 counter_reset_hint:not_reset}}");
    const gauge = h("{{count:1 counter_reset_hint:gauge}}");
    expect(add(reset, notReset)).toMatchObject({
      resetsCollide: true,
      histogram: { counterReset: "unknown" },
    });
    expect(add(reset, gauge)).toMatchObject({ resetsCollide: false, histogram: { counterReset: "gauge" } });
    expect(add(notReset, notReset)).toMatchObject({
      resetsCollide: false,
      histogram: { counterReset: "none" },
    });
  });
});

describe("other operations", () => {
  test("merging buckets for a coarser schema keeps all observations, step by step or at once", () => {
    fc.assert(
      fc.property(arbitraryExponential(), fc.integer({ min: 0, max: 3 }), (a, steps) => {
        const schema = Math.max(-4, a.schema - steps);
        const reduced = reduceResolution(a, schema);
        let stepwise = a;
        while (stepwise.schema > schema) stepwise = reduceResolution(stepwise, stepwise.schema - 1);
        expect(total(reduced)).toBe(total(a));
        expect(equals(stepwise, reduced)).toBe(true);
      }),
    );
  });

  test("a schema cannot be made finer", () => {
    expect(() => reduceResolution(h("{{schema:1 count:1}}"), 2)).toThrow(RangeError);
  });

  test("scaling scales every number and keeps the flavour, but what is negative is a gauge", () => {
    const counter = h("{{count:3 sum:5 z_bucket:1 z_bucket_w:0.1 buckets:[2] counter_reset_hint:not_reset}}");
    expect(formatHistogram(multiply(counter, 2), true)).toBe(
      "{{count:6 sum:10 z_bucket:2 z_bucket_w:0.1 buckets:[4] counter_reset_hint:not_reset}}",
    );
    expect(multiply(counter, -1)).toEqual(negate(counter));
    expect(negate(counter).counterReset).toBe("gauge");
  });

  test("dividing by zero leaves only the zero bucket", () => {
    const divided = divide(h("{{count:3 sum:-5 z_bucket_w:0.1 buckets:[3]}}"), 0);
    expect(formatHistogram(divided)).toBe("{{count:+Inf sum:-Inf z_bucket:NaN z_bucket_w:0.1}}");
  });

  test("empty buckets do not matter for equality, nor what is known of resets", () => {
    const sparse = h("{{count:3 offset:1 buckets:[1 0 2]}}");
    expect(equals(sparse, h("{{count:3 buckets:[0 1 0 2 0] counter_reset_hint:gauge}}"))).toBe(true);
    expect(equals(sparse, compact(sparse))).toBe(true);
    expect(compact(sparse).positiveSpans).toEqual([
      { offset: 1, length: 1 },
      { offset: 1, length: 1 },
    ]);
    expect(equals(sparse, h("{{count:3 buckets:[1 2]}}"))).toBe(false);
    expect(equals(h("{{count:1 sum:NaN}}"), h("{{count:1 sum:NaN}}"))).toBe(true);
  });

  test("histograms that are none come to an end as well", () => {
    const endless = { ...h("{{count:1 buckets:[1]}}"), positiveSpans: [{ offset: 0, length: 1e12 }] };
    expect(add(endless, endless)?.histogram.count).toBe(2);
    const nowhere = h("{{count:1 z_bucket_w:NaN buckets:[1]}}");
    expect(add(nowhere, endless)?.histogram.count).toBe(2);
  });
});
