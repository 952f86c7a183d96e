/**
 * Ranges that reach beyond their ends (experimental): what a series was at the very beginning and end of a range is taken
 * from the samples around them, instead of being extrapolated from the samples within.
 *
 *   anchored  at the beginning: the last sample up to there, or the first one within; at the end: the last one
 *   smoothed  at both ends: interpolated between the samples before and after, or the nearest when one is missing
 *
 * Samples further away than the lookback do not count. A range without a sample after its beginning has no result.
 * Between two samples of a counter that was reset, it is taken to rise from zero over all of the time between them.
 *
 * Source: Prometheus' proposal PROM-52, "Extended range selectors semantics"; docs, feature flags.
 */
import type { NativeHistogram } from "../histogram.ts";
import { add, multiply, subtract, withCounterReset } from "../native-histogram/arithmetic.ts";
import { isCustom } from "../native-histogram/bounds.ts";
import { detectReset } from "../native-histogram/reset.ts";
import { forMetric } from "./annotations.ts";
import { warnOfLayouts } from "./counter.ts";
import type { Evaluation } from "./evaluation.ts";
import { changes, type Complaints, resets } from "./over-time.ts";
import { noteDoubtfulName } from "./rate.ts";
import type { RangeArgument } from "./select.ts";
import type { Column, RangeFunction, Window } from "./window.ts";

interface Context extends Complaints {
  readonly evaluation: Evaluation;
}

/** Of functions that the parser allows with the extension of the range. */
export function extendedFunctions(name: string, range: RangeArgument, context: Context): RangeFunction {
  const { lookback, experimental } = context.evaluation;
  if (name === "changes") return anchored(changes, lookback);
  if (name === "resets") return anchored(resets(experimental), lookback);
  const kind = {
    counter: name !== "delta",
    perSecond: name === "rate",
    smoothed: range.extension === "smoothed",
  };
  return extendedRate({ ...kind, lookback }, context);
}

/** The function over the window with the last sample before it. */
function anchored(compute: RangeFunction, lookback: number): RangeFunction {
  return (window, grid, cell) => {
    if (window.floatCount + window.histogramCount === 0) return;
    const float = timeBefore(window.floats, window.floatFrom, window.from - lookback);
    const histogram = timeBefore(window.histograms, window.histogramFrom, window.from - lookback);
    const { floatFrom, histogramFrom } = window;
    if (float > histogram) window.floatFrom--;
    else if (histogram > float) window.histogramFrom--;
    compute(window, grid, cell);
    window.floatFrom = floatFrom;
    window.histogramFrom = histogramFrom;
  };
}

/** Of the sample before `first`, when it is later than `after`. */
function timeBefore({ times }: Column<unknown>, first: number, after: number): number {
  const time = first > 0 ? (times[first - 1] as number) : Number.NEGATIVE_INFINITY;
  return time > after ? time : Number.NEGATIVE_INFINITY;
}

interface RateKind {
  readonly counter: boolean;
  readonly perSecond: boolean;
  readonly smoothed: boolean;
  readonly lookback: number;
}

function extendedRate(kind: RateKind, { annotations, place }: Complaints): RangeFunction {
  return (window, grid, cell) => {
    const floats = edgesOf(window.floats, window.floatFrom, window.floatTo, window, kind);
    const histograms = edgesOf(window.histograms, window.histogramFrom, window.histogramTo, window, kind);
    const scale = kind.perSecond ? 1000 / (window.to - window.from) : 1;
    if (floats !== undefined && histograms !== undefined)
      annotations.warn(`encountered a mix of histograms and floats${forMetric(window.name)}`, place);
    else if (floats !== undefined) {
      if (kind.counter) noteDoubtfulName(window, annotations, place);
      grid.setNumber(cell, floatRise(window, floats, kind.counter) * scale);
    } else if (histograms !== undefined) {
      const rise = histogramRise(window, histograms, kind.counter, { annotations, place });
      if (rise !== undefined) grid.setHistogram(cell, withCounterReset(multiply(rise, scale), "gauge"));
    }
  };
}

/** Where in a column the value at one end of the range comes from: a sample, or between one and its successor. */
interface Edge {
  readonly at: number;
  /** How far on the way to the next sample; 0: the sample itself. */
  readonly share: number;
}

interface Edges {
  readonly left: Edge;
  readonly right: Edge;
}

