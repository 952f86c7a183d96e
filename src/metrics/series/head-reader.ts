/** Queries to the head. */
import type { Labels } from "../labels.ts";
import { GORILLA, HISTOGRAMS, NO_CHUNK } from "./chunk-table.ts";
import type { Columns } from "./columns.ts";
import { decodeGorilla } from "./gorilla.ts";
import type { Head } from "./head.ts";
import { decodeHistograms } from "./histogram-chunk.ts";
import { type Selection, type Source, share } from "./selection.ts";
import { unseal } from "./unseal.ts";

export function headSource(head: Head): Source {
  return {
    select(matchers, from, to) {
      const rows = head.index.select(matchers).filter((row) => overlaps(head, row, from, to));
      return new HeadSelection(head, rows, from, to);
    },
    labelNames: () => head.index.names(),
    *labelValues(name) {
      for (const [value] of head.index.values(name)) yield value;
    },
  };
}

function overlaps({ rows, chunks }: Head, row: number, from: number, to: number): boolean {
  if (rows.count[row] !== 0 && (rows.firstTime[row] as number) <= to)
    if ((rows.lastTime[row] as number) >= from) return true;
  for (let id = rows.firstChunk[row] as number; id !== NO_CHUNK; id = chunks.next[id] as number)
    if ((chunks.firstTime[id] as number) <= to && (chunks.lastTime[id] as number) >= from) return true;
  return false;
}

class HeadSelection implements Selection {
  readonly #head: Head;
  readonly #rows: Uint32Array;
  readonly #from: number;
  readonly #to: number;

  constructor(head: Head, rows: Uint32Array, from: number, to: number) {
    this.#head = head;
    this.#rows = rows;
    this.#from = from;
    this.#to = to;
  }

  get size(): number {
    return this.#rows.length;
  }

  labels(at: number): Labels {
    return this.#head.index.labels(this.#rows[at] as number);
  }

  points(at: number): number {
    return this.#sum(at, (firstTime, lastTime, count) =>
      share(firstTime, lastTime, count, this.#from, this.#to),
    );
  }

  room(at: number): number {
    return this.#sum(at, (_firstTime, _lastTime, count) => count);
  }

  decode(at: number, out: Columns): void {
    const { rows, chunks, arena } = this.#head;
    const row = this.#rows[at] as number;
    for (let id = rows.firstChunk[row] as number; id !== NO_CHUNK; id = chunks.next[id] as number) {
      const firstTime = chunks.firstTime[id] as number;
      if (firstTime > this.#to) return;
      if ((chunks.lastTime[id] as number) < this.#from) continue;
      out.startFrom(out.length, chunks.start[id] as number);
      const address = chunks.address[id] as number;
      const codec = chunks.codec[id] as number;
      decodeChunk(
        arena.page(address),
        arena.offset(address),
        codec,
        chunks.bytes[id] as number,
        chunks.count[id] as number,
        firstTime,
        out,
      );
    }
    if (rows.count[row] === 0 || !this.#within(rows.firstTime[row] as number, rows.lastTime[row] as number))
      return;
    out.startFrom(out.length, rows.start[row] as number);
    const address = rows.address[row] as number;
    decodeChunk(
      arena.page(address),
      arena.offset(address),
      rows.codec[row] as number,
      rows.used[row] as number,
      rows.count[row] as number,
      rows.firstTime[row] as number,
      out,
    );
  }

  #within(firstTime: number, lastTime: number): boolean {
    return firstTime <= this.#to && lastTime >= this.#from;
  }

  #sum(at: number, term: (firstTime: number, lastTime: number, count: number) => number): number {
    const { rows, chunks } = this.#head;
    const row = this.#rows[at] as number;
    let total = 0;
    for (let id = rows.firstChunk[row] as number; id !== NO_CHUNK; id = chunks.next[id] as number) {
      const firstTime = chunks.firstTime[id] as number;
      const lastTime = chunks.lastTime[id] as number;
      if (this.#within(firstTime, lastTime)) total += term(firstTime, lastTime, chunks.count[id] as number);
    }
    const firstTime = rows.firstTime[row] as number;
    const lastTime = rows.lastTime[row] as number;
    const count = rows.count[row] as number;
    if (count > 0 && this.#within(firstTime, lastTime)) total += term(firstTime, lastTime, count);
    return total;
  }
}

/** `bytes` only counts for histograms; other codecs end with their last sample. */
export function decodeChunk(
  words: Uint32Array,
  offset: number,
  codec: number,
  bytes: number,
  count: number,
  firstTime: number,
  out: Columns,
): void {
  if (codec === HISTOGRAMS) {
    const view = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    decodeHistograms(view, offset * 4, offset * 4 + bytes, count, out);
  } else if (codec === GORILLA) decodeGorilla(words, offset * 32, count, firstTime, out);
  else unseal(words, offset * 32, count, firstTime, out);
}
