/** Values of samples as texts for people. */
import type { NativeHistogram } from "../histogram.ts";
import type { Value } from "../promql/engine.ts";
import { floatText } from "../template/print.ts";

/** As Prometheus writes numbers: shortest digits, `+Inf`, `NaN`. */
export function sampleText(value: Value): string {
  return typeof value === "number" ? floatText(value, "g", -1) : histogramText(value);
}

/** In the notation of tests. */
export function histogramText(histogram: NativeHistogram): string {
  const { schema, count, sum, zeroCount, zeroThreshold, bounds, counterReset } = histogram;
  const parts = [`schema:${schema}`, `count:${count}`, `sum:${sum}`];
  if (zeroCount !== 0) parts.push(`z_bucket:${zeroCount}`);
  if (zeroThreshold !== 0) parts.push(`z_bucket_w:${zeroThreshold}`);
  if (counterReset === "gauge" || counterReset === "reset") parts.push(`counter_reset_hint:${counterReset}`);
  if (counterReset === "none") parts.push("counter_reset_hint:not_reset");
  if (bounds !== undefined) parts.push(`custom_values:[${bounds.join(" ")}]`);
  parts.push(...side("", histogram.positiveSpans, histogram.positiveBuckets));
  parts.push(...side("n_", histogram.negativeSpans, histogram.negativeBuckets));
  return `{{${parts.join(" ")}}}`;
}

function side(
  prefix: string,
  spans: NativeHistogram["positiveSpans"],
  buckets: readonly number[],
): readonly string[] {
  if (buckets.length === 0) return [];
  const dense: number[] = [];
  let at = 0;
  spans.forEach(({ offset, length }, index) => {
    // A gap of empty buckets between spans; bounded, for a span may begin anywhere.
    if (index > 0) for (let gap = 0; gap < Math.min(offset, 1000); gap++) dense.push(0);
    for (let inside = 0; inside < length; inside++) dense.push(buckets[at++] ?? 0);
  });
  const offset = spans[0]?.offset ?? 0;
  return [...(offset === 0 ? [] : [`${prefix}offset:${offset}`]), `${prefix}buckets:[${dense.join(" ")}]`];
}
