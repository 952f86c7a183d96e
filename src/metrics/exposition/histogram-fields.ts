/** What the messages of Prometheus that hold a native histogram have in common, while and after their fields are read. */
import { type CounterReset, CUSTOM_BUCKETS, type NativeHistogram, type Span } from "../histogram.ts";
import { ProtobufError, type ProtobufReader } from "./protobuf.ts";

export interface HistogramSide {
  readonly spans: Span[];
  readonly deltas: number[];
  readonly counts: number[];
}

/** Counts of buckets come as differences (whole counts) or as they are (fractions). */
export class HistogramFields {
  count = 0;
  schema = 0;
  zeroThreshold = 0;
  zeroCount = 0;
  reset: CounterReset = "unknown";
  readonly positive: HistogramSide = { spans: [], deltas: [], counts: [] };
  readonly negative: HistogramSide = { spans: [], deltas: [], counts: [] };
  readonly bounds: number[] = [];
}

/** Throws ProtobufError when its parts do not fit each other. */
export function nativeHistogram(fields: HistogramFields, sum: number): NativeHistogram {
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
    counterReset: fields.reset,
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
function bucketsOf({ spans, deltas: differences, counts }: HistogramSide): readonly number[] {
  let last = 0;
  const buckets = counts.length > 0 ? counts : differences.map((difference) => (last += difference));
  const spanned = spans.reduce((sum, { length }) => sum + length, 0);
  if (spanned !== buckets.length)
    throw new ProtobufError(`A native histogram has ${buckets.length} buckets, and spans of ${spanned}.`);
  if (buckets.some((bucket) => bucket < 0))
    throw new ProtobufError("A native histogram has a bucket below zero.");
  return buckets;
}
