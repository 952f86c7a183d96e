/**
 * A journal in files: `00000001.journal`, `00000002.journal` ... in one folder that belongs to one process at a time.
 *
 * Group commit: what is appended while a sync runs is written and synced together by the next one, off the event loop. So
 * one run alone waits for one sync an append, and a thousand runs share each. The next write is under way before anybody is
 * told of the one before, so the disk is busy while those who were told work.
 *
 * Opening reads every segment once: the tail that a crash tore off the last one is cut, damage anywhere else is refused.
 * In memory is, of each append, where it stands (places.ts). Segments that nobody needs are removed: their runs are forgotten,
 * or a snapshot stands for what is in them. After a write that failed the segment is cut back to what was synced; when even
 * that fails the journal takes nothing any more. A full disk is such a failure: the journal goes on once there is space.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  truncateSync,
  write,
} from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { refuse } from "../../diagnostics/diagnostic.ts";
import type { RunEvent } from "../run/events.ts";
import { eventsOf, textOf } from "./codec.ts";
import { type Entry, FORGOTTEN, type Frame, SNAPSHOT, encode, scan, textWithin } from "./frames.ts";
import type { Journal, Snapshot } from "./journal.ts";
import { lockFolder } from "./lock.ts";
import { type Place, Places } from "./places.ts";

const SEGMENT_BYTES = 32 << 20;
const SUFFIX = ".journal";
/** Characters that are written at once, about. */
const WRITE_SIZE = 16 << 20;
/** Bytes that are read at once. */
const READ_BYTES = 1 << 20;
/** Each write returns when it is on the disk. */
const SYNCED = constants.O_DSYNC;
const NO_SPACE: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

