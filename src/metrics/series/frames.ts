/**
 * Records in files: a magic number, length and CRC-32 before each, so that a reader knows a whole one from a torn one and
 * finds the next after one that is broken.
 *
 *     magic u32 | length u32 | crc u32 | type u8, payload
 */
import { crc32 } from "node:zlib";

const MAGIC = 0x5453_4531;
const HEADER = 12;
const LONGEST = 1 << 28;

/** Adds the header to a record; the first byte of `record` is its type. */
export function frame(record: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEADER + record.length);
  framed.writeUInt32LE(MAGIC, 0);
  framed.writeUInt32LE(record.length, 4);
  framed.writeUInt32LE(crc32(record), 8);
  framed.set(record, HEADER);
  return framed;
}

export interface FrameScan {
  readonly records: number;
  /** Bytes between readable records that were none. */
  readonly corruptBytes: number;
  /** Bytes behind the last readable record. */
  readonly tornBytes: number;
}

/** Calls `visit` with each record that is whole, in order. */
export function scanFrames(file: Buffer, visit: (record: Buffer) => void): FrameScan {
  let records = 0;
  let corruptBytes = 0;
  let good = 0;
  let at = 0;
  while (at < file.length) {
    const record = recordAt(file, at);
    if (record === undefined) {
      at = nextMagic(file, at + 1);
      continue;
    }
    corruptBytes += at - good;
    at += HEADER + record.length;
    good = at;
    records++;
    visit(record);
  }
  return { records, corruptBytes, tornBytes: file.length - good };
}

function recordAt(file: Buffer, at: number): Buffer | undefined {
  if (at + HEADER >= file.length || file.readUInt32LE(at) !== MAGIC) return undefined;
  const length = file.readUInt32LE(at + 4);
  if (length === 0 || length > LONGEST || at + HEADER + length > file.length) return undefined;
  const record = file.subarray(at + HEADER, at + HEADER + length);
  return crc32(record) === file.readUInt32LE(at + 8) ? record : undefined;
}

const magicBytes = Buffer.alloc(4);
magicBytes.writeUInt32LE(MAGIC);

function nextMagic(file: Buffer, from: number): number {
  const at = file.indexOf(magicBytes, from);
  return at < 0 ? file.length : at;
}
