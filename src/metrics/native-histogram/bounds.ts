/**
 * Where buckets begin and end.
 *
 * Source: Prometheus' native histogram specification, "Schema", "Zero bucket" and "Custom values".
 */
import { CUSTOM_BUCKETS, type NativeHistogram } from "../histogram.ts";
import { type Side, unpack } from "./side.ts";

export const LOWEST_SCHEMA = -4;
export const HIGHEST_SCHEMA = 8;

export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly count: number;
}

export function isCustom(histogram: { readonly schema: number }): boolean {
  return histogram.schema === CUSTOM_BUCKETS;
}

/** Where the positive bucket `index` of an exponential schema ends (inclusive); the negative one is its mirror image. */
export function exponentialBound(schema: number, index: number): number {
  const exponent = index / 2 ** schema;
  // The bucket of the largest finite number ends there; the one after it holds the infinite.
  if (exponent === 1024) return Number.MAX_VALUE;
  const whole = Math.floor(exponent);
  // Powers of two are exact, so that all of the error is that of the fraction.
  if (whole < -1022) return 2 ** exponent;
  return 2 ** (exponent - whole) * 2 ** whole;
}

/** Where the bucket `index` of listed bounds ends (inclusive). */
export function customBound(bounds: readonly number[], index: number): number {
  if (index < 0) return Number.NEGATIVE_INFINITY;
  return bounds[index] ?? Number.POSITIVE_INFINITY;
}

/**
 * All buckets that the histogram lists, empty ones too, and the zero bucket when it is not empty, from the lowest to the
 * highest. A bucket that reaches into the zero bucket begins where that ends.
 */
export function buckets(histogram: NativeHistogram): Bucket[] {
  const positive = unpack(histogram.positiveSpans, histogram.positiveBuckets);
  if (isCustom(histogram)) return customBuckets(positive, histogram.bounds ?? []);
  const { schema, zeroThreshold, zeroCount } = histogram;
  const negative = unpack(histogram.negativeSpans, histogram.negativeBuckets);
  const all: Bucket[] = [];
  for (let at = negative.indices.length - 1; at >= 0; at--) {
    const { lower, upper } = exponentialBucket(schema, negative.indices[at] ?? 0, zeroThreshold);
    const count = negative.counts[at] ?? 0;
    all.push({ lower: -upper, upper: -lower, lowerInclusive: true, upperInclusive: false, count });
  }
  if (zeroCount !== 0) all.push(zeroBucket(histogram));
  for (const [at, index] of positive.indices.entries()) {
    const { lower, upper } = exponentialBucket(schema, index, zeroThreshold);
    const count = positive.counts[at] ?? 0;
    all.push({ lower, upper, lowerInclusive: false, upperInclusive: true, count });
  }
  return all;
}

export function zeroBucket({ zeroThreshold, zeroCount }: NativeHistogram): Bucket {
  return {
    lower: -zeroThreshold,
    upper: zeroThreshold,
    lowerInclusive: true,
    upperInclusive: true,
    count: zeroCount,
  };
}

function exponentialBucket(schema: number, index: number, zeroThreshold: number) {
  const upper = exponentialBound(schema, index);
  const lower = exponentialBound(schema, index - 1);
  return { upper, lower: lower < zeroThreshold && zeroThreshold < upper ? zeroThreshold : lower };
}

function customBuckets({ indices, counts }: Side, bounds: readonly number[]): Bucket[] {
  return indices.map((index, at) => ({
    lower: customBound(bounds, index - 1),
    upper: customBound(bounds, index),
    lowerInclusive: index === 0,
    upperInclusive: true,
    count: counts[at] ?? 0,
  }));
}

/**
 * Where observations of a bucket can be, for interpolation: the lowest custom bucket begins at zero when it can, and the
 * zero bucket has no negative half when nothing else is negative (and no positive half when nothing else is positive).
 * Bounds stay infinite where nothing better is known.
 *
 * Source: the specification, "Interpolation within a bucket".
 */
export function assumedBounds(
  histogram: NativeHistogram,
  bucket: Bucket,
): { readonly lower: number; readonly upper: number } {
  const { lower, upper } = bucket;
  if (isCustom(histogram))
    return lower === Number.NEGATIVE_INFINITY && upper > 0 && upper !== Number.POSITIVE_INFINITY
      ? { lower: 0, upper }
      : bucket;
  if (!(lower < 0 && upper > 0)) return bucket;
  const anyNegative = histogram.negativeBuckets.some((count) => count !== 0);
  const anyPositive = histogram.positiveBuckets.some((count) => count !== 0);
  if (anyNegative === anyPositive) return bucket;
  return anyPositive ? { lower: 0, upper } : { lower, upper: 0 };
}
