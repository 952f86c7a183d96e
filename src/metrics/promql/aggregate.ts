/**
 * Aggregations: rows of a group become one (accumulate.ts), some rows of it are chosen (topk and its kin, choose.ts), or
 * each value becomes a row (count_values). Groups are found once for all steps.
 */
import { Labels, METRIC_NAME } from "../labels.ts";
import { describeHistogram } from "../native-histogram/text.ts";
import { type Accumulated, accumulatorFor } from "./accumulate.ts";
import type { Aggregate } from "./ast.ts";
import { choose } from "./choose.ts";
import type { Evaluation } from "./evaluation.ts";
import { ABSENT, type Grid, NUMBER } from "./grid.ts";
import { Grouping, type Groups } from "./grouping.ts";
import type { Interpreter } from "./interpreter.ts";
import { quantileOf } from "./statistics.ts";
import { plainNumber } from "./text.ts";

export function aggregate(evaluation: Evaluation, node: Aggregate, run: Interpreter): Grid {
  const { operator, parameter } = node;
  if (operator === "count_values") return countValues(evaluation, node, run);
  if (parameter === undefined) return accumulate(evaluation, node, run);
  const scalar = run.scalar(evaluation, parameter);
  const grid = run.vector(evaluation, node.operand);
  const grouping = new Grouping(evaluation, node.labels, node.without);
  const groups = grouping.groups(grid);
  return operator === "quantile"
    ? quantile(evaluation, node, grid, grouping, groups, scalar)
    : choose(evaluation, node, grid, groups, scalar);
}

/** The labels of the groups, by number, as groups turn up. */
class GroupRows {
  readonly #evaluation: Evaluation;
  readonly #grouping: Grouping;
  readonly #labels: Labels[] = [];
  readonly #dropped: number[] = [];

  constructor(evaluation: Evaluation, grouping: Grouping) {
    this.#evaluation = evaluation;
    this.#grouping = grouping;
  }

  /** Of a grid of which the grouping has told the groups. */
  add(grid: Grid, { first }: Groups): void {
    for (let group = this.#labels.length; group < first.length; group++) {
      const row = first[group] as number;
      const labels = this.#grouping.labels(this.#evaluation.labelsOf(grid, row));
      this.#labels.push(labels);
      // Only an aggregation by name, with names still to be dropped, has any.
      this.#dropped.push(labels.has(METRIC_NAME) ? (grid.dropped[row] as number) : 0);
    }
  }

  grid(): Grid {
    const result = this.#evaluation.grid(this.#labels);
    result.dropped.set(this.#dropped);
    result.oneName = !this.#labels.some((labels) => labels.has(METRIC_NAME));
    return result;
  }
}

function accumulate(evaluation: Evaluation, node: Aggregate, run: Interpreter): Grid {
  const grouping = new Grouping(evaluation, node.labels, node.without);
  const rows = new GroupRows(evaluation, grouping);
  const accumulator = accumulatorFor(node.operator as Accumulated, evaluation, node);
  const { steps } = evaluation;
  for (const block of run.blocks(evaluation, node.operand)) {
    const groups = grouping.groups(block);
    rows.add(block, groups);
    accumulator.resize(grouping.count * steps);
    for (let row = 0; row < block.rows; row++)
      accumulator.addRow((groups.of[row] as number) * steps, block, row);
  }
  const result = rows.grid();
  accumulator.finish(result);
  return result;
}

function rowsOf(groups: Groups): number[][] {
  const rows: number[][] = groups.first.map(() => []);
  for (const [row, group] of groups.of.entries()) rows[group]?.push(row);
  return rows;
}

function quantile(
  evaluation: Evaluation,
  { parameter, operand }: Aggregate,
  grid: Grid,
  grouping: Grouping,
  groups: Groups,
  quantiles: Float64Array,
): Grid {
  const { annotations } = evaluation;
  if (parameter !== undefined) annotations.quantiles(quantiles, parameter.place);
  const members = new GroupRows(evaluation, grouping);
  members.add(grid, groups);
  const result = members.grid();
  const { steps } = grid;
  for (const [group, rows] of rowsOf(groups).entries()) {
    evaluation.checkDeadline();
    const values = new Float64Array(rows.length);
    for (let step = 0; step < steps; step++) {
      let count = 0;
      for (const row of rows) {
        const mark = grid.marks[row * steps + step];
        if (mark === NUMBER) values[count++] = grid.number(row * steps + step);
        else if (mark !== ABSENT)
          annotations.info("ignored histogram in quantile aggregation", operand.place);
      }
      if (count === 0) continue;
      result.setNumber(
        group * steps + step,
        quantileOf(quantiles[step] as number, values.subarray(0, count)),
      );
    }
  }
  return result;
}

function countValues(evaluation: Evaluation, node: Aggregate, run: Interpreter): Grid {
  const label = run.text(node.parameter as NonNullable<Aggregate["parameter"]>);
  const grid = run.vector(evaluation, node.operand);
  const names = node.without ? [...node.labels, label] : node.labels.filter((name) => name !== label);
  const grouping = new Grouping(evaluation, names, node.without);
  const { of, first } = grouping.groups(grid);
  const groupLabels = first.map((row) => grouping.labels(evaluation.labelsOf(grid, row)));
  const counts = new Map<string, { readonly labels: Labels; readonly counts: Float64Array }>();
  const { steps } = grid;
  for (let cell = 0; cell < grid.marks.length; cell++) {
    if (grid.marks[cell] === ABSENT) continue;
    const histogram = grid.histogram(cell);
    const value = histogram === undefined ? plainNumber(grid.number(cell)) : describeHistogram(histogram);
    const group = of[Math.floor(cell / steps)] as number;
    const key = `${group} ${value}`;
    let row = counts.get(key);
    if (row === undefined) {
      row = {
        labels: (groupLabels[group] ?? Labels.empty).with({ [label]: value }),
        counts: new Float64Array(steps),
      };
      counts.set(key, row);
    }
    row.counts[cell % steps] = (row.counts[cell % steps] as number) + 1;
  }
  const rows = [...counts.values()];
  const result = evaluation.grid(rows.map(({ labels }) => labels));
  for (const [row, known] of rows.entries())
    for (let step = 0; step < steps; step++)
      if (known.counts[step] !== 0) result.setNumber(row * steps + step, known.counts[step] as number);
  return result;
}
