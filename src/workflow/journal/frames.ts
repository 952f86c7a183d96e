/**
 * One append in a file. The commit is the sync that it was part of, so that a write which a crash tore (nothing of a later
 * commit can be behind it) is told from damage to what was synced.
 *
 *     magic u32 | length u32 | crc u32 | commit u32, count u32, run length u16, run, text (JSON)
 */
import { crc32 } from "node:zlib";

const MAGIC = 0x5457_464a;
const HEADER = 12;
const FIXED = 10;

/** In place of the count of events. */
export const FORGOTTEN = 0;
export const SNAPSHOT = 0xffff_ffff;

export interface Entry {
  readonly run: string;
  /** Events in it, or FORGOTTEN, or SNAPSHOT. */
  readonly count: number;
  readonly text: string;
}

export interface Frame {
  readonly run: string;
  readonly commit: number;
  readonly count: number;
  readonly offset: number;
  readonly length: number;
}

export interface Scan {
  readonly frames: readonly Frame[];
  /** Where the readable frames end. */
  readonly end: number;
  /** A frame behind the end was synced after what is broken: this is damage, not a torn write. */
  readonly damaged: boolean;
}

/** The frames of one commit, one behind the other, and the length of each. */
export function encode(
  entries: readonly Entry[],
  commit: number,
): { readonly bytes: Buffer; readonly lengths: readonly number[] } {
  let most = 0;
  for (const { run, text } of entries) most += HEADER + FIXED + 3 * run.length + room(text);
  const bytes = Buffer.allocUnsafe(most);
  const lengths: number[] = [];
  let at = 0;
  for (const { run, count, text } of entries) {
    const start = at + HEADER;
    const name = bytes.write(run, start + FIXED);
    const length = FIXED + name + bytes.write(text, start + FIXED + name);
    bytes.writeUInt32LE(MAGIC, at);
    bytes.writeUInt32LE(length, at + 4);
    bytes.writeUInt32LE(commit, start);
    bytes.writeUInt32LE(count, start + 4);
    bytes.writeUInt16LE(name, start + 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(start, start + length)), at + 8);
    lengths.push(HEADER + length);
    at = start + length;
  }
  return { bytes: bytes.subarray(0, at), lengths };
}

/** Bytes that suffice; what is short is not gone through to know how many it takes. */
function room(text: string): number {
  return text.length < 4_096 ? 3 * text.length : Buffer.byteLength(text);
}

/** The text within the bytes of one whole frame. */
export function textWithin(bytes: Buffer): string {
  return bytes.toString("utf8", HEADER + FIXED + bytes.readUInt16LE(HEADER + 8));
}

export function scan(file: Buffer): Scan {
  const frames: Frame[] = [];
  let end = 0;
  for (let frame = frameAt(file, 0); frame !== undefined; frame = frameAt(file, end)) {
    frames.push(frame);
    end += frame.length;
  }
  const last = frames.at(-1)?.commit ?? 0;
  let first: number | undefined;
  for (let at = nextMagic(file, end + 1); at >= 0; at = nextMagic(file, at + 1)) {
    const { commit } = frameAt(file, at) ?? {};
    if (commit === undefined) continue;
    first ??= commit;
    // The broken commit is at least the one after the last good, so anything beyond that was written after its sync.
    if (commit > last + 1) return { frames, end, damaged: true };
  }
  return { frames, end, damaged: first !== undefined && first <= last };
}

function frameAt(file: Buffer, at: number): Frame | undefined {
  if (at + HEADER + FIXED > file.length || file.readUInt32LE(at) !== MAGIC) return undefined;
  const length = file.readUInt32LE(at + 4);
  const end = at + HEADER + length;
  if (length < FIXED || end > file.length) return undefined;
  if (crc32(file.subarray(at + HEADER, end)) !== file.readUInt32LE(at + 8)) return undefined;
  const name = at + HEADER + FIXED;
  return {
    commit: file.readUInt32LE(at + HEADER),
    count: file.readUInt32LE(at + HEADER + 4),
    run: file.toString("utf8", name, name + file.readUInt16LE(at + HEADER + 8)),
    offset: at,
    length: end - at,
  };
}

const magicBytes = Buffer.alloc(4);
magicBytes.writeUInt32LE(MAGIC);

function nextMagic(file: Buffer, from: number): number {
  return file.indexOf(magicBytes, from);
}