interface Waiting extends Entry {
  /** Of a snapshot: the events that it stands for. */
  readonly index: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export function openFileJournal(folder: string, segmentBytes = SEGMENT_BYTES): Journal {
  mkdirSync(folder, { recursive: true });
  const unlock = lockFolder(folder);
  try {
    return new FileJournal(folder, segmentBytes, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

class FileJournal implements Journal {
  readonly gathers = true;
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #unlock: () => void;
  readonly #places = new Places();
  #segment = 0;
  #file: FileHandle | undefined;
  #position = 0;
  #commit = 0;
  readonly #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #broken: Error | undefined;

  constructor(folder: string, segmentBytes: number, unlock: () => void) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
    this.#unlock = unlock;
    const segments = readdirSync(folder)
      .filter((name) => /^\d{8,}\.journal$/.test(name))
      .map((name) => Number.parseInt(name, 10))
      .sort((one, other) => one - other);
    for (const segment of segments) this.#load(segment, segment === segments.at(-1));
  }

  append(run: string, events: readonly RunEvent[]): Promise<void> {
    if (events.length === 0) return Promise.resolve();
    return this.#write(run, events.length, textOf(events));
  }

  async *read(run: string, from = 0): AsyncIterable<RunEvent> {
    const { places, skip } = this.#places.from(run, from);
    let left = skip;
    for await (const text of this.#texts(places)) {
      const events = eventsOf(text);
      yield* left === 0 ? events : events.slice(left);
      left = 0;
    }
  }

  runs(): readonly string[] {
    return this.#places.runs();
  }

  length(run: string): number {
    return this.#places.length(run);
  }

  first(run: string): number {
    return this.#places.first(run);
  }

  async compact(run: string, { index, text }: Snapshot): Promise<void> {
    await this.#write(run, SNAPSHOT, JSON.stringify({ index, text }), index);
    await this.#removeUnneeded();
  }

  async snapshot(run: string): Promise<Snapshot | undefined> {
    const place = this.#places.snapshot(run);
    if (place === undefined) return undefined;
    for await (const text of this.#texts([place])) return JSON.parse(text) as Snapshot;
    return undefined;
  }

  async forget(run: string): Promise<void> {
    if (this.#places.length(run) === 0) return;
    await this.#write(run, FORGOTTEN, "");
    await this.#removeUnneeded();
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#broken ??= new Error("The journal is closed.");
    await this.#file?.close();
    this.#file = undefined;
    this.#unlock();
  }

  #load(segment: number, isLast: boolean): void {
    const path = this.#path(segment);
    const bytes = readFileSync(path);
    const { frames, end, damaged } = scan(bytes);
    if (damaged || (end < bytes.length && !isLast))
      refuse({
        code: "JournalDamaged",
        message: `${path} is damaged at byte ${end}, and what stands behind that was acknowledged.`,
        hint: "Restore the folder from a backup, or move the file away to give up the runs in it.",
      });
    if (end < bytes.length) truncateSync(path, end);
    this.#segment = segment;
    this.#places.segment(segment);
    for (const frame of frames) {
      this.#commit = Math.max(this.#commit, frame.commit);
      this.#note(frame, segment, () => indexWithin(bytes, frame));
    }
    if (isLast) this.#position = end;
  }

  #note({ run, count, offset, length }: Omit<Frame, "commit">, segment: number, index: () => number): void {
    const place: Place = { segment, offset, length, count };
    if (count === FORGOTTEN) this.#places.forget(run, segment);
    else if (count === SNAPSHOT) this.#places.compact(run, index(), place);
    else this.#places.append(run, place);
  }

  /** Places that stand behind each other are read together. */
  async *#texts(places: readonly Place[]): AsyncIterable<string> {
    let file: FileHandle | undefined;
    let opened = 0;
    try {
      for (let at = 0; at < places.length;) {
        const { segment, offset } = places[at] as Place;
        if (opened !== segment) {
          await file?.close();
          file = await open(this.#path(segment), "r");
          opened = segment;
        }
        const { next, end } = stretch(places, at);
        const bytes = Buffer.allocUnsafe(end - offset);
        await file?.read(bytes, 0, bytes.length, offset);
        for (; at < next; at++) {
          const place = places[at] as Place;
          yield textWithin(bytes.subarray(place.offset - offset, place.offset - offset + place.length));
        }
      }
    } finally {
      await file?.close();
    }
  }

  #write(run: string, count: number, text: string, index = 0): Promise<void> {
    if (Buffer.byteLength(run) > 0xffff)
      return Promise.reject(new RangeError("A run's name is at most 65,535 bytes."));
    return new Promise((done, failed) => {
      this.#waiting.push({ run, count, text, index, done, failed });
      this.#writing ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    await Promise.resolve(); // what others append in the same turn goes along
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, fitting(this.#waiting));
      try {
        await this.#commitGroup(group);
        for (const { done } of group) done();
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
    }
    this.#writing = undefined;
  }

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#position >= this.#segmentBytes) await this.#endSegment();
    const file = (this.#file ??= await this.#openSegment());
    const { bytes, lengths } = encode(group, this.#commit + 1);
    const start = this.#position;
    try {
      for (let written = 0; written < bytes.length;)
        written += await writeAt(file, bytes.subarray(written), start + written);
    } catch (error) {
      await this.#cutBack(start, error);
      throw error;
    }
    this.#commit++;
    for (const [at, { run, count, index }] of group.entries()) {
      const length = lengths[at] as number;
      this.#note({ run, count, offset: this.#position, length }, this.#segment, () => index);
      this.#position += length;
    }
  }

  /** What a device that failed says of its pages is not to be trusted: only after a full disk the segment goes on. */
  async #cutBack(synced: number, cause: unknown): Promise<void> {
    try {
      await this.#file?.truncate(synced);
      await this.#file?.datasync();
      if (!NO_SPACE.has((cause as { readonly code?: unknown }).code)) await this.#endSegment();
    } catch (error) {
      this.#broken = error as Error;
    }
  }

  async #openSegment(): Promise<FileHandle> {
    const { O_RDWR, O_CREAT, O_TRUNC } = constants;
    if (this.#segment > 0 && this.#position < this.#segmentBytes)
      return open(this.#path(this.#segment), O_RDWR | SYNCED);
    const file = await open(this.#path(this.#segment + 1), O_RDWR | O_CREAT | O_TRUNC | SYNCED);
    try {
      const folder = openSync(this.#folder, "r");
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#segment++;
    this.#places.segment(this.#segment);
    this.#position = 0;
    return file;
  }

  async #endSegment(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#position = this.#segmentBytes;
    await file?.close();
  }

  async #removeUnneeded(): Promise<void> {
    for (const segment of this.#places.unneeded(this.#segment))
      await rm(this.#path(segment), { force: true });
  }

  #path(segment: number): string {
    return join(this.#folder, `${String(segment).padStart(8, "0")}${SUFFIX}`);
  }
}

/** Gives how many bytes. Not with the handle's own method, which takes more time than all else about a write. */
function writeAt({ fd }: FileHandle, bytes: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, position, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}

/** How many of them are one write. */
function fitting(waiting: readonly Waiting[]): number {
  let size = 0;
  const first = waiting.findIndex(({ text }) => (size += text.length) > WRITE_SIZE);
  return first < 0 ? waiting.length : first + 1;
}

function indexWithin(file: Buffer, { offset, length }: Frame): number {
  return (JSON.parse(textWithin(file.subarray(offset, offset + length))) as Snapshot).index;
}

/** How far the places from there on stand behind each other. */
function stretch(places: readonly Place[], at: number): { readonly next: number; readonly end: number } {
  const first = places[at] as Place;
  let end = first.offset + first.length;
  let next = at + 1;
  for (; next < places.length; next++) {
    const place = places[next] as Place;
    if (place.segment !== first.segment || place.offset !== end) break;
    if (end + place.length - first.offset > READ_BYTES) break;
    end += place.length;
  }
  return { next, end };
}
