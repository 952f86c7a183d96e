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
  const timed = firstTime !== undefined;
  const { times, words: values } = out;
  const end = out.length + count;
  let at = out.length;
  let low = peek(words, bit);
  let high = peek(words, bit + 32);
  let position = bit + 64;
  let time = firstTime ?? 0;
  let delta = 0;
  let trailing = 0;
  let width = 0;
  for (;;) {
    if (timed) times[at] = time;
    values[2 * at] = low;
    values[2 * at + 1] = high;
    if (high === STALE_HIGH && low === STALE_LOW) out.markStale(at);
    if (++at >= end) break;

    const code = timed ? peek(words, position) : 0;
    if ((code & 1) === 0) {
      if (timed) position += 1;
      time += delta;
    } else if ((code & 15) === 15) {
      const next = peekDouble(words, position + 4);
      delta = next - time;
      time = next;
      position += 68;
    } else {
      if ((code & 2) === 0) {
        delta += (code << 23) >> 25;
        position += 9;
      } else if ((code & 4) === 0) {
        delta += (code << 15) >> 18;
        position += 17;
      } else {
        delta += (code << 8) >> 12;
        position += 24;
      }
      time += delta;
    }

    const control = peek(words, position);
    if ((control & 1) === 0) {
      position += 1;
      continue;
    }
    if ((control & 2) === 0) position += 2;
    else {
      width = ((control >>> 7) & 63) + 1;
      trailing = 64 - ((control >>> 2) & 31) - width;
      position += 13;
    }
    const first = peek(words, position);
    if (trailing >= 32) high ^= (width === 32 ? first : first & ((1 << width) - 1)) << (trailing - 32);
    else if (width <= 32) {
      const part = width === 32 ? first : first & ((1 << width) - 1);
      low ^= part << trailing;
      if (trailing > 0) high ^= part >>> (32 - trailing);
    } else {
      const second = peek(words, position + 32) & (width === 64 ? -1 : (1 << (width - 32)) - 1);
      low ^= first << trailing;
      high ^= (second << trailing) | (trailing === 0 ? 0 : first >>> (32 - trailing));
    }
    position += width;
  }
  out.length = end;
}
