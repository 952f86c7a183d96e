/**
 * Native histograms as bytes, each after the one before it in its chunk: what is the same is not written again, and whole
 * counts are differences, which mostly take a byte each.
 *
 *     flags: 1 same layout as before, 2 counts are differences, 4 time is a difference
 *     time
 *     without flag 1: counter reset, schema, zero threshold, spans, bounds
 *     zero count, count, sum, buckets
 */
import type { CounterReset, NativeHistogram, Span } from "../histogram.ts";
import { ByteReader, type ByteWriter } from "./bytes.ts";
import type { Columns } from "./columns.ts";

const SAME_LAYOUT = 1;
const DIFFERENCES = 2;
const STEPPED = 4;
/** What counts are the difference to when they are written whole. */
const NOTHING: Pick<NativeHistogram, "zeroCount" | "count" | "positiveBuckets" | "negativeBuckets"> = {
  zeroCount: 0,
  count: 0,
  positiveBuckets: [],
  negativeBuckets: [],
};
const RESETS: readonly CounterReset[] = ["unknown", "reset", "none", "gauge"];

/** What the next histogram is written after. */
export interface Before {
  readonly time: number;
  readonly histogram: NativeHistogram;
}

export function writeHistogram(
  out: ByteWriter,
  time: number,
  histogram: NativeHistogram,
  before: Before | undefined,
): void {
  const last = differenceBase(histogram, before?.histogram);
  const same = before !== undefined && sameLayout(before.histogram, histogram);
  // A difference of fractions may be rounded: such a time is written whole.
  const lastTime = before?.time ?? 0;
  const stepped = lastTime + (time - lastTime) === time;
  out.byte((same ? SAME_LAYOUT : 0) | (last === NOTHING ? 0 : DIFFERENCES) | (stepped ? STEPPED : 0));
  out.number(stepped ? time - lastTime : time);
  if (!same) writeLayout(out, histogram);
  out.number(histogram.zeroCount - last.zeroCount);
  out.number(histogram.count - last.count);
  out.double(histogram.sum);
  writeBuckets(out, histogram.positiveBuckets, last.positiveBuckets);
  writeBuckets(out, histogram.negativeBuckets, last.negativeBuckets);
}

/** What the counts are written as differences to. */
function differenceBase(histogram: NativeHistogram, before: NativeHistogram | undefined): typeof NOTHING {
  const possible = before !== undefined && sameLayout(before, histogram);
  return possible && wholeCounts(before) && wholeCounts(histogram) ? before : NOTHING;
}

function writeLayout(out: ByteWriter, histogram: NativeHistogram): void {
  out.byte(RESETS.indexOf(histogram.counterReset));
  out.number(histogram.schema);
  out.double(histogram.zeroThreshold);
  writeSpans(out, histogram.positiveSpans);
  writeSpans(out, histogram.negativeSpans);
  out.varint(histogram.positiveBuckets.length);
  out.varint(histogram.negativeBuckets.length);
  out.byte(histogram.bounds === undefined ? 0 : 1);
  out.varint(histogram.bounds?.length ?? 0);
  for (const bound of histogram.bounds ?? []) out.double(bound);
}

function writeSpans(out: ByteWriter, spans: readonly Span[]): void {
  out.varint(spans.length);
  for (const { offset, length } of spans) {
    out.number(offset);
    out.varint(length);
  }
}

function writeBuckets(out: ByteWriter, counts: readonly number[], before: readonly number[]): void {
  for (let at = 0; at < counts.length; at++) out.number((counts[at] as number) - (before[at] ?? 0));
}

export function readHistogram(input: ByteReader, before: Before | undefined): Before {
  const flags = input.byte();
  const written = input.number();
  const time = (flags & STEPPED) !== 0 ? (before?.time ?? 0) + written : written;
  const same = (flags & SAME_LAYOUT) !== 0 && before !== undefined;
  const { positive, negative, ...shape } = same ? layoutOf(before.histogram) : readLayout(input);
  const last = same && (flags & DIFFERENCES) !== 0 ? before.histogram : NOTHING;
  const zeroCount = input.number() + last.zeroCount;
  const count = input.number() + last.count;
  const sum = input.double();
  const positiveBuckets = readBuckets(input, positive, last.positiveBuckets);
  const negativeBuckets = readBuckets(input, negative, last.negativeBuckets);
  return { time, histogram: { ...shape, zeroCount, count, sum, positiveBuckets, negativeBuckets } };
}

