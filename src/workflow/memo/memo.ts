/**
 * Results that are reused between runs of a namespace: `memo: {key, ttl, version}` of a step.
 *
 *     enter(key) ── young enough ──> kept
 *                ── nobody does it ──> mine: do it, then `settle(entry)`, or `settle(undefined)` when it failed
 *                ── another does it ──> waits; kept when that succeeds, else the first of those who wait does it
 *
 * Who waits holds no slot. Who does it is known in this process only, which is the engine's: after a crash nobody does, and
 * steps ask again. An entry is durable before whoever waits is told of it; the least recently used is dropped when there are
 * too many.
 */
import type { BlobRef } from "../run/events.ts";

export interface MemoEntry {
  readonly result: unknown;
  /** Given when the result is there, and `result` is null; owned by `ownerOf(key)`. */
  readonly blob?: BlobRef;
  /** Which run did it, where, and when it was done. */
  readonly run: string;
  readonly path: string;
  readonly at: number;
}

export type Memoised =
  | { readonly is: "kept"; readonly entry: MemoEntry }
  /** Must be called, however the step ended: with what it gave when it succeeded. Resolves when durable. */
  | { readonly is: "mine"; settle(entry: MemoEntry | undefined): Promise<void> };

export interface Memos {
  /** `key`: memoKey. `youngest`: entries made before that instant are too old. Rejects with the signal's reason when aborted. */
  enter(key: string, youngest: number, signal: AbortSignal): Promise<Memoised>;
}

/** Of the blobs of an entry (journal/blobs.ts). */
export function ownerOf(key: string): string {
  return `memo ${key}`;
}
