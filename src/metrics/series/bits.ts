/**
 * Streams of bits in 32-bit words, lowest bit first, so that the bytes of a stream (little-endian words) end where its
 * bits do. A position is the number of bits from the start of the words.
 *
 * Reading looks one word ahead: words that are read from hold at least one word more than the stream.
 */
const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);

/** `value` fits `width` bits (1..32). Writing goes on where it ended; only `rewind` goes back. */
export function put(words: Uint32Array, bit: number, value: number, width: number): void {
  const index = bit >>> 5;
  const shift = bit & 31;
  if (shift === 0) {
    words[index] = value;
    return;
  }
  words[index] = (words[index] as number) | (value << shift);
  if (shift + width > 32) words[index + 1] = value >>> (32 - shift);
}

/** Forgets what was written from here on, so that something else can be. */
export function rewind(words: Uint32Array, bit: number): void {
  words[bit >>> 5] = (words[bit >>> 5] as number) & ((1 << (bit & 31)) - 1);
}

/** The next 32 bits, as a signed number; what is behind the stream's end is arbitrary. */
export function peek(words: Uint32Array, bit: number): number {
  const index = bit >>> 5;
  const shift = bit & 31;
  return ((words[index] as number) >>> shift) | (((words[index + 1] as number) << 1) << (31 - shift));
}

/** 64 bits: those of the double. */
export function putDouble(words: Uint32Array, bit: number, value: number): void {
  scratch[0] = value;
  put(words, bit, scratchWords[0] as number, 32);
  put(words, bit + 32, scratchWords[1] as number, 32);
}

export function peekDouble(words: Uint32Array, bit: number): number {
  scratchWords[0] = peek(words, bit);
  scratchWords[1] = peek(words, bit + 32);
  return scratch[0] as number;
}

/**
 * A number in as few bits as it needs: two that say how many follow (8, 16, 32 signed, or the 64 of the double).
 * Returns the position behind it.
 */
export function putNumber(words: Uint32Array, bit: number, value: number): number {
  if (value === (value | 0) && !Object.is(value, -0)) {
    for (let size = 0; size < 3; size++) {
      const width = 8 << size;
      const shift = 32 - width;
      if ((value << shift) >> shift !== value) continue;
      put(words, bit, size, 2);
      put(words, bit + 2, width === 32 ? value : value & ((1 << width) - 1), width);
      return bit + 2 + width;
    }
  }
  put(words, bit, 3, 2);
  putDouble(words, bit + 2, value);
  return bit + 66;
}

/** How many bits putNumber took for the number at this position. */
export function numberWidth(words: Uint32Array, bit: number): number {
  return 2 + (8 << (peek(words, bit) & 3));
}

export function peekNumber(words: Uint32Array, bit: number): number {
  const size = peek(words, bit) & 3;
  if (size === 3) return peekDouble(words, bit + 2);
  const shift = 32 - (8 << size);
  return (peek(words, bit + 2) << shift) >> shift;
}
