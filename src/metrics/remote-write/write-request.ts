/**
 * The two messages of remote write: prometheus.WriteRequest (1.0) and io.prometheus.write.v2.Request (2.0), where texts are
 * numbers that refer to a list of symbols. Exemplars are not kept.
 *
 * Sources: prometheus.io/docs/specs/prw/remote_write_spec, remote_write_spec_2_0.
 */
import { ProtobufError, ProtobufReader, references } from "../exposition/protobuf.ts";
import { Labels, METRIC_NAME } from "../labels.ts";
import type { Metadata, MetricType, SampleValue } from "../series.ts";
import { readHistogram } from "./histogram-message.ts";
import type { KnownSeries } from "./known-series.ts";

export interface WrittenSample {
  readonly time: number;
  readonly value: SampleValue;
}

export interface WrittenSeries {
  /** Its labels as they stand in the message (`labelsIn`), where they stand together; otherwise empty. */
  readonly key: string;
  /** What the key is known by. */
  readonly reference: number | undefined;
  /** Only there when the key is not known. */
  readonly labels: Labels | undefined;
  readonly samples: readonly WrittenSample[];
  readonly histograms: readonly WrittenSample[];
  /** Milliseconds; 0 where unknown. */
  readonly start: number;
}

export interface WriteRequest {
  readonly series: readonly WrittenSeries[];
  readonly metadata: ReadonlyMap<string, Metadata>;
  /** Series that are none: a sentence each, the first few. */
  readonly problems: readonly string[];
}

const TYPES: readonly MetricType[] = [
  "unknown",
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
];
const MAX_PROBLEMS = 5;
/** Field of a series in version 1.0. */
const LABEL = 1;

class Collected {
  readonly series: WrittenSeries[] = [];
  readonly metadata = new Map<string, Metadata>();
  readonly problems: string[] = [];

  add(pairs: readonly string[], rest: Omit<WrittenSeries, "labels" | "reference">): Labels | undefined {
    const problem = problemOf(pairs);
    if (problem !== undefined) {
      if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem);
      return undefined;
    }
    const labels = Labels.of(pairsOf(pairs));
    this.series.push({ labels, reference: undefined, ...rest });
    return labels;
  }
}

/** Version 1.0. Throws ProtobufError. */
export function readWriteRequest(reader: ProtobufReader, known: KnownSeries): WriteRequest {
  const collected = new Collected();
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) readSeries(reader.message(), known, collected);
    else if (field === 3) readMetadata(reader.message(), collected);
    else reader.skip();
  }
  return collected;
}

function readSeries(reader: ProtobufReader, known: KnownSeries, collected: Collected): void {
  const key = reader.run(LABEL);
  const reference = known.find(key);
  const late: string[] = [];
  const samples: WrittenSample[] = [];
  const histograms: WrittenSample[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) samples.push(readSample(reader.message()));
    else if (field === 4) histograms.push(readHistogram(reader.message()));
    else if (field === LABEL) readLabel(reader.message(), late);
    else reader.skip();
  }
  const written = { samples, histograms, start: 0 };
  if (reference !== undefined && late.length === 0)
    collected.series.push({ key, reference, labels: undefined, ...written });
  else collected.add([...readLabels(key), ...late], { key: late.length === 0 ? key : "", ...written });
}

/** What a key stands for, once it was written. */
export function labelsIn(key: string): Labels {
  return Labels.of(pairsOf(readLabels(key)));
}

function readLabels(key: string): string[] {
  const reader = new ProtobufReader(Buffer.from(key, "latin1"));
  const pairs: string[] = [];
  while (reader.next() !== 0) readLabel(reader.message(), pairs);
  return pairs;
}

function readLabel(reader: ProtobufReader, pairs: string[]): void {
  let name = "";
  let value = "";
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) name = reader.text();
    else if (field === 2) value = reader.text();
    else reader.skip();
  }
  pairs.push(name, value);
}

function readSample(reader: ProtobufReader): WrittenSample {
  let value: SampleValue = 0;
  let time = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) value = reader.sample();
    else if (field === 2) time = reader.int64();
    else reader.skip();
  }
  return { time, value };
}

function readMetadata(reader: ProtobufReader, { metadata }: Collected): void {
  let type = 0;
  let name = "";
  let help = "";
  let unit = "";
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) type = reader.uint32();
    else if (field === 2) name = reader.text();
    else if (field === 4) help = reader.text();
    else if (field === 5) unit = reader.text();
    else reader.skip();
  }
  if (name !== "") metadata.set(name, { type: TYPES[type] ?? "unknown", help, unit });
}

/** Version 2.0. Throws ProtobufError. */
export function readRequest2(reader: ProtobufReader): WriteRequest {
  const collected = new Collected();
  const symbols: string[] = [];
  const messages: ProtobufReader[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 4) symbols.push(reader.text());
    else if (field === 5) messages.push(reader.message());
    else reader.skip();
  }
  if (symbols.length > 0 && symbols[0] !== "")
    throw new ProtobufError("The first symbol is not the empty text.");
  for (const message of messages) readSeries2(message, symbols, collected);
  return collected;
}

function readSeries2(reader: ProtobufReader, symbols: readonly string[], collected: Collected): void {
  const refs: number[] = [];
  const samples: WrittenSample[] = [];
  const histograms: WrittenSample[] = [];
  let metadata: Metadata | undefined;
  let start = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) reader.repeated(references, refs);
    else if (field === 2) samples.push(readSample(reader.message()));
    else if (field === 3) histograms.push(readHistogram(reader.message()));
    else if (field === 5) metadata = readMetadata2(reader.message(), symbols);
    else if (field === 6) start = reader.int64();
    else reader.skip();
  }
  const pairs = refs.map((ref) => symbol(symbols, ref));
  const labels = collected.add(pairs, { key: "", samples, histograms, start });
  const described =
    metadata !== undefined && (metadata.type !== "unknown" || metadata.help !== "" || metadata.unit !== "");
  if (labels !== undefined && described)
    collected.metadata.set(labels.get(METRIC_NAME), metadata as Metadata);
}

function readMetadata2(reader: ProtobufReader, symbols: readonly string[]): Metadata {
  let type = 0;
  let help = "";
  let unit = "";
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) type = reader.uint32();
    else if (field === 3) help = symbol(symbols, reader.uint32());
    else if (field === 4) unit = symbol(symbols, reader.uint32());
    else reader.skip();
  }
  return { type: TYPES[type] ?? "unknown", help, unit };
}

function symbol(symbols: readonly string[], reference: number): string {
  const text = symbols[reference];
  if (text === undefined) throw new ProtobufError(`There is no symbol ${reference}.`);
  return text;
}

function problemOf(pairs: readonly string[]): string | undefined {
  if (pairs.length % 2 !== 0) return "A series has a label without a value.";
  const names = new Set<string>();
  let named = false;
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] as string;
    if (name === "") return "A series has a label without a name.";
    if (names.has(name)) return `A series has the label ${JSON.stringify(name)} twice.`;
    names.add(name);
    named ||= name === METRIC_NAME && pairs[at + 1] !== "";
  }
  return named ? undefined : "A series has no metric name.";
}

function* pairsOf(pairs: readonly string[]): Generator<readonly [string, string]> {
  for (let at = 0; at < pairs.length; at += 2) yield [pairs[at] as string, pairs[at + 1] as string];
}
