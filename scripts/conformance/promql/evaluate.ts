/**
 * One evaluation of a script. As in Prometheus' own tests, an instant query is asked in two more ways that must answer the
 * same: pinned to its time with `@` and evaluated at other times, and as one step of a range query.
 */
import {
  type Expression,
  instantQuery,
  PromQLError,
  type QueryOptions,
  type QueryResult,
  rangeQuery,
} from "../../../src/metrics/promql/engine.ts";
import { parseQuery } from "../../../src/metrics/promql/parse.ts";
import type { SeriesReader } from "../../../src/metrics/series.ts";
import { almostEqual, annotationProblem, says, sayingText, valueProblem, vectorProblem } from "./compare.ts";
import { dependsOnRange, pinned } from "./pinned.ts";
import type { Evaluation } from "./script.ts";

export const OPTIONS: QueryOptions = {
  experimental: true,
  delayedNameRemoval: true,
  typeAndUnitLabels: true,
};

const MINUTE = 60_000;

/** What is wrong with the answer, as a sentence. Undefined when nothing is. */
export function evaluationProblem(reader: SeriesReader, evaluation: Evaluation): string | undefined {
  const { query, start, range } = evaluation;
  if (range !== undefined)
    return outcomeProblem(evaluation, () => rangeQuery(reader, query, start, range.end, range.step, OPTIONS));
  const problem = instantProblem(reader, evaluation, query, start);
  if (problem !== undefined || evaluation.expected.fails !== undefined) return problem;
  const fixed = pinned(parseQuery(query, { experimental: true }), start);
  if (fixed === undefined) return undefined;
  for (const time of otherTimes(start)) {
    const other = instantProblem(reader, evaluation, fixed, time);
    if (other !== undefined) return `pinned with @ and evaluated at ${time / 1000} s: ${other}`;
  }
  return undefined;
}

function otherTimes(time: number): readonly number[] {
  return time === 0 ? [-1000, 0, 1000] : [-10 * time, 0, Math.trunc(time / 5), time, 10 * time];
}

function instantProblem(
  reader: SeriesReader,
  evaluation: Evaluation,
  query: string | Expression,
  time: number,
): string | undefined {
  const problem = outcomeProblem(evaluation, () => instantQuery(reader, query, time, OPTIONS));
  if (problem !== undefined || evaluation.expected.fails !== undefined) return problem;
  const inRange = stepProblem(reader, evaluation, query, time);
  return inRange === undefined ? undefined : `as a range query: ${inRange}`;
}

function outcomeProblem(evaluation: Evaluation, ask: () => QueryResult): string | undefined {
  const { expected } = evaluation;
  let result: QueryResult;
  try {
    result = ask();
  } catch (error) {
    const message = (error as Error).message;
    if (!(error instanceof PromQLError))
      return `the engine broke: ${(error as Error).stack?.split("\n").slice(0, 2).join("") ?? message}`;
    if (expected.fails === undefined) return `fails: ${message}`;
    return says(expected.fails, message)
      ? undefined
      : `fails with '${message}' instead of '${sayingText(expected.fails)}'`;
  }
  if (expected.fails !== undefined) return "does not fail";
  return annotationProblem(expected, result) ?? valueProblem(evaluation, result.value);
}

function stepProblem(
  reader: SeriesReader,
  { expected }: Evaluation,
  query: string | Expression,
  time: number,
): string | undefined {
  // Range queries answer neither strings nor range vectors, and in an order of their own.
  if (expected.string !== undefined || expected.range !== undefined || expected.ordered) return undefined;
  if (dependsOnRange(typeof query === "string" ? parseQuery(query, { experimental: true }) : query))
    return undefined;
  const { value } = rangeQuery(reader, query, time - MINUTE, time + MINUTE, MINUTE, OPTIONS);
  if (value.type !== "matrix") return `a ${value.type} is answered`;
  const samples = value.series.flatMap(({ labels, points }) =>
    points.filter((point) => point.time === time).map((point) => ({ labels, value: point.value })),
  );
  if (expected.scalar === undefined) return vectorProblem(expected, samples);
  const [sample] = samples;
  const same = typeof sample?.value === "number" && almostEqual(expected.scalar, sample.value);
  return same ? undefined : `${String(sample?.value)} instead of ${expected.scalar}`;
}
