/**
 * Mean, standard deviation and variance of the observations; the latter two are estimates that take each observation for
 * the middle of its bucket.
 *
 * Source: Prometheus' native histogram specification, "Functions".
 */
import type { NativeHistogram } from "../histogram.ts";
import { assumedBounds, type Bucket, buckets } from "./bounds.ts";
import { isLinear } from "./quantile.ts";
import { compensated } from "./sum.ts";

/** NaN when there are no observations. */
export function average({ sum, count }: NativeHistogram): number {
  return sum / count;
}

/** NaN when there are no observations. */
export function variance(histogram: NativeHistogram): number {
  const mean = average(histogram);
  let total = { sum: 0, lost: 0 };
  for (const bucket of buckets(histogram)) {
    if (bucket.count === 0) continue;
    const difference = middle(histogram, bucket) - mean;
    total = compensated(total.sum, total.lost, bucket.count * difference * difference);
  }
  return (total.sum + total.lost) / histogram.count;
}

export function standardDeviation(histogram: NativeHistogram): number {
  return Math.sqrt(variance(histogram));
}

/** Arithmetic in linear buckets, geometric in exponential ones; the finite end where the other is not. */
function middle(histogram: NativeHistogram, bucket: Bucket): number {
  if (!isLinear(histogram, bucket))
    return Math.sign(bucket.lower) * Math.sqrt(Math.abs(bucket.lower)) * Math.sqrt(Math.abs(bucket.upper));
  // The zero bucket is around zero here, whatever else there is.
  const { lower, upper } =
    bucket.lower < 0 && bucket.upper === -bucket.lower ? bucket : assumedBounds(histogram, bucket);
  return middleOf(lower, upper);
}

export function middleOf(lower: number, upper: number): number {
  if (lower === Number.NEGATIVE_INFINITY) return upper === Number.POSITIVE_INFINITY ? 0 : upper;
  return upper === Number.POSITIVE_INFINITY ? lower : (lower + upper) / 2;
}
