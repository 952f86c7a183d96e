/** Functions over ranges, by name: what each is to its windows, and running one over all windows of all series. */
import type { Call } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import { extendedFunctions } from "./extended.ts";
import type { Grid } from "./grid.ts";
import { argument, type Interpreter, type VectorFunction } from "./interpreter.ts";
import {
  averageOverTime,
  changes,
  type Complaints,
  countOverTime,
  deviationOverTime,
  firstOverTime,
  lastOverTime,
  madOverTime,
  maxOverTime,
  minOverTime,
  presentOverTime,
  quantileOverTime,
  resets,
  sumOverTime,
  timeOfFirst,
  timeOfLast,
  timeOfMax,
  timeOfMin,
  varianceOverTime,
} from "./over-time.ts";
import { rateFunction } from "./rate.ts";
import { derivative, instantRate, predictLinear, smooth } from "./regression.ts";
import { type RangeArgument, selectRange } from "./select.ts";
import { absentAt, impliedLabels } from "./vector-functions.ts";
import { type RangeFunction, Window } from "./window.ts";

interface Context extends Complaints {
  readonly evaluation: Evaluation;
  readonly call: Call;
  readonly run: Interpreter;
}

interface Definition {
  /** Which argument is the range. */
  readonly range?: number;
  readonly keepsName?: true;
  readonly make: (context: Context) => RangeFunction;
}

function rate(counter: boolean, perSecond: boolean): Definition {
  return {
    make: ({ evaluation, annotations, place }) =>
      rateFunction({ counter, perSecond, byStarts: evaluation.experimental }, annotations, place),
  };
}

function instant(isRate: boolean): Definition {
  return {
    make: (context) => instantRate({ rate: isRate, byStarts: context.evaluation.experimental }, context),
  };
}

const smoothing: Definition = {
  make: (context) => {
    const { evaluation, call, run } = context;
    const [level, trend] = [1, 2].map((at) => run.scalar(evaluation, argument(call, at))) as [
      Float64Array,
      Float64Array,
    ];
    for (const [name, values] of [
      ["smoothing", level],
      ["trend", trend],
    ] as const)
      for (const value of values)
        if (!(value >= 0 && value <= 1))
          evaluation.fail(`invalid ${name} factor. Expected: 0 <= factor <= 1, got: ${value}`, call.place);
    return smooth(level, trend, context);
  },
};

const definitions: Readonly<Record<string, Definition>> = {
  rate: rate(true, true),
  increase: rate(true, false),
  delta: rate(false, false),
  irate: instant(true),
  idelta: instant(false),
  changes: { make: () => changes },
  resets: { make: ({ evaluation }) => resets(evaluation.experimental) },
  deriv: { make: derivative },
  predict_linear: {
    make: (context) => {
      const { evaluation, call, run } = context;
      return predictLinear(
        run.scalar(evaluation, argument(call, 1)),
        (step) => evaluation.time(step),
        context,
      );
    },
  },
  double_exponential_smoothing: smoothing,
  holt_winters: smoothing,
  avg_over_time: { make: averageOverTime },
  sum_over_time: { make: sumOverTime },
  min_over_time: { make: minOverTime },
  max_over_time: { make: maxOverTime },
  count_over_time: { make: () => countOverTime },
  present_over_time: { make: () => presentOverTime },
  last_over_time: { make: () => lastOverTime, keepsName: true },
  first_over_time: { make: () => firstOverTime, keepsName: true },
  stddev_over_time: { make: deviationOverTime },
  stdvar_over_time: { make: varianceOverTime },
  mad_over_time: { make: madOverTime },
  ts_of_first_over_time: { make: () => timeOfFirst },
  ts_of_last_over_time: { make: () => timeOfLast },
  ts_of_max_over_time: { make: timeOfMax },
  ts_of_min_over_time: { make: timeOfMin },
  quantile_over_time: {
    range: 1,
    make: (context) => {
      const { evaluation, call, run, annotations } = context;
      const quantiles = run.scalar(evaluation, argument(call, 0));
      annotations.quantiles(quantiles, argument(call, 0).place);
      return quantileOverTime(quantiles, context);
    },
  },
};

