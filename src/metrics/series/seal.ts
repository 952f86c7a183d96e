/**
 * Full chunks, written anew: all times, then all values, each in the way that takes the least for these. Decoding them
 * is a short loop of fixed-width reads, and most real series shrink to a fraction of what XOR takes:
 *
 *     times    f x (base) codes       differences to the time before, as base + code; f bits each
 *     values   0                      all have the same bits
 *              1 exponent order ...   decimal: integers divided by 10^exponent, as counters and most gauges are written
 *                                     (13, 14: multiplied by 1024, 4096, as memory is);
 *                                     first value, then codes of the differences (order 1) or of the integers (order 0)
 *              2                      XOR, as in gorilla.ts
 *
 * Codes have a width w for the chunk: a code below 2^w - 1 is added to the base, 2^w - 1 stands for an exception, whose
 * 64 bits follow (a counter's reset, NaN, a marker of staleness). With w = 0 every code is the base and nothing follows.
 * Width and base are those that give the fewest bits. Frames of reference with exceptions: Zukowski et al., "Super-scalar
 * RAM-CPU cache compression" (ICDE 2006); decimals: Afroozeh et al., "ALP" (SIGMOD 2024).
 */
import { put, putDouble, putNumber, rewind } from "./bits.ts";
import type { Columns } from "./columns.ts";
import { putFirst, putValue } from "./gorilla.ts";
import { Rows } from "./rows.ts";

export const SAME = 0;
export const DECIMAL = 1;
export const XOR = 2;

const LARGEST_EXPONENT = 12;
const KIBIBYTES = 13;
const PAGES = 14;
/** What makes integers of values, by exponent: powers of ten, and two for amounts of memory. */
export const POWERS = Float64Array.of(
  ...Array.from({ length: LARGEST_EXPONENT + 1 }, (_, exponent) => 10 ** exponent),
  1 / 1024,
  1 / 4096,
);
/** Sums of three such integers are exact. */
const LARGEST_INTEGER = 2 ** 51;
const WIDEST = 30;

/** So much is never needed for a chunk of so many samples, in words. */
export function sealedRoom(count: number): number {
  return 16 + Math.ceil((count * 2 * (WIDEST + 64)) / 32);
}

const xorRow = new Rows(1);

interface Frame {
  width: number;
  base: number;
  bits: number;
}

let integers = new Float64Array(256);
let differences = new Float64Array(256);
let sorted = new Float64Array(256);

/** Writes the points [first, end) of `from` to `words` from its start; returns how many bits they took. */
export function seal(words: Uint32Array, from: Columns, first: number, end: number): number {
  if (end - first > integers.length) {
    integers = new Float64Array(end - first);
    differences = new Float64Array(end - first);
    sorted = new Float64Array(end - first);
  }
  return putValues(words, putTimes(words, 0, from.times, first, end), from, first, end);
}

function putTimes(
  words: Uint32Array,
  start: number,
  times: Float64Array,
  first: number,
  end: number,
): number {
  let bit = start;
  let steady = true;
  const step = end - first > 1 ? (times[first + 1] as number) - (times[first] as number) : 0;
  for (let at = first + 1; at < end; at++) {
    const last = times[at - 1] as number;
    const difference = (times[at] as number) - last;
    // A difference of fractions may be rounded: such a time is an exception.
    const exact =
      last + difference === times[at] && Number.isInteger(difference) && difference < LARGEST_INTEGER;
    differences[at - first - 1] = exact ? difference : Number.NaN;
    if (difference !== step || !exact) steady = false;
  }
  if (steady) {
    put(words, bit, 0, 5);
    return putNumber(words, bit + 5, step);
  }
  const frame = frameOf(differences, end - first - 1);
  put(words, bit, frame.width, 5);
  bit = putNumber(words, bit + 5, frame.base);
  for (let at = first + 1; at < end; at++) {
    bit = putCode(words, bit, frame, differences[at - first - 1] as number);
    if (escaped) {
      putDouble(words, bit, times[at] as number);
      bit += 64;
    }
  }
  return bit;
}

/** Whether the last code was that of an exception. */
let escaped = false;

function putCode(words: Uint32Array, bit: number, frame: Frame, value: number): number {
  const { width } = frame;
  escaped = false;
  if (width === 0) return bit;
  const exception = 2 ** width - 1;
  let code = value - frame.base;
  if (!(code >= 0 && code < exception)) {
    escaped = true;
    code = exception;
  }
  put(words, bit, code, width);
  return bit + width;
}

/** The width and base that take the fewest bits for these; NaN are exceptions. */
function frameOf(values: Float64Array, count: number): Frame {
  let known = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < count; at++) {
    const value = values[at] as number;
    if (value !== value) continue;
    sorted[known++] = value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (known === count && least === most) return { width: 0, base: least, bits: 0 };
  if (known === 0) return { width: 1, base: 0, bits: count * 65 };
  const whole = Math.max(1, Math.ceil(Math.log2(most - least + 2)));
  const best: Frame = { width: whole, base: least, bits: Number.POSITIVE_INFINITY };
  if (whole <= WIDEST) best.bits = count * whole + (count - known) * 64;
  // With a narrower frame some must become exceptions; one costs as much as half a bit for each of 120.
  if (whole > 2) narrower(best, count, known, Math.min(whole - 1, WIDEST));
  return best;
}

