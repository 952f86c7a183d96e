/** and, or, unless: which samples stay depends on what else there is, not on values. */
import { type Labels, METRIC_NAME } from "../labels.ts";
import type { Binary, Matching } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import { ABSENT, type Grid } from "./grid.ts";
import { Grouping } from "./grouping.ts";

export function combineSets(evaluation: Evaluation, node: Binary, left: Grid, right: Grid): Grid {
  const { on, labels } = node.matching as Matching;
  const grouping = new Grouping(evaluation, labels, !on, [METRIC_NAME]);
  const leftGroups = grouping.groups(left).of;
  const rightGroups = grouping.groups(right).of;
  if (node.operator === "or") {
    clearWhere(right, rightGroups, presence(left, leftGroups, grouping.count), true);
    return union(evaluation, left, right);
  }
  clearWhere(left, leftGroups, presence(right, rightGroups, grouping.count), node.operator === "unless");
  return left;
}

/** By group and step: whether there is anything. */
function presence({ marks, steps, rows }: Grid, groups: Int32Array, count: number): Uint8Array {
  const present = new Uint8Array(count * steps);
  for (let row = 0; row < rows; row++) {
    const to = (groups[row] as number) * steps;
    for (let step = 0; step < steps; step++) if (marks[row * steps + step] !== ABSENT) present[to + step] = 1;
  }
  return present;
}

function clearWhere(grid: Grid, groups: Int32Array, present: Uint8Array, isPresent: boolean): void {
  const { steps, rows, marks } = grid;
  const unwanted = isPresent ? 1 : 0;
  for (let row = 0; row < rows; row++) {
    const from = (groups[row] as number) * steps;
    for (let step = 0; step < steps; step++)
      if (present[from + step] === unwanted) marks[row * steps + step] = ABSENT;
  }
}

function union(evaluation: Evaluation, left: Grid, right: Grid): Grid {
  const wanted = (grid: Grid): number[] =>
    Array.from({ length: grid.rows }, (_, row) => row).filter((row) => !grid.isEmptyRow(row));
  const sides = [left, right].map((grid) => ({ grid, rows: wanted(grid) }));
  const labels = sides.flatMap(({ grid, rows }) => rows.map((row) => grid.labels[row] as Labels));
  const result = evaluation.grid(labels);
  let to = 0;
  for (const { grid, rows } of sides) for (const row of rows) result.copyRow(to++, grid, row);
  // The same series may come from one side at one step, and from the other at another.
  return evaluation.delaysNameRemoval || result.steps === 1 ? result : evaluation.merged(result);
}
