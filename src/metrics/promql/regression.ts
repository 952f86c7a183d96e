/** Functions that follow the last samples of a window or a line through all of them: irate(), deriv(), and their kin. */
import { divide, subtract, withCounterReset } from "../native-histogram/arithmetic.ts";
import { detectReset } from "../native-histogram/reset.ts";
import { forMetric } from "./annotations.ts";
import { warnOfLayouts } from "./counter.ts";
import type { Grid } from "./grid.ts";
import { type Complaints, noteIgnored } from "./over-time.ts";
import { startsAnew } from "./start-times.ts";
import type { RangeFunction, Window } from "./window.ts";

export interface InstantKind {
  /** irate(): of a counter, per second. Otherwise idelta(). */
  readonly rate: boolean;
  readonly byStarts: boolean;
}

/** The last two samples, whatever they are. */
export function instantRate(kind: InstantKind, complaints: Complaints): RangeFunction {
  return (window, grid, cell) => {
    const { floatTo, histogramTo, floatCount, histogramCount } = window;
    if (floatCount + histogramCount < 2) return;
    const lastFloat = floatCount > 0 ? window.floatTime(floatTo - 1) : Number.NEGATIVE_INFINITY;
    const lastHistogram =
      histogramCount > 0 ? window.histogramTime(histogramTo - 1) : Number.NEGATIVE_INFINITY;
    const floatIsLast = lastFloat > lastHistogram;
    const secondFloat = floatCount > 1 ? window.floatTime(floatTo - 2) : Number.NEGATIVE_INFINITY;
    const secondHistogram =
      histogramCount > 1 ? window.histogramTime(histogramTo - 2) : Number.NEGATIVE_INFINITY;
    if (floatIsLast && secondFloat > lastHistogram) floatPair(window, grid, cell, kind);
    else if (!floatIsLast && secondHistogram > lastFloat) histogramPair(window, grid, cell, kind, complaints);
    else
      complaints.annotations.warn(
        `encountered a mix of histograms and floats${forMetric(window.name)}`,
        complaints.place,
      );
  };
}

function floatPair(window: Window, grid: Grid, cell: number, { rate, byStarts }: InstantKind): void {
  const at = window.floatTo - 1;
  const last = window.float(at);
  const before = window.float(at - 1);
  const isReset = rate && (last < before || (byStarts && startsAnew(window.floats, at)));
  const difference = isReset ? last : last - before;
  const seconds = (window.floatTime(at) - window.floatTime(at - 1)) / 1000;
  grid.setNumber(cell, rate ? difference / seconds : difference);
}

function histogramPair(
  window: Window,
  grid: Grid,
  cell: number,
  { rate, byStarts }: InstantKind,
  { annotations, place }: Complaints,
): void {
  const at = window.histogramTo - 1;
  const last = window.histogram(at);
  const before = window.histogram(at - 1);
  const gauges = [before, last].filter(({ counterReset }) => counterReset === "gauge").length;
  const name = JSON.stringify(window.name);
  if (rate && gauges > 0) annotations.warn(`this native histogram metric is not a counter: ${name}`, place);
  if (!rate && gauges < 2) annotations.warn(`this native histogram metric is not a gauge: ${name}`, place);
  let difference = withCounterReset(last, "gauge");
  const isReset = rate && (detectReset(before, last) || (byStarts && startsAnew(window.histograms, at)));
  if (!isReset) {
    const combination = subtract(last, before);
    if (combination === undefined) return warnOfLayouts(window.name, annotations, place);
    if (combination.boundsReconciled)
      annotations.info("mismatched custom buckets were reconciled during subtraction", place);
    difference = withCounterReset(combination.histogram, "gauge");
  }
  const seconds = (window.histogramTime(at) - window.histogramTime(at - 1)) / 1000;
  grid.setHistogram(cell, rate ? divide(difference, seconds) : difference);
}

