/** Functions over the samples of a window: `<aggregation>_over_time()`, changes(), resets(), regression. */
import { equals } from "../native-histogram/arithmetic.ts";
import { detectReset } from "../native-histogram/reset.ts";
import { HistogramMean, HistogramSum } from "../native-histogram/sum.ts";
import { type Annotations, forMetric } from "./annotations.ts";
import type { Place } from "./ast.ts";
import { warnOfLayouts } from "./counter.ts";
import type { Grid } from "./grid.ts";
import { meanOf, quantileOf, sumOf, varianceOf } from "./statistics.ts";
import { startsAnew } from "./start-times.ts";
import type { RangeFunction, Window } from "./window.ts";

/** What a function may complain to, and about what. */
export interface Complaints {
  readonly annotations: Annotations;
  readonly place: Place;
}

/** Functions of floats: histograms beside them are ignored, which is worth an info. */
function ofFloats(compute: (window: Window) => number, { annotations, place }: Complaints): RangeFunction {
  return (window, grid, cell) => {
    if (window.floatCount === 0) return;
    if (window.histogramCount > 0) noteIgnored(window, annotations, place);
    grid.setNumber(cell, compute(window));
  };
}

export function noteIgnored(window: Window, annotations: Annotations, place: Place): void {
  annotations.info(
    `ignored histograms in a range containing both floats and histograms${forMetric(window.name)}`,
    place,
  );
}

function warnOfMix(window: Window, { annotations, place }: Complaints): void {
  annotations.warn(`encountered a mix of histograms and floats${forMetric(window.name)}`, place);
}

/**
 * Where the least value is, or the greatest; NaN only when there is nothing else. Of equal ones the first, or the last
 * when `orEqual`. Written out for both, since calling a comparison for each sample takes most of the time.
 */
function lowest({ floats: { values }, floatFrom, floatTo }: Window, orEqual: boolean): number {
  let best = floatFrom;
  let known = values[best] as number;
  for (let at = best + 1; at < floatTo; at++) {
    const value = values[at] as number;
    if (value < known || known !== known || (orEqual && value === known)) {
      best = at;
      known = value;
    }
  }
  return best;
}

function highest({ floats: { values }, floatFrom, floatTo }: Window, orEqual: boolean): number {
  let best = floatFrom;
  let known = values[best] as number;
  for (let at = best + 1; at < floatTo; at++) {
    const value = values[at] as number;
    if (value > known || known !== known || (orEqual && value === known)) {
      best = at;
      known = value;
    }
  }
  return best;
}

export function minOverTime(complaints: Complaints): RangeFunction {
  return ofFloats((window) => window.float(lowest(window, false)), complaints);
}

export function maxOverTime(complaints: Complaints): RangeFunction {
  return ofFloats((window) => window.float(highest(window, false)), complaints);
}

export function timeOfMin(complaints: Complaints): RangeFunction {
  return ofFloats((window) => window.floatTime(lowest(window, true)) / 1000, complaints);
}

export function timeOfMax(complaints: Complaints): RangeFunction {
  return ofFloats((window) => window.floatTime(highest(window, true)) / 1000, complaints);
}

function valuesOf({ floats, floatFrom, floatTo }: Window): Float64Array {
  return floats.values.subarray(floatFrom, floatTo);
}

export function varianceOverTime(complaints: Complaints): RangeFunction {
  return ofFloats(
    ({ floats, floatFrom, floatTo }) => varianceOf(floats.values, floatFrom, floatTo),
    complaints,
  );
}

export function deviationOverTime(complaints: Complaints): RangeFunction {
  return ofFloats(
    ({ floats, floatFrom, floatTo }) => Math.sqrt(varianceOf(floats.values, floatFrom, floatTo)),
    complaints,
  );
}

/** The median of the distances from the median. */
export function madOverTime(complaints: Complaints): RangeFunction {
  return ofFloats((window) => {
    const values = valuesOf(window);
    if (values.some(Number.isNaN)) return Number.NaN;
    const median = quantileOf(0.5, values);
    return quantileOf(
      0.5,
      values.map((value) => Math.abs(value - median)),
    );
  }, complaints);
}

export function quantileOverTime(quantiles: Float64Array, complaints: Complaints): RangeFunction {
  return ofFloats((window) => quantileOf(quantiles[window.step] as number, valuesOf(window)), complaints);
}

export const countOverTime: RangeFunction = (window, grid, cell) => {
  const count = window.floatCount + window.histogramCount;
  if (count > 0) grid.setNumber(cell, count);
};

export const presentOverTime: RangeFunction = (window, grid, cell) => {
  if (window.floatCount + window.histogramCount > 0) grid.setNumber(cell, 1);
};

export const lastOverTime: RangeFunction = (window, grid, cell) => {
  const float = window.floatCount > 0 ? window.floatTime(window.floatTo - 1) : Number.NEGATIVE_INFINITY;
  if (window.histogramCount > 0 && window.histogramTime(window.histogramTo - 1) > float)
    grid.setHistogram(cell, window.histogram(window.histogramTo - 1));
  else if (window.floatCount > 0) grid.setNumber(cell, window.float(window.floatTo - 1));
};

export const firstOverTime: RangeFunction = (window, grid, cell) => {
  const float = window.floatCount > 0 ? window.floatTime(window.floatFrom) : Number.POSITIVE_INFINITY;
  if (window.histogramCount > 0 && window.histogramTime(window.histogramFrom) < float)
    grid.setHistogram(cell, window.histogram(window.histogramFrom));
  else if (window.floatCount > 0) grid.setNumber(cell, window.float(window.floatFrom));
};

