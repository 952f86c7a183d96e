/**
 * The write-ahead log: what the head takes is gathered in memory and written with the next flush, one write and one sync
 * each, to segments `wal/00000001`, `wal/00000002` ... A checkpoint `wal/checkpoint.00000005` is a head written down: it
 * stands for all segments before the fifth, which are removed then.
 *
 * When the disk refuses, records wait in memory and the next flush tries again with a new segment; of more than
 * `maxWaiting` bytes the oldest samples are left out of the log (they stay readable), never series or deletions. So
 * memory is bounded, and all is well again once the disk is.
 *
 * Invariants:
 * 1. What a resolved `flush` covers is on disk, in order, before anything newer.
 * 2. A process never writes to a segment of an earlier one.
 * 3. A checkpoint gets its name only when it is whole and synced; segments that it stands for go after that.
 */
import { readFileSync, readdirSync, truncateSync } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { ByteWriter } from "./bytes.ts";
import { syncFolder, writeAt } from "./files.ts";
import { frame, scanFrames } from "./frames.ts";
import type { Head } from "./head.ts";
import type { Metadata } from "../series.ts";
import {
  CHUNKS,
  METADATA,
  PendingRecords,
  type Playback,
  SERIES,
  playBack,
  record,
  writeChunks,
  writeMetadata,
  writeSeries,
} from "./records.ts";

const SEGMENT_BYTES = 32 << 20;
const SLICE_ROWS = 2000;
const CHECKPOINT = "checkpoint.";

export interface WalOptions {
  readonly folder: string;
  readonly maxWaiting: number;
}

/** What was found when the log was read. */
export interface Recovery {
  readonly records: number;
  readonly samples: number;
  /** Cut off from the end of the last segment: a write that a crash interrupted. */
  readonly tornBytes: number;
  /** Skipped in the middle: damage. */
  readonly corruptBytes: number;
  /** Records whose bytes were right and whose content was not. */
  readonly unreadable: number;
}

interface Waiting {
  readonly bytes: Uint8Array;
  readonly samples: number;
}

export class Wal {
  readonly journal = new PendingRecords();
  readonly #folder: string;
  readonly #maxWaiting: number;
  #number = 0;
  #segment: FileHandle | undefined;
  #position = 0;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** The next write begins a segment, and notes its number. */
  #roll = false;
  #rolledTo = 0;
  /** Bytes of finished segments and the checkpoint. */
  #finished = 0;
  /** Samples that are in memory only, since the disk refused them for too long. */
  unlogged = 0;
  /** Why the last write failed, undefined when it did not. */
  fault: Error | undefined;

  constructor(options: WalOptions) {
    this.#folder = options.folder;
    this.#maxWaiting = options.maxWaiting;
  }

  /** On disk. */
  get bytes(): number {
    return this.#finished + this.#position;
  }

