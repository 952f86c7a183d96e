/**
 * One subscription to the store for all watches of the API. It hands each change to the watches of its kind, so that a
 * thousand watches of one kind cost nothing to changes of another, and each change is put into text once for all of them.
 *
 * Owns the subscription and the set of open watches.
 *
 * Invariants
 *  H1 A watch gets every change of its kind after its start exactly once, in order: past ones when it is added, in the
 *     same synchronous step live ones begin, and `position` keeps out what it has had.
 *  H2 A watch never makes the store wait: `send` writes into a buffer, and its owner sees to it that this stays small.
 */
import type { Change, Store } from "../store/store.ts";

export interface WatchSink {
  readonly kind: string;
  /** `shared` belongs to the change: watches that want the same text of it make it once. Must not throw. */
  send(change: Change, shared: Map<string, string>): void;
}

interface Entry {
  readonly sink: WatchSink;
  /** The last revision it was told of. */
  position: number;
}

export class WatchHub {
  readonly #store: Store;
  readonly #byKind = new Map<string, Set<Entry>>();
  #stop: (() => void) | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Sends what came after `from`, then what comes. Throws StoreError Expired when that is no longer held. */
  add(sink: WatchSink, from: number): () => void {
    this.#stop ??= this.#store.watch(this.#store.revision, (changes) => this.#broadcast(changes));
    const entry: Entry = { sink, position: from };
    const entries = this.#byKind.get(sink.kind) ?? new Set();
    this.#byKind.set(sink.kind, entries.add(entry));
    const remove = (): void => {
      entries.delete(entry);
      if (entries.size === 0 && this.#byKind.get(sink.kind) === entries) this.#byKind.delete(sink.kind);
    };
    try {
      // The store tells the past before it returns; from then on the hub's own subscription does.
      this.#store.watch(from, (changes) => changes.forEach((change) => tell(entry, change, new Map())))();
    } catch (error) {
      remove();
      throw error;
    }
    return remove;
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#byKind.clear();
  }

  #broadcast(changes: readonly Change[]): void {
    for (const change of changes) {
      const entries = this.#byKind.get(change.key.kind);
      if (entries === undefined) continue;
      const shared = new Map<string, string>();
      for (const entry of entries) tell(entry, change, shared);
    }
  }
}

function tell(entry: Entry, change: Change, shared: Map<string, string>): void {
  if (change.revision <= entry.position) return;
  entry.position = change.revision;
  if (change.key.kind === entry.sink.kind) entry.sink.send(change, shared);
}
