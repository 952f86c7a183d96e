/**
 * Reads protocol buffer messages field by field (protobuf.dev/programming-guides/encoding), without a schema: the caller
 * asks for each field in the form that its schema says. Only what the formats of Prometheus use.
 *
 *     for (let field = reader.next(); field !== 0; field = reader.next()) ... one read or skip a field
 */
import { isUtf8 } from "node:buffer";

/** The bytes are no such message. Nothing that is sent again will be either. */
export class ProtobufError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProtobufError";
  }
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const TWO_TO_32 = 2 ** 32;

export class ProtobufReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #wire = VARINT;
  /** Halves of the last varint, unsigned. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = from;
    this.#end = to;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  /** The number of the next field; 0 at the end. */
  next(): number {
    if (this.done) return 0;
    this.#varint();
    this.#wire = this.#low & 7;
    const field = this.#low >>> 3;
    if (field === 0 || this.#high !== 0) throw new ProtobufError("A field of the message has no number.");
    return field;
  }

  skip(): void {
    if (this.#wire === VARINT) this.#varint();
    else if (this.#wire === FIXED64) this.#take(8);
    else if (this.#wire === FIXED32) this.#take(4);
    else if (this.#wire === BYTES) this.#take(this.#length());
    else throw new ProtobufError(`A field of the message is of the unknown kind ${this.#wire}.`);
  }

  uint32(): number {
    this.#expect(VARINT);
    this.#varint();
    return this.#low;
  }

  /** Exact up to 2^53. */
  uint64(): number {
    this.#expect(VARINT);
    this.#varint();
    return this.#high * TWO_TO_32 + this.#low;
  }

  /** Exact up to 2^53. */
  int64(): number {
    this.#expect(VARINT);
    this.#varint();
    return (this.#high | 0) * TWO_TO_32 + this.#low;
  }

  /** Zigzag. Exact up to 2^53. */
  sint64(): number {
    this.#expect(VARINT);
    this.#varint();
    const sign = -(this.#low & 1);
    const low = ((this.#low >>> 1) | (this.#high << 31)) ^ sign;
    const high = (this.#high >>> 1) ^ sign;
    return high * TWO_TO_32 + (low >>> 0);
  }

  double(): number {
    this.#expect(FIXED64);
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  /** "stale" for the NaN that marks staleness: a number would lose its bits. */
  sample(): number | "stale" {
    this.#expect(FIXED64);
    const at = this.#take(8);
    const stale = this.#bytes.readUInt32LE(at) === 2 && this.#bytes.readUInt32LE(at + 4) === 0x7ff00000;
    return stale ? "stale" : this.#bytes.readDoubleLE(at);
  }

  text(): string {
    this.#expect(BYTES);
    const length = this.#length();
    const from = this.#take(length);
    const text = this.#bytes.toString("utf8", from, from + length);
    if (text.includes("\ufffd") && !isUtf8(this.#bytes.subarray(from, from + length)))
      throw new ProtobufError("A text of the message is not UTF-8.");
    return text;
  }

  message(): ProtobufReader {
    this.#expect(BYTES);
    return this.#inner();
  }

  /**
   * The bytes of all fields of this number (texts or messages) that come next, in characters of one byte each. They are
   * behind now, unread.
   */
  run(field: number): string {
    const from = this.#at;
    const tag = (field << 3) | BYTES;
    while (this.#at < this.#end && this.#bytes[this.#at] === tag) {
      this.#at++;
      this.#take(this.#length());
    }
    return this.#bytes.toString("latin1", from, this.#at);
  }

  /** One or, packed, many numbers of a repeated field. */
  repeated(read: (reader: ProtobufReader) => number, into: number[]): void {
    if (this.#wire !== BYTES) {
      into.push(read(this));
      return;
    }
    const inner = this.#inner();
    inner.#wire = read === doubles ? FIXED64 : VARINT;
    while (!inner.done) into.push(read(inner));
  }

  #inner(): ProtobufReader {
    const length = this.#length();
    const from = this.#take(length);
    return new ProtobufReader(this.#bytes, from, from + length);
  }

  #expect(wire: number): void {
    if (this.#wire !== wire)
      throw new ProtobufError("A field of the message is not of the kind that it is known by.");
  }

  #length(): number {
    this.#varint();
    return this.#high * TWO_TO_32 + this.#low;
  }

  /** Where that many bytes began; they are behind now. */
  #take(length: number): number {
    const from = this.#at;
    if (length > this.#end - from) throw new ProtobufError("The message ends within a field.");
    this.#at = from + length;
    return from;
  }

  #varint(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw new ProtobufError("The message ends within a number.");
      const byte = this.#bytes[this.#at++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw new ProtobufError("A number of the message has more than 64 bits.");
  }
}

export const doubles = (reader: ProtobufReader): number => reader.double();
export const deltas = (reader: ProtobufReader): number => reader.sint64();
export const references = (reader: ProtobufReader): number => reader.uint32();