function narrower(best: Frame, count: number, known: number, widest: number): void {
  const ordered = sorted.subarray(0, known).sort();
  for (let width = widest; width > 0; width--) {
    const reach = 2 ** width - 2;
    let low = 0;
    let covered = 0;
    let base = 0;
    for (let high = 0; high < known; high++) {
      while ((ordered[high] as number) - (ordered[low] as number) > reach) low++;
      if (high - low + 1 > covered) {
        covered = high - low + 1;
        base = ordered[low] as number;
      }
    }
    const bits = count * width + (count - covered) * 64;
    if (bits < best.bits) {
      best.bits = bits;
      best.width = width;
      best.base = base;
    } else if ((count - covered) * 64 > best.bits) return;
  }
}

function putValues(words: Uint32Array, start: number, from: Columns, first: number, end: number): number {
  if (allSame(from.words, first, end)) {
    put(words, start, SAME, 2);
    put(words, start + 2, from.words[2 * first] as number, 32);
    put(words, start + 34, from.words[2 * first + 1] as number, 32);
    return start + 66;
  }
  const exponent = exponentOf(from.values, first, end);
  if (exponent < 0) return putXors(words, start, from.words, first, end);
  const decimal = putDecimals(words, start, from, first, end, exponent);
  // XOR rarely wins over decimals narrower than this, and trying costs as much as all the rest.
  if (decimal - start <= (end - first) * 24) return decimal;
  rewind(words, start);
  const xor = putXors(words, start, from.words, first, end);
  if (xor < decimal) return xor;
  rewind(words, start);
  return putDecimals(words, start, from, first, end, exponent);
}

function allSame(words: Uint32Array, first: number, end: number): boolean {
  const low = words[2 * first];
  const high = words[2 * first + 1];
  for (let at = first + 1; at < end; at++)
    if (words[2 * at] !== low || words[2 * at + 1] !== high) return false;
  return true;
}

/** The smallest power of ten that makes (nearly) all of them integers; negative when there is none. */
function exponentOf(values: Float64Array, first: number, end: number): number {
  let exponent = 0;
  let exceptions = 0;
  for (let at = first; at < end; at++) {
    const value = values[at] as number;
    let needed = exponent;
    while (needed <= LARGEST_EXPONENT && !isDecimal(value, needed)) needed++;
    if (needed <= LARGEST_EXPONENT) exponent = needed;
    else if (++exceptions > 8) return -1;
  }
  if (exponent > 0) return exponent;
  return [PAGES, KIBIBYTES].find((larger) => allDecimal(values, first, end, larger)) ?? 0;
}

function allDecimal(values: Float64Array, first: number, end: number, exponent: number): boolean {
  for (let at = first; at < end; at++) if (!isDecimal(values[at] as number, exponent)) return false;
  return true;
}

function isDecimal(value: number, exponent: number): boolean {
  const power = POWERS[exponent] as number;
  const integer = Math.round(value * power);
  return integer / power === value && Math.abs(integer) < LARGEST_INTEGER && !Object.is(value, -0);
}

/** What the next difference is taken from, after a value that is no decimal itself: both sides work it out alike. */
export function integerAfter(value: number, power: number, before: number): number {
  const integer = Math.round(value * power);
  return Math.abs(integer) < LARGEST_INTEGER ? integer + 0 : before;
}

function putDecimals(
  words: Uint32Array,
  start: number,
  from: Columns,
  first: number,
  end: number,
  exponent: number,
): number {
  const count = end - first;
  const origin = toIntegers(from.values, first, end, POWERS[exponent] as number);
  const byDifference = frameOf(differences, count);
  const byValue = frameOf(integers, count);
  const order = byDifference.bits <= byValue.bits ? 1 : 0;
  const frame = order === 1 ? byDifference : byValue;
  put(words, start, DECIMAL | (order << 2) | (exponent << 3) | (frame.width << 7), 12);
  let bit = putNumber(words, start + 12, frame.base);
  if (order === 1) bit = putNumber(words, bit, origin);
  const codes = order === 1 ? differences : integers;
  for (let at = 0; at < count; at++) {
    bit = putCode(words, bit, frame, codes[at] as number);
    if (escaped) {
      put(words, bit, from.words[2 * (first + at)] as number, 32);
      put(words, bit + 32, from.words[2 * (first + at) + 1] as number, 32);
      bit += 64;
    }
  }
  return bit;
}

/**
 * Fills `integers` and `differences`; NaN where a value has none. Returns what the first difference is taken from: such a
 * number that it is as large as the second and needs no exception.
 */
function toIntegers(values: Float64Array, first: number, end: number, power: number): number {
  let before = 0;
  for (let at = 0; at < end - first; at++) {
    const value = values[first + at] as number;
    const integer = integerAfter(value, power, before);
    const exact = integer / power === value && Math.abs(integer) < LARGEST_INTEGER && !Object.is(value, -0);
    const difference = integer - before;
    integers[at] = exact ? integer : Number.NaN;
    differences[at] = exact && Math.abs(difference) < LARGEST_INTEGER ? difference : Number.NaN;
    before = integer;
  }
  const origin = integers[0] as number;
  if (origin !== origin) return 0;
  const second = end - first > 1 ? (differences[1] as number) : 0;
  differences[0] = second === second ? second : 0;
  return origin - (differences[0] as number);
}

function putXors(words: Uint32Array, start: number, values: Uint32Array, first: number, end: number): number {
  put(words, start, XOR, 2);
  let bit = putFirst(
    xorRow,
    0,
    words,
    start + 2,
    values[2 * first + 1] as number,
    values[2 * first] as number,
  );
  for (let at = first + 1; at < end; at++)
    bit = putValue(xorRow, 0, words, bit, values[2 * at + 1] as number, values[2 * at] as number);
  return bit;
}
