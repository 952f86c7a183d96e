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

/** Least squares, compensated; `origin` in milliseconds is where the line's intercept is taken. */
function lineThrough(window: Window, origin: number): Line {
  const { floatFrom, floatTo } = window;
  const first = window.float(floatFrom);
  let isConstant = true;
  let [sumX, lostX, sumY, lostY, sumXY, lostXY, sumXX, lostXX] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let at = floatFrom; at < floatTo; at++) {
    const y = window.float(at);
    if (isConstant && at > floatFrom && y !== first) isConstant = false;
    const x = (window.floatTime(at) - origin) / 1000;
    [sumX, lostX] = plus(sumX, lostX, x);
    [sumY, lostY] = plus(sumY, lostY, y);
    [sumXY, lostXY] = plus(sumXY, lostXY, x * y);
    [sumXX, lostXX] = plus(sumXX, lostXX, x * x);
  }
  if (isConstant) return Number.isFinite(first) ? { slope: 0, intercept: first } : NO_LINE;
  const count = floatTo - floatFrom;
  sumX += lostX;
  sumY += lostY;
  sumXY += lostXY;
  sumXX += lostXX;
  const slope = (sumXY - (sumX * sumY) / count) / (sumXX - (sumX * sumX) / count);
  return { slope, intercept: sumY / count - (slope * sumX) / count };
}

const NO_LINE: Line = { slope: Number.NaN, intercept: Number.NaN };

function plus(sum: number, lost: number, value: number): [number, number] {
  const next = sum + value;
  if (!Number.isFinite(next)) return [next, 0];
  return [next, lost + (Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum)];
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
