/**
 * The chunk that is being appended to: times as differences of differences, values as XOR with the one before.
 *
 * Source: Pelkonen et al., "Gorilla: a fast, scalable, in-memory time series database" (VLDB 2015), section 4.1, with
 * buckets for milliseconds. Codes, in the order of their bits:
 *
 *     time   0                           as far from the one before as that from its predecessor
 *            10 + 7, 110 + 14, 1110 + 20 that and so much (two's complement)
 *            1111 + 64                   the bits of the time itself: any other, so that every double survives
 *     value  0                           the same bits
 *            10 + n                      XOR within the window of the last 11
 *            11 + 5 + 6 + n              leading zeros, length less one, and the XOR's bits from there
 *
 * The first sample has its time outside of the stream and its value whole.
 */
import { peek, peekDouble, put, putDouble } from "./bits.ts";
import { type Columns, STALE_HIGH, STALE_LOW } from "./columns.ts";
import type { Rows } from "./rows.ts";

/** More than any sample takes. */
export const SAMPLE_BITS = 4 + 64 + 2 + 5 + 6 + 64;
/** No window yet. */
const NO_WINDOW = 0;

/** Begins a chunk of row `row`. Returns the position behind the sample. */
export function putFirst(
  rows: Rows,
  row: number,
  words: Uint32Array,
  bit: number,
  high: number,
  low: number,
): number {
  rows.lastDelta[row] = 0;
  rows.lastHigh[row] = high;
  rows.lastLow[row] = low;
  rows.significant[row] = NO_WINDOW;
  put(words, bit, low, 32);
  put(words, bit + 32, high, 32);
  return bit + 64;
}

export function putTime(rows: Rows, row: number, words: Uint32Array, bit: number, time: number): number {
  const last = rows.lastTime[row] as number;
  const delta = rows.lastDelta[row] as number;
  if (last + delta === time) {
    put(words, bit, 0, 1);
    return bit + 1;
  }
  const change = time - last - delta;
  const whole = change | 0;
  if (whole === change && whole >= -524_288 && whole < 524_288 && last + (delta + whole) === time) {
    rows.lastDelta[row] = delta + whole;
    if (whole >= -64 && whole < 64) {
      put(words, bit, 1 | ((whole & 127) << 2), 9);
      return bit + 9;
    }
    if (whole >= -8192 && whole < 8192) {
      put(words, bit, 3 | ((whole & 16_383) << 3), 17);
      return bit + 17;
    }
    put(words, bit, 7 | ((whole & 1_048_575) << 4), 24);
    return bit + 24;
  }
  rows.lastDelta[row] = time - last;
  put(words, bit, 15, 4);
  putDouble(words, bit + 4, time);
  return bit + 68;
}

export function putValue(
  rows: Rows,
  row: number,
  words: Uint32Array,
  bit: number,
  high: number,
  low: number,
): number {
  const x = high ^ (rows.lastHigh[row] as number);
  const y = low ^ (rows.lastLow[row] as number);
  if ((x | y) === 0) {
    put(words, bit, 0, 1);
    return bit + 1;
  }
  rows.lastHigh[row] = high;
  rows.lastLow[row] = low;
  const leading = Math.min(31, Math.clz32(x));
  const trailing = y === 0 ? 32 + trailingZeros(x) : trailingZeros(y);
  const windowLeading = rows.leading[row] as number;
  const window = rows.significant[row] as number;
  const windowTrailing = 64 - windowLeading - window;
  if (window !== NO_WINDOW && leading >= windowLeading && trailing >= windowTrailing) {
    put(words, bit, 1, 2);
    return putXor(words, bit + 2, x, y, windowTrailing, window);
  }
  const significant = 64 - leading - trailing;
  rows.leading[row] = leading;
  rows.significant[row] = significant;
  put(words, bit, 3 | (leading << 2) | ((significant - 1) << 7), 13);
  return putXor(words, bit + 13, x, y, trailing, significant);
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}

function putXor(
  words: Uint32Array,
  bit: number,
  x: number,
  y: number,
  trailing: number,
  width: number,
): number {
  if (trailing >= 32) {
    put(words, bit, x >>> (trailing - 32), width);
    return bit + width;
  }
  const lower = trailing === 0 ? y : (y >>> trailing) | (x << (32 - trailing));
  if (width <= 32) put(words, bit, width === 32 ? lower : lower & ((1 << width) - 1), width);
  else {
    put(words, bit, lower, 32);
    put(words, bit + 32, x >>> trailing, width - 32);
  }
  return bit + width;
}

/** Decodes a chunk of such samples; without `firstTime` the stream holds values only. */
export function decodeGorilla(
  words: Uint32Array,
  bit: number,
  count: number,
  firstTime: number | undefined,
  out: Columns,
): void {
  const { times, words: values } = out;
  const end = out.length + count;
  const stream = new Stream(words, bit, firstTime ?? 0);
  for (let at = out.length; at < end; at++) {
    if (at > out.length) {
      if (firstTime !== undefined) stream.nextTime();
      stream.nextValue();
    }
    if (firstTime !== undefined) times[at] = stream.time;
    values[2 * at] = stream.low;
    values[2 * at + 1] = stream.high;
    if (stream.high === STALE_HIGH && stream.low === STALE_LOW) out.markStale(at);
  }
  out.length = end;
}

/** Stands at a sample; `high` and `low` are its value's bits, as signed words. */
class Stream {
  readonly #words: Uint32Array;
  #position: number;
  time: number;
  low: number;
  high: number;
  #delta = 0;
  #trailing = 0;
  #width = 0;

  constructor(words: Uint32Array, bit: number, firstTime: number) {
    this.#words = words;
    this.time = firstTime;
    this.low = peek(words, bit);
    this.high = peek(words, bit + 32);
    this.#position = bit + 64;
  }

  nextTime(): void {
    const code = peek(this.#words, this.#position);
    if ((code & 1) === 0) this.#position += 1;
    else if ((code & 2) === 0) {
      this.#delta += (code << 23) >> 25;
      this.#position += 9;
    } else if ((code & 4) === 0) {
      this.#delta += (code << 15) >> 18;
      this.#position += 17;
    } else if ((code & 8) === 0) {
      this.#delta += (code << 8) >> 12;
      this.#position += 24;
    } else {
      const time = peekDouble(this.#words, this.#position + 4);
      this.#delta = time - this.time;
      this.time = time;
      this.#position += 68;
      return;
    }
    this.time += this.#delta;
  }

  nextValue(): void {
    const control = peek(this.#words, this.#position);
    if ((control & 1) === 0) {
      this.#position += 1;
      return;
    }
    if ((control & 2) === 0) this.#position += 2;
    else {
      this.#width = ((control >>> 7) & 63) + 1;
      this.#trailing = 64 - ((control >>> 2) & 31) - this.#width;
      this.#position += 13;
    }
    this.#xor(this.#trailing, this.#width);
    this.#position += this.#width;
  }

  #xor(trailing: number, width: number): void {
    const first = peek(this.#words, this.#position);
    const lower = width >= 32 ? first : first & ((1 << width) - 1);
    if (trailing >= 32) {
      this.high ^= lower << (trailing - 32);
      return;
    }
    this.low ^= lower << trailing;
    if (trailing > 0) this.high ^= lower >>> (32 - trailing);
    if (width <= 32) return;
    const upper = peek(this.#words, this.#position + 32) & (width === 64 ? -1 : (1 << (width - 32)) - 1);
    this.high ^= upper << trailing;
  }
}
