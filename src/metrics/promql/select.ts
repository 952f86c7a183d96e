/**
 * Selectors: from the store's series to grids and windows.
 *
 * An instant selector sees the last sample that is at most the lookback old, exclusively, unless a mark of staleness came
 * after it. A range (from, to] is open on the left. `offset` and `@` move the time at which either looks.
 */
import type { NativeHistogram } from "../histogram.ts";
import { METRIC_NAME } from "../labels.ts";
import { withCounterReset } from "../native-histogram/arithmetic.ts";
import { detectReset } from "../native-histogram/reset.ts";
import { HISTOGRAM, type Points, type Series, STALE } from "../series.ts";
import type { Expression, Place, Shift, Subquery, VectorSelector } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Grid } from "./grid.ts";
import { type SplitSeries, splitPoints, splitRow } from "./window.ts";

/** The time a shifted selector looks at, for each step. */
export function lookAt(evaluation: Evaluation, { offset, at }: Shift): (step: number) => number {
  const shift = offset === undefined ? 0 : evaluation.duration(offset);
  if (at === undefined) return (step) => evaluation.time(step) - shift;
  const pinned = at === "start" ? evaluation.query.start : at === "end" ? evaluation.query.end : at;
  return () => pinned - shift;
}

/** What the cells of a selector hold: the values of the samples, their times, or their start times in seconds. */
export type Take = "value" | "time" | "start";

export function selectInstant(evaluation: Evaluation, selector: VectorSelector, take: Take = "value"): Grid {
  const { lookback, steps } = evaluation;
  const time = lookAt(evaluation, selector);
  const series = seriesOf(evaluation, selector, time(0) - lookback + 1, time(steps - 1));
  const grid = evaluation.grid(series.map(({ labels }) => labels));
  grid.oneName = selector.matchers.some(({ name, operator }) => name === METRIC_NAME && operator === "=");
  const times = new Float64Array(steps);
  for (let step = 0; step < steps; step++) times[step] = time(step);
  for (const [row, { points }] of series.entries()) fillRow(grid, row * steps, points, times, lookback, take);
  return grid;
}

/** From `from` to `to`, both inclusive. */
export function seriesOf(
  evaluation: Evaluation,
  { matchers }: VectorSelector,
  from: number,
  to: number,
): readonly Series[] {
  const series = evaluation.select(matchers, from, to);
  if (!evaluation.detectsResets || !series.some(({ points }) => points.histograms !== undefined))
    return series;
  return series.map(({ labels, points }) => ({ labels, points: withResets(points) }));
}

function withResets(points: Points): Points {
  let before: NativeHistogram | undefined;
  const histograms = points.histograms?.map((histogram) => {
    const known = before;
    before = histogram;
    if (histogram === undefined || known === undefined || histogram.counterReset !== "unknown")
      return histogram;
    return withCounterReset(histogram, detectReset(known, histogram) ? "reset" : "none");
  });
  return histograms === undefined ? points : { ...points, histograms };
}

function fillRow(
  grid: Grid,
  first: number,
  points: Points,
  looks: Float64Array,
  lookback: number,
  take: Take,
): void {
  const { times, length, marks } = points;
  let next = 0;
  for (let step = 0; step < looks.length; step++) {
    const look = looks[step] as number;
    while (next < length && (times[next] as number) <= look) next++;
    const at = next - 1;
    if (at < 0 || (times[at] as number) <= look - lookback) continue;
    if (marks === undefined && take === "value") grid.setNumber(first + step, points.values[at] as number);
    else fillCell(grid, first + step, points, at, take);
  }
}

function fillCell(grid: Grid, cell: number, points: Points, at: number, take: Take): void {
  const mark = points.marks?.[at];
  if (mark === STALE) return;
  if (take === "time") grid.setNumber(cell, (points.times[at] as number) / 1000);
  else if (take === "start") {
    const start = points.starts?.[at] ?? 0;
    grid.setNumber(cell, start / 1000);
  } else if (mark === HISTOGRAM) {
    const histogram = points.histograms?.[at];
    if (histogram !== undefined) grid.setHistogram(cell, histogram);
  } else grid.setNumber(cell, points.values[at] as number);
}

/** What functions over ranges are given. */
export interface RangeArgument {
  readonly series: readonly SplitSeries[];
  /** Milliseconds. */
  readonly range: number;
  /** The end of the window of each step. */
  readonly end: (step: number) => number;
  readonly place: Place;
  readonly oneName: boolean;
  readonly extension?: "anchored" | "smoothed";
}

/** Evaluates an expression at other times: what a subquery asks for. */
export type Evaluate = (evaluation: Evaluation, expression: Expression) => Grid;

export function selectRange(evaluation: Evaluation, argument: Expression, evaluate: Evaluate): RangeArgument {
  if (argument.kind === "paren") return selectRange(evaluation, argument.operand, evaluate);
  if (argument.kind === "subquery") return runSubquery(evaluation, argument, evaluate);
  if (argument.kind !== "range") throw new TypeError(`A ${argument.kind} is no range.`);
  const { selector, place } = argument;
  const range = evaluation.duration(argument.range);
  if (range <= 0) evaluation.fail("duration must be greater than 0", place);
  const end = lookAt(evaluation, selector);
  const { lookback, steps } = evaluation;
  const before = selector.extension === undefined ? 0 : lookback;
  const after = selector.extension === "smoothed" ? lookback : 0;
  const found = seriesOf(evaluation, selector, end(0) - range - before + 1, end(steps - 1) + after);
  return {
    series: found.map(({ labels, points }) => splitPoints(labels, points)),
    range,
    end,
    place,
    oneName: selector.matchers.some(({ name, operator }) => name === METRIC_NAME && operator === "="),
    ...(selector.extension !== undefined && { extension: selector.extension }),
  };
}

/** Steps of a subquery are multiples of its step, whatever the times of the query. */
function runSubquery(evaluation: Evaluation, subquery: Subquery, evaluate: Evaluate): RangeArgument {
  const { operand, place } = subquery;
  const range = evaluation.duration(subquery.range);
  const step = subquery.step === undefined ? evaluation.subqueryStep : evaluation.duration(subquery.step);
  if (range <= 0 || step <= 0) evaluation.fail("duration must be greater than 0", place);
  const end = lookAt(evaluation, subquery);
  const earliest = end(0) - range;
  const start = (Math.floor(earliest / step) + 1) * step;
  const steps = Math.floor((end(evaluation.steps - 1) - start) / step) + 1;
  const found = { range, end, place };
  if (steps <= 0) return { ...found, series: [], oneName: true };
  const inner = evaluation.at({ start, step, steps });
  const grid = evaluate(inner, operand);
  const series: SplitSeries[] = [];
  for (let row = 0; row < grid.rows; row++)
    series.push(splitRow(grid, row, inner.labelsOf(grid, row), (at) => inner.time(at)));
  return { ...found, series, oneName: grid.oneName };
}
