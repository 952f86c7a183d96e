/** Growing bytes to write records to, and a reader that never goes beyond their end. */
const FIRST_SIZE = 256;

export class ByteWriter {
  #buffer = Buffer.allocUnsafe(FIRST_SIZE);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** Good until the next write. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.length = this.#buffer.writeUInt32LE(value >>> 0, this.length);
  }

  double(value: number): void {
    this.#reserve(8);
    this.length = this.#buffer.writeDoubleLE(value, this.length);
  }

  /** 0 to 2^53, seven bits a byte. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 128) {
      this.#buffer[this.length++] = (rest % 128) | 128;
      rest = rest < 2 ** 31 ? rest >>> 7 : Math.floor(rest / 128);
    }
    this.#buffer[this.length++] = rest;
  }

  /** Any number: short when it is a small integer, else its 64 bits. */
  number(value: number): void {
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 50 && !Object.is(value, -0))
      this.varint(value >= 0 ? value * 4 : value * -4 + 2);
    else {
      this.byte(1);
      this.double(value);
    }
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.varint(size);
    this.#reserve(size);
    this.length += this.#buffer.write(value, this.length);
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  #reserve(bytes: number): void {
    if (this.length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.length + bytes, this.#buffer.length * 2));
    larger.set(this.bytes());
    this.#buffer = larger;
  }
}

/** What is read is not what was written. */
export class CorruptBytes extends Error {
  constructor() {
    super("The bytes end in the middle of a record.");
    this.name = "CorruptBytes";
  }
}

export class ByteReader {
  readonly #buffer: Buffer;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    this.#need(1);
    return this.#buffer[this.at++] as number;
  }

  u32(): number {
    this.#need(4);
    this.at += 4;
    return this.#buffer.readUInt32LE(this.at - 4);
  }

  double(): number {
    this.#need(8);
    this.at += 8;
    return this.#buffer.readDoubleLE(this.at - 8);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let size = 0; size < 8; size++) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new CorruptBytes();
  }

  /** A varint that says how many things follow, each at least a byte long. */
  length(): number {
    const length = this.varint();
    this.#need(length);
    return length;
  }

  number(): number {
    const code = this.varint();
    if (code % 2 === 1) return this.double();
    return code % 4 === 0 ? code / 4 : (code - 2) / -4;
  }

  text(): string {
    const size = this.length();
    this.at += size;
    return this.#buffer.toString("utf8", this.at - size, this.at);
  }

  /** A view. */
  bytes(size: number): Buffer {
    this.#need(size);
    this.at += size;
    return this.#buffer.subarray(this.at - size, this.at);
  }

  #need(bytes: number): void {
    if (this.at + bytes > this.end) throw new CorruptBytes();
  }
}
