import { type FSWatcher, closeSync, fstatSync, openSync, readSync, watch } from "node:fs";
import type { Clock } from "../../../clock/clock.ts";
import { systemClock } from "../../../clock/clock.ts";
import { type TimeNote, fileIdentity, keptFiles, readNotes, rotatedName, timeAt } from "./log-files.ts";

/**
 * Reads a log (log-files.ts) as lines, over its rotated parts, and follows it while it is written and rotated.
 *
 * Flow: a starting part and offset (by `tail` or `sinceTime`) make a cursor; the cursor takes piece after piece, at the
 * end of a part steps into the next newer one, and when following waits for growth of the newest.
 *
 * Invariants
 *  1 A piece is read in one synchronous stretch, so no rotation by this process comes in between. Between pieces any
 *    number may, since whoever takes the lines may be slow: every piece begins with finding the cursor's part again.
 *  2 Parts are known by which file they are, not by their names; the newest, whose content moves to another file when
 *    it is rotated, by being the one after a known one.
 *  3 Nothing is given twice or out of order. What was rotated away for good before it was read is left out.
 */
export interface ReadLogOptions {
  /** Only the last so many lines. */
  readonly tail?: number;
  /** Only lines written at or after this time (milliseconds since the epoch), right to about 250 ms. */
  readonly sinceTime?: number;
  /** Go on with what is written later, until `signal` is aborted or `ended` says so. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
  /** Asked whenever there is nothing new: true ends the following, the process being gone. */
  readonly ended?: () => boolean;
  readonly clock?: Clock;
  readonly keep?: number;
}

export interface LogLine {
  readonly text: string;
  /** Milliseconds since the epoch, right to about 250 ms; undefined when nothing is known. */
  readonly time: number | undefined;
  /** The line goes on in the next one: it was longer than 64 KiB. */
  readonly partial: boolean;
}

const chunkBytes = 64 * 1024;
const longestLine = 64 * 1024;
const pollMilliseconds = 200;
const newline = 0x0a;

/** So much is read in one stretch, and then others get their turn. */
const pieceBytes = 16 * chunkBytes;

/** When the byte at an offset was written. */
type Stamp = (offset: number) => number | undefined;

/** Lines without their line end; bytes that are not UTF-8 become U+FFFD. An absent log is an empty one. */
export async function* readLog(file: string, options: ReadLogOptions = {}): AsyncGenerator<LogLine> {
  const cursor = startOf(file, options);
  const growth = options.follow === true ? new Growth(file, options) : undefined;
  const isOver = (): boolean => growth === undefined || options.ended?.() === true;
  let since = options.sinceTime ?? -Infinity;
  try {
    while (options.signal?.aborted !== true) {
      const finished = isOver(); // asked before reading: what was written last is read still
      const { lines, isEnd } = nextPiece(file, cursor);
      yield* linesSince(lines, since, options.signal);
      if (isEnd && finished) return yield* cursor.splitter.rest(cursor.stamp);
      if (isEnd) since = -Infinity;
      await (isEnd ? growth?.next() : othersTurn());
    }
  } finally {
    growth?.close();
  }
}

function* linesSince(
  lines: readonly LogLine[],
  since: number,
  signal: AbortSignal | undefined,
): Generator<LogLine> {
  for (const line of lines) {
    if (signal?.aborted === true) return;
    if ((line.time ?? since) >= since) yield line;
  }
}

function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Where reading is. Its splitter holds the beginning of a line that has no end yet. */
interface Cursor {
  splitter: LineSplitter;
  stamp: Stamp;
  place: Place;
  readonly keep: number;
}

/** An old part, or the newest, which comes after the one that was `log.1` (invariant 2). */
type Place = { readonly part: string | undefined } | { readonly newestAfter: string | undefined };

function placeOf(file: string, age: number): Place {
  if (age === 0) return { newestAfter: fileIdentity(rotatedName(file, 1)) };
  return { part: fileIdentity(rotatedName(file, age)) };
}

