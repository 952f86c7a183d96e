/** The full chunks of all series in memory: one row a chunk, in a list for each series from old to new. */
import { grown, grownCapacity } from "./rows.ts";

/** What the bits of a chunk mean. */
export const GORILLA = 0;
export const SEALED = 1;
export const HISTOGRAMS = 2;

/** No chunk: the end of a list. */
export const NO_CHUNK = 0;

export class ChunkTable {
  #capacity = 1024;
  #end = 1;
  #free: number = NO_CHUNK;
  #size = 0;
  next = new Uint32Array(1024);
  firstTime = new Float64Array(1024);
  lastTime = new Float64Array(1024);
  /** Start time of the counter, 0 when unknown. */
  start = new Float64Array(1024);
  address = new Uint32Array(1024);
  bytes = new Uint32Array(1024);
  count = new Uint16Array(1024);
  codec = new Uint8Array(1024);

  get size(): number {
    return this.#size;
  }

  take(): number {
    this.#size++;
    if (this.#free !== NO_CHUNK) {
      const chunk = this.#free;
      this.#free = this.next[chunk] as number;
      this.next[chunk] = NO_CHUNK;
      return chunk;
    }
    if (this.#end === this.#capacity) this.#grow();
    this.next[this.#end] = NO_CHUNK;
    return this.#end++;
  }

  release(chunk: number): void {
    this.#size--;
    this.next[chunk] = this.#free;
    this.#free = chunk;
  }

  #grow(): void {
    const capacity = grownCapacity(this.#capacity);
    this.#capacity = capacity;
    this.next = grown(this.next, capacity);
    this.firstTime = grown(this.firstTime, capacity);
    this.lastTime = grown(this.lastTime, capacity);
    this.start = grown(this.start, capacity);
    this.address = grown(this.address, capacity);
    this.bytes = grown(this.bytes, capacity);
    this.count = grown(this.count, capacity);
    this.codec = grown(this.codec, capacity);
  }
}