function prepare(
  { range: at = 0, make }: Definition,
  evaluation: Evaluation,
  call: Call,
  run: Interpreter,
): { readonly range: RangeArgument; readonly compute: RangeFunction } {
  const operand = argument(call, at);
  const range = selectRange(evaluation, operand, (inner, expression) => run.vector(inner, expression));
  const context = { evaluation, call, run, annotations: evaluation.annotations, place: operand.place };
  const compute =
    range.extension === undefined ? make(context) : extendedFunctions(call.name, range, context);
  return { range, compute };
}

function define(definition: Definition): VectorFunction {
  return (evaluation, call, run) => {
    const { range, compute } = prepare(definition, evaluation, call, run);
    const grid = runWindows(evaluation, range, compute);
    return definition.keepsName ? grid : evaluation.dropNames(grid);
  };
}

/** As many rows as stay in the caches of a processor with the usual number of steps. */
const BLOCK = 256;

/**
 * The result of a function over ranges in pieces, one at a time, for who needs each row only once: it is never held as a
 * whole. Undefined when the call is none of those.
 */
export function rangeBlocks(
  evaluation: Evaluation,
  call: Call,
  run: Interpreter,
): Iterable<Grid> | undefined {
  const definition = Object.hasOwn(definitions, call.name) ? definitions[call.name] : undefined;
  return definition && blocksOf(definition, evaluation, call, run);
}

function* blocksOf(
  definition: Definition,
  evaluation: Evaluation,
  call: Call,
  run: Interpreter,
): Generator<Grid> {
  const { range, compute } = prepare(definition, evaluation, call, run);
  // Rows that become the same when their names are dropped must meet.
  const size = range.oneName || definition.keepsName ? BLOCK : Math.max(1, range.series.length);
  for (let at = 0; at < range.series.length; at += size) {
    const block = { ...range, series: range.series.slice(at, at + size) };
    const grid = runWindows(evaluation, block, compute);
    yield definition.keepsName ? grid : evaluation.dropNames(grid);
    evaluation.release(grid);
  }
}

/** So many points are looked at between two looks at the clock: some milliseconds. */
const CHECKED = 2 ** 20;
/** A histogram is as much work as so many points. */
const HISTOGRAM = 64;

function runWindows(evaluation: Evaluation, range: RangeArgument, compute: RangeFunction): Grid {
  const { steps } = evaluation;
  const grid = evaluation.grid(range.series.map(({ labels }) => labels));
  grid.oneName = range.oneName;
  const ends = Float64Array.from({ length: steps }, (_, step) => range.end(step));
  const window = new Window();
  let work = 0;
  for (const [row, series] of range.series.entries()) {
    if (series.dropped) grid.dropped[row] = 1;
    window.load(series);
    const first = row * steps;
    for (let step = 0; step < steps; step++) {
      const end = ends[step] as number;
      window.move(end - range.range, end, step);
      work += 1 + window.floatCount + window.histogramCount * HISTOGRAM;
      if (work > CHECKED) {
        evaluation.checkDeadline();
        work = 0;
      }
      compute(window, grid, first + step);
    }
  }
  return grid;
}

const absentOverTime: VectorFunction = (evaluation, call, run) => {
  const operand = argument(call, 0);
  const range = selectRange(evaluation, operand, (inner, expression) => run.vector(inner, expression));
  const grid = runWindows(evaluation, range, presentOverTime);
  const present = new Uint8Array(grid.steps);
  for (let cell = 0; cell < grid.marks.length; cell++)
    if (grid.marks[cell] !== 0) present[cell % grid.steps] = 1;
  return absentAt(evaluation, present, impliedLabels(operand));
};

export const rangeFunctions: Readonly<Record<string, VectorFunction>> = {
  ...Object.fromEntries(Object.entries(definitions).map(([name, definition]) => [name, define(definition)])),
  absent_over_time: absentOverTime,
};