  /** Plays back all there is, and begins a new segment. */
  async recover(to: Playback): Promise<Recovery> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of readdirSync(this.#folder))
      if (name.endsWith(".tmp")) await rm(join(this.#folder, name));
    const { checkpoint, segments, last } = this.#files();
    const files = [...(checkpoint === undefined ? [] : [checkpoint]), ...segments];
    const found = { records: 0, samples: 0, tornBytes: 0, corruptBytes: 0, unreadable: 0 };
    for (const name of files) {
      const path = join(this.#folder, name);
      const file = readFileSync(path);
      const scan = scanFrames(file, (bytes) => {
        try {
          found.samples += playBack(bytes, to);
        } catch {
          found.unreadable++;
        }
      });
      found.records += scan.records;
      found.corruptBytes += scan.corruptBytes;
      if (name === files.at(-1)) {
        found.tornBytes = scan.tornBytes;
        if (scan.tornBytes > 0) truncateSync(path, file.length - scan.tornBytes);
        this.#finished -= scan.tornBytes;
      } else found.corruptBytes += scan.tornBytes;
      this.#finished += file.length;
    }
    to.head.restored();
    this.#number = last;
    return found;
  }

  /** Resolves when all that the journal was told before is on disk. */
  flush(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    // Those who come while one runs share the one after it.
    const again = (): Promise<void> => {
      this.#next = undefined;
      return this.flush();
    };
    return (this.#next ??= this.#running.then(again, again));
  }

  async close(): Promise<void> {
    await this.flush().catch(() => undefined);
    await this.#segment?.close();
    this.#segment = undefined;
  }

  /**
   * Writes the head down and removes what is in the log before. Goes on in slices, so that others get their turn; what is
   * written meanwhile is in the segments that stay.
   */
  async checkpoint(head: Head, described: ReadonlyMap<string, Metadata>): Promise<void> {
    this.#roll = true;
    await this.flush();
    const number = this.#rolledTo;
    const name = CHECKPOINT + segmentName(number);
    const temporary = join(this.#folder, `${name}.tmp`);
    let size = 0;
    try {
      const file = await open(temporary, "w");
      try {
        for (const bytes of headRecords(head, described)) {
          await writeAt(file, bytes, size);
          size += bytes.length;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(this.#folder, name));
      await syncFolder(this.#folder);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    const outdated = readdirSync(this.#folder).filter((file) => file !== name && numberOf(file) <= number);
    for (const file of outdated)
      if (isCheckpoint(file) || numberOf(file) < number) await rm(join(this.#folder, file));
    this.#finished = size;
  }

  #start(): Promise<void> {
    const running = this.#write().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #write(): Promise<void> {
    for (const { record: bytes, samples } of this.journal.take())
      this.#waiting.push({ bytes: frame(bytes), samples });
    const writing = this.#waiting;
    try {
      if (this.#roll) {
        await this.#endSegment();
        this.#rolledTo = this.#number + 1;
        this.#roll = false;
      }
      if (writing.length === 0) return;
      if (this.#position >= SEGMENT_BYTES) await this.#endSegment();
      const segment = (this.#segment ??= await this.#begin());
      const bytes =
        writing.length === 1 ? (writing[0] as Waiting).bytes : Buffer.concat(writing.map((one) => one.bytes));
      await writeAt(segment, bytes, this.#position);
      await segment.datasync();
      this.#position += bytes.length;
      this.#waiting = [];
      this.fault = undefined;
    } catch (error) {
      this.fault = error as Error;
      await this.#abandonSegment();
      this.#leaveOut();
      throw error;
    }
  }

  #leaveOut(): void {
    let total = 0;
    for (const { bytes } of this.#waiting) total += bytes.length;
    this.#waiting = this.#waiting.filter(({ bytes, samples }) => {
      if (samples === 0 || total <= this.#maxWaiting) return true;
      total -= bytes.length;
      this.unlogged += samples;
      return false;
    });
  }

  async #begin(): Promise<FileHandle> {
    const file = await open(join(this.#folder, segmentName(this.#number + 1)), "w");
    try {
      await syncFolder(this.#folder);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#number++;
    this.#position = 0;
    return file;
  }

  /** After a failed write the next goes to another segment: this one ends with what was synced, and is not trusted more. */
  async #abandonSegment(): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) return;
    const synced = this.#position;
    const ignore = (): void => undefined;
    await segment.truncate(synced).catch(ignore);
    await this.#endSegment().catch(ignore);
    if (synced === 0)
      await rm(join(this.#folder, segmentName(this.#number--)), { force: true }).catch(ignore);
  }

  async #endSegment(): Promise<void> {
    const segment = this.#segment;
    this.#segment = undefined;
    this.#finished += this.#position;
    this.#position = 0;
    await segment?.close();
  }

  #files(): { checkpoint: string | undefined; segments: string[]; last: number } {
    const names = readdirSync(this.#folder)
      .filter((name) => numberOf(name) > 0)
      .sort();
    const checkpoint = names.filter(isCheckpoint).at(-1);
    const first = checkpoint === undefined ? 0 : numberOf(checkpoint);
    const segments = names.filter((name) => !isCheckpoint(name) && numberOf(name) >= first);
    return { checkpoint, segments, last: Math.max(0, first - 1, ...segments.map(numberOf)) };
  }
}

function* headRecords(head: Head, described: ReadonlyMap<string, Metadata>): Generator<Buffer> {
  const series = new ByteWriter();
  const chunks = new ByteWriter();
  for (let row = 0; row < head.end;) {
    series.clear();
    chunks.clear();
    for (const end = Math.min(head.end, row + SLICE_ROWS); row < end; row++) {
      const reference = head.rows.references[row] as number;
      if (reference === -1) continue;
      writeSeries(series, reference, head.index.labels(row));
      writeChunks(chunks, head, row);
    }
    if (series.length === 0) continue;
    yield Buffer.concat([frame(record(SERIES, series.bytes())), frame(record(CHUNKS, chunks.bytes()))]);
  }
  const metadata = new ByteWriter();
  for (const [metric, one] of described) writeMetadata(metadata, metric, one);
  if (metadata.length > 0) yield frame(record(METADATA, metadata.bytes()));
}

function segmentName(number: number): string {
  return String(number).padStart(8, "0");
}

function isCheckpoint(name: string): boolean {
  return name.startsWith(CHECKPOINT);
}

/** 0 for files that are neither segments nor checkpoints. */
function numberOf(name: string): number {
  return /^(?:checkpoint\.)?\d{8,}$/.test(name) ? Number(name.replace(CHECKPOINT, "")) : 0;
}
