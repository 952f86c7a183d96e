/**
 * Native histograms as remote write sends them, in both versions: message Histogram of prometheus/prompb. Counts of buckets
 * come as differences (whole counts) or as they are (fractions).
 */
import { deltas, doubles, ProtobufError, type ProtobufReader } from "../exposition/protobuf.ts";
import { type CounterReset, CUSTOM_BUCKETS, type NativeHistogram, type Span } from "../histogram.ts";
import type { SampleValue } from "../series.ts";

const RESETS: readonly CounterReset[] = ["unknown", "reset", "none", "gauge"];

export interface HistogramSample {
  readonly time: number;
  readonly value: SampleValue;
}

interface Side {
  readonly spans: Span[];
  readonly deltas: number[];
  readonly counts: number[];
}

class Fields {
  count = 0;
  sum: number | "stale" = 0;
  schema = 0;
  zeroThreshold = 0;
  zeroCount = 0;
  reset = 0;
  time = 0;
  readonly positive: Side = { spans: [], deltas: [], counts: [] };
  readonly negative: Side = { spans: [], deltas: [], counts: [] };
  readonly bounds: number[] = [];
}

/** By number of the field. */
const readers: Readonly<Record<number, (fields: Fields, reader: ProtobufReader) => void>> = {
  1: (fields, reader) => (fields.count = reader.uint64()),
  2: (fields, reader) => (fields.count = reader.double()),
  3: (fields, reader) => (fields.sum = reader.sample()),
  4: (fields, reader) => (fields.schema = reader.sint64()),
  5: (fields, reader) => (fields.zeroThreshold = reader.double()),
  6: (fields, reader) => (fields.zeroCount = reader.uint64()),
  7: (fields, reader) => (fields.zeroCount = reader.double()),
  8: (fields, reader) => fields.negative.spans.push(readSpan(reader.message())),
  9: (fields, reader) => reader.repeated(deltas, fields.negative.deltas),
  10: (fields, reader) => reader.repeated(doubles, fields.negative.counts),
  11: (fields, reader) => fields.positive.spans.push(readSpan(reader.message())),
  12: (fields, reader) => reader.repeated(deltas, fields.positive.deltas),
  13: (fields, reader) => reader.repeated(doubles, fields.positive.counts),
  14: (fields, reader) => (fields.reset = reader.uint32()),
  15: (fields, reader) => (fields.time = reader.int64()),
  16: (fields, reader) => reader.repeated(doubles, fields.bounds),
};

/** Throws ProtobufError when its parts do not fit each other. */
export function readHistogram(reader: ProtobufReader): HistogramSample {
  const fields = new Fields();
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const read = readers[field];
    if (read === undefined) reader.skip();
    else read(fields, reader);
  }
  const { sum, time } = fields;
  return { time, value: sum === "stale" ? "stale" : histogram(fields, sum) };
}

function histogram(fields: Fields, sum: number): NativeHistogram {
  const { schema, zeroThreshold, zeroCount, count, positive, negative, bounds } = fields;
  if (schema !== CUSTOM_BUCKETS && (schema < -4 || schema > 8))
    throw new ProtobufError(`A native histogram has the schema ${schema}: -4 to 8 and -53 are known.`);
  return {
    schema,
    zeroThreshold,
    zeroCount,
    count,
    sum,
    positiveSpans: positive.spans,
    positiveBuckets: bucketsOf(positive),
    negativeSpans: negative.spans,
    negativeBuckets: bucketsOf(negative),
    ...(schema === CUSTOM_BUCKETS ? { bounds } : {}),
    counterReset: RESETS[fields.reset] ?? "unknown",
  };
}

export function readSpan(reader: ProtobufReader): Span {
  let offset = 0;
  let length = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) offset = reader.sint64();
    else if (field === 2) length = reader.uint32();
    else reader.skip();
  }
  return { offset, length };
}

/** Absolute counts. */
function bucketsOf({ spans, deltas: differences, counts }: Side): readonly number[] {
  let last = 0;
  const buckets = counts.length > 0 ? counts : differences.map((difference) => (last += difference));
  const spanned = spans.reduce((sum, { length }) => sum + length, 0);
  if (spanned !== buckets.length)
    throw new ProtobufError(`A native histogram has ${buckets.length} buckets, and spans of ${spanned}.`);
  if (buckets.some((bucket) => bucket < 0))
    throw new ProtobufError("A native histogram has a bucket below zero.");
  return buckets;
}
