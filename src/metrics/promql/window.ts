/**
 * The samples of one series that lie in a window of time, as functions over ranges see them. The window (from, to] moves
 * on only; two indices into the columns follow it, floats and histograms apart, so that nothing is copied.
 */
import type { NativeHistogram } from "../histogram.ts";
import type { Labels } from "../labels.ts";
import { withCounterReset } from "../native-histogram/arithmetic.ts";
import { FLOAT, HISTOGRAM, type Points } from "../series.ts";
import { ABSENT, type Grid, NUMBER } from "./grid.ts";

const NOTHING = new Float64Array(0);

/** The floats or the histograms of a series, without marks of staleness. */
export interface Column<Values> {
  readonly length: number;
  readonly times: Float64Array;
  readonly values: Values;
  /** Start times, where any is known. */
  readonly starts?: Float64Array;
}

export type FloatColumn = Column<Float64Array>;
export type HistogramColumn = Column<readonly NativeHistogram[]>;

export const NO_FLOATS: FloatColumn = { length: 0, times: NOTHING, values: NOTHING };
export const NO_HISTOGRAMS: HistogramColumn = { length: 0, times: NOTHING, values: [] };

export interface SplitSeries {
  readonly labels: Labels;
  /** Its name is to be dropped already. */
  readonly dropped: boolean;
  readonly floats: FloatColumn;
  readonly histograms: HistogramColumn;
}

export function splitPoints(labels: Labels, points: Points): SplitSeries {
  const { marks } = points;
  if (marks === undefined) return { labels, dropped: false, floats: points, histograms: NO_HISTOGRAMS };
  return { labels, dropped: false, floats: floatsOf(points, marks), histograms: histogramsOf(points, marks) };
}

function floatsOf({ length, times, values, starts }: Points, marks: Uint8Array): FloatColumn {
  const keptTimes = new Float64Array(length);
  const keptValues = new Float64Array(length);
  const keptStarts = starts === undefined ? undefined : new Float64Array(length);
  let kept = 0;
  for (let at = 0; at < length; at++) {
    if (marks[at] !== FLOAT) continue;
    keptTimes[kept] = times[at] as number;
    keptValues[kept] = values[at] as number;
    if (keptStarts !== undefined) keptStarts[kept] = starts?.[at] ?? 0;
    kept++;
  }
  return { length: kept, times: keptTimes, values: keptValues, ...(keptStarts && { starts: keptStarts }) };
}

function histogramsOf({ length, times, histograms, starts }: Points, marks: Uint8Array): HistogramColumn {
  if (histograms === undefined) return NO_HISTOGRAMS;
  const keptTimes: number[] = [];
  const keptStarts: number[] = [];
  const values: NativeHistogram[] = [];
  for (let at = 0; at < length; at++) {
    const histogram = histograms[at];
    if (marks[at] !== HISTOGRAM || histogram === undefined) continue;
    keptTimes.push(times[at] as number);
    keptStarts.push(starts?.[at] ?? 0);
    values.push(histogram);
  }
  const known = starts === undefined ? {} : { starts: Float64Array.from(keptStarts) };
  return { length: values.length, times: Float64Array.from(keptTimes), values, ...known };
}

/** A row of a grid, as the series it is to the functions over a subquery. */
export function splitRow(
  grid: Grid,
  row: number,
  labels: Labels,
  time: (step: number) => number,
): SplitSeries {
  const { steps } = grid;
  const times = new Float64Array(steps);
  const values = new Float64Array(steps);
  const histogramTimes: number[] = [];
  const histograms: NativeHistogram[] = [];
  let floats = 0;
  for (let step = 0; step < steps; step++) {
    const cell = row * steps + step;
    const mark = grid.marks[cell];
    if (mark === NUMBER) {
      times[floats] = time(step);
      values[floats++] = grid.values[cell] as number;
    } else if (mark !== ABSENT) {
      histogramTimes.push(time(step));
      histograms.push(forgetful(grid.histogram(cell) as NativeHistogram));
    }
  }
  return {
    labels,
    dropped: grid.dropped[row] === 1,
    floats: { length: floats, times, values },
    histograms: {
      length: histograms.length,
      times: Float64Array.from(histogramTimes),
      values: histograms,
    },
  };
}

/** A subquery may step over samples, and see one twice: what is known of resets since the sample before is void. */
function forgetful(histogram: NativeHistogram): NativeHistogram {
  return histogram.counterReset === "gauge" ? histogram : withCounterReset(histogram, "unknown");
}

export class Window {
  series: SplitSeries | undefined;
  floats: FloatColumn = NO_FLOATS;
  histograms: HistogramColumn = NO_HISTOGRAMS;
  /** Floats from `floatFrom` up to, not including, `floatTo` are within; the same of histograms. */
  floatFrom = 0;
  floatTo = 0;
  histogramFrom = 0;
  histogramTo = 0;
  from = 0;
  to = 0;
  step = 0;
  /** Whether what is to be said about the name of the series is said. */
  isNoted = false;
  #falls: readonly number[] | undefined;

  load(series: SplitSeries): void {
    this.series = series;
    this.floats = series.floats;
    this.histograms = series.histograms;
    this.floatFrom = this.floatTo = this.histogramFrom = this.histogramTo = 0;
    this.#falls = undefined;
    this.isNoted = false;
  }

  move(from: number, to: number, step: number): void {
    this.from = from;
    this.to = to;
    this.step = step;
    const { times, length } = this.floats;
    let low = this.floatFrom;
    while (low < length && (times[low] as number) <= from) low++;
    let high = Math.max(this.floatTo, low);
    while (high < length && (times[high] as number) <= to) high++;
    this.floatFrom = low;
    this.floatTo = high;
    if (this.histograms.length > 0) this.#moveHistograms(from, to);
  }

  #moveHistograms(from: number, to: number): void {
    const { times, length } = this.histograms;
    while (this.histogramFrom < length && (times[this.histogramFrom] as number) <= from) this.histogramFrom++;
    this.histogramTo = Math.max(this.histogramTo, this.histogramFrom);
    while (this.histogramTo < length && (times[this.histogramTo] as number) <= to) this.histogramTo++;
  }

  get floatCount(): number {
    return this.floatTo - this.floatFrom;
  }

  get histogramCount(): number {
    return this.histogramTo - this.histogramFrom;
  }

  /** Floats before and floats as well as histograms: what most functions cannot make sense of. */
  get isMixed(): boolean {
    return this.floatCount > 0 && this.histogramCount > 0;
  }

  /** The name of the metric, for annotations. */
  get name(): string {
    return this.series?.labels.get("__name__") ?? "";
  }

  /** Indices of floats that are lower than the float before, of the whole series: where a counter was reset. */
  get falls(): readonly number[] {
    this.#falls ??= fallsOf(this.floats);
    return this.#falls;
  }

  float(index: number): number {
    return this.floats.values[index] as number;
  }

  floatTime(index: number): number {
    return this.floats.times[index] as number;
  }

  histogram(index: number): NativeHistogram {
    return this.histograms.values[index] as NativeHistogram;
  }

  histogramTime(index: number): number {
    return this.histograms.times[index] as number;
  }
}

const NEVER: readonly number[] = [];

function fallsOf({ values, length }: FloatColumn): readonly number[] {
  let falls: number[] | undefined;
  for (let at = 1; at < length; at++)
    if ((values[at] as number) < (values[at - 1] as number)) (falls ??= []).push(at);
  return falls ?? NEVER;
}

/** Puts into the cell what the function comes to over the window, or nothing. */
export type RangeFunction = (window: Window, grid: Grid, cell: number) => void;