type Shape = Pick<
  NativeHistogram,
  "counterReset" | "schema" | "zeroThreshold" | "positiveSpans" | "negativeSpans" | "bounds"
>;
type Layout = Shape & { readonly positive: number; readonly negative: number };

function layoutOf(histogram: NativeHistogram): Layout {
  const { counterReset, schema, zeroThreshold, positiveSpans, negativeSpans, bounds } = histogram;
  return {
    counterReset,
    schema,
    zeroThreshold,
    positiveSpans,
    negativeSpans,
    ...(bounds === undefined ? {} : { bounds }),
    positive: histogram.positiveBuckets.length,
    negative: histogram.negativeBuckets.length,
  };
}

function readLayout(input: ByteReader): Layout {
  const counterReset = RESETS[input.byte()] ?? "unknown";
  const schema = input.number();
  const zeroThreshold = input.double();
  const positiveSpans = readSpans(input);
  const negativeSpans = readSpans(input);
  const positive = input.varint();
  const negative = input.varint();
  const listed = input.byte() === 1;
  const bounds = Array.from({ length: input.length() }, () => input.double());
  return {
    counterReset,
    schema,
    zeroThreshold,
    positiveSpans,
    negativeSpans,
    ...(listed ? { bounds } : {}),
    positive,
    negative,
  };
}

function readSpans(input: ByteReader): Span[] {
  return Array.from({ length: input.length() }, () => ({ offset: input.number(), length: input.varint() }));
}

function readBuckets(input: ByteReader, length: number, before: readonly number[]): number[] {
  const counts: number[] = [];
  for (let at = 0; at < length; at++) counts.push(input.number() + (before[at] ?? 0));
  return counts;
}

/** Appends the histograms of a chunk to `out`, which has room for them. */
export function decodeHistograms(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  out: Columns,
): void {
  const input = new ByteReader(bytes, start, end);
  let before: Before | undefined;
  for (let at = 0; at < count; at++) {
    before = readHistogram(input, before);
    out.times[out.length] = before.time;
    out.values[out.length] = Number.NaN;
    out.markHistogram(out.length++, before.histogram);
  }
}

/** What is known of resets is no part of what was measured. */
export function sameHistogram(a: NativeHistogram, b: NativeHistogram): boolean {
  return (
    sameBuckets(a, b) &&
    Object.is(a.zeroCount, b.zeroCount) &&
    Object.is(a.count, b.count) &&
    Object.is(a.sum, b.sum) &&
    sameNumbers(a.positiveBuckets, b.positiveBuckets) &&
    sameNumbers(a.negativeBuckets, b.negativeBuckets)
  );
}

function sameLayout(a: NativeHistogram, b: NativeHistogram): boolean {
  return a.counterReset === b.counterReset && sameBuckets(a, b);
}

function sameBuckets(a: NativeHistogram, b: NativeHistogram): boolean {
  return (
    a.schema === b.schema &&
    a.zeroThreshold === b.zeroThreshold &&
    a.positiveBuckets.length === b.positiveBuckets.length &&
    a.negativeBuckets.length === b.negativeBuckets.length &&
    sameSpans(a.positiveSpans, b.positiveSpans) &&
    sameSpans(a.negativeSpans, b.negativeSpans) &&
    (a.bounds === undefined) === (b.bounds === undefined) &&
    sameNumbers(a.bounds ?? [], b.bounds ?? [])
  );
}

function sameSpans(a: readonly Span[], b: readonly Span[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ offset, length }, at) => b[at]?.offset === offset && b[at]?.length === length)
  );
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, at) => Object.is(number, b[at]));
}

function wholeCounts(histogram: NativeHistogram): boolean {
  return (
    whole(histogram.zeroCount) &&
    whole(histogram.count) &&
    histogram.positiveBuckets.every(whole) &&
    histogram.negativeBuckets.every(whole)
  );
}

function whole(count: number): boolean {
  return Number.isInteger(count) && Math.abs(count) < 2 ** 51 && !Object.is(count, -0);
}