/** Undefined when there is nothing to go by. */
function edgesOf(
  { times, length }: Column<unknown>,
  first: number,
  end: number,
  { from, to }: Window,
  { smoothed, lookback }: RateKind,
): Edges | undefined {
  const hasBefore = first > 0 && (times[first - 1] as number) > from - lookback;
  const hasAfter = smoothed && end < length && (times[end] as number) <= to + lookback;
  if (end === first && !(hasBefore && hasAfter)) return undefined;
  const share = (at: number, time: number): number => {
    const before = times[at] as number;
    return (time - before) / ((times[at + 1] as number) - before);
  };
  const left = hasBefore
    ? { at: first - 1, share: smoothed ? share(first - 1, from) : 0 }
    : { at: first, share: 0 };
  return { left, right: { at: end - 1, share: hasAfter ? share(end - 1, to) : 0 } };
}

/**
 * The samples at which a counter may have been reset between the edges. Interpolation has taken care of a reset between
 * the two samples that the left edge is between.
 */
function* steps({ left, right }: Edges): Generator<number> {
  const last = right.share > 0 ? right.at + 1 : right.at;
  for (let at = left.share > 0 ? left.at + 2 : left.at + 1; at <= last; at++) yield at;
}

function floatRise(window: Window, edges: Edges, counter: boolean): number {
  const valueAt = ({ at, share }: Edge): number => {
    const value = window.float(at);
    if (share === 0) return value;
    const next = window.float(at + 1);
    return counter && next < value ? next * share : value + (next - value) * share;
  };
  let rise = valueAt(edges.right) - valueAt(edges.left);
  if (counter)
    for (const at of steps(edges)) if (window.float(at) < window.float(at - 1)) rise += window.float(at - 1);
  return rise;
}

function histogramRise(
  window: Window,
  edges: Edges,
  counter: boolean,
  complaints: Complaints,
): NativeHistogram | undefined {
  warnOfKind(window, edges, counter, complaints);
  const right = between(window, edges.right, counter);
  const left = between(window, edges.left, counter);
  let rise = left === undefined || right === undefined ? undefined : plus(right, left, subtract, complaints);
  if (counter)
    for (const at of steps(edges)) {
      const before = window.histogram(at - 1);
      if (rise !== undefined && detectReset(before, window.histogram(at)))
        rise = plus(rise, before, add, complaints);
    }
  if (rise === undefined) warnOfLayouts(window.name, complaints.annotations, complaints.place);
  return rise;
}

function between(window: Window, { at, share }: Edge, counter: boolean): NativeHistogram | undefined {
  const before = window.histogram(at);
  return share === 0 ? before : interpolated(before, window.histogram(at + 1), share, counter);
}

/** Undefined when one has custom buckets and the other has not. */
export function interpolated(
  before: NativeHistogram,
  after: NativeHistogram,
  share: number,
  counter: boolean,
): NativeHistogram | undefined {
  if (isCustom(before) !== isCustom(after)) return undefined;
  if (counter && detectReset(before, after)) return multiply(after, share);
  const rise = subtract(after, before);
  if (rise === undefined) return undefined;
  const sum = add(before, withCounterReset(multiply(rise.histogram, share), before.counterReset));
  return sum?.histogram;
}

function plus(
  one: NativeHistogram,
  other: NativeHistogram,
  combine: typeof add,
  { annotations, place }: Complaints,
): NativeHistogram | undefined {
  const combination = combine(one, other);
  if (combination?.boundsReconciled === true) {
    const operation = combine === add ? "addition" : "subtraction";
    annotations.info(`mismatched custom buckets were reconciled during ${operation}`, place);
  }
  return combination?.histogram;
}

/** rate() and increase() want counters throughout, delta() wants gauges at both ends. */
function warnOfKind(
  window: Window,
  { left, right }: Edges,
  counter: boolean,
  { annotations, place }: Complaints,
): void {
  const last = right.share > 0 ? right.at + 1 : right.at;
  const isGauge = (at: number): boolean => window.histogram(at).counterReset === "gauge";
  if (!counter && !(isGauge(left.at) && isGauge(last)))
    annotations.warn(`this native histogram metric is not a gauge: ${JSON.stringify(window.name)}`, place);
  if (!counter) return;
  for (let at = left.at; at <= last; at++)
    if (isGauge(at))
      return annotations.warn(
        `this native histogram metric is not a counter: ${JSON.stringify(window.name)}`,
        place,
      );
}
