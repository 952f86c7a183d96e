/**
 * Classic histograms (series `x_bucket{le=...}`, `x_count`, `x_sum`) as native ones with custom buckets.
 *
 * Source: Prometheus' native histogram specification, "Custom values"; its documentation of
 * `convert_classic_histograms_to_nhcb`.
 */
import { CUSTOM_BUCKETS, type NativeHistogram } from "../histogram.ts";
import { pack } from "./side.ts";

export interface ClassicBucket {
  /** The value of `le`: observations up to there are counted. */
  readonly upper: number;
  /** All observations that are at most `upper`. */
  readonly cumulative: number;
}

export interface ClassicHistogram {
  /** In any order, with or without the one of +Inf. */
  readonly buckets: readonly ClassicBucket[];
  /** That of the highest bucket when absent. */
  readonly count?: number;
  /** 0 when absent. */
  readonly sum?: number;
}

/** Undefined when a bucket holds fewer observations than a lower one, or the count is less than that of a bucket. */
export function fromClassic(classic: ClassicHistogram): NativeHistogram | undefined {
  const sorted = [...classic.buckets].sort((a, b) => a.upper - b.upper);
  const count = classic.count ?? sorted.at(-1)?.cumulative ?? 0;
  if (sorted.at(-1)?.upper !== Number.POSITIVE_INFINITY)
    sorted.push({ upper: Number.POSITIVE_INFINITY, cumulative: count });
  const counts: number[] = [];
  let before = 0;
  for (const { cumulative } of sorted) {
    if (cumulative < before) return undefined;
    counts.push(cumulative - before);
    before = cumulative;
  }
  if (before !== count && !Number.isNaN(count)) return undefined;
  const { spans, buckets } = pack({ indices: counts.keys().toArray(), counts });
  return {
    schema: CUSTOM_BUCKETS,
    zeroThreshold: 0,
    zeroCount: 0,
    count,
    sum: classic.sum ?? 0,
    positiveSpans: spans,
    positiveBuckets: buckets,
    negativeSpans: [],
    negativeBuckets: [],
    bounds: sorted.slice(0, -1).map(({ upper }) => upper),
    counterReset: "unknown",
  };
}
