/**
 * What the evaluation of one query shares: where series come from, the steps, limits, annotations. A subquery runs on the
 * same with steps of its own.
 */
import type { Labels } from "../labels.ts";
import { METRIC_NAME } from "../labels.ts";
import type { Matcher } from "../matcher.ts";
import { QueryLimitError, type ReadBudget, type Series, type SeriesReader } from "../series.ts";
import { Annotations } from "./annotations.ts";
import type { Duration, Place } from "./ast.ts";
import { milliseconds } from "./duration.ts";
import { type PromQLErrorDetails, PromQLError } from "./errors.ts";
import { ABSENT, Grid } from "./grid.ts";
import type { QueryOptions } from "./result.ts";

const LOOKBACK = 300_000;
const MAX_SAMPLES = 50_000_000;
/** The step of a subquery that names none, milliseconds. */
const SUBQUERY_STEP = 60_000;

/** `steps` times, from `start` on, `step` milliseconds apart. */
export interface Timeline {
  readonly start: number;
  readonly step: number;
  readonly steps: number;
}

/** What the query was asked for. `step` is 0 for an instant query. */
export interface QueryTimes {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

interface Shared {
  readonly reader: SeriesReader;
  readonly options: QueryOptions;
  readonly query: QueryTimes;
  readonly annotations: Annotations;
  readonly budget: ReadBudget;
  /** Cells of grids that may still be made. */
  readonly cells: { left: number };
  readonly selections: Map<string, readonly Series[]>;
}

const NAME_ONLY: ReadonlySet<string> = new Set([METRIC_NAME]);
const NAME_TYPE_UNIT: ReadonlySet<string> = new Set([METRIC_NAME, "__type__", "__unit__"]);

export class Evaluation {
  readonly timeline: Timeline;
  /**
   * Selectors look for counter resets in histograms that say nothing of them, so that sums of resets and non-resets are
   * noticed. As in Prometheus, only where nothing but counts and sums of histograms is asked for.
   */
  readonly detectsResets: boolean;
  readonly #shared: Shared;
  readonly #nameless = new WeakMap<Labels, Labels>();

  private constructor(timeline: Timeline, shared: Shared, detectsResets = false) {
    this.timeline = timeline;
    this.detectsResets = detectsResets;
    this.#shared = shared;
  }

  static of(reader: SeriesReader, query: QueryTimes, options: QueryOptions): Evaluation {
    const left = options.maxSamples ?? MAX_SAMPLES;
    const shared: Shared = {
      reader,
      options,
      query,
      annotations: new Annotations(),
      budget: { samples: left },
      cells: { left },
      selections: new Map(),
    };
    const { start, end, step } = query;
    const steps = step > 0 ? Math.floor((end - start) / step) + 1 : 1;
    const evaluation = new Evaluation({ start, step, steps: 1 }, shared);
    return evaluation.at({ start, step, steps });
  }

