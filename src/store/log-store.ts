/**
 * The Store over a ChangeLog: group commit, visibility, watching. Shared by all stores on one process's own log.
 *
 *     commit -> stage -> [gathering] -> [in flight] -> publish: visible, watchers told, promise resolved
 *                             ^               | failed
 *                             '- stage again -'   (its own commits reject; what came after is worked out anew)
 *
 * While one batch is being appended, the next gathers; so the slower the disk, the larger the batches. A log in another
 * thread takes a second batch while it writes the first: writers that all wait for the same batch would otherwise leave
 * each thread idle while the other works, so what waits goes out in halves.
 *
 * Invariants (S1 to S7 are in store.ts)
 *  G1 Commits settle in the order they were made. A refusal, or a commit that changes nothing, was decided on staged
 *     content and is told only when that content is durable: nobody learns of what may yet be undone.
 *  G2 Batches are published in the order they were appended. The visible state is the log's durable end.
 *  G3 When an append fails, so do all in flight after it (L2). Then staged falls back to visible: the commits of the first
 *     that changed something reject with what the log said, all others are staged again in their order.
 *  G4 A batch is bounded, so that publishing one never holds the event loop for long. One commit is never split.
 */
import type { Clock } from "../clock/clock.ts";
import type { ChangeLog } from "./log.ts";
import { PastState } from "./past-state.ts";
import { type RecentBounds, RecentChanges, changesAfter } from "./recent-changes.ts";
import { type Staged, Staging } from "./staging.ts";
import type { CurrentState } from "./state.ts";
import {
  type Cause,
  type Change,
  type Committed,
  type Compaction,
  type Key,
  type Listing,
  type Moment,
  type Operation,
  type Query,
  type Resource,
  type Snapshot,
  type Store,
  StoreError,
} from "./store.ts";

export interface LogStoreOptions {
  readonly clock: Clock;
  /** A new resource's identity. */
  readonly uid: () => string;
  /** Resolves when it is time to append what has gathered. */
  readonly gather: () => Promise<void>;
  /** How many batches may be in flight. */
  readonly depth: number;
  readonly recent: RecentBounds;
  /** Told of each batch that was appended: how long that took, milliseconds. */
  readonly appended?: (duration: number) => void;
  /** The time of the newest change in the log: times never run backwards (at({ time }) relies on it). */
  readonly lastTime: number;
}

type Outcome = Staged | { readonly refusal: unknown };

interface Pending<Row> {
  readonly operations: readonly Operation[];
  readonly cause: Cause;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (reason: unknown) => void;
  outcome: Outcome;
  rows: Row[];
}

interface Batch<Row> {
  readonly commits: readonly Pending<Row>[];
  outcome: "pending" | "durable" | { readonly failure: unknown };
}

interface Watcher {
  readonly listener: (changes: readonly Change[]) => void;
  /** The last revision it was told of. */
  position: number;
}

/** Fewer than this are not worth a sync of their own. */
const MIN_HALF = 16;
const MAX_BATCH_CHANGES = 512;
const MAX_BATCH_BYTES = 4 << 20;

export class LogStore<Row extends { readonly bytes: number }> implements Store {
  readonly #log: ChangeLog<Row>;
  readonly #options: LogStoreOptions;
  readonly #visible: CurrentState;
  readonly #staging: Staging;
  readonly #recent: RecentChanges;
  readonly #watchers = new Set<Watcher>();
  readonly #pasts = new Set<WeakRef<PastState>>();
  #gathering: Pending<Row>[] = [];
  #inFlight: Batch<Row>[] = [];
  #isGathering = false;
  #drained: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #time: number;

  /** `visible` is what the log adds up to; it is the store's from now on. */
  constructor(log: ChangeLog<Row>, visible: CurrentState, options: LogStoreOptions) {
    this.#log = log;
    this.#options = options;
    this.#visible = visible;
    this.#staging = new Staging(visible, options.uid);
    this.#recent = new RecentChanges(visible.revision, options.recent);
    this.#time = options.lastTime;
  }

