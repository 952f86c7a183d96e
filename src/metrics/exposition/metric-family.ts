/**
 * The message io.prometheus.client.MetricFamily, as samples: what a histogram or summary holds is spread to series as the
 * text formats have them, a native histogram is one sample.
 *
 * Source: github.com/prometheus/client_model, io/prometheus/client/metrics.proto.
 */
import type { NativeHistogram } from "../histogram.ts";
import type { Metadata, MetricType } from "../series.ts";
import { HistogramFields, nativeHistogram, readSpan } from "./histogram-fields.ts";
import { deltas, doubles, type ProtobufReader } from "./protobuf.ts";

export interface FamilySample {
  readonly name: string;
  /** Name, value, name, value ... */
  readonly labels: readonly string[];
  readonly value: number | NativeHistogram;
  /** Milliseconds; NaN where the metric has none. */
  readonly time: number;
  /** When it began to count, in milliseconds. */
  readonly start: number | undefined;
}

export interface Family {
  readonly name: string;
  readonly metadata: Metadata;
  readonly samples: readonly FamilySample[];
}

const TYPES: readonly MetricType[] = [
  "counter",
  "gauge",
  "summary",
  "unknown",
  "histogram",
  "gaugehistogram",
];

/** Throws ProtobufError. */
export function readFamily(reader: ProtobufReader): Family {
  let name = "";
  let help = "";
  let unit = "";
  // Numbers of enumerations that are zero are not sent.
  let type: MetricType = "counter";
  const metrics: ProtobufReader[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) name = reader.text();
    else if (field === 2) help = reader.text();
    else if (field === 3) type = TYPES[reader.uint32()] ?? "unknown";
    else if (field === 4) metrics.push(reader.message());
    else if (field === 5) unit = reader.text();
    else reader.skip();
  }
  const samples = metrics.flatMap((metric) => readMetric(metric, name, type));
  return { name, metadata: { type, help, unit }, samples };
}

/** A part of a metric: the suffix of its name, a label of its own, the value. */
type Part = readonly [suffix: string, label: readonly string[], value: number | NativeHistogram];

interface Parts {
  readonly parts: readonly Part[];
  readonly start: number | undefined;
}

function readMetric(reader: ProtobufReader, name: string, type: MetricType): FamilySample[] {
  const labels: string[] = [];
  let read: Parts = { parts: [], start: undefined };
  let time = NaN;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) readLabel(reader.message(), labels);
    else if (field === 2 || field === 3 || field === 5) read = readValue(reader.message());
    else if (field === 4) read = readSummary(reader.message());
    else if (field === 6) time = reader.int64();
    else if (field === 7) read = readHistogram(reader.message(), type === "gaugehistogram");
    else reader.skip();
  }
  const { parts, start } = read;
  return parts.map(([suffix, label, value]) => ({
    name: name + suffix,
    labels: [...labels, ...label],
    value,
    time,
    start,
  }));
}

function readLabel(reader: ProtobufReader, labels: string[]): void {
  let name = "";
  let value = "";
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) name = reader.text();
    else if (field === 2) value = reader.text();
    else reader.skip();
  }
  labels.push(name, value);
}

/** Gauge, Counter or Untyped. */
function readValue(reader: ProtobufReader): Parts {
  let value = 0;
  let start: number | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) value = reader.double();
    else if (field === 3) start = readTimestamp(reader.message());
    else reader.skip();
  }
  return { parts: [["", [], value]], start };
}

function readSummary(reader: ProtobufReader): Parts {
  let count = 0;
  let sum = 0;
  let start: number | undefined;
  const quantiles: Part[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) count = reader.uint64();
    else if (field === 2) sum = reader.double();
    else if (field === 3) {
      const [quantile, value] = readPair(reader.message());
      quantiles.push(["", ["quantile", canonical(quantile)], value]);
    } else if (field === 4) start = readTimestamp(reader.message());
    else reader.skip();
  }
  return { parts: [...quantiles, ["_sum", [], sum], ["_count", [], count]], start };
}

/** Quantile. */
function readPair(reader: ProtobufReader): readonly [number, number] {
  const pair: [number, number] = [0, 0];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) pair[0] = reader.double();
    else if (field === 2) pair[1] = reader.double();
    else reader.skip();
  }
  return pair;
}

class Fields extends HistogramFields {
  sum = 0;
  start: number | undefined;
  readonly classic: Part[] = [];
  lastBound = -Infinity;
}

/** By number of the field. Counts that are fractions stand beside the whole ones, and are the later fields. */
const readers: Readonly<Record<number, (fields: Fields, reader: ProtobufReader) => void>> = {
  1: (fields, reader) => (fields.count = reader.uint64()),
  2: (fields, reader) => (fields.sum = reader.double()),
  3: (fields, reader) => readBucket(reader.message(), fields),
  4: (fields, reader) => (fields.count = reader.double() || fields.count),
  5: (fields, reader) => (fields.schema = reader.sint64()),
  6: (fields, reader) => (fields.zeroThreshold = reader.double()),
  7: (fields, reader) => (fields.zeroCount = reader.uint64()),
  8: (fields, reader) => (fields.zeroCount = reader.double() || fields.zeroCount),
  9: (fields, reader) => fields.negative.spans.push(readSpan(reader.message())),
  10: (fields, reader) => reader.repeated(deltas, fields.negative.deltas),
  11: (fields, reader) => reader.repeated(doubles, fields.negative.counts),
  12: (fields, reader) => fields.positive.spans.push(readSpan(reader.message())),
  13: (fields, reader) => reader.repeated(deltas, fields.positive.deltas),
  14: (fields, reader) => reader.repeated(doubles, fields.positive.counts),
  15: (fields, reader) => (fields.start = readTimestamp(reader.message())),
};

function readHistogram(reader: ProtobufReader, gauge: boolean): Parts {
  const fields = new Fields();
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    const read = readers[field];
    if (read === undefined) reader.skip();
    else read(fields, reader);
  }
  const { start, sum, count, classic, lastBound } = fields;
  if (isNative(fields)) {
    fields.reset = gauge ? "gauge" : "unknown";
    return { parts: [["", [], nativeHistogram(fields, sum)]], start };
  }
  const last: readonly Part[] = lastBound === Infinity ? [] : [["_bucket", ["le", "+Inf"], count]];
  return { parts: [["_count", [], count], ["_sum", [], sum], ...classic, ...last], start };
}

/** One without observations has at least a span without length. */
function isNative({ positive, negative, zeroThreshold, zeroCount }: Fields): boolean {
  return positive.spans.length > 0 || negative.spans.length > 0 || zeroThreshold > 0 || zeroCount > 0;
}

function readBucket(reader: ProtobufReader, fields: Fields): void {
  let count = 0;
  let bound = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) count = reader.uint64();
    else if (field === 2) bound = reader.double();
    else if (field === 4) count = reader.double() || count;
    else reader.skip();
  }
  fields.classic.push(["_bucket", ["le", canonical(bound)], count]);
  fields.lastBound = bound;
}

/** google.protobuf.Timestamp, in milliseconds. */
function readTimestamp(reader: ProtobufReader): number {
  let milliseconds = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) milliseconds += reader.int64() * 1000;
    else if (field === 2) milliseconds += Math.trunc(reader.int64() / 1_000_000);
    else reader.skip();
  }
  return milliseconds;
}

/** As OpenMetrics writes bounds and quantiles ("Canonical Numbers"): 1.0, 0.25, 1e-05, 1e+06, +Inf. */
export function canonical(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  const [mantissa = "", power = ""] = value.toExponential().split("e");
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 6))
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}
