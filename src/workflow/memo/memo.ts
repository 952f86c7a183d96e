/**
 * Results that are reused between runs of a namespace: `memo: {key, ttl, version}` of a step.
 *
 *     enter(key) ── young enough ──> kept
 *                ── nobody does it ──> mine: do it, then `settle(result)` or `settle(undefined)` when it failed
 *                ── another does it ──> waits; kept when that succeeds, else the first of those who wait does it
 *
 * Who does it is known in this process only, which is the engine's: after a crash nobody does, and steps ask again. The
 * entries are durable before a result is told (store.ts), and the oldest used is dropped when there are too many.
 */
export interface MemoEntry {
  readonly result: unknown;
  /** Which run did it, where, and when it was done. */
  readonly run: string;
  readonly path: string;
  readonly at: number;
}

/** All that must be equal for a result to be the same. */
export interface MemoKey {
  readonly namespace: string;
  readonly workflow: string;
  /** Name of the step in its scope: what is memoised at two places is two things, unless `key` says a name of its own. */
  readonly step: string;
  readonly key: string;
  readonly version: string;
}

export type Memoised =
  | { readonly is: "kept"; readonly entry: MemoEntry }
  /** Must be called exactly once, however the step ended; with what it gave when it succeeded. Resolves when durable. */
  | { readonly is: "mine"; settle(entry: MemoEntry | undefined): Promise<void> };

export interface Memos {
  /** `youngest`: entries made before that instant are too old. Rejects with the signal's reason when aborted. */
  enter(key: MemoKey, youngest: number, signal: AbortSignal): Promise<Memoised>;
  /** Forgets what is remembered: a step that should run whatever is known. */
  forget(key: MemoKey): Promise<void>;
  close(): Promise<void>;
}
