/**
 * Does a result say what a script expects? Numbers may differ by a millionth of their size, as in Prometheus' own tests.
 */
import type { NativeHistogram } from "../../../src/metrics/histogram.ts";
import type { Labels } from "../../../src/metrics/labels.ts";
import { compact } from "../../../src/metrics/native-histogram/arithmetic.ts";
import { contentsOf, sameBounds } from "../../../src/metrics/native-histogram/layout.ts";
import { formatHistogram } from "../../../src/metrics/native-histogram/notation.ts";
import type { NotedSample } from "../../../src/metrics/native-histogram/series-notation.ts";
import type {
  MatrixPoint,
  MatrixSeries,
  QueryResult,
  QueryValue,
  Value,
  VectorSample,
} from "../../../src/metrics/promql/engine.ts";
import type { Annotation, Evaluation, Expected, Saying } from "./script.ts";

const EPSILON = 1e-6;
const SMALLEST_NORMAL = 2 ** -1022;

/** Relative to the size of both; NaN is the same as NaN. */
export function almostEqual(a: number, b: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  const size = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  if (a === 0 || b === 0 || size < SMALLEST_NORMAL) return difference < EPSILON * SMALLEST_NORMAL;
  return difference / Math.min(size, Number.MAX_VALUE) < EPSILON;
}

function sameHistogram(expected: NativeHistogram, found: NativeHistogram): boolean {
  const a = contentsOf(compact(expected));
  const b = contentsOf(compact(found));
  const numbers = [
    [expected.count, found.count],
    [expected.sum, found.sum],
    [a.zeroCount, b.zeroCount],
  ] as const;
  return (
    a.schema === b.schema &&
    a.zeroThreshold === b.zeroThreshold &&
    sameBounds(a.bounds ?? [], b.bounds ?? []) &&
    numbers.every(([left, right]) => almostEqual(left, right)) &&
    (["positive", "negative"] as const).every(
      (side) =>
        sameBounds(a[side].indices, b[side].indices) &&
        a[side].counts.every((count, at) => almostEqual(count, b[side].counts[at] ?? 0)),
    )
  );
}

function sameValue({ value: expected, saysReset }: NotedSample, found: Value): boolean {
  if (typeof expected !== "object") return typeof found === "number" && almostEqual(Number(expected), found);
  if (typeof found === "number" || !sameHistogram(expected, found)) return false;
  return !saysReset || expected.counterReset === found.counterReset;
}

function shown(value: Value | "stale" | undefined): string {
  if (value === undefined) return "nothing";
  return typeof value === "object" ? formatHistogram(value, true) : String(value);
}

/** What is wrong with annotations, as a sentence. Undefined when nothing is. */
export function annotationProblem(expected: Expected, result: QueryResult): string | undefined {
  return (
    annotationsProblem(expected, "warn", result.warnings) ??
    annotationsProblem(expected, "info", result.infos)
  );
}

function annotationsProblem(
  expected: Expected,
  kind: Annotation,
  found: readonly string[],
): string | undefined {
  if (expected.none.has(kind) && found.length > 0) return `There is an annotation: ${found.join("; ")}`;
  const wanted = expected.annotations[kind];
  if (wanted.length === 0) return undefined;
  const missing = wanted.find((saying) => !found.some((text) => says(saying, text)));
  if (missing !== undefined)
    return `No ${kind} says ${sayingText(missing)}; found ${found.join("; ") || "none"}`;
  const surplus = found.find((text) => !wanted.some((saying) => says(saying, text)));
  return surplus === undefined ? undefined : `An unexpected ${kind}: ${surplus}`;
}

export function says({ text, pattern }: Saying, found: string): boolean {
  if (text !== undefined) return text === found;
  return pattern?.test(found) ?? true;
}

export function sayingText({ text, pattern }: Saying): string {
  return text ?? (pattern === undefined ? "anything" : String(pattern));
}

