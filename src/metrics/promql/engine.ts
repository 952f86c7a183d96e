/**
 * PromQL, the language of Prometheus 3: text -> expression (parse.ts), checked on the way (check.ts) -> evaluated over all
 * steps of the query at once (evaluate.ts) -> result.
 *
 * All of it is synchronous. What a query may cost is limited by `maxSamples` and `deadline`; either way it ends in a
 * PromQLError, as everything that is wrong with a query does.
 */
import type { Labels } from "../labels.ts";
import type { SeriesReader } from "../series.ts";

import type { Expression } from "./ast.ts";
import { PromQLError } from "./errors.ts";
import { evaluateScalar, evaluateVector } from "./evaluate.ts";
import { Evaluation, type QueryTimes } from "./evaluation.ts";
import { ABSENT, type Grid } from "./grid.ts";
import { bare } from "./interpreter.ts";
import { oneRow } from "./math.ts";
import { compareLabels } from "./order.ts";
import { parseQuery } from "./parse.ts";
import type {
  MatrixPoint,
  MatrixSeries,
  QueryOptions,
  QueryResult,
  QueryValue,
  VectorSample,
} from "./result.ts";
import { selectRange } from "./select.ts";
import { typeName, typeOf } from "./types.ts";

export type * from "./ast.ts";
export type * from "./result.ts";
export { PromQLError } from "./errors.ts";
export { parseQuery, parseSelector } from "./parse.ts";
export { formatQuery } from "./format.ts";
export { selectorsOf } from "./selectors.ts";

/** Throws PromQLError. */
export function instantQuery(
  reader: SeriesReader,
  query: string | Expression,
  time: number,
  options: QueryOptions = {},
): QueryResult {
  const expression = parsed(query, options);
  return run(reader, { start: time, end: time, step: 0 }, options, (evaluation) => {
    switch (typeOf(expression)) {
      case "string":
        return { type: "string", time, value: textOf(expression) };
      case "scalar":
        return { type: "scalar", time, value: evaluateScalar(evaluation, expression)[0] ?? Number.NaN };
      case "vector":
        return { type: "vector", samples: vectorOf(evaluation, finished(evaluation, expression)) };
      case "matrix":
        return { type: "matrix", series: rangeOf(evaluation, expression) };
    }
  });
}

/** Evaluates at `start`, `start + step`, ... up to `end`; always answers a matrix. Throws PromQLError. */
export function rangeQuery(
  reader: SeriesReader,
  query: string | Expression,
  start: number,
  end: number,
  step: number,
  options: QueryOptions = {},
): QueryResult {
  const expression = parsed(query, options);
  const type = typeOf(expression);
  if (type !== "vector" && type !== "scalar")
    throw new PromQLError(
      "bad_data",
      `invalid expression type ${JSON.stringify(typeName(type))} for range query, must be Scalar or instant Vector`,
      { hint: "Ask for an instant query, or put a function such as rate() around it." },
    );
  if (!(step > 0))
    throw new PromQLError("bad_data", "zero or negative query resolution step widths are not accepted");
  if (end < start) throw new PromQLError("bad_data", "end timestamp must not be before start time");
  return run(reader, { start, end, step }, options, (evaluation) => ({
    type: "matrix",
    series: matrixOf(
      evaluation,
      type === "scalar" ? scalarGrid(evaluation, expression) : finished(evaluation, expression),
    ),
  }));
}

function parsed(query: string | Expression, { experimental = false }: QueryOptions): Expression {
  return typeof query === "string" ? parseQuery(query, { experimental }) : query;
}

function run(
  reader: SeriesReader,
  times: QueryTimes,
  options: QueryOptions,
  compute: (evaluation: Evaluation) => QueryValue,
): QueryResult {
  const evaluation = Evaluation.of(reader, times, options);
  const value = compute(evaluation);
  const { annotations, samples } = evaluation;
  return { value, warnings: annotations.warnings, infos: annotations.infos, samples };
}

function textOf(expression: Expression): string {
  const literal = bare(expression);
  return literal.kind === "string" ? literal.value : "";
}

/** With names dropped where that was put off. */
function finished(evaluation: Evaluation, expression: Expression): Grid {
  const grid = evaluateVector(evaluation, expression);
  if (!evaluation.delaysNameRemoval || !grid.dropped.includes(1)) return grid;
  return evaluation.merged(grid, (row) => evaluation.finalLabels(grid, row));
}

function scalarGrid(evaluation: Evaluation, expression: Expression): Grid {
  return oneRow(evaluation, evaluateScalar(evaluation, expression));
}

function vectorOf(evaluation: Evaluation, grid: Grid): readonly VectorSample[] {
  const time = evaluation.time(0);
  const samples: VectorSample[] = [];
  for (let row = 0; row < grid.rows; row++)
    if (grid.marks[row] !== ABSENT)
      samples.push({
        labels: evaluation.finalLabels(grid, row),
        time,
        value: grid.histogram(row) ?? grid.number(row),
      });
  return samples;
}

function matrixOf(evaluation: Evaluation, grid: Grid): readonly MatrixSeries[] {
  const series: { readonly labels: Labels; readonly points: MatrixPoint[] }[] = [];
  for (let row = 0; row < grid.rows; row++) {
    const points: MatrixPoint[] = [];
    for (let step = 0; step < grid.steps; step++) {
      const cell = row * grid.steps + step;
      if (grid.marks[cell] === ABSENT) continue;
      points.push({ time: evaluation.time(step), value: grid.histogram(cell) ?? grid.number(cell) });
    }
    if (points.length > 0) series.push({ labels: evaluation.finalLabels(grid, row), points });
  }
  return series.sort((a, b) => compareLabels(a.labels, b.labels));
}

/** The samples of a range as they are. */
function rangeOf(evaluation: Evaluation, expression: Expression): readonly MatrixSeries[] {
  const { series, range, end } = selectRange(evaluation, expression, evaluateVector);
  const to = end(0);
  const found: MatrixSeries[] = [];
  for (const { labels, dropped, floats, histograms } of series) {
    const points: MatrixPoint[] = [];
    for (const { times, values, length } of [floats, histograms])
      for (let at = 0; at < length; at++) {
        const time = times[at] as number;
        if (time > to - range && time <= to) points.push({ time, value: values[at] as MatrixPoint["value"] });
      }
    points.sort((a, b) => a.time - b.time);
    if (points.length > 0) found.push({ labels: dropped ? evaluation.nameless(labels) : labels, points });
  }
  return found.sort((a, b) => compareLabels(a.labels, b.labels));
}
