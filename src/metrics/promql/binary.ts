/** Operators with a scalar on at least one side. Between vectors: match.ts and sets.ts. */
import type { Binary } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import { ABSENT, type Grid, NUMBER } from "./grid.ts";
import type { NativeHistogram } from "../histogram.ts";
import { arithmeticOf, combineSamples, comparisonOf, dropsName } from "./operators.ts";

export function betweenScalars({ operator }: Binary, left: Float64Array, right: Float64Array): Float64Array {
  const compute = arithmeticOf(operator);
  const compare = comparisonOf(operator);
  return left.map((value, step) => {
    const other = right[step] as number;
    if (compute !== undefined) return compute(value, other);
    return compare?.(value, other) === true ? 1 : 0;
  });
}

/** In place. `swapped`: the scalar is on the left. */
export function withScalar(
  evaluation: Evaluation,
  node: Binary,
  grid: Grid,
  scalar: Float64Array,
  swapped: boolean,
): Grid {
  if (grid.histograms !== undefined || node.operator === "</" || node.operator === ">/")
    eachCell(evaluation, node, grid, scalar, swapped);
  else if (arithmeticOf(node.operator) !== undefined) compute(node, grid, scalar, swapped);
  else compare(node, grid, scalar, swapped);
  return dropsName(node) ? evaluation.dropNames(grid) : grid;
}

function compute(
  { operator }: Binary,
  { marks, values, steps }: Grid,
  scalar: Float64Array,
  swapped: boolean,
): void {
  const apply = arithmeticOf(operator) as (a: number, b: number) => number;
  for (let cell = 0; cell < marks.length; cell++) {
    if (marks[cell] !== NUMBER) continue;
    const value = values[cell] as number;
    const other = scalar[cell % steps] as number;
    values[cell] = swapped ? apply(other, value) : apply(value, other);
  }
}

function compare({ operator, bool }: Binary, grid: Grid, scalar: Float64Array, swapped: boolean): void {
  const holds = comparisonOf(operator) as (a: number, b: number) => boolean;
  const { marks, values, steps } = grid;
  for (let cell = 0; cell < marks.length; cell++) {
    if (marks[cell] !== NUMBER) continue;
    const value = values[cell] as number;
    const other = scalar[cell % steps] as number;
    const isTrue = swapped ? holds(other, value) : holds(value, other);
    if (bool) values[cell] = isTrue ? 1 : 0;
    else if (!isTrue) marks[cell] = ABSENT;
  }
}

function eachCell(
  evaluation: Evaluation,
  node: Binary,
  grid: Grid,
  scalar: Float64Array,
  swapped: boolean,
): void {
  for (let cell = 0; cell < grid.marks.length; cell++) {
    if (grid.marks[cell] === ABSENT) continue;
    const value = grid.histogram(cell) ?? grid.number(cell);
    const other = scalar[cell % grid.steps] as number;
    const result = swapped
      ? combineSamples(evaluation, node, other, value, value)
      : combineSamples(evaluation, node, value, other);
    put(grid, cell, result);
  }
}

export function put(grid: Grid, cell: number, value: number | NativeHistogram | undefined): void {
  if (value === undefined) grid.clear(cell);
  else if (typeof value === "number") grid.setNumber(cell, value);
  else grid.setHistogram(cell, value);
}
