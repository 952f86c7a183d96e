/** Reads what seal.ts writes. The loops are kept apart by what they need, since queries spend their time here. */
import { numberWidth, peek, peekDouble, peekNumber } from "./bits.ts";
import { type Columns, STALE_HIGH, STALE_LOW } from "./columns.ts";
import { decodeGorilla } from "./gorilla.ts";
import { DECIMAL, POWERS, SAME, integerAfter } from "./seal.ts";

/** Appends `count` points to `out`, which has room for them. */
export function unseal(
  words: Uint32Array,
  start: number,
  count: number,
  firstTime: number,
  out: Columns,
): void {
  const bit = readTimes(words, start, count, firstTime, out);
  const kind = peek(words, bit) & 3;
  if (kind === SAME) readSame(words, bit + 2, count, out);
  else if (kind === DECIMAL) readDecimals(words, bit, count, out);
  else decodeGorilla(words, bit + 2, count, undefined, out);
}

function readTimes(
  words: Uint32Array,
  start: number,
  count: number,
  firstTime: number,
  out: Columns,
): number {
  const { times } = out;
  const width = peek(words, start) & 31;
  const base = peekNumber(words, start + 5);
  let bit = start + 5 + numberWidth(words, start + 5);
  let at = out.length;
  const end = at + count;
  let time = firstTime;
  times[at++] = time;
  if (width === 0) {
    for (; at < end; at++) times[at] = time += base;
    return bit;
  }
  const exception = (1 << width) - 1;
  for (; at < end; at++) {
    const code = peek(words, bit) & exception;
    bit += width;
    if (code === exception) {
      time = peekDouble(words, bit);
      bit += 64;
    } else time += base + code;
    times[at] = time;
  }
  return bit;
}

function readSame(words: Uint32Array, bit: number, count: number, out: Columns): void {
  const low = peek(words, bit);
  const high = peek(words, bit + 32);
  const stale = high === STALE_HIGH && low === STALE_LOW;
  for (let at = out.length; at < out.length + count; at++) {
    out.words[2 * at] = low;
    out.words[2 * at + 1] = high;
    if (stale) out.markStale(at);
  }
  out.length += count;
}

function readDecimals(words: Uint32Array, start: number, count: number, out: Columns): void {
  const head = peek(words, start);
  const order = (head >>> 2) & 1;
  const power = POWERS[(head >>> 3) & 15] as number;
  const width = (head >>> 7) & 31;
  const base = peekNumber(words, start + 12);
  let bit = start + 12 + numberWidth(words, start + 12);
  let integer = 0;
  if (order === 1) {
    integer = peekNumber(words, bit);
    bit += numberWidth(words, bit);
  }
  // Width 0 has no exceptions: no code equals this one.
  const mask = width === 0 ? 0 : (1 << width) - 1;
  const exception = width === 0 ? -1 : mask;
  const { values } = out;
  const end = out.length + count;
  for (let at = out.length; at < end; at++) {
    const code = peek(words, bit) & mask;
    bit += width;
    if (code === exception) {
      integer = readException(words, bit, at, out, power, integer);
      bit += 64;
    } else {
      integer = order === 1 ? integer + (base + code) : base + code;
      values[at] = integer / power;
    }
  }
  out.length = end;
}

function readException(
  words: Uint32Array,
  bit: number,
  at: number,
  out: Columns,
  power: number,
  integer: number,
): number {
  const low = peek(words, bit);
  const high = peek(words, bit + 32);
  out.words[2 * at] = low;
  out.words[2 * at + 1] = high;
  if (high === STALE_HIGH && low === STALE_LOW) out.markStale(at);
  return integerAfter(out.values[at] as number, power, integer);
}
