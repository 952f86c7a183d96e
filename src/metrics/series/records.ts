/**
 * What the log holds, as bytes, and how it is played back into a head.
 *
 * Samples are gathered in columns and written by runs: a scrape gives consecutive references the same time, so that a
 * sample takes little more than its eight bytes, before compression.
 *
 * Invariant: a record never needs one that is written after it. Series come before their samples; floats, histograms and
 * deletions of one series stay in their order.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { NativeHistogram } from "../histogram.ts";
import { Labels } from "../labels.ts";
import type { Metadata, MetricType } from "../series.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import type { Head, Journal } from "./head.ts";
import { readHistogram, writeHistogram } from "./histogram-chunk.ts";

export const SERIES = 1;
export const SAMPLES = 2;
export const HISTOGRAM_SAMPLES = 3;
export const METADATA = 4;
export const DELETED = 5;
export const CHUNKS = 6;
/** Set in the type of a record whose payload is compressed. */
const COMPRESSED = 128;
const WORTH_COMPRESSING = 256;
const LARGEST_PAYLOAD = 1 << 28;

const BATCH = 1 << 15;
const FULL_RECORD = 1 << 20;

export interface PendingRecord {
  readonly record: Uint8Array;
  /** 0 for records that must never be left out. */
  readonly samples: number;
}

/** Gathers what is to be logged until it is taken. */
export class PendingRecords implements Journal {
  #records: PendingRecord[] = [];
  readonly #series = new ByteWriter();
  readonly #metadata = new ByteWriter();
  readonly #histograms = new ByteWriter();
  #histogramCount = 0;
  readonly #starts = new ByteWriter();
  #startCount = 0;
  readonly #references = new Float64Array(BATCH);
  readonly #times = new Float64Array(BATCH);
  readonly #values = new Uint32Array(2 * BATCH);
  #count = 0;
  readonly #out = new ByteWriter();

