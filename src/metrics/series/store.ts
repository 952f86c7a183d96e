/**
 * The series store: what was taken lately in memory (head.ts) and in the log (wal.ts), what is older in blocks.
 *
 *     append -> head, journal --flush--> log
 *                 |  every 2 h: cut
 *                 v
 *               block --merge--> larger block --retention--> gone
 *
 * Invariants:
 * 1. A sample is in the log or in a block from the flush that covers it until retention takes it.
 * 2. Times of sources ascend: all blocks are older than `head.minTime`, and nothing older enters the head.
 * 3. Maintenance runs one at a time; between its slices reads and appends go on.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Timer } from "../../clock/clock.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Matcher } from "../matcher.ts";
import type { Metadata, Rejection } from "../series.ts";
import { SeriesAccess } from "./access.ts";
import { Blocks } from "./blocks.ts";
import { type Cardinality, cardinality } from "./cardinality.ts";
import { Head } from "./head.ts";
import type { Source } from "./selection.ts";
import { type Recovery, Wal } from "./wal.ts";

const HOUR = 3_600_000;
const MAINTENANCE_INTERVAL = 60_000;
/** A log that is longer is replaced by a checkpoint although no block was cut. */
const LONGEST_LOG = 256 << 20;
const LONGEST_BLOCK = 31 * 24 * HOUR;

export interface SeriesStoreOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly retention?: {
    /** Milliseconds; blocks that end longer ago go. */
    readonly time?: number;
    /** On disk; the oldest blocks go when there is more. */
    readonly bytes?: number;
  };
  readonly limits?: {
    /** In memory at one time. */
    readonly series?: number;
    /** Bytes of chunks in memory; when the disk takes none, the oldest are dropped from there on. */
    readonly memory?: number;
  };
  /** Milliseconds between flushes. */
  readonly flushInterval?: number;
  /** Milliseconds of a block. */
  readonly blockRange?: number;
}

export interface SeriesStoreStats {
  readonly series: number;
  readonly samples: number;
  readonly chunks: number;
  /** Bytes of pages for chunks and label lists. */
  readonly memory: number;
  readonly bytesPerSample: number;
  readonly wal: number;
  /** On disk. */
  readonly blocks: { readonly count: number; readonly bytes: number; readonly samples: number };
  /** Samples dropped from memory before they were in a block, since the disk took none. */
  readonly dropped: number;
  /** Samples that were not logged for the same reason. */
  readonly unlogged: number;
  readonly appended: number;
  readonly rejected: Readonly<Partial<Record<Rejection, number>>>;
  readonly recovery: Recovery;
  /** What is wrong now; empty when all is well. */
  readonly diagnostics: readonly Diagnostic[];
}

export async function openSeriesStore(options: SeriesStoreOptions): Promise<SeriesStore> {
  await mkdir(options.folder, { recursive: true });
  const head = new Head({
    range: options.blockRange ?? 2 * HOUR,
    maxSeries: options.limits?.series ?? 2_000_000,
    now: () => options.clock.now(),
  });
  const wal = new Wal({ folder: join(options.folder, "wal"), maxWaiting: 64 << 20 });
  const longest = Math.min(LONGEST_BLOCK, (options.retention?.time ?? Infinity) / 10);
  const blocks = new Blocks({ folder: join(options.folder, "blocks"), range: head.range, longest });
  const store = new SeriesStore(options, head, wal, blocks);
  await store.recover();
  return store;
}

export class SeriesStore extends SeriesAccess {
  readonly #options: SeriesStoreOptions;
  readonly #wal: Wal;
  readonly #blocks: Blocks;
  #recovery: Recovery | undefined;
  #flushTimer: Timer | undefined;
  #maintenanceTimer: Timer | undefined;
  #maintenance: Promise<void> = Promise.resolve();
  #maintenanceFault: Error | undefined;
  /** The log holds what is in a block. */
  #checkpointDue = false;
  #dropped = 0;
  #closed = false;

  /** Use `openSeriesStore`. */
  constructor(options: SeriesStoreOptions, head: Head, wal: Wal, blocks: Blocks) {
    super(head);
    this.#options = options;
    this.#wal = wal;
    this.#blocks = blocks;
  }

