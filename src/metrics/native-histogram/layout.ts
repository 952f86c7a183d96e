/**
 * Two histograms with buckets of different shape are brought to the finest shape that both can be put in without guessing:
 *
 *   zero buckets  the narrower is widened to the other, and further to the end of a bucket it would cut through;
 *   exponential   the finer schema is merged into the coarser (2^n neighbours make one);
 *   custom        only bounds that both have stay; buckets between them are merged.
 *
 * Counts are only ever added up, never divided: the total of all buckets stays what it was.
 *
 * Source: Prometheus' native histogram specification, "Schema" and "Zero bucket"; for custom buckets its section
 * "Custom values" and the behaviour of Prometheus 3.
 */
import { CUSTOM_BUCKETS, type NativeHistogram } from "../histogram.ts";
import { exponentialBound, isCustom } from "./bounds.ts";
import { pack, regroup, type Side, unpack } from "./side.ts";

/** Which buckets there can be. */
export interface Layout {
  readonly schema: number;
  readonly zeroThreshold: number;
  /** With CUSTOM_BUCKETS only. */
  readonly bounds?: readonly number[];
}

/** The counts of all buckets, ready for arithmetic. */
export interface Contents extends Layout {
  readonly zeroCount: number;
  readonly positive: Side;
  readonly negative: Side;
}

export function contentsOf(histogram: NativeHistogram): Contents {
  const { schema, zeroThreshold, zeroCount, bounds } = histogram;
  return {
    schema,
    zeroThreshold,
    zeroCount,
    ...(bounds !== undefined && { bounds }),
    positive: unpack(histogram.positiveSpans, histogram.positiveBuckets),
    negative: unpack(histogram.negativeSpans, histogram.negativeBuckets),
  };
}

export function histogramOf(
  contents: Contents,
  rest: Pick<NativeHistogram, "count" | "sum" | "counterReset">,
): NativeHistogram {
  const positive = pack(contents.positive);
  const negative = pack(contents.negative);
  return {
    schema: contents.schema,
    zeroThreshold: contents.zeroThreshold,
    zeroCount: contents.zeroCount,
    count: rest.count,
    sum: rest.sum,
    positiveSpans: positive.spans,
    positiveBuckets: positive.buckets,
    negativeSpans: negative.spans,
    negativeBuckets: negative.buckets,
    ...(contents.schema === CUSTOM_BUCKETS && { bounds: contents.bounds ?? [] }),
    counterReset: rest.counterReset,
  };
}

/** Whether one can be added to the other: both have exponential buckets, or both have custom ones. */
export function compatible(a: { readonly schema: number }, b: { readonly schema: number }): boolean {
  return isCustom(a) === isCustom(b);
}

/** Merges buckets so that the histogram has a coarser schema. Throws RangeError when `schema` is finer, or either is custom. */
export function reduceResolution(histogram: NativeHistogram, schema: number): NativeHistogram {
  if (schema === histogram.schema) return histogram;
  if (schema > histogram.schema || isCustom(histogram) || schema === CUSTOM_BUCKETS)
    throw new RangeError(`A histogram of schema ${histogram.schema} cannot be put into schema ${schema}.`);
  return histogramOf(coarsened(contentsOf(histogram), schema), histogram);
}

/** The layout both can be put in. They must be compatible. */
export function commonLayout(a: Contents, b: Contents): Layout {
  if (isCustom(a))
    return {
      schema: CUSTOM_BUCKETS,
      zeroThreshold: 0,
      bounds: sharedBounds(a.bounds ?? [], b.bounds ?? []),
    };
  return { schema: Math.min(a.schema, b.schema), zeroThreshold: commonThreshold(a, b) };
}

/** Puts the counts into a layout that commonLayout() answered for them. */
export function fit(contents: Contents, layout: Layout): Contents {
  if (isCustom(contents)) return fitBounds(contents, layout.bounds ?? []);
  return coarsened(widened(contents, layout.zeroThreshold), layout.schema);
}

export function sameBounds(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((bound, at) => bound === b[at]));
}

function coarsened(contents: Contents, schema: number): Contents {
  if (schema === contents.schema) return contents;
  const merged = 2 ** (contents.schema - schema);
  // Buckets end at their upper bound: index 0 ends at 1 in all schemas.
  const move = (index: number) => Math.ceil(index / merged);
  return {
    ...contents,
    schema,
    positive: regroup(contents.positive, move),
    negative: regroup(contents.negative, move),
  };
}

function sharedBounds(a: readonly number[], b: readonly number[]): readonly number[] {
  if (sameBounds(a, b)) return a;
  const known = new Set(b);
  return a.filter((bound) => known.has(bound));
}

function fitBounds(contents: Contents, bounds: readonly number[]): Contents {
  const own = contents.bounds ?? [];
  if (sameBounds(own, bounds)) return contents;
  let at = 0;
  const positive = regroup(contents.positive, (index) => {
    const upper = own[index] ?? Number.POSITIVE_INFINITY;
    while (at < bounds.length && (bounds[at] ?? 0) < upper) at++;
    return at;
  });
  return { ...contents, bounds, positive };
}

function commonThreshold(a: Contents, b: Contents): number {
  let left = a;
  let right = b;
  // Each round ends at a bound of a bucket that the next need not cut, so that there are few of them.
  for (;;) {
    if (left.zeroThreshold < right.zeroThreshold) left = widened(left, right.zeroThreshold);
    else if (left.zeroThreshold > right.zeroThreshold) right = widened(right, left.zeroThreshold);
    else return left.zeroThreshold;
  }
}

/** With a zero bucket at least that wide: it takes in what lies within, and all of a populated bucket it ends in. */
export function widened(contents: Contents, threshold: number): Contents {
  if (!(threshold > contents.zeroThreshold)) return contents;
  const { schema } = contents;
  let zeroThreshold = threshold;
  for (let before = 0; before !== zeroThreshold;) {
    before = zeroThreshold;
    zeroThreshold = endOfCut(contents.positive, schema, zeroThreshold);
    zeroThreshold = endOfCut(contents.negative, schema, zeroThreshold);
  }
  const positive = split(contents.positive, schema, zeroThreshold);
  const negative = split(contents.negative, schema, zeroThreshold);
  return {
    ...contents,
    zeroThreshold,
    zeroCount: contents.zeroCount + positive.within + negative.within,
    positive: positive.rest,
    negative: negative.rest,
  };
}

/** The threshold, or the end of the populated bucket that it would cut through. */
function endOfCut({ indices, counts }: Side, schema: number, threshold: number): number {
  for (const [at, index] of indices.entries()) {
    if (exponentialBound(schema, index - 1) >= threshold) return threshold;
    const end = exponentialBound(schema, index);
    if (end > threshold && counts[at] !== 0) return end;
  }
  return threshold;
}

function split(side: Side, schema: number, threshold: number): { within: number; rest: Side } {
  let within = 0;
  let at = 0;
  while (at < side.indices.length && exponentialBound(schema, (side.indices[at] ?? 0) - 1) < threshold)
    within += side.counts[at++] ?? 0;
  if (at === 0) return { within, rest: side };
  return { within, rest: { indices: side.indices.slice(at), counts: side.counts.slice(at) } };
}
