/**
 * Native histograms as remote write sends them, in both versions: message Histogram of prometheus/prompb. */
import { HistogramFields, nativeHistogram, readSpan } from "../exposition/histogram-fields.ts";
import { deltas, doubles, type ProtobufReader } from "../exposition/protobuf.ts";
import type { CounterReset } from "../histogram.ts";
import type { SampleValue } from "../series.ts";

const RESETS: readonly CounterReset[] = ["unknown", "reset", "none", "gauge"];

export interface HistogramSample {
  readonly time: number;
  readonly value: SampleValue;
}

class Fields extends HistogramFields {
  sum: number | "stale" = 0;
  time = 0;
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
  14: (fields, reader) => (fields.reset = RESETS[reader.uint32()] ?? "unknown"),
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
  return { time, value: sum === "stale" ? "stale" : nativeHistogram(fields, sum) };
}