  async recover(): Promise<void> {
    const { head } = this;
    await this.#blocks.open();
    // What is in a block is not wanted from the log once more.
    head.minTime = this.#blocks.maxTime;
    this.#recovery = await this.#wal.recover({
      head,
      describe: (metric, metadata) => void this.described.set(metric, metadata),
    });
    head.appended = 0;
    head.journal = this.#wal.journal;
    this.#scheduleFlush();
    this.#scheduleMaintenance();
  }

  override describe(metric: string, metadata: Metadata): void {
    if (this.described.set(metric, metadata)) this.#wal.journal.metadata(metric, metadata);
  }

  flush(): Promise<void> {
    return this.#wal.flush();
  }

  /** Writes what is left and stops; the store is not to be used after that. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#flushTimer?.cancel();
    this.#maintenanceTimer?.cancel();
    await this.#maintenance;
    await this.#wal.close();
    this.#blocks.close();
  }

  /** Forgets series that fit, with all of their samples, for good once it resolves. */
  deleteSeries(matchers: readonly Matcher[]): Promise<void> {
    return this.#alone(async () => {
      const rows = [...this.head.index.select(matchers)];
      this.#wal.journal.deleted(rows.map((row) => this.head.rows.references[row] as number));
      this.head.drop(rows);
      await this.#blocks.delete(matchers);
      await this.flush();
    });
  }

  /**
   * Cuts blocks, merges them, removes what is too old. Runs by itself every minute; a failure is in the diagnostics and
   * the next run tries again.
   */
  maintain(): Promise<void> {
    return this.#alone(async () => {
      try {
        while (await this.#cut());
        if (this.#checkpointDue || this.#wal.bytes > LONGEST_LOG) await this.#checkpoint();
        const { time = Infinity, bytes = Infinity } = this.#options.retention ?? {};
        await this.#blocks.retain(this.#options.clock.now() - time, bytes - this.#wal.bytes);
        while (await this.#blocks.compact());
        this.#maintenanceFault = undefined;
      } catch (error) {
        this.#maintenanceFault = error as Error;
      }
      this.#boundMemory();
    });
  }

  /** What is in memory, and which metrics and labels make up its series, the largest first. */
  cardinality(limit = 10): Cardinality {
    return cardinality(this.head, limit);
  }

  stats(): SeriesStoreStats {
    const { head } = this;
    return {
      series: head.index.size,
      samples: head.samples,
      chunks: head.chunks.size,
      memory: head.arena.size,
      bytesPerSample: head.samples === 0 ? 0 : head.arena.used / head.samples,
      wal: this.#wal.bytes,
      blocks: {
        count: this.#blocks.all.length,
        bytes: this.#blocks.bytes,
        samples: this.#blocks.all.reduce((total, { meta }) => total + meta.samples, 0),
      },
      dropped: this.#dropped,
      unlogged: this.#wal.unlogged,
      appended: head.appended,
      rejected: { ...head.rejected },
      recovery: this.#recovery as Recovery,
      diagnostics: this.#diagnostics(),
    };
  }

  protected override olderSources(from: number, to: number): readonly Source[] {
    return this.#blocks.within(from, to);
  }

  /** Invariant 3. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#maintenance.then(work);
    this.#maintenance = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  /** Makes a block of the oldest range in memory, when it is over for long enough; false when it is not. */
  async #cut(): Promise<boolean> {
    const { head } = this;
    const start = Math.floor(head.oldestTime() / head.range) * head.range;
    const end = start + head.range;
    if (!(head.maxTime >= end + head.range / 2)) return false;
    head.closeBefore(end);
    await this.#blocks.cut(head, start, end, () => head.forgetBefore(end));
    this.#checkpointDue = true;
    return true;
  }

  async #checkpoint(): Promise<void> {
    await this.#wal.checkpoint(this.head, this.described.all());
    this.#checkpointDue = false;
  }

  /** When the disk takes no blocks, the oldest chunks make room, an eighth of the time at once. */
  #boundMemory(): void {
    const { head } = this;
    const most = this.#options.limits?.memory ?? 4 * 2 ** 30;
    for (let eighths = 1; head.arena.used > most && eighths <= 8; eighths++) {
      const oldest = head.oldestTime();
      if (!Number.isFinite(oldest)) return;
      const before = head.samples;
      head.forgetBefore(oldest + ((head.maxTime - oldest) * eighths) / 8);
      this.#dropped += before - head.samples;
    }
  }

  #scheduleFlush(): void {
    if (this.#closed) return;
    this.#flushTimer = this.#options.clock.setTimeout(() => {
      // A failure is in the diagnostics, and the next flush tries again.
      void this.#wal
        .flush()
        .catch(() => undefined)
        .then(() => this.#scheduleFlush());
    }, this.#options.flushInterval ?? 1000);
  }

  #scheduleMaintenance(): void {
    if (this.#closed) return;
    this.#maintenanceTimer = this.#options.clock.setTimeout(() => {
      void this.maintain().then(() => this.#scheduleMaintenance());
    }, MAINTENANCE_INTERVAL);
  }

  #diagnostics(): Diagnostic[] {
    const { folder } = this.#options;
    const fault = this.#wal.fault ?? this.#maintenanceFault;
    const diagnostics: Diagnostic[] = [];
    if (fault !== undefined)
      diagnostics.push({
        severity: "error",
        code: "SeriesNotOnDisk",
        message: `Samples cannot be written to ${folder}: ${fault.message}.`,
        hint: "Make room on the disk or mend it; samples are kept in memory and written as soon as it takes them.",
      });
    for (const [path, why] of this.#blocks.damaged)
      diagnostics.push({
        severity: "warning",
        code: "SeriesBlockDamaged",
        message: `The samples in ${path} cannot be read and are left out of queries: ${why.message}`,
        hint: "Restore the folder from a backup, or remove it; then start again.",
      });
    const { tornBytes = 0, corruptBytes = 0, unreadable = 0 } = this.#recovery ?? {};
    if (corruptBytes + unreadable > 0)
      diagnostics.push({
        severity: "warning",
        code: "SeriesLogDamaged",
        message: `The log in ${folder} was damaged: ${corruptBytes} bytes and ${unreadable} records of it were skipped.`,
        hint: "Check the disk; what could be read is there.",
      });
    if (tornBytes > 0)
      diagnostics.push({
        severity: "warning",
        code: "SeriesLogTorn",
        message: `The last write to the log in ${folder} was interrupted; ${tornBytes} bytes of it were cut off.`,
      });
    return diagnostics;
  }
}
