/**
 * A journal in files: `00000001.journal`, `00000002.journal` ... in one folder that belongs to one process at a time.
 *
 * Group commit: what is appended while a sync runs is written and synced together by the next one, off the event loop. So
 * one run alone waits for one sync an append, and a thousand runs share each.
 *
 * Opening reads every segment once: the tail that a crash tore off the last one is cut, damage anywhere else is refused.
 * In memory is, of each append, where it stands. Segments whose runs are all forgotten are removed from the oldest on, so
 * that a note of forgetting never goes before what it is about. After a write that failed nothing more is written to that
 * segment: it is cut back to what was synced; when even that fails the journal takes nothing any more.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, readdirSync, truncateSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { refuse } from "../../diagnostics/diagnostic.ts";
import type { RunEvent } from "../run/events.ts";
import { encode, jsonOf, scan } from "./frames.ts";
import type { Journal } from "./journal.ts";

const SEGMENT_BYTES = 32 << 20;
const SUFFIX = ".journal";

/** Where an append stands. */
interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
  readonly count: number;
}

interface Waiting {
  readonly run: string;
  readonly count: number;
  readonly json: string;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export function openFileJournal(folder: string, segmentBytes = SEGMENT_BYTES): Journal {
  return new FileJournal(folder, segmentBytes);
}

class FileJournal implements Journal {
  readonly gathers = true;
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #places = new Map<string, Place[]>();
  /** Appends of runs that are not forgotten, by segment, oldest first. */
  readonly #live = new Map<number, number>();
  #segment = 0;
  #file: FileHandle | undefined;
  #position = 0;
  #commit = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #broken: Error | undefined;

  constructor(folder: string, segmentBytes: number) {
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
    mkdirSync(folder, { recursive: true });
    const segments = readdirSync(folder)
      .filter((name) => /^\d{8,}\.journal$/.test(name))
      .map((name) => Number.parseInt(name, 10))
      .sort((one, other) => one - other);
    for (const segment of segments) this.#load(segment, segment === segments.at(-1));
  }

  append(run: string, events: readonly RunEvent[]): Promise<void> {
    if (events.length === 0) return Promise.resolve();
    return this.#write(run, events.length, JSON.stringify(events));
  }

  async *read(run: string, from = 0): AsyncIterable<RunEvent> {
    const places = [...(this.#places.get(run) ?? [])];
    let file: FileHandle | undefined;
    let opened = 0;
    let first = 0;
    try {
      for (const place of places) {
        const skip = Math.max(0, from - first);
        first += place.count;
        if (skip >= place.count) continue;
        if (opened !== place.segment) {
          await file?.close();
          file = await open(this.#path(place.segment), "r");
          opened = place.segment;
        }
        const bytes = Buffer.allocUnsafe(place.length);
        await file?.read(bytes, 0, place.length, place.offset);
        yield* (JSON.parse(jsonOf(bytes)) as readonly RunEvent[]).slice(skip);
      }
    } finally {
      await file?.close();
    }
  }

  runs(): readonly string[] {
    return [...this.#places.keys()];
  }

  length(run: string): number {
    return (this.#places.get(run) ?? []).reduce((sum, { count }) => sum + count, 0);
  }

  async forget(run: string): Promise<void> {
    if (!this.#places.has(run)) return;
    await this.#write(run, 0, "");
    await this.#removeOldest();
  }

  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#broken ??= new Error("The journal is closed.");
    await this.#file?.close();
    this.#file = undefined;
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
    this.#live.set(segment, 0);
    for (const { run, commit, count, offset, length } of frames) {
      this.#commit = Math.max(this.#commit, commit);
      this.#note(run, { segment, offset, length, count });
    }
    if (isLast) this.#position = end;
  }

  #note(run: string, place: Place): void {
    if (!this.#live.has(place.segment)) this.#live.set(place.segment, 0);
    if (place.count === 0) {
      for (const { segment } of this.#places.get(run) ?? []) this.#count(segment, -1);
      this.#places.delete(run);
      return;
    }
    this.#count(place.segment, 1);
    const places = this.#places.get(run);
    if (places === undefined) this.#places.set(run, [place]);
    else places.push(place);
  }

  #count(segment: number, by: number): void {
    this.#live.set(segment, (this.#live.get(segment) ?? 0) + by);
  }

  #write(run: string, count: number, json: string): Promise<void> {
    if (Buffer.byteLength(run) > 0xffff)
      return Promise.reject(new RangeError("A run's name is at most 65,535 bytes."));
    return new Promise((done, failed) => {
      this.#waiting.push({ run, count, json, done, failed });
      this.#writing ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // What follows in this turn goes along: a step that is done at once costs one sync, from its start to its result.
      await new Promise((resolve) => setImmediate(resolve));
      const group = this.#waiting;
      this.#waiting = [];
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
    const commit = this.#commit + 1;
    const frames = group.map(({ run, count, json }) => encode(run, commit, count, json));
    const bytes = frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
    const start = this.#position;
    try {
      for (let written = 0; written < bytes.length;)
        written += (await file.write(bytes, written, bytes.length - written, start + written)).bytesWritten;
      await file.datasync();
    } catch (error) {
      await this.#abandon(start);
      throw error;
    }
    this.#commit = commit;
    for (const [index, { run, count }] of group.entries()) {
      const { length } = frames[index] as Buffer;
      this.#note(run, { segment: this.#segment, offset: this.#position, length, count });
      this.#position += length;
    }
  }

  async #abandon(synced: number): Promise<void> {
    try {
      await this.#file?.truncate(synced);
      await this.#file?.datasync();
      await this.#endSegment();
    } catch (error) {
      this.#broken = error as Error;
    }
  }

  async #openSegment(): Promise<FileHandle> {
    if (this.#segment > 0 && this.#position < this.#segmentBytes)
      return open(this.#path(this.#segment), "r+");
    const file = await open(this.#path(this.#segment + 1), "w");
    const folder = openSync(this.#folder, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
    this.#segment++;
    this.#position = 0;
    return file;
  }

  async #endSegment(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#position = this.#segmentBytes;
    await file?.close();
  }

  async #removeOldest(): Promise<void> {
    for (const [segment, live] of this.#live) {
      if (live > 0 || segment === this.#segment) return;
      this.#live.delete(segment);
      await rm(this.#path(segment), { force: true });
    }
  }

  #path(segment: number): string {
    return join(this.#folder, `${String(segment).padStart(8, "0")}${SUFFIX}`);
  }
}
