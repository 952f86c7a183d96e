/**
 * The head: every series that was written lately, in memory, in chunks.
 *
 * A sample goes to the open chunk of its series (gorilla.ts); a chunk that has `CHUNK_SAMPLES`, or whose range of time is
 * over, is closed: written anew in fewer bits (seal.ts) and put in the list of the series. What is closed never changes.
 *
 * A reference is the row of its series and a generation, so that a reference kept by somebody after the series was
 * dropped is recognised although the row is used again.
 *
 * Invariants:
 * 1. Times within a series ascend, over all of its chunks.
 * 2. A chunk lies within one range of time (as long as a block, aligned): blocks are made of whole chunks.
 * 3. A chunk holds either floats or histograms, with one start time.
 * 4. Nothing older than `minTime` is taken: it is in blocks already, or too old for them.
 * 5. "No reset" is only said of a histogram whose predecessor is in the same chunk, so that chunks can be dropped.
 */
import type { NativeHistogram } from "../histogram.ts";
import type { Labels } from "../labels.ts";
import { detectReset, hinted } from "../native-histogram/reset.ts";
import { problem } from "../native-histogram/validity.ts";
import { type Rejection, type SampleValue, UnknownSeries } from "../series.ts";
import { Arena, sizeClass, wordsFor } from "./arena.ts";
import { ByteWriter } from "./bytes.ts";
import { ChunkTable, GORILLA, HISTOGRAMS, NO_CHUNK, SEALED } from "./chunk-table.ts";
import { Columns, STALE_HIGH, STALE_LOW } from "./columns.ts";
import { decodeGorilla, putFirst, putTime, putValue, SAMPLE_BITS } from "./gorilla.ts";
import { type Before, sameHistogram, writeHistogram } from "./histogram-chunk.ts";
import { LabelIndex } from "./label-index.ts";
import { Rows } from "./rows.ts";
import { seal, sealedRoom } from "./seal.ts";
import { startAfter } from "./start-time.ts";

export const CHUNK_SAMPLES = 120;
/** A chunk of histograms is closed when it is as large as this. */
const CHUNK_BYTES = 16_384;
const FIRST_WORDS = 8;
/** A histogram of more bytes is refused. */
const LARGEST_HISTOGRAM = 1 << 19;
/** The reference of a series that there was no room for. */
export const NO_ROOM = -1;
const ROW_BITS = 25;
const ROW_MASK = (1 << ROW_BITS) - 1;
const AHEAD = 10 * 60_000;

/** What has to know of each change, to write it down. */
export interface Journal {
  series(reference: number, labels: Labels): void;
  start(reference: number, start: number): void;
  sample(reference: number, time: number, high: number, low: number): void;
  histogram(reference: number, time: number, histogram: NativeHistogram): void;
}

/** A chunk that is not appended to any more. */
export interface FullChunk {
  readonly firstTime: number;
  readonly lastTime: number;
  readonly start: number;
  readonly count: number;
  readonly codec: number;
}

export interface HeadOptions {
  /** How long a block is, milliseconds. */
  readonly range: number;
  readonly maxSeries: number;
  /** Without a clock no sample is too far ahead. */
  readonly now?: () => number;
}

const value64 = new Float64Array(1);
const value32 = new Uint32Array(value64.buffer);

export class Head {
  readonly rows = new Rows(1024);
  readonly arena = new Arena();
  readonly chunks = new ChunkTable();
  readonly index = new LabelIndex(this.arena, this.rows);
  readonly rejected: Partial<Record<Rejection, number>> = {};
  readonly range: number;
  journal: Journal | undefined;
  minTime = Number.NEGATIVE_INFINITY;
  /** Of the newest sample ever taken. */
  maxTime = Number.NEGATIVE_INFINITY;
  /** Of the samples that are in memory. */
  samples = 0;
  /** All that were ever taken. */
  appended = 0;
  /** Rows from here on were never used. */
  end = 0;
  readonly #maxSeries: number;
  readonly #now: (() => number) | undefined;
  #horizon: number;
  readonly #freeRows: number[] = [];
  /** The last histogram of rows whose open chunk holds them. */
  readonly #lastHistogram = new Map<number, Before>();
  readonly #scratch = new Columns();
  readonly #sealed = new Uint32Array(sealedRoom(CHUNK_SAMPLES));
  readonly #bytes = new ByteWriter();

