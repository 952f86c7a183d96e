/**
 * Functions of histograms. Native ones are samples; classic ones are put together from the rows that differ in nothing but
 * `le`. Rows are sorted into histograms once, for all steps.
 */
import type { NativeHistogram } from "../histogram.ts";
import { type Labels, METRIC_NAME } from "../labels.ts";
import { average, standardDeviation, variance } from "../native-histogram/moments.ts";
import { type Estimate, fraction, quantile } from "../native-histogram/quantile.ts";
import { forMetric } from "./annotations.ts";
import type { Place } from "./ast.ts";
import { type Buckets, classicFraction, classicQuantile, makeMonotonic } from "./classic-histogram.ts";
import type { Evaluation } from "./evaluation.ts";
import { type Grid, HISTOGRAM_CELL, NUMBER } from "./grid.ts";
import { argument, type VectorFunction } from "./interpreter.ts";
import { isLabelName, openMetricsNumber, quote } from "./text.ts";

/** Of each native histogram by itself; floats are left out. `total`: only the count and the sum matter. */
function ofNative(compute: (histogram: NativeHistogram) => number, total = false): VectorFunction {
  return (evaluation, call, run) => {
    const inner = total ? evaluation.detectingResets(true) : evaluation;
    const grid = run.vector(inner, argument(call, 0));
    for (let cell = 0; cell < grid.marks.length; cell++) {
      const histogram = grid.histogram(cell);
      if (histogram === undefined) grid.clear(cell);
      else grid.setNumber(cell, compute(histogram));
    }
    grid.histograms = undefined;
    return evaluation.dropNames(grid);
  };
}

/** What is asked of each histogram at each step. */
interface Question {
  /** Whether counts of buckets that fall are to be mended first. */
  readonly monotonic: boolean;
  readonly place: Place;
  /** A label that results get. */
  readonly label?: Readonly<Record<string, string>>;
  /** Whether it is asked at that step; always when absent. */
  readonly asked?: (step: number) => boolean;
  classic(buckets: Buckets, step: number): number;
  native(histogram: NativeHistogram, step: number): Estimate;
  /** The text of an info about observations of NaN. */
  readonly nan: Readonly<Record<NonNullable<Estimate["nan"]>, string>>;
}

/** A histogram: rows of buckets, or one row of native histograms, or (at different steps) both. */
interface Source {
  readonly labels: Labels;
  readonly dropped: number;
  readonly buckets: { readonly bound: number; readonly row: number }[];
  native: number;
}

function ask(evaluation: Evaluation, grid: Grid, questions: readonly Question[]): Grid {
  const [first] = questions;
  if (first === undefined) return evaluation.grid([]);
  const sources = sourcesOf(evaluation, grid, first);
  const labels = questions.flatMap(({ label }) =>
    sources.map((source) => (label === undefined ? source.labels : source.labels.with(label))),
  );
  const result = evaluation.grid(labels);
  for (let row = 0; row < result.rows; row++)
    result.dropped[row] = sources[row % sources.length]?.dropped ?? 0;
  for (const [at, source] of sources.entries()) {
    if (at % 1024 === 1023) evaluation.checkDeadline();
    for (let step = 0; step < grid.steps; step++)
      answer(evaluation, grid, source, step, questions, (question, value) =>
        result.setNumber((question * sources.length + at) * grid.steps + step, value),
      );
  }
  result.oneName = grid.oneName;
  const nameless = evaluation.dropNames(result);
  // A label that results get may be one that told histograms apart.
  return first.label === undefined ? nameless : evaluation.merged(nameless);
}

function sourcesOf(evaluation: Evaluation, grid: Grid, { place }: Question): readonly Source[] {
  const sources = new Map<string, Source>();
  const sourceOf = (labels: Labels, dropped: number): Source => {
    const { key } = labels;
    let source = sources.get(key);
    if (source === undefined) sources.set(key, (source = { labels, dropped, buckets: [], native: -1 }));
    return source;
  };
  const withoutBound = new Set(["le"]);
  for (let row = 0; row < grid.rows; row++) {
    const kinds = kindsIn(grid, row);
    const labels = evaluation.labelsOf(grid, row);
    const dropped = grid.dropped[row] as number;
    if (kinds.histograms) sourceOf(labels, dropped).native = row;
    if (!kinds.numbers) continue;
    const bound = parseBound(labels.get("le"));
    if (bound !== undefined) sourceOf(labels.drop(withoutBound), dropped).buckets.push({ bound, row });
    else
      evaluation.annotations.warn(
        `bucket label "le" is missing or has a malformed value of ${quote(labels.get("le"))}${forMetric(labels.get(METRIC_NAME))}`,
        place,
      );
  }
  for (const { buckets } of sources.values()) buckets.sort((a, b) => a.bound - b.bound || 0);
  return [...sources.values()];
}

function kindsIn(grid: Grid, row: number): { numbers: boolean; histograms: boolean } {
  const kinds = { numbers: false, histograms: false };
  const end = (row + 1) * grid.steps;
  for (let cell = row * grid.steps; cell < end; cell++) {
    const mark = grid.marks[cell];
    if (mark === NUMBER) kinds.numbers = true;
    else if (mark === HISTOGRAM_CELL) kinds.histograms = true;
  }
  return kinds;
}

