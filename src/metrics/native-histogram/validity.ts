/**
 * Is it a histogram at all? For whatever comes from outside.
 *
 * Source: Prometheus' native histogram specification, "Data model".
 */
import type { NativeHistogram, Span } from "../histogram.ts";
import { HIGHEST_SCHEMA, isCustom, LOWEST_SCHEMA } from "./bounds.ts";

/** What is wrong, as a sentence. Undefined when nothing is. */
export function problem(histogram: NativeHistogram): string | undefined {
  return schemaProblem(histogram) ?? sideProblem(histogram) ?? countProblem(histogram);
}

function schemaProblem({ schema, bounds, ...rest }: NativeHistogram): string | undefined {
  if (isCustom({ schema })) {
    if (rest.zeroCount !== 0) return "A histogram with custom buckets has observations in its zero bucket.";
    if (rest.zeroThreshold !== 0) return "A histogram with custom buckets has a zero bucket.";
    if (rest.negativeBuckets.length > 0) return "A histogram with custom buckets has negative buckets.";
    return boundsProblem(bounds ?? []);
  }
  if (bounds !== undefined && bounds.length > 0)
    return "A histogram with exponential buckets lists custom bounds.";
  if (!Number.isInteger(schema) || schema < LOWEST_SCHEMA || schema > HIGHEST_SCHEMA)
    return `The schema of the histogram is ${schema}; it must be from ${LOWEST_SCHEMA} to ${HIGHEST_SCHEMA}, or -53.`;
  if (!(rest.zeroThreshold >= 0)) return "The zero bucket of the histogram has a negative width.";
  return undefined;
}

function boundsProblem(bounds: readonly number[]): string | undefined {
  for (const [at, bound] of bounds.entries()) {
    if (Number.isNaN(bound)) return "A custom bound of the histogram is NaN.";
    if (bound === Number.POSITIVE_INFINITY)
      return "The custom bounds of the histogram list +Inf, which is implied.";
    const before = bounds[at - 1];
    if (before !== undefined && before >= bound)
      return `The custom bounds of the histogram do not ascend: ${bound} comes after ${before}.`;
  }
  return undefined;
}

function sideProblem(histogram: NativeHistogram): string | undefined {
  const { positiveSpans, positiveBuckets, negativeSpans, negativeBuckets } = histogram;
  const problem =
    spansProblem("positive", positiveSpans, positiveBuckets) ??
    spansProblem("negative", negativeSpans, negativeBuckets);
  if (problem !== undefined || !isCustom(histogram)) return problem;
  const end = positiveSpans.reduce((last, { offset, length }) => last + offset + length, 0);
  const first = positiveSpans[0]?.offset ?? 0;
  if (first < 0 || end > (histogram.bounds ?? []).length + 1)
    return "The histogram has more buckets than custom bounds.";
  return undefined;
}

function spansProblem(side: string, spans: readonly Span[], buckets: readonly number[]): string | undefined {
  let total = 0;
  for (const [at, { offset, length }] of spans.entries()) {
    if (!Number.isInteger(offset) || !Number.isInteger(length) || length < 0)
      return `A ${side} span of the histogram is not made of whole numbers.`;
    if (at > 0 && offset < 0)
      return `A ${side} span of the histogram begins before the end of the one before.`;
    total += length;
  }
  if (total !== buckets.length)
    return `The ${side} spans of the histogram are for ${total} buckets, but there are ${buckets.length}.`;
  return undefined;
}

function countProblem(histogram: NativeHistogram): string | undefined {
  const all = [...histogram.positiveBuckets, ...histogram.negativeBuckets, histogram.zeroCount];
  if (all.some((count) => !(count >= 0))) return "A bucket of the histogram has a negative count.";
  if (!(histogram.count >= 0)) return "The count of the histogram is negative.";
  return undefined;
}