  constructor(options: HeadOptions) {
    this.range = options.range;
    this.#maxSeries = Math.min(options.maxSeries, ROW_MASK);
    this.#now = options.now;
    this.#horizon = options.now === undefined ? Number.MAX_VALUE : Number.NEGATIVE_INFINITY;
  }

  reference(labels: Labels): number {
    const known = this.index.find(labels);
    if (known >= 0) return this.rows.references[known] as number;
    if (this.index.size >= this.#maxSeries) return NO_ROOM;
    const row = this.#freeRows.pop() ?? this.end++;
    this.rows.reserve(row + 1);
    const reference = (this.rows.generation[row] as number) * 2 ** ROW_BITS + row;
    this.#occupy(row, reference, labels);
    this.journal?.series(reference, labels);
    return reference;
  }

  /**
   * The series gets the reference that it had, as a journal says; whoever is in its row is gone. When all are restored,
   * `restored` is called before any other is added.
   */
  restore(reference: number, labels: Labels): void {
    const row = reference & ROW_MASK;
    this.rows.reserve(row + 1);
    if (this.rows.references[row] === reference) return;
    const before = [row, this.index.find(labels)].filter((at) => at >= 0 && this.rows.references[at] !== -1);
    if (before.length > 0) this.drop([...new Set(before)]);
    this.end = Math.max(this.end, row + 1);
    this.rows.generation[row] = (reference - row) / 2 ** ROW_BITS;
    this.#occupy(row, reference, labels);
  }

  restored(): void {
    this.#freeRows.length = 0;
    for (let row = this.end - 1; row >= 0; row--)
      if (this.rows.references[row] === -1) this.#freeRows.push(row);
  }

  append(reference: number, time: number, value: SampleValue, start = 0): Rejection | undefined {
    const row = reference & ROW_MASK;
    if (this.rows.references[row] !== reference) return this.#unknown(reference);
    if (typeof value === "object") return this.#appendHistogram(row, time, value, start);
    let high = STALE_HIGH;
    let low = STALE_LOW;
    if (value !== "stale") {
      // Every NaN is written as the same one, so that none can be taken for a marker.
      value64[0] = value === value ? value : Number.NaN;
      high = value32[1] as number;
      low = value32[0] as number;
    }
    if (!(time > (this.rows.lastTime[row] as number))) return this.#again(row, time, high, low);
    const refused = this.#outside(time);
    if (refused !== undefined) return this.#reject(refused);
    if (start !== this.rows.start[row] && value !== "stale")
      this.#restart(row, start, !(value >= this.#lastValue(row)));
    this.journal?.sample(reference, time, high, low);
    this.putFloat(row, time, high, low);
    return undefined;
  }

  /** The row of a series that is still there, or -1. */
  rowOf(reference: number): number {
    const row = reference & ROW_MASK;
    return this.rows.references[row] === reference ? row : -1;
  }

  /** Samples from now on have this start time. */
  setStart(reference: number, start: number): void {
    const row = reference & ROW_MASK;
    if (this.rows.count[row] !== 0) this.close(row);
    this.rows.start[row] = start;
    this.journal?.start(reference, start);
  }

  /** Trusts the caller: invariants 1 and 4 hold. */
  putFloat(row: number, time: number, high: number, low: number): void {
    const { rows } = this;
    let count = rows.count[row] as number;
    if (
      count !== 0 &&
      (count === CHUNK_SAMPLES || time >= (rows.closeAt[row] as number) || rows.codec[row] !== GORILLA)
    ) {
      this.close(row);
      count = 0;
    }
    if (count === 0) this.#open(row, time, GORILLA, FIRST_WORDS);
    else if ((rows.words[row] as number) * 32 - (rows.used[row] as number) < SAMPLE_BITS) this.#grow(row);
    const address = rows.address[row] as number;
    const words = this.arena.page(address);
    const begin = this.arena.offset(address) * 32;
    let bit = begin + (rows.used[row] as number);
    if (count === 0) bit = putFirst(rows, row, words, bit, high, low);
    else bit = putValue(rows, row, words, putTime(rows, row, words, bit, time), high, low);
    rows.used[row] = bit - begin;
    this.#counted(row, time, count);
  }

  /** Trusts the caller: invariants 1 and 4 hold. False when the histogram is too large to be kept. */
  putHistogram(row: number, time: number, histogram: NativeHistogram): boolean {
    const { rows } = this;
    const fits =
      rows.count[row] !== 0 &&
      rows.codec[row] === HISTOGRAMS &&
      rows.count[row] !== CHUNK_SAMPLES &&
      (rows.used[row] as number) < CHUNK_BYTES &&
      time < (rows.closeAt[row] as number);
    const before = fits ? this.#lastHistogram.get(row) : undefined;
    const kept = hinted(before?.histogram, histogram);
    this.#bytes.clear();
    writeHistogram(this.#bytes, time, kept, before);
    const bytes = this.#bytes.bytes();
    if (bytes.length > LARGEST_HISTOGRAM) return false;
    if (!fits) {
      if (rows.count[row] !== 0) this.close(row);
      this.#open(row, time, HISTOGRAMS, wordsFor(bytes.length));
    }
    const used = rows.used[row] as number;
    const needed = wordsFor(used + bytes.length);
    if (needed > (rows.words[row] as number)) {
      const words = rows.words[row] as number;
      rows.words[row] = sizeClass(needed + (needed >>> 2));
      rows.address[row] = this.arena.grow(rows.address[row] as number, words, rows.words[row]);
    }
    this.arena.bytes(rows.address[row] as number, used, bytes.length).set(bytes);
    rows.used[row] = used + bytes.length;
    this.#lastHistogram.set(row, { time, histogram: kept });
    this.#counted(row, time, rows.count[row] as number);
    return true;
  }

  /** Adds a full chunk behind all others of the row. `bytes` are copied. */
  putChunk(row: number, chunk: FullChunk, bytes: Uint8Array): void {
    const { chunks, rows } = this;
    const words = wordsFor(bytes.length);
    const id = chunks.take();
    const address = this.arena.take(words);
    this.arena.bytes(address, 0, bytes.length).set(bytes);
    chunks.address[id] = address;
    chunks.bytes[id] = bytes.length;
    chunks.firstTime[id] = chunk.firstTime;
    chunks.lastTime[id] = chunk.lastTime;
    chunks.start[id] = chunk.start;
    chunks.count[id] = chunk.count;
    chunks.codec[id] = chunk.codec;
    const last = rows.lastChunk[row] as number;
    if (last === NO_CHUNK) rows.firstChunk[row] = id;
    else chunks.next[last] = id;
    rows.lastChunk[row] = id;
  }

  /** As `putChunk`, for samples that were not counted yet. */
  restoreChunk(row: number, chunk: FullChunk, bytes: Uint8Array): void {
    this.putChunk(row, chunk, bytes);
    this.samples += chunk.count;
    this.maxTime = Math.max(this.maxTime, chunk.lastTime);
  }

  /** The row's chunks from old to new, the open one as it is now. Bytes are views, good until the next change. */
  *chunksOf(row: number): Generator<FullChunk & { readonly bytes: Uint8Array }> {
    const { rows, chunks, arena } = this;
    for (let id = rows.firstChunk[row] as number; id !== NO_CHUNK; id = chunks.next[id] as number)
      yield {
        firstTime: chunks.firstTime[id] as number,
        lastTime: chunks.lastTime[id] as number,
        start: chunks.start[id] as number,
        count: chunks.count[id] as number,
        codec: chunks.codec[id] as number,
        bytes: arena.bytes(chunks.address[id] as number, 0, chunks.bytes[id] as number),
      };
    if (rows.count[row] === 0) return;
    const used = rows.used[row] as number;
    const size = rows.codec[row] === HISTOGRAMS ? used : (used + 7) >>> 3;
    yield { ...this.#openChunk(row), bytes: arena.bytes(rows.address[row] as number, 0, size) };
  }

  /** Of the oldest sample of the row in memory; Infinity when there is none. */
  firstTimeOf(row: number): number {
    const first = this.rows.firstChunk[row] as number;
    if (first !== NO_CHUNK) return this.chunks.firstTime[first] as number;
    return this.rows.count[row] === 0 ? Number.POSITIVE_INFINITY : (this.rows.firstTime[row] as number);
  }

  #openChunk(row: number): FullChunk {
    const { rows } = this;
    return {
      firstTime: rows.firstTime[row] as number,
      lastTime: rows.lastTime[row] as number,
      start: rows.start[row] as number,
      count: rows.count[row] as number,
      codec: rows.codec[row] as number,
    };
  }

  /** Ends the open chunk of the row; the next sample begins another. */
  close(row: number): void {
    const { rows, arena } = this;
    const address = rows.address[row] as number;
    const used = rows.used[row] as number;
    const chunk = this.#openChunk(row);
    if (chunk.codec === HISTOGRAMS) {
      this.putChunk(row, chunk, arena.bytes(address, 0, used));
      this.#lastHistogram.delete(row);
    } else {
      const scratch = this.#scratch;
      scratch.begin(chunk.count);
      const first = scratch.length;
      decodeGorilla(arena.page(address), arena.offset(address) * 32, chunk.count, chunk.firstTime, scratch);
      const bits = seal(this.#sealed, scratch, first, scratch.length);
      scratch.length = first;
      if (bits < used)
        this.putChunk(row, { ...chunk, codec: SEALED }, bytesOf(this.#sealed).subarray(0, (bits + 7) >>> 3));
      else this.putChunk(row, chunk, arena.bytes(address, 0, (used + 7) >>> 3));
    }
    arena.free(address, rows.words[row] as number);
    rows.count[row] = 0;
    rows.words[row] = 0;
    rows.used[row] = 0;
  }

  /** Forgets the row's oldest chunks that end before `time`. */
  truncate(row: number, time: number): void {
    const { rows, chunks } = this;
    let id = rows.firstChunk[row] as number;
    while (id !== NO_CHUNK && (chunks.lastTime[id] as number) < time) {
      const next = chunks.next[id] as number;
      this.samples -= chunks.count[id] as number;
      this.arena.free(chunks.address[id] as number, wordsFor(chunks.bytes[id] as number));
      chunks.release(id);
      id = next;
    }
    rows.firstChunk[row] = id;
    if (id === NO_CHUNK) rows.lastChunk[row] = NO_CHUNK;
  }

  /** Of the oldest sample in memory; Infinity when there is none. */
  oldestTime(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (let row = 0; row < this.end; row++)
      if (this.rows.references[row] !== -1) oldest = Math.min(oldest, this.firstTimeOf(row));
    return oldest;
  }

  /** Ends the chunks that may get no more samples since nothing before `time` is taken any more. */
  closeBefore(time: number): void {
    this.minTime = Math.max(this.minTime, time);
    for (let row = 0; row < this.end; row++)
      if (this.rows.count[row] !== 0 && (this.rows.closeAt[row] as number) <= time) this.close(row);
  }

  /** Forgets chunks that end before `time`, and series that have no other. */
  forgetBefore(time: number): void {
    const empty: number[] = [];
    for (let row = 0; row < this.end; row++) {
      if (this.rows.references[row] === -1) continue;
      this.truncate(row, time);
      if (this.firstTimeOf(row) === Number.POSITIVE_INFINITY) empty.push(row);
    }
    this.drop(empty);
  }

  /** The series and all of their samples are gone, their references with them. */
  drop(dropped: readonly number[]): void {
    const { rows } = this;
    for (const row of dropped) {
      this.truncate(row, Number.POSITIVE_INFINITY);
      if (rows.count[row] !== 0) {
        this.samples -= rows.count[row] as number;
        this.arena.free(rows.address[row] as number, rows.words[row] as number);
        rows.count[row] = 0;
      }
      this.#lastHistogram.delete(row);
      rows.references[row] = -1;
      rows.generation[row] = (rows.generation[row] as number) + 1;
      this.#freeRows.push(row);
    }
    this.index.remove(dropped);
  }

  #appendHistogram(
    row: number,
    time: number,
    histogram: NativeHistogram,
    start: number,
  ): Rejection | undefined {
    if (problem(histogram) !== undefined) return this.#reject("malformed");
    if (!(time > (this.rows.lastTime[row] as number))) {
      const last = this.#lastHistogram.get(row);
      return this.#notAfter(row, time, last !== undefined && sameHistogram(last.histogram, histogram));
    }
    const refused = this.#outside(time);
    if (refused !== undefined) return this.#reject(refused);
    const reference = this.rows.references[row] as number;
    if (start !== this.rows.start[row]) {
      const last = this.#lastHistogram.get(row);
      this.#restart(row, start, last === undefined || detectReset(last.histogram, histogram));
    }
    if (!this.putHistogram(row, time, histogram)) return this.#reject("limit");
    this.journal?.histogram(reference, time, histogram);
    return undefined;
  }

  #restart(row: number, told: number, fell: boolean): void {
    const { rows } = this;
    const known = rows.start[row] as number;
    const lastTime = rows.lastTime[row] as number;
    const start = startAfter({ start: known, lastTime, count: rows.count[row] as number }, told, fell);
    if (start !== known) this.setStart(rows.references[row] as number, start);
  }

  /** NaN after a mark of staleness or a histogram. */
  #lastValue(row: number): number {
    value32[1] = this.rows.lastHigh[row] as number;
    value32[0] = this.rows.lastLow[row] as number;
    return this.#lastHistogram.has(row) ? Number.NaN : (value64[0] as number);
  }

  #occupy(row: number, reference: number, labels: Labels): void {
    const { rows } = this;
    rows.references[row] = reference;
    rows.lastTime[row] = Number.NEGATIVE_INFINITY;
    rows.start[row] = 0;
    rows.count[row] = 0;
    rows.words[row] = 0;
    rows.used[row] = 0;
    rows.firstChunk[row] = NO_CHUNK;
    rows.lastChunk[row] = NO_CHUNK;
    this.index.add(row, labels);
  }

  #open(row: number, time: number, codec: number, words: number): void {
    const { rows } = this;
    rows.codec[row] = codec;
    rows.firstTime[row] = time;
    rows.closeAt[row] = (Math.floor(time / this.range) + 1) * this.range;
    rows.address[row] = this.arena.take(words);
    rows.words[row] = sizeClass(words);
    rows.used[row] = 0;
  }