export const timeOfLast: RangeFunction = (window, grid, cell) => {
  let time = Number.NEGATIVE_INFINITY;
  if (window.floatCount > 0) time = window.floatTime(window.floatTo - 1);
  if (window.histogramCount > 0) time = Math.max(time, window.histogramTime(window.histogramTo - 1));
  if (Number.isFinite(time)) grid.setNumber(cell, time / 1000);
};

export const timeOfFirst: RangeFunction = (window, grid, cell) => {
  let time = Number.POSITIVE_INFINITY;
  if (window.floatCount > 0) time = window.floatTime(window.floatFrom);
  if (window.histogramCount > 0) time = Math.min(time, window.histogramTime(window.histogramFrom));
  if (Number.isFinite(time)) grid.setNumber(cell, time / 1000);
};

export function sumOverTime(complaints: Complaints): RangeFunction {
  return ofEither(
    ({ floats, floatFrom, floatTo }) => sumOf(floats.values, floatFrom, floatTo),
    (first) => {
      const sum = new HistogramSum(first);
      return { accumulator: sum, result: () => sum.total() };
    },
    complaints,
  );
}

export function averageOverTime(complaints: Complaints): RangeFunction {
  return ofEither(
    ({ floats, floatFrom, floatTo }) => meanOf(floats.values, floatFrom, floatTo),
    (first) => {
      const mean = new HistogramMean(first);
      return { accumulator: mean, result: () => mean.mean() };
    },
    complaints,
  );
}

interface Accumulation {
  readonly accumulator: Pick<HistogramSum, "add" | "resetsCollide" | "boundsReconciled">;
  readonly result: () => ReturnType<HistogramSum["total"]>;
}

/** Functions of floats or of histograms; a window that has both is left out with a warning. */
function ofEither(
  compute: (window: Window) => number,
  accumulate: (first: ReturnType<HistogramSum["total"]>) => Accumulation,
  complaints: Complaints,
): RangeFunction {
  return (window, grid, cell) => {
    if (window.isMixed) warnOfMix(window, complaints);
    else if (window.floatCount > 0) grid.setNumber(cell, compute(window));
    else if (window.histogramCount > 0) accumulateHistograms(window, grid, cell, accumulate, complaints);
  };
}

function accumulateHistograms(
  window: Window,
  grid: Grid,
  cell: number,
  accumulate: (first: ReturnType<HistogramSum["total"]>) => Accumulation,
  { annotations, place }: Complaints,
): void {
  const { accumulator, result } = accumulate(window.histogram(window.histogramFrom));
  for (let at = window.histogramFrom + 1; at < window.histogramTo; at++)
    if (!accumulator.add(window.histogram(at))) return warnOfLayouts(window.name, annotations, place);
  if (accumulator.resetsCollide)
    annotations.warn("conflicting counter resets during histogram aggregation", place);
  if (accumulator.boundsReconciled)
    annotations.info("mismatched custom buckets were reconciled during aggregation", place);
  grid.setHistogram(cell, result());
}

/** Counts pairs of neighbours, floats and histograms in the order of their times. */
function countPairs(window: Window, counts: (at: Pair) => boolean): number {
  let float = window.floatFrom;
  let histogram = window.histogramFrom;
  let before: Pair | undefined;
  let count = 0;
  while (float < window.floatTo || histogram < window.histogramTo) {
    const takesFloat =
      histogram >= window.histogramTo ||
      (float < window.floatTo && window.floatTime(float) < window.histogramTime(histogram));
    const pair: Pair = { window, isFloat: takesFloat, at: takesFloat ? float++ : histogram++, before };
    if (before !== undefined && counts(pair)) count++;
    before = { ...pair, before: undefined };
  }
  return count;
}

interface Pair {
  readonly window: Window;
  readonly isFloat: boolean;
  readonly at: number;
  readonly before: Pair | undefined;
}

/** A float beside a histogram is a change, and so is any other value; two NaN are the same. */
export const changes: RangeFunction = (window, grid, cell) => {
  if (window.floatCount + window.histogramCount === 0) return;
  if (window.histogramCount > 0) return grid.setNumber(cell, countPairs(window, isChange));
  let count = 0;
  for (let at = window.floatFrom + 1; at < window.floatTo; at++) {
    const value = window.float(at);
    const before = window.float(at - 1);
    if (value !== before && !(Number.isNaN(value) && Number.isNaN(before))) count++;
  }
  grid.setNumber(cell, count);
};

function isChange({ window, isFloat, at, before }: Pair): boolean {
  if (before === undefined) return false;
  if (before.isFloat !== isFloat) return true;
  if (!isFloat) return !equals(window.histogram(at), window.histogram(before.at));
  const value = window.float(at);
  const known = window.float(before.at);
  return value !== known && !(Number.isNaN(value) && Number.isNaN(known));
}

export function resets(byStarts: boolean): RangeFunction {
  const isReset = ({ window, isFloat, at, before }: Pair): boolean => {
    if (before === undefined) return false;
    if (before.isFloat !== isFloat) return true;
    if (byStarts && startsAnew(isFloat ? window.floats : window.histograms, at)) return true;
    if (isFloat) return window.float(at) < window.float(before.at);
    return detectReset(window.histogram(before.at), window.histogram(at));
  };
  return (window, grid, cell) => {
    if (window.floatCount + window.histogramCount > 0) grid.setNumber(cell, countPairs(window, isReset));
  };
}
