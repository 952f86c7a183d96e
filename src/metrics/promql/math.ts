/** Functions of each float by itself. Histograms are left out silently, and the name is dropped. */
import { Labels } from "../labels.ts";
import type { Evaluation } from "./evaluation.ts";
import { type Grid, NUMBER } from "./grid.ts";
import type { VectorFunction } from "./interpreter.ts";
import { argument } from "./interpreter.ts";

/** In place. */
export function eachNumber(
  evaluation: Evaluation,
  grid: Grid,
  compute: (value: number, step: number) => number,
): Grid {
  const { values, marks, steps } = grid.numbersOnly();
  for (let cell = 0; cell < marks.length; cell++)
    if (marks[cell] === NUMBER) values[cell] = compute(values[cell] as number, cell % steps);
  return evaluation.dropNames(grid);
}

function elementwise(compute: (value: number) => number): VectorFunction {
  return (evaluation, call, run) =>
    eachNumber(evaluation, run.vector(evaluation, argument(call, 0)), compute);
}

const DEGREES = 180 / Math.PI;

/** Of seconds since 1970; without an argument, of the time of evaluation. */
function calendar(read: (date: Date) => number): VectorFunction {
  return (evaluation, call, run) => {
    const operand = call.args[0];
    const grid = operand === undefined ? currentTime(evaluation) : run.vector(evaluation, operand);
    return eachNumber(evaluation, grid, (seconds) => read(new Date(Math.trunc(seconds) * 1000)));
  };
}

function dayOfYear(date: Date): number {
  return Math.floor((date.valueOf() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1;
}

function daysInMonth(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

/** NaN when either is, unless the other cannot be exceeded. */
function greater(a: number, b: number): number {
  return a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY
    ? Number.POSITIVE_INFINITY
    : Math.max(a, b);
}

function lesser(a: number, b: number): number {
  return a === Number.NEGATIVE_INFINITY || b === Number.NEGATIVE_INFINITY
    ? Number.NEGATIVE_INFINITY
    : Math.min(a, b);
}

export const elementwiseFunctions: Readonly<Record<string, VectorFunction>> = {
  abs: elementwise(Math.abs),
  acos: elementwise(Math.acos),
  acosh: elementwise(Math.acosh),
  asin: elementwise(Math.asin),
  asinh: elementwise(Math.asinh),
  atan: elementwise(Math.atan),
  atanh: elementwise(Math.atanh),
  ceil: elementwise(Math.ceil),
  cos: elementwise(Math.cos),
  cosh: elementwise(Math.cosh),
  deg: elementwise((radians) => radians * DEGREES),
  exp: elementwise(Math.exp),
  floor: elementwise(Math.floor),
  ln: elementwise(Math.log),
  log10: elementwise(Math.log10),
  log2: elementwise(Math.log2),
  rad: elementwise((degrees) => degrees / DEGREES),
  sgn: elementwise((value) => (value > 0 ? 1 : value < 0 ? -1 : value)),
  sin: elementwise(Math.sin),
  sinh: elementwise(Math.sinh),
  sqrt: elementwise(Math.sqrt),
  tan: elementwise(Math.tan),
  tanh: elementwise(Math.tanh),
  day_of_month: calendar((date) => date.getUTCDate()),
  day_of_week: calendar((date) => date.getUTCDay()),
  day_of_year: calendar(dayOfYear),
  days_in_month: calendar(daysInMonth),
  hour: calendar((date) => date.getUTCHours()),
  minute: calendar((date) => date.getUTCMinutes()),
  month: calendar((date) => date.getUTCMonth() + 1),
  year: calendar((date) => date.getUTCFullYear()),
  round: (evaluation, call, run) => {
    const [operand, multiple] = call.args;
    const grid = run.vector(evaluation, operand as (typeof call.args)[0]);
    const steps = multiple === undefined ? undefined : run.scalar(evaluation, multiple);
    return eachNumber(evaluation, grid, (value, step) => {
      // Dividing by the inverse is exact for the usual 0.1, 0.01 ..., where multiplying would not be.
      const inverse = 1 / (steps?.[step] ?? 1);
      return Math.floor(value * inverse + 0.5) / inverse;
    });
  },
  clamp: (evaluation, call, run) => {
    const least = run.scalar(evaluation, argument(call, 1));
    const most = run.scalar(evaluation, argument(call, 2));
    const grid = run.vector(evaluation, argument(call, 0));
    for (let cell = 0; cell < grid.marks.length; cell++)
      if ((least[cell % grid.steps] as number) > (most[cell % grid.steps] as number)) grid.clear(cell);
    return eachNumber(evaluation, grid, (value, step) =>
      greater(least[step] as number, lesser(most[step] as number, value)),
    );
  },
  clamp_min: (evaluation, call, run) => {
    const least = run.scalar(evaluation, argument(call, 1));
    const grid = run.vector(evaluation, argument(call, 0));
    return eachNumber(evaluation, grid, (value, step) => greater(least[step] as number, value));
  },
  clamp_max: (evaluation, call, run) => {
    const most = run.scalar(evaluation, argument(call, 1));
    const grid = run.vector(evaluation, argument(call, 0));
    return eachNumber(evaluation, grid, (value, step) => lesser(most[step] as number, value));
  },
};

/** vector(time()). */
function currentTime(evaluation: Evaluation): Grid {
  return oneRow(
    evaluation,
    Float64Array.from({ length: evaluation.steps }, (_, step) => evaluation.time(step) / 1000),
  );
}

/** vector(): a scalar as a series without labels. */
export function oneRow(evaluation: Evaluation, values: Float64Array): Grid {
  const grid = evaluation.grid([Labels.empty]);
  grid.values = values.slice();
  grid.marks.fill(NUMBER);
  grid.oneName = true;
  return grid;
}