  #grow(row: number): void {
    const { rows } = this;
    const words = rows.words[row] as number;
    const larger = sizeClass(words + Math.max(FIRST_WORDS, words >>> 2));
    rows.address[row] = this.arena.grow(rows.address[row] as number, words, larger);
    rows.words[row] = larger;
  }

  #counted(row: number, time: number, count: number): void {
    this.rows.lastTime[row] = time;
    if (time > this.maxTime) this.maxTime = time;
    this.rows.count[row] = count + 1;
    this.samples++;
    this.appended++;
  }

  #unknown(reference: number): Rejection {
    if (reference !== NO_ROOM || this.index.size < this.#maxSeries) throw new UnknownSeries(reference);
    return this.#reject("limit");
  }

  #again(row: number, time: number, high: number, low: number): Rejection | undefined {
    const same = this.rows.lastHigh[row] === high && this.rows.lastLow[row] === low;
    return this.#notAfter(row, time, same && !this.#lastHistogram.has(row));
  }

  /** The last sample again is no news, and no fault either. */
  #notAfter(row: number, time: number, same: boolean): Rejection | undefined {
    if (time !== this.rows.lastTime[row])
      return this.#reject(time < this.minTime || time !== time ? "too-old" : "out-of-order");
    return same ? undefined : this.#reject("duplicate");
  }

  /** The clock is asked only when a sample is newer than all before it could be. */
  #outside(time: number): Rejection | undefined {
    if (time > this.#horizon && this.#now !== undefined) this.#horizon = this.#now() + AHEAD;
    if (time > this.#horizon) return "too-far-ahead";
    return time >= this.minTime ? undefined : "too-old";
  }

  #reject(why: Rejection): Rejection {
    this.rejected[why] = (this.rejected[why] ?? 0) + 1;
    return why;
  }
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
