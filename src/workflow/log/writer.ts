/**
 * Writes one attempt's log (segments.ts).
 *
 *     line ──▶ pending (in memory, bounded) ──one write at a time──▶ head, then segments of the tail
 *
 *  1. `line` only remembers: whoever logs 100,000 lines in one go waits for no disk, and is not waited for.
 *  2. Memory is bounded by the head and the tail: of what is pending the middle is left out, as it would be on disk.
 *  3. A line that cannot be written (a full disk) is lost, and the attempt goes on.
 */
import { appendFile, mkdir, readFile, rm } from "node:fs/promises";
import { frame, type LoggedLine, segmentFile, segmentsIn } from "./segments.ts";

export interface Bounds {
  /** Bytes of the beginning and of the end that are kept of an attempt. */
  readonly head: number;
  readonly tail: number;
}

/** What is written at once: between two writes others have their turn. */
const PIECE = 1024 * 1024;
const KEPT_SEGMENTS = 2;

interface Pending {
  readonly number: number;
  readonly text: string;
}

export class LogWriter {
  readonly #folder: string;
  readonly #bounds: Bounds;
  /** Told of what is on disk: bytes more, or less. */
  readonly #grown: (bytes: number) => void;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #lines = 0;
  #segment = 0;
  #segmentBytes = 0;
  #nextNumber = 0;
  readonly #tail: { readonly first: number; bytes: number }[] = [];
  #writing: Promise<void> | undefined;
  #isOpen = false;
  /** Lines of before this writer, added to its own numbers. */
  #before = 0;

  constructor(folder: string, bounds: Bounds, grown: (bytes: number) => void) {
    this.#folder = folder;
    this.#bounds = bounds;
    this.#grown = grown;
  }

  line(line: LoggedLine): void {
    const text = frame(line);
    this.#pending.push({ number: this.#lines++, text });
    this.#pendingBytes += text.length;
    if (this.#pendingBytes > 2 * (this.#bounds.head + this.#bounds.tail)) this.#leaveOut();
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** Resolves when what was logged so far is in the files. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  get isIdle(): boolean {
    return this.#writing === undefined;
  }

  /** The middle of what is pending. */
  #leaveOut(): void {
    const headLeft = this.#segment === 0 ? Math.max(0, this.#bounds.head - this.#segmentBytes) : 0;
    let first = 0;
    for (let bytes = 0; first < this.#pending.length && bytes < headLeft; first++)
      bytes += this.#pending[first]?.text.length ?? 0;
    let last = this.#pending.length;
    for (let bytes = 0; last > first && bytes < this.#bounds.tail; last--)
      bytes += this.#pending[last - 1]?.text.length ?? 0;
    this.#pending = [...this.#pending.slice(0, first), ...this.#pending.slice(last)];
    this.#pendingBytes = this.#pending.reduce((sum, { text }) => sum + text.length, 0);
  }

  async #write(): Promise<void> {
    await Promise.resolve(); // what is logged in one go is written in one
    while (this.#pending.length > 0) {
      try {
        if (!this.#isOpen) await this.#open();
        await this.#writePiece();
      } catch {
        this.#pendingBytes = this.#pending.reduce((sum, { text }) => sum + text.length, 0);
      }
    }
  }

  /** Goes on behind what an earlier writer left. */
  async #open(): Promise<void> {
    this.#isOpen = true;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const segments = await segmentsIn(this.#folder);
    const last = segments.at(-1);
    if (last === undefined) return;
    const content = await readFile(segmentFile(this.#folder, last));
    this.#segment = last;
    this.#segmentBytes = content.length;
    this.#before = last + content.reduce((count, byte) => count + (byte === 0x0a ? 1 : 0), 0);
    this.#nextNumber = this.#before;
    for (const first of segments.slice(1)) this.#tail.push({ first, bytes: content.length });
  }

  /** Lines of one segment that follow each other. */
  async #writePiece(): Promise<void> {
    const [first] = this.#pending as [Pending];
    const firstNumber = this.#before + first.number;
    if (this.#isFull(firstNumber)) await this.#nextSegment(firstNumber);
    const limit = this.#segment === 0 ? this.#bounds.head : this.#bounds.tail / KEPT_SEGMENTS;
    let count = 0;
    let bytes = 0;
    for (const { number, text } of this.#pending) {
      const fits = this.#segmentBytes + bytes < limit && bytes < PIECE;
      if (count > 0 && (!fits || number !== first.number + count)) break;
      bytes += text.length;
      count++;
    }
    const piece = this.#pending.splice(0, count);
    this.#pendingBytes -= bytes;
    const content = Buffer.from(piece.map(({ text }) => text).join(""));
    this.#segmentBytes += bytes;
    this.#nextNumber = firstNumber + count;
    const tail = this.#tail.at(-1);
    if (tail !== undefined) tail.bytes += content.length;
    await appendFile(segmentFile(this.#folder, this.#segment), content, { mode: 0o600 });
    this.#grown(content.length);
  }

  #isFull(next: number): boolean {
    const limit = this.#segment === 0 ? this.#bounds.head : this.#bounds.tail / KEPT_SEGMENTS;
    return this.#segmentBytes >= limit || next !== this.#nextNumber;
  }

  async #nextSegment(first: number): Promise<void> {
    this.#segment = first;
    this.#segmentBytes = 0;
    this.#nextNumber = first;
    this.#tail.push({ first, bytes: 0 });
    while (this.#tail.length > KEPT_SEGMENTS) {
      const oldest = this.#tail.shift();
      if (oldest === undefined) return;
      await rm(segmentFile(this.#folder, oldest.first), { force: true });
      this.#grown(-oldest.bytes);
    }
  }
}
