/**
 * Unpacks a block in the snappy format (github.com/google/snappy, format_description.txt): its length, then literals and
 * copies of what came before. Written here because what it reads comes from outside: every length is checked before
 * anything is done with it, and the work is bounded by the length that was allowed.
 */
export class SnappyError extends Error {
  /** It is only too long, not broken. */
  readonly tooLong: boolean;

  constructor(message: string, tooLong = false) {
    super(message);
    this.name = "SnappyError";
    this.tooLong = tooLong;
  }
}

/** Throws SnappyError when it is none, or longer than `limit` bytes when unpacked. */
export function unpack(packed: Uint8Array, limit: number): Buffer {
  const header = lengthOf(packed);
  if (header.length > limit)
    throw new SnappyError(`The body has ${header.length} bytes when unpacked; ${limit} are allowed.`, true);
  const output = Buffer.allocUnsafe(header.length);
  let written = 0;
  let at = header.size;
  while (at < packed.length) {
    const tag = packed[at] as number;
    const { size, length, offset } = (tag & 3) === 0 ? literal(packed, at, tag) : copy(packed, at, tag);
    at += size;
    if (length > output.length - written) throw new SnappyError("The body unpacks to more than it says.");
    if (offset === 0) {
      if (length > packed.length - at) throw new SnappyError("The packed body ends within a text.");
      output.set(packed.subarray(at, at + length), written);
      at += length;
    } else {
      if (offset > written) throw new SnappyError("The packed body refers to what is before its beginning.");
      repeat(output, written, offset, length);
    }
    written += length;
  }
  if (written !== output.length) throw new SnappyError("The body unpacks to less than it says.");
  return output;
}

interface Element {
  /** Of the tag and what belongs to it. */
  readonly size: number;
  readonly length: number;
  /** So far back; 0: the bytes follow. */
  readonly offset: number;
}

function lengthOf(packed: Uint8Array): { readonly size: number; readonly length: number } {
  let length = 0;
  for (let size = 0; size < 5; size++) {
    const byte = packed[size];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * size);
    if (byte < 0x80) return { size: size + 1, length };
  }
  throw new SnappyError("The body does not begin with its length: pack it with snappy (the block format).");
}

function literal(packed: Uint8Array, at: number, tag: number): Element {
  const short = tag >>> 2;
  if (short < 60) return { size: 1, length: short + 1, offset: 0 };
  const bytes = short - 59;
  return { size: 1 + bytes, length: number(packed, at + 1, bytes) + 1, offset: 0 };
}

function copy(packed: Uint8Array, at: number, tag: number): Element {
  const bytes = tag & 3;
  const element =
    bytes === 1
      ? { size: 2, length: ((tag >>> 2) & 7) + 4, offset: (tag >>> 5) * 256 + number(packed, at + 1, 1) }
      : {
          size: bytes === 2 ? 3 : 5,
          length: (tag >>> 2) + 1,
          offset: number(packed, at + 1, bytes === 2 ? 2 : 4),
        };
  if (element.offset === 0) throw new SnappyError("The packed body refers to nothing.");
  return element;
}

function number(packed: Uint8Array, from: number, bytes: number): number {
  let value = 0;
  for (let at = 0; at < bytes; at++) {
    const byte = packed[from + at];
    if (byte === undefined) throw new SnappyError("The packed body ends within a length.");
    value += byte * 2 ** (8 * at);
  }
  return value;
}

/** What is copied may overlap with what it becomes: then it repeats. */
function repeat(output: Buffer, written: number, offset: number, length: number): void {
  if (offset >= length) output.copyWithin(written, written - offset, written - offset + length);
  else for (let at = written; at < written + length; at++) output[at] = output[at - offset] as number;
}
