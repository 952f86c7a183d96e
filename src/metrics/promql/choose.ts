/** topk, bottomk, limitk and limit_ratio: some rows of each group stay as they are, step by step. */
import type { Labels } from "../labels.ts";
import type { Aggregate } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import { ABSENT, type Grid, NUMBER } from "./grid.ts";
import type { Groups } from "./grouping.ts";
import { labelPosition } from "./label-hash.ts";
import { compareLabels } from "./order.ts";
import { formatNumber } from "./text.ts";

/** `parameters`: how many, or which share, by step. */
export function choose(
  evaluation: Evaluation,
  node: Aggregate,
  grid: Grid,
  groups: Groups,
  parameters: Float64Array,
): Grid {
  if (node.operator === "limit_ratio") return limitRatio(evaluation, node, grid, parameters);
  const counts = countsOf(evaluation, node, parameters);
  const rows: number[][] = groups.first.map(() => []);
  for (const [row, group] of groups.of.entries()) rows[group]?.push(row);
  const chosen = new Uint8Array(grid.marks.length);
  // The order counts in an instant query: by rank within the group.
  const order: number[] = [];
  for (const members of rows) {
    evaluation.checkDeadline();
    for (let step = 0; step < grid.steps; step++)
      for (const row of best(evaluation, node, grid, members, step, counts[step] as number)) {
        chosen[row * grid.steps + step] = 1;
        if (grid.steps === 1) order.push(row);
      }
  }
  return kept(evaluation, grid, chosen, order);
}

function countsOf(evaluation: Evaluation, { place }: Aggregate, parameters: Float64Array): Float64Array {
  return parameters.map((parameter) => {
    if (Number.isNaN(parameter)) evaluation.fail("Parameter value is NaN", place);
    if (parameter >= 2 ** 63) evaluation.fail(`Scalar value ${parameter} overflows int64`, place);
    if (parameter <= -(2 ** 63)) evaluation.fail(`Scalar value ${parameter} underflows int64`, place);
    return Math.trunc(parameter);
  });
}

/** The rows that stay at a step, the best first. The order of labels settles ties, NaN is worse than anything. */
function best(
  evaluation: Evaluation,
  { operator, operand }: Aggregate,
  grid: Grid,
  rows: readonly number[],
  step: number,
  count: number,
): readonly number[] {
  const found: number[] = [];
  if (count < 1) return found;
  const { steps, marks, values } = grid;
  const sign = operator === "bottomk" ? -1 : 1;
  const ranks: number[] = [];
  for (const row of rows) {
    const cell = row * steps + step;
    if (marks[cell] === ABSENT) continue;
    if (operator === "limitk") {
      found.push(row);
      if (found.length === count) break;
    } else if (marks[cell] === NUMBER)
      insert(grid.labels, found, ranks, row, sign * (values[cell] as number), count);
    else evaluation.annotations.info(`ignored histogram in ${operator} aggregation`, operand.place);
  }
  return found;
}

/** Keeps `ranks` descending, with NaN at the end, and no longer than `count`. */
function insert(
  labels: readonly Labels[],
  rows: number[],
  ranks: number[],
  row: number,
  rank: number,
  count: number,
): void {
  const isBetterThan = (at: number): boolean => {
    const other = ranks[at] as number;
    if (rank > other || (Number.isNaN(other) && !Number.isNaN(rank))) return true;
    if (rank < other || (Number.isNaN(rank) && !Number.isNaN(other))) return false;
    return compareLabels(labels[row] as Labels, labels[rows[at] as number] as Labels) < 0;
  };
  let high = ranks.length;
  if (high === count && !isBetterThan(high - 1)) return;
  let low = 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBetterThan(middle)) high = middle;
    else low = middle + 1;
  }
  ranks.splice(low, 0, rank);
  rows.splice(low, 0, row);
  if (ranks.length > count) {
    ranks.pop();
    rows.pop();
  }
}

function kept(evaluation: Evaluation, grid: Grid, chosen: Uint8Array, order?: readonly number[]): Grid {
  for (let cell = 0; cell < chosen.length; cell++) if (chosen[cell] === 0) grid.clear(cell);
  const rows =
    grid.steps === 1 && order !== undefined
      ? order
      : Array.from({ length: grid.rows }, (_, row) => row).filter((row) => !grid.isEmptyRow(row));
  const result = evaluation.grid(rows.map((row) => grid.labels[row] as Labels));
  for (const [to, row] of rows.entries()) result.copyRow(to, grid, row);
  result.oneName = grid.oneName;
  return result;
}

/** Which rows stay depends on nothing but their labels and the ratio; `r` and `r - 1` complement each other. */
function limitRatio(evaluation: Evaluation, node: Aggregate, grid: Grid, ratios: Float64Array): Grid {
  const { place } = node.parameter as NonNullable<Aggregate["parameter"]>;
  const limits = ratios.map((ratio) => {
    if (Number.isNaN(ratio)) evaluation.fail("Ratio value is NaN", place);
    const capped = Math.max(-1, Math.min(1, ratio));
    if (capped !== ratio)
      evaluation.annotations.warn(
        `ratio value should be between -1 and 1, got ${formatNumber(ratio)}, capping to ${capped}`,
        place,
      );
    return capped;
  });
  const chosen = new Uint8Array(grid.marks.length);
  for (let row = 0; row < grid.rows; row++) {
    const position = labelPosition(evaluation.labelsOf(grid, row));
    for (let step = 0; step < grid.steps; step++) {
      const limit = limits[step] as number;
      const stays = limit >= 0 ? position < limit : position >= 1 + limit;
      if (stays) chosen[row * grid.steps + step] = 1;
    }
  }
  return kept(evaluation, grid, chosen);
}
