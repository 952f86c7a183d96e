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
import { Head } from "./head.ts";
import { type Recovery, Wal } from "./wal.ts";

const HOUR = 3_600_000;

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
  const store = new SeriesStore(options, head, wal);
  await store.recover();
  return store;
}

export class SeriesStore extends SeriesAccess {
  readonly #options: SeriesStoreOptions;
  readonly #wal: Wal;
  #recovery: Recovery | undefined;
  #timer: Timer | undefined;
  #closed = false;

  /** Use `openSeriesStore`. */
  constructor(options: SeriesStoreOptions, head: Head, wal: Wal) {
    super(head);
    this.#options = options;
    this.#wal = wal;
  }

  async recover(): Promise<void> {
    const { head } = this;
    this.#recovery = await this.#wal.recover({
      head,
      describe: (metric, metadata) => void this.described.set(metric, metadata),
    });
    head.journal = this.#wal.journal;
    this.#schedule();
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
    this.#timer?.cancel();
    await this.#wal.close();
  }

  /** Forgets series that fit, with all of their samples. Returns how many. */
  deleteSeries(matchers: readonly Matcher[]): number {
    const rows = [...this.head.index.select(matchers)];
    this.#wal.journal.deleted(rows.map((row) => this.head.rows.references[row] as number));
    this.head.drop(rows);
    return rows.length;
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
      appended: head.appended,
      rejected: { ...head.rejected },
      recovery: this.#recovery as Recovery,
      diagnostics: this.#diagnostics(),
    };
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.setTimeout(() => {
      // A failure is in the diagnostics, and the next flush tries again.
      void this.#wal
        .flush()
        .catch(() => undefined)
        .then(() => this.#schedule());
    }, this.#options.flushInterval ?? 1000);
  }

  #diagnostics(): Diagnostic[] {
    const { fault } = this.#wal;
    if (fault === undefined) return [];
    return [
      {
        severity: "error",
        code: "SeriesNotOnDisk",
        message: `Samples cannot be written to ${this.#options.folder}: ${fault.message}.`,
        hint: "Make room on the disk or mend it; samples are kept in memory and written as soon as it takes them.",
      },
    ];
  }
}
