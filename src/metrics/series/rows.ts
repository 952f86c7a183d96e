/**
 * What the head knows of each series, as columns: one row a series, no object. A row is about 90 bytes.
 *
 * The chunk that a series is being appended to lies in the arena: `address`, `words` long, `used` bits of it written
 * (bytes for histograms), `count` samples since `firstTime`. Full chunks are in a list from `firstChunk` to `lastChunk`.
 */
export class Rows {
  capacity: number;
  /** The reference of the series in this row; -1 when there is none. */
  references: Float64Array;
  /** How often the row was used before. */
  generation: Uint32Array;
  labelAddress: Uint32Array;
  labelCount: Uint16Array;
  /** Time of the last sample; -Infinity before the first. */
  lastTime: Float64Array;
  lastDelta: Float64Array;
  lastHigh: Uint32Array;
  lastLow: Uint32Array;
  /** Window of the last XOR that was written whole. */
  leading: Uint8Array;
  significant: Uint8Array;
  firstTime: Float64Array;
  /** Samples from this time on belong to another chunk. */
  closeAt: Float64Array;
  /** Start time of the counter, 0 when unknown. */
  start: Float64Array;
  address: Uint32Array;
  words: Uint32Array;
  used: Uint32Array;
  /** 0 when no chunk is open. */
  count: Uint16Array;
  codec: Uint8Array;
  firstChunk: Uint32Array;
  lastChunk: Uint32Array;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.references = new Float64Array(capacity).fill(-1);
    this.generation = new Uint32Array(capacity);
    this.labelAddress = new Uint32Array(capacity);
    this.labelCount = new Uint16Array(capacity);
    this.lastTime = new Float64Array(capacity);
    this.lastDelta = new Float64Array(capacity);
    this.lastHigh = new Uint32Array(capacity);
    this.lastLow = new Uint32Array(capacity);
    this.leading = new Uint8Array(capacity);
    this.significant = new Uint8Array(capacity);
    this.firstTime = new Float64Array(capacity);
    this.closeAt = new Float64Array(capacity);
    this.start = new Float64Array(capacity);
    this.address = new Uint32Array(capacity);
    this.words = new Uint32Array(capacity);
    this.used = new Uint32Array(capacity);
    this.count = new Uint16Array(capacity);
    this.codec = new Uint8Array(capacity);
    this.firstChunk = new Uint32Array(capacity);
    this.lastChunk = new Uint32Array(capacity);
  }

  /** Makes room for at least so many rows. */
  reserve(rows: number): void {
    if (rows <= this.capacity) return;
    const capacity = grownCapacity(rows);
    const old = this.capacity;
    this.capacity = capacity;
    this.references = grown(this.references, capacity);
    this.references.fill(-1, old);
    this.generation = grown(this.generation, capacity);
    this.labelAddress = grown(this.labelAddress, capacity);
    this.labelCount = grown(this.labelCount, capacity);
    this.lastTime = grown(this.lastTime, capacity);
    this.lastDelta = grown(this.lastDelta, capacity);
    this.lastHigh = grown(this.lastHigh, capacity);
    this.lastLow = grown(this.lastLow, capacity);
    this.leading = grown(this.leading, capacity);
    this.significant = grown(this.significant, capacity);
    this.firstTime = grown(this.firstTime, capacity);
    this.closeAt = grown(this.closeAt, capacity);
    this.start = grown(this.start, capacity);
    this.address = grown(this.address, capacity);
    this.words = grown(this.words, capacity);
    this.used = grown(this.used, capacity);
    this.count = grown(this.count, capacity);
    this.codec = grown(this.codec, capacity);
    this.firstChunk = grown(this.firstChunk, capacity);
    this.lastChunk = grown(this.lastChunk, capacity);
  }
}

/** By half, so that at most a third is unused. */
export function grownCapacity(needed: number): number {
  return Math.ceil(needed * 1.5);
}

type Column = Float64Array | Uint32Array | Uint16Array | Uint8Array;

/** The same content with room for more. */
export function grown<T extends Column>(column: T, capacity: number): T {
  const larger = new (column.constructor as new (length: number) => T)(capacity);
  larger.set(column as never);
  return larger;
}
