/**
 * rate(), increase() and delta(): the difference between the last and the first sample of a window, plus what counters
 * lost in resets, extrapolated to the ends of the window: up to the end when the samples come close to it, half a usual
 * distance between samples otherwise, and never to where a counter would be below zero.
 *
 * With start timestamps (experimental) a counter is known to have been zero at its start: no extrapolation is needed to
 * the left of it, and a new start is a reset even where the value did not fall.
 *
 * Source: Prometheus' docs, querying/functions; the specification of native histograms, "Functions".
 */
import { multiply } from "../native-histogram/arithmetic.ts";
import { type Annotations, forMetric } from "./annotations.ts";
import type { Place } from "./ast.ts";
import { floatDifference, histogramDifference } from "./counter.ts";
import type { Grid } from "./grid.ts";
import { startWithin, warnOfOverlaps } from "./start-times.ts";
import type { RangeFunction, Window } from "./window.ts";

export interface RateKind {
  readonly counter: boolean;
  readonly perSecond: boolean;
  /** Whether start times of counters are taken into account. */
  readonly byStarts: boolean;
}

export function rateFunction(kind: RateKind, annotations: Annotations, place: Place): RangeFunction {
  return (window, grid, cell) => {
    const { floatCount, histogramCount } = window;
    if (floatCount > 0 && histogramCount > 0)
      annotations.warn(`encountered a mix of histograms and floats${forMetric(window.name)}`, place);
    else if (floatCount > 0) rateOfFloats(window, grid, cell, kind, annotations, place);
    else if (histogramCount > 0) rateOfHistograms(window, grid, cell, kind, annotations, place);
  };
}

function rateOfFloats(
  window: Window,
  grid: Grid,
  cell: number,
  { counter, perSecond, byStarts }: RateKind,
  annotations: Annotations,
  place: Place,
): void {
  const { floats, floatFrom, floatTo, from } = window;
  let start: number | undefined;
  if (byStarts && counter && floats.starts !== undefined) {
    warnOfOverlaps(annotations, place, window, floats, floatFrom, floatTo - 1);
    start = startWithin(floats, floatFrom, from);
  }
  if (floatTo - floatFrom < 2 && start === undefined) return;
  if (counter && !window.isNoted) noteDoubtfulName(window, annotations, place);
  const difference = floatDifference(window, counter, start !== undefined, byStarts);
  const reach = counter && difference > 0 ? window.float(floatFrom) / difference : -1;
  const factor = extrapolation(window, floats.times, floatFrom, floatTo, start, reach);
  grid.setNumber(cell, difference * factor * (perSecond ? 1000 / (window.to - from) : 1));
}

function rateOfHistograms(
  window: Window,
  grid: Grid,
  cell: number,
  { counter, perSecond, byStarts }: RateKind,
  annotations: Annotations,
  place: Place,
): void {
  const { histograms, histogramFrom, histogramTo, from } = window;
  let start: number | undefined;
  if (byStarts && counter && histograms.starts !== undefined) {
    warnOfOverlaps(annotations, place, window, histograms, histogramFrom, histogramTo - 1);
    start = startWithin(histograms, histogramFrom, from);
  }
  if (histogramTo - histogramFrom < 2 && start === undefined) return;
  const options = { counter, fromZero: start !== undefined, byStarts: byStarts && counter };
  const difference = histogramDifference(window, options, annotations, place);
  if (difference === undefined) return;
  const reach =
    counter && difference.count > 0 ? window.histogram(histogramFrom).count / difference.count : -1;
  const factor = extrapolation(window, histograms.times, histogramFrom, histogramTo, start, reach);
  grid.setHistogram(cell, multiply(difference, factor * (perSecond ? 1000 / (window.to - from) : 1)));
}

/**
 * By what the difference is to be multiplied. `start`: when the counter is known to have been zero. `reach`: for counters,
 * which share of the sampled time before the first sample the counter would have been zero; below 0 when nothing is known.
 */
function extrapolation(
  { from, to }: Window,
  times: Float64Array,
  first: number,
  end: number,
  start: number | undefined,
  reach: number,
): number {
  // In seconds: in milliseconds, products would be rounded in other places than Prometheus does.
  const firstTime = times[first] as number;
  const lastTime = times[end - 1] as number;
  const distance = end - first > 1 ? (lastTime - firstTime) / 1000 / (end - first - 1) : 0;
  const threshold = distance * 1.1;
  const sampled = (lastTime - (start ?? firstTime)) / 1000;
  let before = 0;
  if (start === undefined) {
    before = (firstTime - from) / 1000;
    if (before >= threshold) before = distance / 2;
    if (reach >= 0 && sampled * reach < before) before = sampled * reach;
  }
  let after = (to - lastTime) / 1000;
  if (after >= threshold) after = distance / 2;
  return (sampled + before + after) / sampled;
}

/** Counters are named so by convention; rates of anything else are often a mistake. */
export function noteDoubtfulName(window: Window, annotations: Annotations, place: Place): void {
  const { name } = window;
  window.isNoted = true;
  if (name === "" || /_(?:total|sum|count|bucket)$/.test(name)) return;
  annotations.info(
    `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${JSON.stringify(name)}`,
    place,
  );
}