  series(reference: number, labels: Labels): void {
    writeSeries(this.#series, reference, labels);
    if (this.#series.length > FULL_RECORD) this.#closeSeries();
  }

  metadata(metric: string, metadata: Metadata): void {
    writeMetadata(this.#metadata, metric, metadata);
  }

  start(reference: number, start: number): void {
    if (this.#histogramCount > 0) this.#closeHistograms();
    this.#starts.varint(this.#count);
    this.#starts.varint(reference);
    this.#starts.number(start);
    this.#startCount++;
  }

  sample(reference: number, time: number, high: number, low: number): void {
    if (this.#histogramCount > 0) this.#closeHistograms();
    if (this.#count === BATCH) this.#closeSamples();
    const at = this.#count++;
    this.#references[at] = reference;
    this.#times[at] = time;
    this.#values[2 * at] = low;
    this.#values[2 * at + 1] = high;
  }

  histogram(reference: number, time: number, histogram: NativeHistogram): void {
    this.#closeSamples();
    this.#histograms.varint(reference);
    writeHistogram(this.#histograms, time, histogram, undefined);
    this.#histogramCount++;
    if (this.#histograms.length > FULL_RECORD) this.#closeHistograms();
  }

  deleted(references: readonly number[]): void {
    this.#closeSamples();
    this.#closeHistograms();
    this.#out.clear();
    for (const reference of references) this.#out.varint(reference);
    this.#records.push({ record: record(DELETED, this.#out.bytes()), samples: 0 });
  }

  /** All records since the last time. */
  take(): PendingRecord[] {
    this.#closeSeries();
    this.#closeMetadata();
    this.#closeSamples();
    this.#closeHistograms();
    const records = this.#records;
    this.#records = [];
    return records;
  }

  #closeSeries(): void {
    if (this.#series.length === 0) return;
    // Before everything: its samples may be in a batch that was closed already.
    this.#records.unshift({ record: record(SERIES, this.#series.bytes()), samples: 0 });
    this.#series.clear();
  }

  #closeMetadata(): void {
    if (this.#metadata.length === 0) return;
    this.#records.push({ record: record(METADATA, this.#metadata.bytes()), samples: 0 });
    this.#metadata.clear();
  }

  #closeHistograms(): void {
    if (this.#histogramCount === 0) return;
    const bytes = record(HISTOGRAM_SAMPLES, this.#histograms.bytes());
    this.#records.push({ record: bytes, samples: this.#histogramCount });
    this.#histograms.clear();
    this.#histogramCount = 0;
  }

  #closeSamples(): void {
    const count = this.#count;
    if (count === 0 && this.#startCount === 0) return;
    const out = this.#out;
    out.clear();
    out.varint(this.#startCount);
    out.append(this.#starts.bytes());
    out.varint(count);
    for (let first = 0; first < count;) {
      const end = this.#runFrom(first);
      out.varint(this.#references[first] as number);
      out.varint(end - first);
      out.number(this.#times[first] as number);
      first = end;
    }
    out.append(new Uint8Array(this.#values.buffer, 0, 8 * count));
    this.#records.push({ record: record(SAMPLES, out.bytes()), samples: count });
    this.#starts.clear();
    this.#startCount = 0;
    this.#count = 0;
  }

  /** The end of the samples with consecutive references and one time. */
  #runFrom(first: number): number {
    const offset = (this.#references[first] as number) - first;
    const time = this.#times[first];
    let end = first + 1;
    while (end < this.#count && this.#references[end] === end + offset && this.#times[end] === time) end++;
    return end;
  }
}

export function writeSeries(out: ByteWriter, reference: number, labels: Labels): void {
  out.varint(reference);
  out.varint(labels.flat.length);
  for (const text of labels.flat) out.text(text);
}

export function writeMetadata(out: ByteWriter, metric: string, metadata: Metadata): void {
  for (const text of [metric, metadata.type, metadata.unit, metadata.help]) out.text(text);
}

export function record(type: number, payload: Uint8Array): Uint8Array {
  if (payload.length >= WORTH_COMPRESSING) {
    const small = zstdCompressSync(payload, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
    if (small.length < payload.length) return Buffer.concat([Buffer.of(type | COMPRESSED), small]);
  }
  return Buffer.concat([Buffer.of(type), payload]);
}

/** Where records are played back to. */
export interface Playback {
  readonly head: Head;
  describe(metric: string, metadata: Metadata): void;
}

/** Plays back one record; returns how many samples it added. Throws CorruptBytes for one that is none. */
export function playBack(bytes: Buffer, to: Playback): number {
  const type = bytes[0] as number;
  const payload = bytes.subarray(1);
  const plain =
    (type & COMPRESSED) === 0 ? payload : zstdDecompressSync(payload, { maxOutputLength: LARGEST_PAYLOAD });
  const input = new ByteReader(plain);
  const before = to.head.samples;
  PLAYERS[type & ~COMPRESSED]?.(input, to);
  return to.head.samples - before;
}

const PLAYERS: Readonly<Record<number, (input: ByteReader, to: Playback) => void>> = {
  [SERIES]: playSeries,
  [SAMPLES]: playSamples,
  [HISTOGRAM_SAMPLES]: playHistograms,
  [METADATA]: playMetadata,
  [DELETED]: playDeleted,
  [CHUNKS]: playChunks,
};

function playSeries(input: ByteReader, { head }: Playback): void {
  while (!input.done) {
    const reference = input.varint();
    const flat = Array.from({ length: input.length() }, () => input.text());
    head.restore(reference, Labels.ofSorted(flat));
  }
}

function playSamples(input: ByteReader, { head }: Playback): void {
  const starts = Array.from({ length: input.length() }, () => ({
    before: input.varint(),
    reference: input.varint(),
    start: input.number(),
  }));
  const count = input.length();
  const runs: { reference: number; length: number; time: number }[] = [];
  for (let read = 0; read < count;) {
    const run = { reference: input.varint(), length: input.varint(), time: input.number() };
    runs.push(run);
    read += Math.max(1, run.length);
  }
  let at = 0;
  let next = 0;
  const started = (): void => {
    for (; (starts[next]?.before ?? Infinity) <= at; next++) {
      const { reference, start } = starts[next] as { reference: number; start: number };
      if (head.rowOf(reference) >= 0) head.setStart(reference, start);
    }
  };
  for (const { reference, length, time } of runs) {
    for (let n = 0; n < length; n++, at++) {
      if (next < starts.length) started();
      const low = input.u32();
      const high = input.u32();
      const row = head.rowOf(reference + n);
      if (row >= 0 && time > (head.rows.lastTime[row] as number) && time >= head.minTime)
        head.putFloat(row, time, high, low);
    }
  }
  started();
}

function playHistograms(input: ByteReader, { head }: Playback): void {
  while (!input.done) {
    const row = head.rowOf(input.varint());
    const { time, histogram } = readHistogram(input, undefined);
    if (row >= 0 && time > (head.rows.lastTime[row] as number) && time >= head.minTime)
      head.putHistogram(row, time, histogram);
  }
}

function playMetadata(input: ByteReader, to: Playback): void {
  while (!input.done) {
    const metric = input.text();
    const type = input.text() as MetricType;
    const unit = input.text();
    to.describe(metric, { type, unit, help: input.text() });
  }
}

function playDeleted(input: ByteReader, { head }: Playback): void {
  const rows: number[] = [];
  while (!input.done) {
    const row = head.rowOf(input.varint());
    if (row >= 0) rows.push(row);
  }
  head.drop(rows);
}

/** A series as a checkpoint has it: all of its chunks and what its last sample was. */
export function writeChunks(out: ByteWriter, head: Head, row: number): void {
  const { rows } = head;
  out.varint(rows.references[row] as number);
  out.double(rows.lastTime[row] as number);
  out.u32(rows.lastHigh[row] as number);
  out.u32(rows.lastLow[row] as number);
  out.number(rows.start[row] as number);
  const chunks = [...head.chunksOf(row)];
  out.varint(chunks.length);
  for (const chunk of chunks) {
    out.byte(chunk.codec);
    out.varint(chunk.count);
    out.number(chunk.firstTime);
    out.number(chunk.lastTime);
    out.number(chunk.start);
    out.varint(chunk.bytes.length);
    out.append(chunk.bytes);
  }
}

function playChunks(input: ByteReader, { head }: Playback): void {
  while (!input.done) {
    const row = head.rowOf(input.varint());
    const last = { time: input.double(), high: input.u32(), low: input.u32() };
    const start = input.number();
    for (let left = input.varint(); left > 0; left--) {
      const codec = input.byte();
      const count = input.varint();
      const chunk = {
        codec,
        count,
        firstTime: input.number(),
        lastTime: input.number(),
        start: input.number(),
      };
      const bytes = input.bytes(input.length());
      if (row >= 0 && chunk.lastTime >= head.minTime) head.restoreChunk(row, chunk, bytes);
    }
    if (row < 0) continue;
    head.rows.lastTime[row] = last.time;
    head.rows.lastHigh[row] = last.high;
    head.rows.lastLow[row] = last.low;
    head.rows.start[row] = start;
  }
}
