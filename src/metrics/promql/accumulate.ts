/**
 * Many rows into one, cell by cell: sum, avg, min, max, count, group, stddev, stdvar. A row is added in one loop over all
 * of its steps. Sums and means are compensated, as in Prometheus.
 */
import type { NativeHistogram } from "../histogram.ts";
import { METRIC_NAME } from "../labels.ts";
import { HistogramMean, HistogramSum } from "../native-histogram/sum.ts";
import type { Aggregate, AggregateOperator } from "./ast.ts";
import { warnOfLayouts } from "./counter.ts";
import type { Evaluation } from "./evaluation.ts";
import { ABSENT, type Grid, NUMBER } from "./grid.ts";
import { Mean } from "./statistics.ts";

export interface Accumulator {
  /** To so many cells; may be asked for again as groups turn up. */
  resize(cells: number): void;
  /** `first`: the cell of the group's first step. */
  addRow(first: number, grid: Grid, row: number): void;
  finish(result: Grid): void;
}

export type Accumulated = Exclude<
  AggregateOperator,
  "topk" | "bottomk" | "limitk" | "limit_ratio" | "quantile" | "count_values"
>;

export function accumulatorFor(operator: Accumulated, evaluation: Evaluation, node: Aggregate): Accumulator {
  const context = { evaluation, node };
  switch (operator) {
    case "sum":
      return new Sum(context);
    case "avg":
      return new Average(context);
    case "min":
      return new Extreme(context, false);
    case "max":
      return new Extreme(context, true);
    case "count":
      return new Count(false);
    case "group":
      return new Count(true);
    case "stddev":
      return new Variance(context, true);
    case "stdvar":
      return new Variance(context, false);
  }
}

interface Context {
  readonly evaluation: Evaluation;
  readonly node: Aggregate;
}

function grown(old: Float64Array, cells: number): Float64Array {
  if (old.length >= cells) return old;
  const larger = new Float64Array(Math.max(cells, old.length * 2));
  larger.set(old);
  return larger;
}

function noteIgnored({ evaluation, node }: Context): void {
  evaluation.annotations.info(`ignored histogram in ${node.operator} aggregation`, node.operand.place);
}

interface HistogramTotal {
  readonly resetsCollide: boolean;
  readonly boundsReconciled: boolean;
  add(histogram: NativeHistogram): boolean;
}

/** The histograms among the cells of sums and means, and what became of cells that saw floats as well. */
class HistogramCells<Total extends HistogramTotal> {
  readonly #context: Context;
  readonly #begin: (histogram: NativeHistogram) => Total;
  readonly #totals = new Map<number, Total | "spoilt">();

  constructor(context: Context, begin: (histogram: NativeHistogram) => Total) {
    this.#context = context;
    this.#begin = begin;
  }

  add(cell: number, histogram: NativeHistogram, name: string): void {
    const total = this.#totals.get(cell);
    if (total === undefined) this.#totals.set(cell, this.#begin(histogram));
    else if (total !== "spoilt" && !total.add(histogram)) {
      const { evaluation, node } = this.#context;
      warnOfLayouts(name, evaluation.annotations, node.operand.place);
      this.#totals.set(cell, "spoilt");
    }
  }

  /** `floats`: how many floats each cell saw. */
  finish(result: Grid, floats: Float64Array, settle: (total: Total) => NativeHistogram): void {
    const { evaluation, node } = this.#context;
    const { annotations } = evaluation;
    const { place } = node.operand;
    for (const [cell, total] of this.#totals) {
      if (floats[cell] !== 0) {
        annotations.warn("encountered a mix of histograms and floats for aggregation", place);
        result.clear(cell);
        continue;
      }
      if (total === "spoilt") continue;
      if (total.resetsCollide)
        annotations.warn("conflicting counter resets during histogram aggregation", place);
      if (total.boundsReconciled)
        annotations.info("mismatched custom buckets were reconciled during aggregation", place);
      result.setHistogram(cell, settle(total));
    }
  }
}

class Sum implements Accumulator {
  #sums: Float64Array = new Float64Array(0);
  #lost: Float64Array = new Float64Array(0);
  #counts: Float64Array = new Float64Array(0);
  readonly #histograms: HistogramCells<HistogramSum>;

  constructor(context: Context) {
    this.#histograms = new HistogramCells(context, (first) => new HistogramSum(first));
  }

  resize(cells: number): void {
    this.#sums = grown(this.#sums, cells);
    this.#lost = grown(this.#lost, cells);
    this.#counts = grown(this.#counts, cells);
  }