/** What comes next, up to `pieceBytes` of it, from one part. `isEnd`: there was no more of the newest. */
function nextPiece(
  file: string,
  cursor: Cursor,
): { readonly lines: readonly LogLine[]; readonly isEnd: boolean } {
  const age = ageOf(file, cursor);
  if (age === undefined) return { lines: skipLost(file, cursor), isEnd: false };
  const name = rotatedName(file, age);
  const lines: LogLine[] = [];
  let isEnd = true;
  withFile(name, (fd) => {
    // The newest was emptied by somebody; of an older one the line under way was left out (log-files.ts).
    const isShorter = fstatSync(fd).size < cursor.splitter.offset;
    if (isShorter) cursor.splitter = new LineSplitter(age === 0 ? 0 : cursor.splitter.offset);
    cursor.stamp = stampOf(fd, readNotes(name));
    isEnd = readOn(fd, cursor, lines);
  });
  if (!isEnd || age === 0) return { lines, isEnd };
  lines.push(...enter(file, age - 1, cursor));
  return { lines, isEnd: false };
}

/** Puts the cursor at the beginning of a part; returns what the one before it ended with. */
function enter(file: string, age: number, cursor: Cursor): readonly LogLine[] {
  const rest = [...cursor.splitter.rest(cursor.stamp)];
  cursor.splitter = new LineSplitter();
  cursor.place = placeOf(file, age);
  return rest;
}

/** How old the cursor's part is by now: 0 for the newest, undefined when it is gone, or may be. */
function ageOf(file: string, { place, keep }: Cursor): number | undefined {
  const ages = Array.from({ length: keep }, (_, index) => index + 1);
  const known = "part" in place ? place.part : place.newestAfter;
  if (known === undefined) {
    // Nothing came before it: it is the oldest there is, unless there are so many that older ones may have gone.
    const count = ages.filter((age) => fileIdentity(rotatedName(file, age)) !== undefined).length;
    return count < keep ? count : undefined;
  }
  const age = ages.find((candidate) => fileIdentity(rotatedName(file, candidate)) === known);
  if (age === undefined || "part" in place) return age;
  return age - 1;
}

/** Goes on with the oldest part that is certainly newer than the cursor's (invariant 3). */
function skipLost(file: string, cursor: Cursor): readonly LogLine[] {
  return enter(file, "part" in cursor.place ? cursor.keep : cursor.keep - 1, cursor);
}

/** Waits for the file to change: told by the system where it can, looked at every 200 ms in any case. */
class Growth {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(file: string, options: ReadLogOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#signal = options.signal;
    try {
      this.#watcher = watch(file, { persistent: false }, () => this.#notify());
      this.#watcher.on("error", () => {});
    } catch {
      this.#watcher = undefined; // not there yet, or no watches left
    }
    this.#signal?.addEventListener("abort", this.#notify);
  }

  next(): Promise<void> {
    if (this.#changed || this.#signal?.aborted === true) {
      this.#changed = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => this.#wake?.(), pollMilliseconds);
      this.#wake = () => {
        timer.cancel();
        this.#wake = undefined;
        this.#changed = false;
        resolve();
      };
    });
  }

  close(): void {
    this.#watcher?.close();
    this.#signal?.removeEventListener("abort", this.#notify);
  }

  readonly #notify = (): void => {
    this.#changed = true;
    this.#wake?.();
  };
}

/** Cuts bytes into lines. Decoding happens a whole line at a time, so characters are never cut at chunk borders. */
class LineSplitter {
  /** Offset of the next byte to read. */
  offset: number;
  #start: number;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(offset = 0) {
    this.offset = offset;
    this.#start = offset;
  }

  *push(bytes: Buffer, stamp: Stamp): Generator<LogLine> {
    let from = 0;
    this.offset += bytes.length;
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, from)) {
      this.#hold(bytes.subarray(from, end));
      yield* this.#cutLong(stamp);
      yield this.#take(this.#heldBytes, 1, stamp, false);
      from = end + 1;
    }
    this.#hold(Buffer.from(bytes.subarray(from)));
    yield* this.#cutLong(stamp);
  }

  /** The last line when it has no line end. */
  *rest(stamp: Stamp): Generator<LogLine> {
    if (this.#heldBytes > 0) yield this.#take(this.#heldBytes, 0, stamp, false);
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }

  *#cutLong(stamp: Stamp): Generator<LogLine> {
    while (this.#heldBytes > longestLine) yield this.#take(longestLine, 0, stamp, true);
  }

  #take(length: number, lineEnd: number, stamp: Stamp, partial: boolean): LogLine {
    const all = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    const cut = partial ? characterBorder(all, length) : length;
    const time = stamp(this.#start);
    this.#held = [all.subarray(cut)];
    this.#heldBytes = all.length - cut;
    this.#start += cut + lineEnd;
    const text = all.toString("utf8", 0, cut);
    return { text: text.endsWith("\r") ? text.slice(0, -1) : text, time, partial };
  }
}