function parseBound(text: string): number | undefined {
  if (/^\+?inf$/i.test(text)) return Number.POSITIVE_INFINITY;
  if (/^-inf$/i.test(text)) return Number.NEGATIVE_INFINITY;
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

function answer(
  evaluation: Evaluation,
  grid: Grid,
  source: Source,
  step: number,
  questions: readonly Question[],
  put: (question: number, value: number) => void,
): void {
  const { annotations } = evaluation;
  const buckets = bucketsAt(grid, source, step);
  const native = source.native < 0 ? undefined : grid.histogram(source.native * grid.steps + step);
  const name = source.labels.get(METRIC_NAME);
  const first = questions[0] as Question;
  const { place } = first;
  // Fractions make do with what counts there are.
  if (buckets !== undefined && first.monotonic) noteFix(evaluation, buckets, step, name, first);
  if (native !== undefined && buckets !== undefined) {
    annotations.warn(`vector contains a mix of classic and native histograms${forMetric(name)}`, place);
    return;
  }
  for (const [at, question] of questions.entries()) {
    if (question.asked?.(step) === false) continue;
    if (native !== undefined) {
      const { value, nan } = question.native(native, step);
      if (nan !== undefined) annotations.info(`${question.nan[nan]}${forMetric(name)}`, place);
      put(at, value);
    } else if (buckets !== undefined) put(at, question.classic(buckets, step));
  }
}

function noteFix(
  evaluation: Evaluation,
  buckets: Buckets,
  step: number,
  name: string,
  { place }: Question,
): void {
  const fix = makeMonotonic(buckets);
  const time = evaluation.time(step);
  if (fix !== undefined) evaluation.annotations.fixed(name, place, { ...fix, from: time, to: time });
}

function bucketsAt(grid: Grid, { buckets }: Source, step: number): Buckets | undefined {
  const bounds: number[] = [];
  const counts: number[] = [];
  for (const { bound, row } of buckets) {
    const cell = row * grid.steps + step;
    if (grid.marks[cell] !== NUMBER) continue;
    const count = grid.number(cell);
    // `le="1"` and `le="1.0"` are the same bucket.
    if (bounds.at(-1) === bound) counts[counts.length - 1] = (counts.at(-1) as number) + count;
    else {
      bounds.push(bound);
      counts.push(count);
    }
  }
  return bounds.length === 0 ? undefined : { bounds, counts };
}

function quantileQuestion(quantiles: Float64Array, place: Place): Question {
  return {
    monotonic: true,
    place,
    classic: (buckets, step) => classicQuantile(quantiles[step] as number, buckets),
    native: (histogram, step) => quantile(histogram, quantiles[step] as number),
    nan: {
      result: "input to histogram_quantile has NaN observations, result is NaN",
      skewed: "input to histogram_quantile has NaN observations, result is skewed higher",
      excluded: "",
    },
  };
}

const histogramQuantile: VectorFunction = (evaluation, call, run) => {
  const quantiles = run.scalar(evaluation, argument(call, 0));
  evaluation.annotations.quantiles(quantiles, argument(call, 0).place);
  const operand = argument(call, 1);
  return ask(evaluation, run.vector(evaluation.detectingResets(false), operand), [
    quantileQuestion(quantiles, operand.place),
  ]);
};

/** Each quantile's results get a label that says which one they are. */
const histogramQuantiles: VectorFunction = (evaluation, call, run) => {
  const operand = argument(call, 0);
  const label = run.text(argument(call, 1));
  if (!isLabelName(label)) evaluation.fail(`invalid label name ${quote(label)}`, argument(call, 1).place);
  const questions = call.args.slice(2).flatMap((node) => {
    const quantiles = run.scalar(evaluation, node);
    evaluation.annotations.quantiles(quantiles, node.place);
    // The label says the quantile: one that changes from step to step makes as many series.
    return [...new Set(quantiles)].map((quantile) => ({
      ...quantileQuestion(quantiles, operand.place),
      label: { [label]: openMetricsNumber(quantile) },
      asked: (step: number) => Object.is(quantiles[step], quantile),
    }));
  });
  return ask(evaluation, run.vector(evaluation.detectingResets(false), operand), questions);
};

const histogramFraction: VectorFunction = (evaluation, call, run) => {
  const [lower, upper] = [0, 1].map((at) => run.scalar(evaluation, argument(call, at))) as [
    Float64Array,
    Float64Array,
  ];
  const operand = argument(call, 2);
  const question: Question = {
    monotonic: false,
    place: operand.place,
    classic: (buckets, step) => classicFraction(lower[step] as number, upper[step] as number, buckets),
    native: (histogram, step) => fraction(histogram, lower[step] as number, upper[step] as number),
    nan: {
      result: "",
      skewed: "",
      excluded: "input to histogram_fraction has NaN observations, which are excluded from all fractions",
    },
  };
  return ask(evaluation, run.vector(evaluation.detectingResets(false), operand), [question]);
};

export const histogramFunctions: Readonly<Record<string, VectorFunction>> = {
  histogram_avg: ofNative(average, true),
  histogram_count: ofNative(({ count }) => count, true),
  histogram_sum: ofNative(({ sum }) => sum, true),
  histogram_stddev: ofNative(standardDeviation),
  histogram_stdvar: ofNative(variance),
  histogram_quantile: histogramQuantile,
  histogram_quantiles: histogramQuantiles,
  histogram_fraction: histogramFraction,
};
