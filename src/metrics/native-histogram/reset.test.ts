import fc from "fast-check";
import { expect, test } from "vitest";
import { add } from "./arithmetic.ts";
import { arbitraryCustom, arbitraryExponential } from "./fixtures/arbitrary.ts";
import { parseHistogram } from "./notation.ts";
import { detectReset, resetAfter } from "./reset.ts";

const h = (text: string) => parseHistogram(text).histogram;

test("a counter that is added to is not reset, though its buckets may become coarser", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(arbitraryExponential(), arbitraryExponential()),
        fc.tuple(arbitraryCustom(), arbitraryCustom()),
      ),
      ([before, more]) => {
        expect(detectReset(before, add(before, more)!.histogram)).toBe(false);
      },
    ),
  );
});

test("whatever goes down is a reset", () => {
  const before = h("{{count:4 z_bucket:1 z_bucket_w:0.1 buckets:[1 2]}}");
  expect(detectReset(before, h("{{count:3 z_bucket:1 z_bucket_w:0.1 buckets:[1 1]}}"))).toBe(true);
  expect(detectReset(before, h("{{count:9 z_bucket:1 z_bucket_w:0.1 buckets:[1 1 6]}}"))).toBe(true);
  expect(detectReset(before, h("{{count:9 z_bucket:0 z_bucket_w:0.1 buckets:[3 6]}}"))).toBe(true);
});

test("finer buckets, a narrower zero bucket and another kind of buckets are a reset", () => {
  const before = h("{{schema:1 count:4 z_bucket:1 z_bucket_w:0.1 buckets:[1 2]}}");
  expect(detectReset(before, h("{{schema:2 count:9 z_bucket:1 z_bucket_w:0.1 buckets:[9 9 9]}}"))).toBe(true);
  expect(detectReset(before, h("{{schema:1 count:9 z_bucket:9 z_bucket_w:0.01 buckets:[9 9]}}"))).toBe(true);
  expect(detectReset(before, h("{{schema:-53 count:9 buckets:[9]}}"))).toBe(true);
});

test("what a sample says of itself decides", () => {
  const before = h("{{count:4 buckets:[4]}}");
  expect(detectReset(before, h("{{count:1 buckets:[1] counter_reset_hint:not_reset}}"))).toBe(false);
  expect(detectReset(before, h("{{count:9 buckets:[9] counter_reset_hint:reset}}"))).toBe(true);
  expect(detectReset(before, h("{{count:1 buckets:[1] counter_reset_hint:gauge}}"))).toBe(true);
});

test("a store knows that there was no reset, and leaves it open after one and at the beginning", () => {
  const first = h("{{count:4 buckets:[4]}}");
  expect(resetAfter(undefined, first)).toBe("unknown");
  expect(resetAfter(first, h("{{count:5 buckets:[5]}}"))).toBe("none");
  expect(resetAfter(first, h("{{count:1 buckets:[1]}}"))).toBe("unknown");
  expect(resetAfter(first, h("{{count:1 counter_reset_hint:gauge}}"))).toBe("gauge");
});