/** What is wrong with the value, as a sentence. Undefined when nothing is. */
export function valueProblem({ expected, start, range }: Evaluation, found: QueryValue): string | undefined {
  switch (found.type) {
    case "scalar":
      if (expected.scalar === undefined) return `A scalar is answered: ${found.value}`;
      return almostEqual(expected.scalar, found.value)
        ? undefined
        : `${found.value} instead of ${expected.scalar}`;
    case "string":
      return expected.string === found.value ? undefined : `'${found.value}' instead of '${expected.string}'`;
    case "vector":
      return vectorProblem(expected, found.samples);
    case "matrix": {
      const span = expected.range ?? (range === undefined ? undefined : { start, ...range });
      if (span === undefined) return "A range vector is answered.";
      return matrixProblem(expected, found.series, span.start, span.step);
    }
  }
}

/** Also for what a range query answers at the time of an instant one. */
export function vectorProblem(
  expected: Expected,
  found: readonly Pick<VectorSample, "labels" | "value">[],
): string | undefined {
  if (expected.scalar !== undefined || expected.string !== undefined) return "A vector is answered.";
  const byKey = positions(found);
  for (const [at, { labels, samples }] of expected.series.entries()) {
    const position = byKey.get(labels.key);
    const sample = found[position ?? -1];
    const [wanted] = samples;
    if (wanted === undefined) return `${String(labels)} has no expected value.`;
    if (sample === undefined) return `${String(labels)} is missing; found ${listed(found)}`;
    if (expected.ordered && position !== at)
      return `${String(labels)} is at place ${position} instead of ${at}.`;
    if (!sameValue(wanted, sample.value))
      return `${String(labels)} is ${shown(sample.value)} instead of ${shown(wanted.value)}`;
  }
  return surplusProblem(expected, found);
}

function positions(found: readonly { readonly labels: Labels }[]): ReadonlyMap<string, number> {
  const byKey = new Map(found.map(({ labels }, at) => [labels.key, at]));
  if (byKey.size < found.length) throw new Error("Two elements of the result have the same labels.");
  return byKey;
}

function surplusProblem(
  expected: Expected,
  found: readonly { readonly labels: Labels }[],
): string | undefined {
  const known = new Set(expected.series.map(({ labels }) => labels.key));
  const surplus = found.find(({ labels }) => !known.has(labels.key));
  return surplus === undefined ? undefined : `${String(surplus.labels)} is not expected.`;
}

function listed(found: readonly { readonly labels: Labels }[]): string {
  return found.map(({ labels }) => String(labels)).join(", ") || "nothing";
}

function matrixProblem(
  expected: Expected,
  found: readonly MatrixSeries[],
  start: number,
  step: number,
): string | undefined {
  const byKey = positions(found);
  for (const { labels, samples } of expected.series) {
    const series = found[byKey.get(labels.key) ?? -1];
    const wanted = new Map(
      samples
        .map((sample, at) => [start + at * step, sample] as const)
        .filter(([, { value }]) => value !== undefined),
    );
    if (series === undefined && wanted.size === 0) continue;
    if (series === undefined) return `${String(labels)} is missing; found ${listed(found)}`;
    const problem = pointsProblem(wanted, series.points);
    if (problem !== undefined) return `${String(labels)}: ${problem}`;
  }
  return surplusProblem(expected, found);
}

function pointsProblem(
  wanted: ReadonlyMap<number, NotedSample>,
  found: readonly MatrixPoint[],
): string | undefined {
  const times = new Set(found.map(({ time }) => time));
  for (const { time, value } of found) {
    const sample = wanted.get(time);
    if (sample === undefined || !sameValue(sample, value))
      return `at ${time / 1000} s ${shown(value)} instead of ${shown(sample?.value)}`;
  }
  for (const [time, { value }] of wanted)
    if (!times.has(time)) return `at ${time / 1000} s nothing instead of ${shown(value)}`;
  return undefined;
}
