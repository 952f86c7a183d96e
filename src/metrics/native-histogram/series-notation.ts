/**
 * Samples of a series as text, as in PromQL test scripts and rule tests: `1 2+3x4 _ stale {{count:1}}+{{count:2}}x3`.
 *
 *   5        a sample          _    no sample             a+bxn  a, a+b, ... : n+1 samples (`-` as well)
 *   {{..}}   a histogram       _xn  n times no sample     axn    n+1 times a
 *   stale    the series ended
 *
 * Source: Prometheus' documentation, "Unit testing for rules", section "series".
 */
import type { NativeHistogram } from "../histogram.ts";
import type { SampleValue } from "../series.ts";
import { add, subtract } from "./arithmetic.ts";
import { parseHistogram, parseNumber } from "./notation.ts";

export interface NotedSample {
  /** Undefined: no sample. */
  readonly value: SampleValue | undefined;
  /** Whether a histogram says itself what is known of resets. */
  readonly saysReset: boolean;
}

/** So many samples in one text are a mistake. */
const MOST_SAMPLES = 1_000_000;

const HISTOGRAM = String.raw`\{\{[^{}]*\}\}`;
const TERM = new RegExp(
  String.raw`\s*(?:(${HISTOGRAM})(?:\s*([+-])\s*(${HISTOGRAM}))?(?:\s*x\s*(\d+))?|(\S+))`,
  "y",
);
const NUMBER = String.raw`[+-]?(?:[\d.][\d._]*(?:e[+-]?\d+)?|inf(?:inity)?|nan)`;
const NUMBERS = new RegExp(String.raw`^(${NUMBER})(?:([+-])(${NUMBER}))?(?:x(\d+))?$`, "i");

/** Throws SyntaxError. */
export function parseSamples(text: string): NotedSample[] {
  const samples: NotedSample[] = [];
  const trimmed = text.trimEnd();
  TERM.lastIndex = 0;
  while (TERM.lastIndex < trimmed.length) {
    const [, histogram, sign, step, times, word] = TERM.exec(trimmed) ?? [];
    if (histogram !== undefined) samples.push(...histogramSamples(histogram, sign, step, count(times)));
    else samples.push(...wordSamples(word ?? ""));
    if (samples.length > MOST_SAMPLES)
      throw new SyntaxError(`There are more than ${MOST_SAMPLES} samples in a series.`);
  }
  return samples;
}

function wordSamples(word: string): NotedSample[] {
  if (word === "stale") return [{ value: "stale", saysReset: false }];
  const gap = /^_(?:x(\d+))?$/.exec(word);
  if (gap !== null) return repeated(gap[1] === undefined ? 1 : count(gap[1]), () => undefined);
  const [, first, sign, step, times] = NUMBERS.exec(word) ?? [];
  if (first === undefined) throw new SyntaxError(`'${word}' is no sample.`);
  if (step !== undefined && times === undefined)
    throw new SyntaxError(`'${word}' does not say how often: add 'x' and a number.`);
  const start = parseNumber(first);
  const by = step === undefined ? 0 : parseNumber(step) * (sign === "-" ? -1 : 1);
  let value = start;
  return repeated(count(times) + 1, (at) => (at === 0 ? start : (value += by)));
}

function histogramSamples(text: string, sign: string | undefined, step: string | undefined, times: number) {
  const { histogram, saysReset } = parseHistogram(text);
  if (step === undefined) return repeated(times + 1, () => histogram, saysReset);
  const by = parseHistogram(step).histogram;
  let value = histogram;
  return repeated(
    times + 1,
    (at) => (at === 0 ? value : (value = stepped(value, by, sign === "-"))),
    saysReset,
  );
}

function stepped(value: NativeHistogram, by: NativeHistogram, down: boolean): NativeHistogram {
  const combination = (down ? subtract : add)(value, by);
  if (combination === undefined)
    throw new SyntaxError("A histogram with custom buckets and one without cannot be added up.");
  return combination.histogram;
}

function repeated(
  times: number,
  value: (at: number) => SampleValue | undefined,
  saysReset = false,
): NotedSample[] {
  if (times > MOST_SAMPLES) throw new SyntaxError(`There are more than ${MOST_SAMPLES} samples in a series.`);
  return Array.from({ length: times }, (_, at) => ({ value: value(at), saysReset }));
}

function count(text: string | undefined): number {
  return text === undefined ? 0 : Number.parseInt(text, 10);
}
