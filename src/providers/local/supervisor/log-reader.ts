import { type FSWatcher, closeSync, fstatSync, openSync, readSync, watch } from "node:fs";
import type { Clock } from "../../../clock/clock.ts";
import { systemClock } from "../../../clock/clock.ts";
import { type TimeNote, fileIdentity, keptFiles, readNotes, rotatedName, timeAt } from "./log-files.ts";

/**
 * Reads a log (log-files.ts) as lines, over its rotated parts, and follows it while it is written and rotated.
 *
 * Flow: choose a starting part and offset (by `tail` or `sinceTime`), read every part from there to its end, then, when
 * following, wait for growth of the newest. A part is read from the beginning of a line, through an open file, so its
 * renaming in between does not matter. When the newest became shorter than what was read, it has been rotated: the
 * rest is read from `log.1`, then the new one from its start.
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

/** When the byte at an offset was written. */
type Stamp = (offset: number) => number | undefined;

interface Part {
  readonly fd: number;
  readonly notes: readonly TimeNote[];
  readonly stamp: Stamp;
}

/** Lines without their line end; bytes that are not UTF-8 become U+FFFD. An absent log is an empty one. */
export async function* readLog(file: string, options: ReadLogOptions = {}): AsyncGenerator<LogLine> {
  const parts = openParts(file, options.keep ?? keptFiles);
  const from: FollowFrom = { splitter: new LineSplitter(), previous: fileIdentity(rotatedName(file, 1)) };
  try {
    for (const line of readParts(parts, from, options)) {
      if (options.signal?.aborted === true) return;
      yield line;
    }
    if (options.follow === true) yield* followLog(file, from, options);
  } finally {
    for (const { fd } of parts) closeSync(fd);
  }
}

/** What is there now. When following, a last line without its end is left in the splitter, to be completed. */
function* readParts(parts: readonly Part[], from: FollowFrom, options: ReadLogOptions): Generator<LogLine> {
  const start = startingPoint(parts, options);
  for (const [index, { fd, stamp }] of parts.entries()) {
    if (index < start.part) continue;
    from.splitter = new LineSplitter(index === start.part ? start.offset : 0);
    yield* readOn(fd, from.splitter, stamp, options.sinceTime);
    if (index < parts.length - 1 || options.follow !== true) yield* from.splitter.rest(stamp);
  }
}

interface FollowFrom {
  splitter: LineSplitter;
  /** Which file was `log.1` when the newest part was last known to be the newest. */
  previous: string | undefined;
}

async function* followLog(file: string, from: FollowFrom, options: ReadLogOptions): AsyncGenerator<LogLine> {
  const growth = new Growth(file, options);
  try {
    while (options.signal?.aborted !== true) {
      const finished = options.ended?.() === true; // asked before reading: what it wrote last is read still
      const lines = newLines(file, from);
      if (lines.length > 0) yield* lines;
      else if (finished) return yield* from.splitter.rest(() => undefined);
      else await growth.next();
    }
  } finally {
    growth.close();
  }
}

/** Everything new, in one synchronous stretch, so that no rotation by this process can come in between. */
function newLines(file: string, from: FollowFrom): LogLine[] {
  const lines: LogLine[] = [];
  const previous = fileIdentity(rotatedName(file, 1));
  if (previous !== from.previous && previous !== undefined) {
    withFile(rotatedName(file, 1), (fd) => {
      const stamp = stampOf(fd, readNotes(rotatedName(file, 1)));
      for (const line of readOn(fd, from.splitter, stamp)) lines.push(line);
      lines.push(...from.splitter.rest(stamp));
    });
    from.splitter = new LineSplitter();
  }
  from.previous = previous;
  withFile(file, (fd) => {
    if (fstatSync(fd).size < from.splitter.offset) from.splitter = new LineSplitter(); // emptied by somebody
    for (const line of readOn(fd, from.splitter, stampOf(fd, readNotes(file)))) lines.push(line);
  });
  return lines;
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

function* readOn(fd: number, splitter: LineSplitter, stamp: Stamp, since?: number): Generator<LogLine> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    const count = readSync(fd, buffer, 0, chunkBytes, splitter.offset);
    if (count === 0) return;
    for (const line of splitter.push(buffer.subarray(0, count), stamp)) {
      if (since === undefined || (line.time ?? since) >= since) yield line;
    }
  }
}

function openParts(file: string, keep: number): Part[] {
  const parts: Part[] = [];
  for (let age = keep; age >= 0; age--) {
    const name = rotatedName(file, age);
    try {
      const fd = openSync(name, "r");
      const notes = readNotes(name);
      parts.push({ fd, notes, stamp: stampOf(fd, notes) });
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
