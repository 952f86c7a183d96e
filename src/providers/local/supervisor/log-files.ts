import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";

/**
 * The files of one log: `log` (written by the process itself), `log.1` ... `log.N` (older parts, 1 the newest), and
 * beside each an index, `.times`, that says when which part was written.
 *
 * Processes write raw lines straight into the file, so that no pipe breaks when the control plane dies. Nobody stamps
 * the lines. Instead the file is looked at every 250 ms and, when it grew, one note (offset, time) is appended to the
 * index: bytes from that offset on were written at about that time. So times are right to about 250 ms while a control
 * plane runs. What was written while none ran gets the time of the file's last change.
 */
export interface TimeNote {
  /** The byte after the last one the note speaks of. */
  readonly end: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export const keptFiles = 3;
export const maximumBytes = 10 * 1024 * 1024;
const noteBytes = 16;
/** How often a rotation looks for a moment without a write: what writes without pause has none. */
const quietRounds = 20;

export function rotatedName(file: string, age: number): string {
  return age === 0 ? file : `${file}.${age}`;
}

export function indexName(file: string): string {
  return `${file}.times`;
}

/** Appends one note; two numbers of 8 bytes, so a torn last note is recognised by its length. */
export function appendNote(file: string, note: TimeNote): void {
  const bytes = Buffer.allocUnsafe(noteBytes);
  bytes.writeDoubleLE(note.end, 0);
  bytes.writeDoubleLE(note.time, 8);
  const fd = openSync(indexName(file), "a", 0o600);
  try {
    writeSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
}

/** The notes of a log part, oldest first; empty when it has none. */
export function readNotes(file: string): TimeNote[] {
  // Most logs are new and have none; an exception costs several times as much as asking.
  if (!existsSync(indexName(file))) return [];
  let bytes: Buffer;
  try {
    bytes = readFileSync(indexName(file));
  } catch {
    return [];
  }
  const notes: TimeNote[] = [];
  for (let at = 0; at + noteBytes <= bytes.length; at += noteBytes) {
    notes.push({ end: bytes.readDoubleLE(at), time: bytes.readDoubleLE(at + 8) });
  }
  return notes;
}

/** When the byte at `offset` was written, as well as the notes know; undefined when they do not reach it yet. */
export function timeAt(notes: readonly TimeNote[], offset: number): number | undefined {
  let low = 0;
  for (let high = notes.length; low < high;) {
    const middle = (low + high) >> 1;
    if (notes[middle]!.end <= offset) low = middle + 1;
    else high = middle;
  }
  return notes[low]?.time;
}

/**
 * Moves the content of `file` to `file.1` by copying and truncating; the process keeps its open file and, as it
 * appends, goes on at the new start. The bulk is copied first, the rest and the truncation follow in one synchronous
 * stretch, so what can be lost is what the process writes between the last read and the truncation, some
 * microseconds: whole writes or lines, never a part of one (`copyUntilQuiet`). Readers in this process never see a
 * state between (log-reader.ts).
 */
export async function rotateLog(file: string, keep: number = keptFiles): Promise<void> {
  const copy = `${file}.rotating`;
  await copyFile(file, copy);
  const source = openSync(file, "r+");
  const target = openSync(copy, "a+", 0o600);
  try {
    copyUntilQuiet(source, target);
    ftruncateSync(source, 0);
  } finally {
    closeSync(source);
    closeSync(target);
  }
  shiftParts(file, keep);
}

/**
 * Finishes a rotation in which the control plane died: when the log has been emptied already, the copy is its older
 * part; when not, the copy is a beginning of what the log still holds.
 */
export function recoverRotation(file: string, keep: number = keptFiles): void {
  const copy = statSync(`${file}.rotating`, { throwIfNoEntry: false });
  if (copy === undefined) return;
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size < copy.size) shiftParts(file, keep);
  else rmSync(`${file}.rotating`, { force: true });
}

function shiftParts(file: string, keep: number): void {
  const copy = `${file}.rotating`;
  for (let age = keep; age >= 1; age--) {
    const from = age === 1 ? copy : rotatedName(file, age - 1);
    moveIfThere(from, rotatedName(file, age));
    moveIfThere(indexName(rotatedName(file, age - 1)), indexName(rotatedName(file, age)));
  }
}

/** Removes a log with all its parts and indexes. */
export function removeLog(file: string, keep: number = keptFiles): void {
  for (let age = 0; age <= keep; age++) {
    rmSync(rotatedName(file, age), { force: true });
    rmSync(indexName(rotatedName(file, age)), { force: true });
  }
  rmSync(`${file}.rotating`, { force: true });
}

/** Tells parts apart when they move: which file it is, not how it is called. */
export function fileIdentity(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.ino}:${found.birthtimeMs}`;
}

/**
 * A write becomes readable page by page, and a writer may be set aside in the middle of one. So the end is taken for
 * the end only when nothing came after a wait for the write under way: what is copied then consists of whole writes,
 * unfinished lines among them. Where one write follows the other without a pause, of whole lines.
 */
function copyUntilQuiet(source: number, target: number): void {
  let at = fstatSync(target).size;
  for (let round = 0; round < quietRounds; round++) {
    awaitWrite(source);
    const end = copyRest(source, target, at);
    if (end === at) return;
    at = end;
  }
  cutUnfinishedLine(target, at);
}

function cutUnfinishedLine(file: number, size: number): void {
  const tail = Buffer.alloc(Math.min(size, 64 * 1024));
  readSync(file, tail, 0, tail.length, size - tail.length);
  const lineEnd = tail.lastIndexOf("\n");
  if (lineEnd !== -1) ftruncateSync(file, size - tail.length + lineEnd + 1);
}

/** Changing a file's mode, even to what it is, takes the lock that a write holds for as long as it lasts. */
function awaitWrite(file: number): void {
  fchmodSync(file, fstatSync(file).mode & 0o7777);
}

/** Returns where it came to an end. */
function copyRest(source: number, target: number, from: number): number {
  const buffer = Buffer.allocUnsafe(64 * 1024);
  for (let at = from; ;) {
    const count = readSync(source, buffer, 0, buffer.length, at);
    if (count === 0) return at;
    writeSync(target, buffer, 0, count);
    at += count;
  }
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
