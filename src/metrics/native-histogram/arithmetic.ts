/**
 * What operators do to histograms: +, -, *, / and unary minus.
 *
 * Results have no empty buckets, and share nothing that changes with what went in.
 *
 * Source: Prometheus' native histogram specification, "Binary operators" and "Unary minus and negative histograms".
 */
import type { CounterReset, NativeHistogram } from "../histogram.ts";
import {
  commonLayout,
  compatible,
  type Contents,
  contentsOf,
  fit,
  histogramOf,
  sameBounds,
} from "./layout.ts";
import { EMPTY_SIDE, scale, zip } from "./side.ts";

export interface Combination {
  readonly histogram: NativeHistogram;
  /** One side was just reset, the other certainly not: adding them makes little sense. */
  readonly resetsCollide: boolean;
  /** Custom bounds differed; those that both have are left. */
  readonly boundsReconciled: boolean;
}

/** Undefined when one has exponential buckets and the other custom ones. */
export function add(a: NativeHistogram, b: NativeHistogram): Combination | undefined {
  return combined(a, b, (left, right) => left + right, addedReset(a.counterReset, b.counterReset));
}

/** Undefined when one has exponential buckets and the other custom ones. The result is a gauge: it may be negative. */
export function subtract(a: NativeHistogram, b: NativeHistogram): Combination | undefined {
  return combined(a, b, (left, right) => left - right, "gauge");
}

function combined(
  a: NativeHistogram,
  b: NativeHistogram,
  combine: (a: number, b: number) => number,
  counterReset: CounterReset,
): Combination | undefined {
  if (!compatible(a, b)) return undefined;
  const left = contentsOf(a);
  const right = contentsOf(b);
  const layout = commonLayout(left, right);
  const fitLeft = fit(left, layout);
  const fitRight = fit(right, layout);
  const contents: Contents = {
    ...layout,
    zeroCount: combine(fitLeft.zeroCount, fitRight.zeroCount),
    positive: zip(fitLeft.positive, fitRight.positive, combine),
    negative: zip(fitLeft.negative, fitRight.negative, combine),
  };
  return {
    histogram: histogramOf(contents, {
      count: combine(a.count, b.count),
      sum: combine(a.sum, b.sum),
      counterReset,
    }),
    resetsCollide: resetsCollide(a.counterReset, b.counterReset),
    boundsReconciled: !sameBounds(a.bounds ?? [], b.bounds ?? []),
  };
}

/** What is known of the sum of two: a gauge stays one, and where they differ nothing is known. */
export function addedReset(a: CounterReset, b: CounterReset): CounterReset {
  if (a === b) return a;
  return a === "gauge" || b === "gauge" ? "gauge" : "unknown";
}

export function resetsCollide(a: CounterReset, b: CounterReset): boolean {
  return (a === "reset" && b === "none") || (a === "none" && b === "reset");
}

/** A negative factor makes a gauge of it. */
export function multiply(histogram: NativeHistogram, factor: number): NativeHistogram {
  return scaled(histogram, (count) => count * factor, factor < 0);
}

/** Dividing by zero leaves no bucket but the zero bucket, as nothing else would be told apart. */
export function divide(histogram: NativeHistogram, divisor: number): NativeHistogram {
  const quotient = scaled(histogram, (count) => count / divisor, divisor < 0);
  if (divisor !== 0) return quotient;
  return {
    ...quotient,
    positiveSpans: [],
    positiveBuckets: [],
    negativeSpans: [],
    negativeBuckets: [],
  };
}

export function negate(histogram: NativeHistogram): NativeHistogram {
  return scaled(histogram, (count) => -count, true);
}

function scaled(
  histogram: NativeHistogram,
  by: (count: number) => number,
  becomesGauge: boolean,
): NativeHistogram {
  const contents = contentsOf(histogram);
  return histogramOf(
    {
      ...contents,
      zeroCount: by(contents.zeroCount),
      positive: scale(contents.positive, by),
      negative: scale(contents.negative, by),
    },
    {
      count: by(histogram.count),
      sum: by(histogram.sum),
      counterReset: becomesGauge ? "gauge" : histogram.counterReset,
    },
  );
}

/** Marked as a gauge, or as anything else. */
export function withCounterReset(histogram: NativeHistogram, counterReset: CounterReset): NativeHistogram {
  return histogram.counterReset === counterReset ? histogram : { ...histogram, counterReset };
}

/** Without empty buckets. */
export function compact(histogram: NativeHistogram): NativeHistogram {
  return histogramOf(contentsOf(histogram), histogram);
}

/**
 * Same schema, bounds, zero bucket, counts and sum. Empty buckets and what is known of resets do not matter; a NaN equals
 * a NaN.
 */
export function equals(a: NativeHistogram, b: NativeHistogram): boolean {
  if (a === b) return true;
  const numbers =
    a.schema === b.schema &&
    a.zeroThreshold === b.zeroThreshold &&
    Object.is(a.zeroCount + 0, b.zeroCount + 0) &&
    Object.is(a.count + 0, b.count + 0) &&
    Object.is(a.sum + 0, b.sum + 0);
  if (!numbers || !sameBounds(a.bounds ?? [], b.bounds ?? [])) return false;
  const left = contentsOf(a);
  const right = contentsOf(b);
  return sameCounts(left, right, "positive") && sameCounts(left, right, "negative");
}

function sameCounts(a: Contents, b: Contents, side: "positive" | "negative"): boolean {
  const differences = zip(a[side] ?? EMPTY_SIDE, b[side] ?? EMPTY_SIDE, (left, right) =>
    Object.is(left + 0, right + 0) ? 0 : 1,
  );
  return differences.counts.every((difference) => difference === 0);
}
