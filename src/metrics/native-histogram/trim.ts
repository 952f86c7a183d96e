/**
 * Cuts off the observations above or below a value (operators `</` and `>/`). A bucket that the value lies in keeps the
 * share that interpolation puts on the kept side; the sum becomes an estimate from the middles of what is kept. Where
 * nothing is cut off, the histogram is answered as it is.
 *
 * Source: Prometheus' documentation, "Operators", trim operators; the specification, "Interpolation within a bucket".
 */
import type { NativeHistogram } from "../histogram.ts";
import { assumedBounds, type Bucket, customBound, exponentialBound, isCustom, zeroBucket } from "./bounds.ts";
import { contentsOf, histogramOf } from "./layout.ts";
import { middleOf } from "./moments.ts";
import { isLinear, shareBelow } from "./quantile.ts";
import type { Side } from "./side.ts";

/** Keeps what is at most `limit`: `histogram </ limit`. */
export function keepBelow(histogram: NativeHistogram, limit: number): NativeHistogram {
  return trimmed(histogram, Number.NEGATIVE_INFINITY, limit);
}

/** Keeps what is greater than `limit`: `histogram >/ limit`. */
export function keepAbove(histogram: NativeHistogram, limit: number): NativeHistogram {
  return trimmed(histogram, limit, Number.POSITIVE_INFINITY);
}

function trimmed(histogram: NativeHistogram, from: number, to: number): NativeHistogram {
  let count = 0;
  let sum = 0;
  let cut = false;
  const keep = (bucket: Bucket): number => {
    if (bucket.count === 0) return 0;
    const kept = bucket.count * shareWithin(histogram, bucket, from, to);
    if (kept !== bucket.count) cut = true;
    if (kept === 0) return 0;
    count += kept;
    sum += kept * middle(histogram, bucket, from, to);
    return kept;
  };
  const contents = contentsOf(histogram);
  const { schema, bounds = [] } = contents;
  const sideOf = (side: Side, of: (index: number) => Omit<Bucket, "count">): Side => ({
    indices: side.indices,
    counts: side.indices.map((index, at) => keep({ ...of(index), count: side.counts[at] ?? 0 })),
  });
  const ends = { lowerInclusive: false, upperInclusive: true };
  const positive = sideOf(contents.positive, (index) =>
    isCustom(histogram)
      ? { ...ends, lower: customBound(bounds, index - 1), upper: customBound(bounds, index) }
      : { ...ends, lower: exponentialBound(schema, index - 1), upper: exponentialBound(schema, index) },
  );
  const negative = sideOf(contents.negative, (index) => ({
    lower: -exponentialBound(schema, index),
    upper: -exponentialBound(schema, index - 1),
    lowerInclusive: true,
    upperInclusive: false,
  }));
  const zeroCount = keep(zeroBucket(histogram));
  if (!cut) return histogram;
  const { counterReset } = histogram;
  return histogramOf({ ...contents, positive, negative, zeroCount }, { count, sum, counterReset });
}

function shareWithin(histogram: NativeHistogram, bucket: Bucket, from: number, to: number): number {
  if (Number.isNaN(from) || Number.isNaN(to) || cutsOpenEnd(bucket, from, to)) return 0;
  return shareBelow(histogram, bucket, to) - shareBelow(histogram, bucket, from);
}

/**
 * Whether the limit is somewhere in the unknown of a bucket that has no lower end, so that it goes as a whole: any limit
 * when it has no upper end either, and one below zero when the bucket is otherwise taken to begin there.
 */
function cutsOpenEnd({ lower, upper }: Bucket, from: number, to: number): boolean {
  if (lower !== Number.NEGATIVE_INFINITY) return false;
  if (upper !== Number.POSITIVE_INFINITY) return upper > 0 && from < 0 && from !== Number.NEGATIVE_INFINITY;
  return from !== Number.NEGATIVE_INFINITY || to !== Number.POSITIVE_INFINITY;
}

/** Where the kept observations of a bucket are taken to be. */
function middle(histogram: NativeHistogram, bucket: Bucket, from: number, to: number): number {
  const assumed = assumedBounds(histogram, bucket);
  const lower = Math.max(assumed.lower, from);
  const upper = Math.min(assumed.upper, to);
  if (isLinear(histogram, bucket)) return middleOf(lower, upper);
  return Math.sign(bucket.lower) * Math.sqrt(Math.abs(lower)) * Math.sqrt(Math.abs(upper));
}
