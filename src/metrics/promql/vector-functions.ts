/** Functions of whole vectors: absent(), sort(), timestamp() and their kin. */
import { Labels, METRIC_NAME } from "../labels.ts";
import type { Matcher } from "../matcher.ts";
import type { Call, Expression } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import { ABSENT, type Grid, NUMBER } from "./grid.ts";
import { argument, bare, type Interpreter, type VectorFunction } from "./interpreter.ts";
import { oneRow } from "./math.ts";
import { compareLabels, compareNaturally } from "./order.ts";
import { selectInstant } from "./select.ts";

/** The labels that a selector says its series have: each that it wants equal to one text. */
export function impliedLabels(expression: Expression): Labels {
  const operand = bare(expression);
  const matchers: readonly Matcher[] =
    operand.kind === "selector"
      ? operand.matchers
      : operand.kind === "range"
        ? operand.selector.matchers
        : [];
  const counts = new Map<string, number>();
  for (const { name } of matchers) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Labels.of(
    matchers
      .filter(({ name, operator }) => operator === "=" && name !== METRIC_NAME && counts.get(name) === 1)
      .map(({ name, value }) => [name, value] as const),
  );
}

/** A 1 at each step where nothing is. */
export function absentAt(evaluation: Evaluation, present: Uint8Array, labels: Labels): Grid {
  const grid = evaluation.grid([labels]);
  for (let step = 0; step < grid.steps; step++) if (present[step] === 0) grid.setNumber(step, 1);
  grid.oneName = true;
  return grid;
}

const absent: VectorFunction = (evaluation, call, run) => {
  const operand = argument(call, 0);
  const grid = run.vector(evaluation, operand);
  const present = new Uint8Array(grid.steps);
  for (let cell = 0; cell < grid.marks.length; cell++)
    if (grid.marks[cell] !== ABSENT) present[cell % grid.steps] = 1;
  return absentAt(evaluation, present, impliedLabels(operand));
};

/** The value of the only float at a step; NaN when there is none or more than one. */
export function scalarOf(grid: Grid): Float64Array {
  const { steps, marks } = grid;
  const values = new Float64Array(steps).fill(Number.NaN);
  const counts = new Uint32Array(steps);
  for (let cell = 0; cell < marks.length; cell++) {
    if (marks[cell] !== NUMBER) continue;
    const step = cell % steps;
    counts[step] = (counts[step] as number) + 1;
    values[step] = counts[step] === 1 ? grid.number(cell) : Number.NaN;
  }
  return values;
}

const timestamp: VectorFunction = (evaluation, call, run) => {
  const operand = bare(argument(call, 0));
  if (operand.kind === "selector" && operand.extension === undefined)
    return evaluation.dropNames(selectInstant(evaluation, operand, "time"));
  const grid = run.vector(evaluation, operand);
  for (let cell = 0; cell < grid.marks.length; cell++)
    if (grid.marks[cell] !== ABSENT) grid.setNumber(cell, evaluation.time(cell % grid.steps) / 1000);
  return evaluation.dropNames(grid);
};

/** Only selectors know; the result of anything else has no start. */
const startTimestamp: VectorFunction = (evaluation, call) => {
  const operand = bare(argument(call, 0));
  if (operand.kind !== "selector") return evaluation.grid([]);
  return evaluation.dropNames(selectInstant(evaluation, operand, "start"));
};

/** The order matters to instant queries only: ranges have an order of their own. */
function reorder(evaluation: Evaluation, grid: Grid, compare: (a: number, b: number) => number): Grid {
  if (grid.steps !== 1) return grid;
  const rows = Array.from({ length: grid.rows }, (_, row) => row).filter((row) => !grid.isEmptyRow(row));
  rows.sort(compare);
  const sorted = evaluation.grid(rows.map((row) => grid.labels[row] as Labels));
  for (const [to, row] of rows.entries()) sorted.copyRow(to, grid, row);
  sorted.oneName = grid.oneName;
  return sorted;
}

/** NaN comes last both ways. */
function sortByValue(direction: 1 | -1): VectorFunction {
  return (evaluation, call, run) => {
    const grid = run.vector(evaluation, argument(call, 0)).numbersOnly();
    return reorder(evaluation, grid, (a, b) => {
      const one = grid.number(a);
      const other = grid.number(b);
      if (Number.isNaN(one) || Number.isNaN(other))
        return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
      return one === other ? 0 : one < other ? -direction : direction;
    });
  };
}

function sortByLabel(direction: 1 | -1): VectorFunction {
  return (evaluation, call, run) => {
    const names = call.args.slice(1).map((name) => run.text(name));
    const grid = run.vector(evaluation, argument(call, 0));
    return reorder(evaluation, grid, (a, b) => {
      const one = evaluation.labelsOf(grid, a);
      const other = evaluation.labelsOf(grid, b);
      for (const name of names) {
        const order = compareNaturally(one.get(name), other.get(name));
        if (order !== 0) return order * direction;
      }
      return compareLabels(one, other) * direction;
    });
  };
}

const vector = (evaluation: Evaluation, call: Call, run: Interpreter): Grid =>
  oneRow(evaluation, run.scalar(evaluation, argument(call, 0)));

export const vectorFunctions: Readonly<Record<string, VectorFunction>> = {
  absent,
  timestamp,
  start_timestamp: startTimestamp,
  sort: sortByValue(1),
  sort_desc: sortByValue(-1),
  sort_by_label: sortByLabel(1),
  sort_by_label_desc: sortByLabel(-1),
  vector,
};
