/**
 * Estimates of quantiles, and of the share of observations within bounds. Both interpolate within a bucket, in the same
 * way, so that one is the inverse of the other: linearly in the zero bucket and in custom buckets, and exponentially in
 * exponential ones.
 *
 * Observations of NaN are in no bucket, only in the count: they count as greater than all others for quantiles, and as
 * outside of all bounds for fractions. There are some when the sum is NaN and the buckets fall short of the count.
 *
 * Source: Prometheus' native histogram specification, "Interpolation within a bucket" and "Functions".
 */
import type { NativeHistogram } from "../histogram.ts";
import { assumedBounds, type Bucket, buckets, isCustom } from "./bounds.ts";

export interface Estimate {
  readonly value: number;
  /** What observations of NaN did to it. */
  readonly nan?: "result" | "skewed" | "excluded";
}

/** The value that the share `q` of all observations does not exceed. NaN when there are none or `q` is NaN. */
export function quantile(histogram: NativeHistogram, q: number): Estimate {
  if (q < 0) return { value: Number.NEGATIVE_INFINITY };
  if (q > 1) return { value: Number.POSITIVE_INFINITY };
  if (histogram.count === 0 || Number.isNaN(q)) return { value: Number.NaN };
  const nanSum = Number.isNaN(histogram.sum);
  // From the nearer end, since counts add up less exactly the more of them there are. NaNs are at the upper end.
  const fromBelow = nanSum || q < 0.5;
  const rank = (fromBelow ? q : 1 - q) * histogram.count;
  const reached = reach(histogram, rank, fromBelow);
  if (reached === undefined) return nanSum ? { value: Number.NaN, nan: "result" } : { value: Number.NaN };
  const { bucket } = reached;
  const value = valueWithin(histogram, bucket, fromBelow ? reached.share : 1 - reached.share);
  return missing(histogram) > 0 ? { value, nan: "skewed" } : { value };
}

/** The bucket in which the rank is reached, and how much of that bucket it takes. */
function reach(
  histogram: NativeHistogram,
  rank: number,
  fromBelow: boolean,
): { bucket: Bucket; share: number } | undefined {
  const populated = buckets(histogram).filter(({ count }) => count !== 0);
  if (!fromBelow) populated.reverse();
  let before = 0;
  for (const bucket of populated) {
    if (before + bucket.count >= rank) return { bucket, share: (rank - before) / bucket.count };
    before += bucket.count;
  }
  const last = populated.at(-1);
  // Short of the rank by a rounding error only, unless there are NaNs.
  if (last === undefined || Number.isNaN(histogram.sum)) return undefined;
  return { bucket: last, share: 1 };
}

function valueWithin(histogram: NativeHistogram, bucket: Bucket, share: number): number {
  const { lower, upper } = assumedBounds(histogram, bucket);
  if (isCustom(histogram)) {
    if (lower === Number.NEGATIVE_INFINITY) return upper;
    if (upper === Number.POSITIVE_INFINITY) return lower;
  }
  if (isLinear(histogram, bucket)) return lower + (upper - lower) * share;
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  const magnitude = 2 ** (logLower + (logUpper - logLower) * share);
  return lower > 0 ? magnitude : -magnitude;
}

/** The share of all observations between `lower` and `upper`. NaN when there are none, or when a bound is. */
export function fraction(histogram: NativeHistogram, lower: number, upper: number): Estimate {
  if (histogram.count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return { value: Number.NaN };
  if (lower >= upper) return { value: 0 };
  const missed = missing(histogram);
  const total = histogram.count - missed;
  let within = 0;
  for (const bucket of buckets(histogram))
    within += bucket.count * (shareBelow(histogram, bucket, upper) - shareBelow(histogram, bucket, lower));
  const value = Math.min(within, total) / histogram.count;
  return missed > 0 ? { value, nan: "excluded" } : { value };
}

/** Which share of the bucket's observations is at most `value`. */
export function shareBelow(histogram: NativeHistogram, bucket: Bucket, value: number): number {
  const { lower, upper } = assumedBounds(histogram, bucket);
  if (value >= upper) return 1;
  if (value <= lower) return 0;
  // Nothing is known of where observations are in a bucket without an end, but that they are not far out.
  if (upper === Number.POSITIVE_INFINITY) return 0;
  if (lower === Number.NEGATIVE_INFINITY) return 1;
  if (isLinear(histogram, bucket)) return (value - lower) / (upper - lower);
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  return (Math.log2(Math.abs(value)) - logLower) / (logUpper - logLower);
}

export function isLinear(histogram: NativeHistogram, { lower, upper }: Bucket): boolean {
  return isCustom(histogram) || (lower <= 0 && upper >= 0);
}

/** How many observations are in no bucket: those of NaN. */
function missing(histogram: NativeHistogram): number {
  if (!Number.isNaN(histogram.sum)) return 0;
  let total = 0;
  for (const { count } of buckets(histogram)) total += count;
  return Math.max(0, histogram.count - total);
}
