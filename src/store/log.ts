/**
 * What a medium must do to become a Store: keep the log of changes. Everything else (the current state, preconditions,
 * group commit, watching) is the same for all and lives in log-store.ts.
 *
 * Invariants
 *  L1 `append` is atomic and durable: once it resolves the changes survive a power loss (I2); when it rejects, none of
 *     them is ever seen again.
 *  L2 Appends settle in the order they were called. One may be called before the last has settled (a log may ask for
 *     none of that: LogStoreOptions.depth 1); when an append fails, so do those called before it had settled.
 *  L3 Reads see every change that was appended when they were called.
 */
import type { Change, Compaction, Key, Moment, Resource } from "./store.ts";

export interface ChangeLog<Row extends { readonly bytes: number }> {
  /** Serialises a change, synchronously. May throw, which refuses the commit that holds it and nothing else. */
  encode(change: Change): Row;
  /**
   * Rejects with StoreError StorageFull (nothing was written, it may work later) or StorageFailed. `rows` are in order
   * of their revisions, which follow on one another and on the last append.
   */
  append(rows: readonly Row[]): Promise<void>;
  /**
   * What is different between a moment and the revision `until`: by key text, the content at that moment of every
   * resource that changed after it; undefined where there was none. Rejects with StoreError Expired.
   */
  difference(moment: Moment, until: number): Promise<Difference>;
  /** Newest first, from the revision `until` on. */
  history(key: Key, until: number, limit: number): Promise<readonly Change[]>;
  change(revision: number): Promise<Change | undefined>;
  /** `now` is what `maxAge` counts from. */
  compact(policy: Compaction, now: number): Promise<{ readonly removed: number }>;
  close(): Promise<void>;
}

export interface Difference {
  /** The revision that the moment is at. */
  readonly revision: number;
  readonly before: ReadonlyMap<string, Resource | undefined>;
}