  addRow(first: number, grid: Grid, row: number): void {
    const { marks, values, steps } = grid;
    const sums = this.#sums;
    const lost = this.#lost;
    const counts = this.#counts;
    const source = row * steps;
    for (let step = 0; step < steps; step++) {
      const mark = marks[source + step];
      if (mark === ABSENT) continue;
      const cell = first + step;
      if (mark !== NUMBER) {
        addHistogram(this.#histograms, cell, grid, row, source + step);
        continue;
      }
      const value = values[source + step] as number;
      const sum = sums[cell] as number;
      const next = sum + value;
      const error = Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      // An infinite sum has no rounding errors, only NaN instead of them.
      lost[cell] = next - next === 0 ? (lost[cell] as number) + error : 0;
      sums[cell] = next;
      counts[cell] = (counts[cell] as number) + 1;
    }
  }

  finish(result: Grid): void {
    for (let cell = 0; cell < result.marks.length; cell++)
      if (this.#counts[cell] !== 0)
        result.setNumber(cell, (this.#sums[cell] as number) + (this.#lost[cell] as number));
    this.#histograms.finish(result, this.#counts, (sum) => sum.total());
  }
}

function addHistogram<Total extends HistogramTotal>(
  cells: HistogramCells<Total>,
  cell: number,
  grid: Grid,
  row: number,
  from: number,
): void {
  cells.add(cell, grid.histogram(from) as NativeHistogram, grid.labels[row]?.get(METRIC_NAME) ?? "");
}

class Average implements Accumulator {
  readonly #means: (Mean | undefined)[] = [];
  readonly #histograms: HistogramCells<HistogramMean>;

  constructor(context: Context) {
    this.#histograms = new HistogramCells(context, (first) => new HistogramMean(first));
  }

  resize(cells: number): void {
    while (this.#means.length < cells) this.#means.push(undefined);
  }

  addRow(first: number, grid: Grid, row: number): void {
    const { marks, values, steps } = grid;
    const source = row * steps;
    for (let step = 0; step < steps; step++) {
      const mark = marks[source + step];
      if (mark === NUMBER) (this.#means[first + step] ??= new Mean()).add(values[source + step] as number);
      else if (mark !== ABSENT) addHistogram(this.#histograms, first + step, grid, row, source + step);
    }
  }

  finish(result: Grid): void {
    const counts = new Float64Array(result.marks.length);
    for (let cell = 0; cell < counts.length; cell++) {
      const mean = this.#means[cell];
      if (mean === undefined) continue;
      counts[cell] = 1;
      result.setNumber(cell, mean.value);
    }
    this.#histograms.finish(result, counts, (mean) => mean.mean());
  }
}

/** min and max: NaN only where there is nothing else. */
class Extreme implements Accumulator {
  readonly #context: Context;
  readonly #greatest: boolean;
  #values: Float64Array = new Float64Array(0);
  #seen: Float64Array = new Float64Array(0);

  constructor(context: Context, greatest: boolean) {
    this.#context = context;
    this.#greatest = greatest;
  }

  resize(cells: number): void {
    this.#values = grown(this.#values, cells);
    this.#seen = grown(this.#seen, cells);
  }

  addRow(first: number, grid: Grid, row: number): void {
    const { marks, values, steps } = grid;
    const known = this.#values;
    const seen = this.#seen;
    const source = row * steps;
    for (let step = 0; step < steps; step++) {
      const mark = marks[source + step];
      if (mark === ABSENT) continue;
      if (mark !== NUMBER) {
        noteIgnored(this.#context);
        continue;
      }
      const value = values[source + step] as number;
      const best = known[first + step] as number;
      const better = this.#greatest ? value > best : value < best;
      if (seen[first + step] === 0 || better || Number.isNaN(best)) known[first + step] = value;
      seen[first + step] = 1;
    }
  }

  finish(result: Grid): void {
    for (let cell = 0; cell < result.marks.length; cell++)
      if (this.#seen[cell] !== 0) result.setNumber(cell, this.#values[cell] as number);
  }
}

/** count, and group, which is 1 whatever the count. */
class Count implements Accumulator {
  readonly #asOne: boolean;
  #counts: Float64Array = new Float64Array(0);

  constructor(asOne: boolean) {
    this.#asOne = asOne;
  }

  resize(cells: number): void {
    this.#counts = grown(this.#counts, cells);
  }

  addRow(first: number, { marks, steps }: Grid, row: number): void {
    const counts = this.#counts;
    const source = row * steps;
    for (let step = 0; step < steps; step++)
      if (marks[source + step] !== ABSENT) counts[first + step] = (counts[first + step] as number) + 1;
  }

  finish(result: Grid): void {
    for (let cell = 0; cell < result.marks.length; cell++) {
      const count = this.#counts[cell] as number;
      if (count > 0) result.setNumber(cell, this.#asOne ? 1 : count);
    }
  }
}

/** Of the whole population, in one pass (Welford). */
class Variance implements Accumulator {
  readonly #context: Context;
  readonly #root: boolean;
  #counts: Float64Array = new Float64Array(0);
  #means: Float64Array = new Float64Array(0);
  #squares: Float64Array = new Float64Array(0);

  constructor(context: Context, root: boolean) {
    this.#context = context;
    this.#root = root;
  }

  resize(cells: number): void {
    this.#counts = grown(this.#counts, cells);
    this.#means = grown(this.#means, cells);
    this.#squares = grown(this.#squares, cells);
  }

  addRow(first: number, grid: Grid, row: number): void {
    const { marks, values, steps } = grid;
    const source = row * steps;
    for (let step = 0; step < steps; step++) {
      const mark = marks[source + step];
      if (mark === ABSENT) continue;
      if (mark !== NUMBER) {
        noteIgnored(this.#context);
        continue;
      }
      const cell = first + step;
      const value = values[source + step] as number;
      const count = (this.#counts[cell] as number) + 1;
      const mean = this.#means[cell] as number;
      const difference = value - mean;
      const moved = mean + difference / count;
      this.#counts[cell] = count;
      this.#means[cell] = moved;
      this.#squares[cell] = (this.#squares[cell] as number) + difference * (value - moved);
    }
  }

  finish(result: Grid): void {
    for (let cell = 0; cell < result.marks.length; cell++) {
      const count = this.#counts[cell] as number;
      if (count === 0) continue;
      const variance = (this.#squares[cell] as number) / count;
      result.setNumber(cell, this.#root ? Math.sqrt(variance) : variance);
    }
  }
}