/** The nearest place at or before `at` where a UTF-8 character begins. */
function characterBorder(bytes: Buffer, at: number): number {
  let border = at;
  while (border > at - 4 && (bytes[border]! & 0xc0) === 0x80) border--;
  return border > at - 4 ? border : at;
}

/** Whether it came to the end. */
function readOn(fd: number, { splitter, stamp }: Cursor, lines: LogLine[]): boolean {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (let taken = 0; taken < pieceBytes; taken += chunkBytes) {
    const count = readSync(fd, buffer, 0, chunkBytes, splitter.offset);
    if (count === 0) return true;
    for (const line of splitter.push(buffer.subarray(0, count), stamp)) lines.push(line);
  }
  return false;
}

interface Part {
  readonly fd: number;
  readonly age: number;
  readonly notes: readonly TimeNote[];
}

/** Reading begins here; in one synchronous stretch, as a piece. */
function startOf(file: string, options: ReadLogOptions): Cursor {
  const keep = options.keep ?? keptFiles;
  const parts = openParts(file, keep);
  try {
    const start = startingPoint(parts, options);
    const place = placeOf(file, parts[start.part]?.age ?? 0);
    return { splitter: new LineSplitter(start.offset), stamp: () => undefined, place, keep };
  } finally {
    for (const { fd } of parts) closeSync(fd);
  }
}

function openParts(file: string, keep: number): Part[] {
  const parts: Part[] = [];
  for (let age = keep; age >= 0; age--) {
    const name = rotatedName(file, age);
    try {
      parts.push({ fd: openSync(name, "r"), age, notes: readNotes(name) });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return parts;
}

/** What the notes do not reach yet was written by the file's last change. */
function stampOf(fd: number, notes: readonly TimeNote[]): Stamp {
  const changed = fstatSync(fd).mtimeMs;
  return (offset) => timeAt(notes, offset) ?? changed;
}

function startingPoint(parts: readonly Part[], options: ReadLogOptions): { part: number; offset: number } {
  const since =
    options.sinceTime === undefined ? { part: 0, offset: 0 } : sincePoint(parts, options.sinceTime);
  if (options.tail === undefined) return since;
  const tail = tailPoint(parts, options.tail);
  return tail.part > since.part || (tail.part === since.part && tail.offset > since.offset) ? tail : since;
}

/** Skips the parts that were complete before `since`; within the first other one lines are told apart by their time. */
function sincePoint(parts: readonly Part[], since: number): { part: number; offset: number } {
  let part = 0;
  while (part < parts.length - 1 && (parts[part]!.notes.at(-1)?.time ?? since) < since) part++;
  return { part, offset: 0 };
}

/** Counts line ends backwards from the end of the newest part; a last line without an end counts as one. */
function tailPoint(parts: readonly Part[], lines: number): { part: number; offset: number } {
  let wanted = lines;
  for (let part = parts.length - 1; part >= 0; part--) {
    const { fd } = parts[part]!;
    const size = fstatSync(fd).size;
    if (wanted === 0) return { part, offset: size };
    const found = lineStartFromEnd(fd, size, wanted);
    if (found.offset > 0 || found.lines >= wanted) return { part, offset: found.offset };
    wanted -= found.lines;
  }
  return { part: 0, offset: 0 };
}

function lineStartFromEnd(fd: number, size: number, wanted: number): { offset: number; lines: number } {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  let lines = 0;
  for (let end = size; end > 0;) {
    const begin = Math.max(0, end - chunkBytes);
    const count = readSync(fd, buffer, 0, end - begin, begin);
    for (let at = count - 1; at >= 0; at--) {
      if (buffer[at] !== newline || begin + at === size - 1) continue;
      lines += 1;
      if (lines === wanted) return { offset: begin + at + 1, lines };
    }
    end = begin;
  }
  return { offset: 0, lines: size === 0 ? 0 : lines + 1 };
}

function withFile(file: string, read: (fd: number) => void): void {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  try {
    read(fd);
  } finally {
    closeSync(fd);
  }
}
