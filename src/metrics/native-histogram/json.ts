/**
 * Histograms in answers of Prometheus' HTTP API.
 *
 * Source: Prometheus' documentation, "HTTP API", section "Native histograms".
 */
import type { NativeHistogram } from "../histogram.ts";
import { type Bucket, buckets } from "./bounds.ts";

export interface HistogramJson {
  readonly count: string;
  readonly sum: string;
  /** Boundary rule, lower bound, upper bound, count. */
  readonly buckets?: readonly (readonly [number, string, string, string])[];
}

export function histogramToJson(histogram: NativeHistogram): HistogramJson {
  const shown = buckets(histogram)
    .filter(({ count }) => count !== 0)
    .map(
      (bucket) =>
        [
          boundaryRule(bucket),
          numberToJson(bucket.lower),
          numberToJson(bucket.upper),
          numberToJson(bucket.count),
        ] as const,
    );
  return {
    count: numberToJson(histogram.count),
    sum: numberToJson(histogram.sum),
    ...(shown.length > 0 && { buckets: shown }),
  };
}

/** 0: open to the left, 1: to the right, 2: both, 3: neither. */
function boundaryRule({ lowerInclusive, upperInclusive }: Bucket): number {
  if (lowerInclusive) return upperInclusive ? 3 : 1;
  return upperInclusive ? 0 : 2;
}

/** As few digits as tell it apart; with an exponent below 1e-6 and from 1e21 on. */
function numberToJson(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  if (Object.is(value, -0)) return "-0";
  return String(value).replace(/e([+-])(\d)$/, "e$10$2");
}