interface Line {
  readonly slope: number;
  /** At the time asked for. */
  readonly intercept: number;
}

/**
 * Least squares, compensated (Kahan, as improved by Neumaier); `origin` in milliseconds is where the line's intercept is
 * taken. The four sums are written out: pairs returned by a function would be garbage of each sample.
 */
function lineThrough({ floats: { times, values }, floatFrom, floatTo }: Window, origin: number): Line {
  const count = floatTo - floatFrom;
  const first = values[floatFrom] as number;
  if (isConstant(values, floatFrom, floatTo))
    return Number.isFinite(first) ? { slope: 0, intercept: first } : NO_LINE;
  let sumX = 0;
  let lostX = 0;
  let sumY = 0;
  let lostY = 0;
  let sumXY = 0;
  let lostXY = 0;
  let sumXX = 0;
  let lostXX = 0;
  for (let at = floatFrom; at < floatTo; at++) {
    const y = values[at] as number;
    const x = ((times[at] as number) - origin) / 1000;
    let next = sumX + x;
    lostX = lost(sumX, lostX, x, next);
    sumX = next;
    next = sumY + y;
    lostY = lost(sumY, lostY, y, next);
    sumY = next;
    next = sumXY + x * y;
    lostXY = lost(sumXY, lostXY, x * y, next);
    sumXY = next;
    next = sumXX + x * x;
    lostXX = lost(sumXX, lostXX, x * x, next);
    sumXX = next;
  }
  sumX += lostX;
  sumY += lostY;
  sumXY += lostXY;
  sumXX += lostXX;
  const slope = (sumXY - (sumX * sumY) / count) / (sumXX - (sumX * sumX) / count);
  return { slope, intercept: sumY / count - (slope * sumX) / count };
}

const NO_LINE: Line = { slope: Number.NaN, intercept: Number.NaN };

function isConstant(values: Float64Array, from: number, to: number): boolean {
  const first = values[from];
  for (let at = from + 1; at < to; at++) if (values[at] !== first) return false;
  return true;
}

/** What is lost by then when `next` is the sum of `sum` and `value`. */
function lost(sum: number, before: number, value: number, next: number): number {
  if (next - next !== 0) return 0;
  return before + (Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum);
}

export function derivative({ annotations, place }: Complaints): RangeFunction {
  return (window, grid, cell) => {
    if (window.isMixed) noteIgnored(window, annotations, place);
    if (window.floatCount < 2) return;
    grid.setNumber(cell, lineThrough(window, window.floatTime(window.floatFrom)).slope);
  };
}

/** `ahead`: seconds from the time of evaluation, by step. */
export function predictLinear(
  ahead: Float64Array,
  now: (step: number) => number,
  { annotations, place }: Complaints,
): RangeFunction {
  return (window, grid, cell) => {
    if (window.isMixed) noteIgnored(window, annotations, place);
    if (window.floatCount < 2) return;
    const { slope, intercept } = lineThrough(window, now(window.step));
    grid.setNumber(cell, slope * (ahead[window.step] as number) + intercept);
  };
}

/** Double exponential smoothing. Source: NIST Engineering Statistics Handbook, 6.4.3.3. */
export function smooth(
  levels: Float64Array,
  trends: Float64Array,
  { annotations, place }: Complaints,
): RangeFunction {
  return (window, grid, cell) => {
    if (window.isMixed) noteIgnored(window, annotations, place);
    if (window.floatCount < 2) return;
    const level = levels[window.step] as number;
    const trend = trends[window.step] as number;
    let smoothed = window.float(window.floatFrom);
    let slope = window.float(window.floatFrom + 1) - smoothed;
    for (let at = window.floatFrom + 1; at < window.floatTo; at++) {
      const next = level * window.float(at) + (1 - level) * (smoothed + slope);
      slope = trend * (next - smoothed) + (1 - trend) * slope;
      smoothed = next;
    }
    grid.setNumber(cell, smoothed);
  };
}
