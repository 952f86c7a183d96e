/** Memos (memo.ts) in memory; what they remember is kept by a log. */
import type { Blobs } from "../journal/blobs.ts";
import { onAbort } from "../engine/on-abort.ts";
import type { MemoLog } from "./log.ts";
import { type MemoEntry, type Memoised, type Memos, ownerOf } from "./memo.ts";

const MOST = 50_000;

export class SingleFlightMemos implements Memos {
  readonly #log: MemoLog | undefined;
  readonly #blobs: Blobs;
  readonly #most: number;
  /** The least recently used first. */
  readonly #entries: Map<string, MemoEntry>;
  /** By key that somebody works on: who waits, first come first served. */
  readonly #working = new Map<string, Set<() => void>>();

  constructor(blobs: Blobs, log?: MemoLog, most = MOST) {
    this.#blobs = blobs;
    this.#log = log;
    this.#most = most;
    this.#entries = new Map(log?.entries);
  }

  async enter(key: string, youngest: number, signal: AbortSignal): Promise<Memoised> {
    for (;;) {
      signal.throwIfAborted();
      const entry = this.#entries.get(key);
      if (entry !== undefined && entry.at >= youngest) {
        this.#entries.delete(key);
        this.#entries.set(key, entry);
        return { is: "kept", entry };
      }
      const waiting = this.#working.get(key);
      if (waiting === undefined) return this.#begin(key);
      await turnOf(waiting, signal);
    }
  }

  #begin(key: string): Memoised {
    const waiting = new Set<() => void>();
    this.#working.set(key, waiting);
    const settle = async (entry: MemoEntry | undefined): Promise<void> => {
      if (this.#working.get(key) !== waiting) return;
      try {
        if (entry !== undefined) await this.#remember(key, entry);
      } finally {
        this.#working.delete(key);
        // All look again: when there is nothing, the first of them does it, and the others wait for that.
        for (const wake of waiting) wake();
      }
    };
    return { is: "mine", settle };
  }

  async #remember(key: string, entry: MemoEntry): Promise<void> {
    await this.#log?.append(key, entry);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    while (this.#entries.size > this.#most) {
      const [oldest = ""] = this.#entries.keys();
      const blob = this.#entries.get(oldest)?.blob;
      this.#entries.delete(oldest);
      await this.#log?.append(oldest, undefined);
      if (blob !== undefined) await this.#blobs.release(ownerOf(oldest));
    }
  }
}

function turnOf(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = (): void => {
      forget();
      waiting.delete(wake);
      resolve();
    };
    waiting.add(wake);
    const forget = onAbort(signal, () => {
      waiting.delete(wake);
      reject(signal.reason as Error);
    });
  });
}
