/**
 * `metric smoothed` (experimental): the value of a series at a time is interpolated between the samples before and after.
 * Without a later sample within the lookback, the earlier one holds; without an earlier one there is no value.
 */
import { METRIC_NAME } from "../labels.ts";
import { forMetric } from "./annotations.ts";
import type { VectorSelector } from "./ast.ts";
import { warnOfLayouts } from "./counter.ts";
import type { Evaluation } from "./evaluation.ts";
import { interpolated } from "./extended.ts";
import type { Grid } from "./grid.ts";
import { lookAt } from "./select.ts";
import { type Column, splitPoints, Window } from "./window.ts";

export function selectSmoothed(evaluation: Evaluation, selector: VectorSelector): Grid {
  const { lookback, steps } = evaluation;
  const time = lookAt(evaluation, selector);
  const series = evaluation.select(selector.matchers, time(0) - lookback + 1, time(steps - 1) + lookback);
  const grid = evaluation.grid(series.map(({ labels }) => labels));
  grid.oneName = selector.matchers.some(({ name, operator }) => name === METRIC_NAME && operator === "=");
  const window = new Window();
  for (const [row, { labels, points }] of series.entries()) {
    window.load(splitPoints(labels, points));
    for (let step = 0; step < steps; step++) {
      const at = time(step);
      window.move(at - lookback, at + lookback, step);
      fill(evaluation, selector, window, at, grid, row * steps + step);
    }
  }
  return grid;
}

function fill(
  { annotations }: Evaluation,
  { place }: VectorSelector,
  window: Window,
  time: number,
  grid: Grid,
  cell: number,
): void {
  if (window.isMixed)
    return annotations.warn(`encountered a mix of histograms and floats${forMetric(window.name)}`, place);
  if (window.floatCount > 0) {
    const { at, share } = find(window.floats, window.floatFrom, window.floatTo, time);
    if (at < window.floatFrom) return;
    const value = window.float(at);
    return grid.setNumber(cell, share === 0 ? value : value + (window.float(at + 1) - value) * share);
  }
  const { at, share } = find(window.histograms, window.histogramFrom, window.histogramTo, time);
  if (at < window.histogramFrom) return;
  const before = window.histogram(at);
  if (share === 0) return grid.setHistogram(cell, before);
  const after = window.histogram(at + 1);
  const counter = before.counterReset !== "gauge" && after.counterReset !== "gauge";
  const value = interpolated(before, after, share, counter);
  if (value === undefined) warnOfLayouts(window.name, annotations, place);
  else grid.setHistogram(cell, value);
}

/** The last sample up to the time, and how far the time is on the way to the next; below `from` when there is none. */
function find(
  { times }: Column<unknown>,
  from: number,
  to: number,
  time: number,
): { at: number; share: number } {
  let next = from;
  while (next < to && (times[next] as number) <= time) next++;
  const at = next - 1;
  if (at < from || next === to) return { at, share: 0 };
  const before = times[at] as number;
  return { at, share: (time - before) / ((times[next] as number) - before) };
}
