import { rmSync, statSync } from "node:fs";
import type { Clock, Timer } from "../../../clock/clock.ts";
import { systemClock } from "../../../clock/clock.ts";
import {
  appendNote,
  indexName,
  keptFiles,
  maximumBytes,
  readNotes,
  recoverRotation,
  rotateLog,
} from "./log-files.ts";

/**
 * Looks at the log files of running processes: notes when they grew (log-files.ts) and rotates them by size. One timer
 * for all; every 50 ms it looks at a fifth of the files, so each is looked at every 250 ms and a thousand files cost
 * a thousand `stat` calls in that time.
 *
 * Invariants:
 * 1. At most one note a file and look, and none for a file that did not grow: an idle log costs no disk.
 * 2. A failing look (file removed, disk full) never stops the others; the file is tried again at the next.
 */
export interface LogWatchOptions {
  readonly clock?: Clock;
  readonly maximumBytes?: number;
  readonly keep?: number;
}

interface Watched {
  size: number;
  rotating: boolean;
}

const lookMilliseconds = 50;
const slices = 5;

export class LogWatch {
  readonly #clock: Clock;
  readonly #maximum: number;
  readonly #keep: number;
  readonly #files = new Map<string, Watched>();
  #queue: string[] = [];
  #timer: Timer | undefined;

  constructor(options: LogWatchOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#maximum = options.maximumBytes ?? maximumBytes;
    this.#keep = options.keep ?? keptFiles;
  }

  /** Begins to look at a file, which need not exist yet. What it grew since its last note is noted at the first look. */
  add(file: string): void {
    if (this.#files.has(file)) return;
    recoverRotation(file, this.#keep);
    this.#files.set(file, { size: readNotes(file).at(-1)?.end ?? 0, rotating: false });
    this.#timer ??= this.#clock.setTimeout(() => this.#tick(), lookMilliseconds);
  }

  /** Ends looking, after a last look. */
  delete(file: string): void {
    const watched = this.#files.get(file);
    if (watched === undefined) return;
    this.#look(file, watched);
    this.#files.delete(file);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#files.clear();
  }

  #tick(): void {
    if (this.#queue.length === 0) this.#queue = [...this.#files.keys()];
    const share = Math.ceil(this.#files.size / slices);
    for (const file of this.#queue.splice(0, share)) {
      const watched = this.#files.get(file);
      if (watched !== undefined) this.#look(file, watched);
    }
    this.#timer =
      this.#files.size === 0 ? undefined : this.#clock.setTimeout(() => this.#tick(), lookMilliseconds);
  }

  #look(file: string, watched: Watched): void {
    if (watched.rotating) return;
    try {
      const found = statSync(file, { throwIfNoEntry: false });
      if (found === undefined) return;
      if (found.size < watched.size) {
        rmSync(indexName(file), { force: true }); // emptied by somebody else, who left notes that are not true any more
        watched.size = 0;
      }
      if (found.size > watched.size) {
        appendNote(file, { end: found.size, time: found.mtimeMs });
        watched.size = found.size;
      }
      if (found.size > this.#maximum) void this.#rotate(file, watched);
    } catch {
      // Invariant 2: the disk is full or the folder is gone; the log itself is not ours to complain about.
    }
  }

  async #rotate(file: string, watched: Watched): Promise<void> {
    watched.rotating = true;
    try {
      await rotateLog(file, this.#keep);
      watched.size = 0;
    } catch {
      // as above
    } finally {
      watched.rotating = false;
    }
  }
}