  /** The same query at other times. Throws PromQLError when those are too many. */
  at(timeline: Timeline): Evaluation {
    if (timeline.steps > this.#shared.cells.left) throw this.#tooMany();
    return new Evaluation(timeline, this.#shared);
  }

  detectingResets(detectsResets: boolean): Evaluation {
    return detectsResets === this.detectsResets
      ? this
      : new Evaluation(this.timeline, this.#shared, detectsResets);
  }

  get steps(): number {
    return this.timeline.steps;
  }

  time(step: number): number {
    return this.timeline.start + step * this.timeline.step;
  }

  /** Of the whole query, also within subqueries. */
  get query(): QueryTimes {
    return this.#shared.query;
  }

  get annotations(): Annotations {
    return this.#shared.annotations;
  }

  get lookback(): number {
    return this.#shared.options.lookback ?? LOOKBACK;
  }

  get experimental(): boolean {
    return this.#shared.options.experimental ?? false;
  }

  get delaysNameRemoval(): boolean {
    return this.#shared.options.delayedNameRemoval ?? false;
  }

  get subqueryStep(): number {
    return this.#shared.options.subqueryStep ?? SUBQUERY_STEP;
  }

  get samples(): number {
    return (this.#shared.options.maxSamples ?? MAX_SAMPLES) - this.#shared.budget.samples;
  }

  /** Milliseconds. */
  duration(duration: Duration): number {
    const { start, end, step } = this.#shared.query;
    const found = milliseconds(duration, { step: step / 1000, range: (end - start) / 1000 });
    if (!Number.isSafeInteger(found))
      throw new PromQLError("execution", "duration out of range", {
        hint: "A duration that is computed from step() or range() came to nothing that is a time.",
      });
    return found;
  }

  /** Series of a selector, each set of matchers and times read once. */
  select(matchers: readonly Matcher[], from: number, to: number): readonly Series[] {
    this.checkDeadline();
    const { selections, reader, budget } = this.#shared;
    const identity = matchers.map(
      ({ name, operator, value }) => `${name}${operator}${JSON.stringify(value)}`,
    );
    const key = `${identity.join(",")} ${from} ${to}`;
    let series = selections.get(key);
    if (series === undefined) {
      try {
        series = reader.select(matchers, from, to, budget);
      } catch (error) {
        if (error instanceof QueryLimitError) throw this.#tooMany(error);
        throw error;
      }
      selections.set(key, series);
    }
    return series;
  }

  /** Throws PromQLError when the rows are too many to hold. */
  grid(labels: Labels[], steps = this.timeline.steps): Grid {
    const { cells } = this.#shared;
    cells.left -= labels.length * steps;
    if (cells.left < 0) throw this.#tooMany();
    this.checkDeadline();
    return new Grid(labels, steps);
  }

  /** A grid that nobody will look at again. */
  release({ marks }: Grid): void {
    this.#shared.cells.left += marks.length;
  }

  checkDeadline(): void {
    const { now, deadline } = this.#shared.options;
    if (deadline !== undefined && now !== undefined && now() > deadline)
      throw new PromQLError("timeout", "query timed out in expression evaluation", {
        hint: "Ask for fewer series (more matchers), a shorter range or a wider step, or record the expression by a rule.",
      });
  }

  /** What operators see of a row's labels (G2). */
  labelsOf(grid: Grid, row: number): Labels {
    const labels = grid.labels[row] as Labels;
    return grid.dropped[row] === 1 && !this.delaysNameRemoval ? this.nameless(labels) : labels;
  }

  /** What a row is called in the end. */
  finalLabels(grid: Grid, row: number): Labels {
    const labels = grid.labels[row] as Labels;
    return grid.dropped[row] === 1 ? this.nameless(labels) : labels;
  }

  nameless(labels: Labels): Labels {
    let without = this.#nameless.get(labels);
    if (without === undefined) {
      without = labels.drop(this.identityLabels);
      this.#nameless.set(labels, without);
    }
    return without;
  }

  /** The labels that say which metric it is, and go when it is not that metric any more. */
  get identityLabels(): ReadonlySet<string> {
    return this.#shared.options.typeAndUnitLabels === true ? NAME_TYPE_UNIT : NAME_ONLY;
  }

  /** The name goes from all rows; those that then are the same series become one. */
  dropNames(grid: Grid): Grid {
    grid.dropped.fill(1);
    return this.delaysNameRemoval || grid.oneName ? grid : this.merged(grid);
  }

  /** Rows of equal labels become one. Throws PromQLError where two of them are at the same step. */
  merged(grid: Grid, labelsOf = (row: number) => this.labelsOf(grid, row)): Grid {
    const rows = new Map<string, number>();
    const target = new Int32Array(grid.rows);
    const first: number[] = [];
    for (let row = 0; row < grid.rows; row++) {
      const { key } = labelsOf(row);
      let to = rows.get(key);
      if (to === undefined) {
        rows.set(key, (to = first.length));
        first.push(row);
      }
      target[row] = to;
    }
    if (first.length === grid.rows) return grid;
    const merged = this.grid(first.map((row) => grid.labels[row] as Labels));
    for (const [to, row] of first.entries()) merged.dropped[to] = grid.dropped[row] as number;
    for (let row = 0; row < grid.rows; row++) mergeRow(merged, target[row] as number, grid, row);
    return merged;
  }

  fail(message: string, { line, column }: Place, details: PromQLErrorDetails = {}): never {
    throw new PromQLError("execution", message, { position: { line, column }, ...details });
  }

  #tooMany(error?: QueryLimitError): PromQLError {
    const limit = this.#shared.options.maxSamples ?? MAX_SAMPLES;
    return new PromQLError(
      "execution",
      `query processing would load too many samples into memory in query execution: the limit is ${limit}${
        error === undefined ? "" : ` (${error.message})`
      }`,
      { hint: "Ask for fewer series (more matchers), a shorter range or a wider step, or raise the limit." },
    );
  }
}

function mergeRow(merged: Grid, to: number, grid: Grid, row: number): void {
  const { steps } = grid;
  for (let step = 0; step < steps; step++) {
    if (grid.marks[row * steps + step] === ABSENT) continue;
    if (merged.marks[to * steps + step] !== ABSENT)
      throw new PromQLError("execution", "vector cannot contain metrics with the same labelset", {
        hint: "Series of several metrics became the same when their names were dropped: select one metric, or group.",
      });
    merged.copy(to * steps + step, grid, row * steps + step);
  }
}