  get revision(): number {
    return this.#visible.revision;
  }

  get(key: Key): Resource | undefined {
    return this.#visible.get(key);
  }

  list(query: Query): Listing {
    return this.#visible.list(query);
  }

  commit(operations: readonly Operation[], cause: Cause): Promise<Committed> {
    if (this.#closing !== undefined) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      const pending: Pending<Row> = { operations, cause, resolve, reject, outcome: NOTHING, rows: [] };
      this.#stage(pending);
      if (pending.rows.length === 0 && this.#isIdle()) {
        this.#settle(pending);
        return;
      }
      this.#gathering.push(pending);
      this.#gather();
    });
  }

  watch(from: number, listener: (changes: readonly Change[]) => void): () => void {
    if (this.#closing !== undefined) throw closed();
    const past = this.#recent.after(from);
    const watcher: Watcher = { listener, position: from };
    this.#watchers.add(watcher);
    for (const changes of past) tell(watcher, changes);
    return () => void this.#watchers.delete(watcher);
  }

  async at(moment: Moment): Promise<Snapshot> {
    this.#requireOpen();
    const until = this.#visible.revision;
    if ("revision" in moment && !(moment.revision <= until)) {
      throw new StoreError(
        "NotFound",
        `Revision ${moment.revision} has not been yet: the newest is ${until}.`,
      );
    }
    const past = new PastState(this.#visible);
    this.#pasts.add(new WeakRef(past));
    const { revision, before } = await this.#log.difference(moment, until);
    past.goBack(revision, before);
    return past;
  }

  async history(key: Key, limit = Infinity): Promise<readonly Change[]> {
    this.#requireOpen();
    return this.#log.history(key, this.#visible.revision, limit);
  }

  async change(revision: number): Promise<Change | undefined> {
    this.#requireOpen();
    return revision > this.#visible.revision ? undefined : this.#log.change(revision);
  }

  async compact(policy: Compaction): Promise<{ readonly removed: number }> {
    this.#requireOpen();
    return this.#log.compact(policy, this.#options.clock.now());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#isIdle()) await new Promise<void>((resolve) => (this.#drained = resolve));
    this.#watchers.clear();
    await this.#log.close();
  }

  #requireOpen(): void {
    if (this.#closing !== undefined) throw closed();
  }

  #stage(pending: Pending<Row>): void {
    this.#time = Math.max(this.#time, Math.floor(this.#options.clock.now()));
    const rows: Row[] = [];
    try {
      pending.outcome = this.#staging.stage(pending.operations, pending.cause, this.#time, (change) => {
        rows.push(this.#log.encode(change));
      });
      pending.rows = rows;
    } catch (refusal) {
      pending.outcome = { refusal };
      pending.rows = [];
    }
  }

  #isIdle(): boolean {
    return this.#gathering.length === 0 && this.#inFlight.length === 0;
  }

  #gather(): void {
    if (this.#isGathering || this.#inFlight.length >= this.#options.depth) return;
    this.#isGathering = true;
    void this.#options.gather().then(() => {
      this.#isGathering = false;
      while (this.#gathering.length > 0 && this.#inFlight.length < this.#options.depth)
        this.#append(this.#takeBatch());
    });
  }

  #append(commits: readonly Pending<Row>[]): void {
    const batch: Batch<Row> = { commits, outcome: "pending" };
    const rows = commits.flatMap((pending) => pending.rows);
    this.#inFlight.push(batch);
    const begun = this.#options.clock.now();
    (rows.length === 0 ? Promise.resolve() : this.#log.append(rows)).then(
      () => {
        this.#options.appended?.(this.#options.clock.now() - begun);
        this.#appended(batch, "durable");
      },
      (failure: unknown) => this.#appended(batch, { failure }),
    );
  }

  #takeBatch(): Pending<Row>[] {
    const waiting = this.#inFlight.reduce((sum, batch) => sum + batch.commits.length, this.#gathering.length);
    const half =
      this.#options.depth > 1 ? Math.max(MIN_HALF, Math.ceil(waiting / this.#options.depth)) : Infinity;
    let [end, changes, bytes] = [0, 0, 0];
    for (const { rows } of this.#gathering) {
      changes += rows.length;
      for (const row of rows) bytes += row.bytes;
      if (end >= half || (end > 0 && (changes > MAX_BATCH_CHANGES || bytes > MAX_BATCH_BYTES))) break;
      end += 1;
    }
    const batch = this.#gathering.slice(0, end);
    this.#gathering = this.#gathering.slice(end);
    return batch;
  }

  #appended(batch: Batch<Row>, outcome: Batch<Row>["outcome"]): void {
    batch.outcome = outcome;
    for (let first = this.#inFlight[0]; first?.outcome === "durable"; first = this.#inFlight[0]) {
      this.#inFlight.shift();
      for (const pending of first.commits) this.#publish(pending);
    }
    // After a failure the others in flight are waited for, so that what is staged anew finds the log at rest.
    if (this.#inFlight.length > 0 && this.#inFlight.every(({ outcome }) => outcome !== "pending"))
      this.#failed();
    if (this.#gathering.length > 0) this.#gather();
    else if (this.#inFlight.length === 0) this.#drained?.();
  }

  #failed(): void {
    const [first, ...after] = this.#inFlight;
    if (first === undefined || typeof first.outcome === "string") return;
    const isWritten = (pending: Pending<Row>): boolean => pending.rows.length > 0;
    const failure = asStoreError(first.outcome.failure);
    for (const pending of first.commits.filter(isWritten)) pending.reject(failure);
    const others = [
      ...first.commits.filter((pending) => !isWritten(pending)),
      ...after.flatMap(({ commits }) => commits),
      ...this.#gathering,
    ];
    this.#inFlight = [];
    this.#staging.fallBack();
    for (const pending of others) this.#stage(pending);
    this.#gathering = others;
  }

  #publish(pending: Pending<Row>): void {
    if ("changes" in pending.outcome && pending.outcome.changes.length > 0) {
      const { changes } = pending.outcome;
      for (const change of changes) {
        this.#noteInPasts(change);
        const content = change.type === "DELETED" ? undefined : change.resource;
        this.#visible.set(change.key, content, change.revision);
        this.#staging.settle(change);
      }
      this.#recent.push(
        changes,
        pending.rows.reduce((sum, row) => sum + row.bytes, 0),
      );
      // A watcher added meanwhile has had these changes from the recent ones already: its position says so.
      for (const watcher of this.#watchers) tell(watcher, changes);
    }
    this.#settle(pending);
  }

  #settle({ outcome, resolve, reject }: Pending<Row>): void {
    if ("refusal" in outcome) reject(outcome.refusal);
    else resolve({ revision: this.#visible.revision, resources: outcome.resources });
  }

  #noteInPasts(change: Change): void {
    for (const reference of this.#pasts) {
      const past = reference.deref();
      if (past === undefined) this.#pasts.delete(reference);
      else past.note(change);
    }
  }
}

const NOTHING: Staged = { changes: [], resources: [] };

function tell(watcher: Watcher, changes: readonly Change[]): void {
  const last = changes.at(-1)?.revision ?? 0;
  if (last <= watcher.position) return;
  const news = changesAfter(changes, watcher.position);
  watcher.position = last;
  try {
    watcher.listener(news);
  } catch (error) {
    // It must not throw. That it did is a defect to be seen, but neither the commit nor other watchers pay for it.
    queueMicrotask(() => {
      throw error;
    });
  }
}

function asStoreError(reason: unknown): StoreError {
  if (reason instanceof StoreError) return reason;
  const error = new StoreError("StorageFailed", `Writing to the store failed: ${String(reason)}`);
  error.cause = reason;
  return error;
}

function closed(): StoreError {
  return new StoreError("Closed", "The store is closed.");
}
