/**
 * The latest commits, kept so that a watch can go on from where it broke off.
 *
 * Bounded by count and bytes; the oldest commits go first. What was dropped is Expired: the watcher lists again.
 */
import { type Change, StoreError } from "./store.ts";

export interface RecentBounds {
  /** Changes. */
  readonly count: number;
  /** Bytes of their content as the log holds it. */
  readonly bytes: number;
}

interface Held {
  readonly changes: readonly Change[];
  readonly bytes: number;
  readonly last: number;
}

export class RecentChanges {
  readonly #bounds: RecentBounds;
  /** Everything up to this revision is gone. */
  #forgotten: number;
  #newest: number;
  #held: Held[] = [];
  /** Where in `#held` the oldest commit is; what is before it waits to be cut off. */
  #first = 0;
  #count = 0;
  #bytes = 0;

  constructor(revision: number, bounds: RecentBounds) {
    this.#forgotten = revision;
    this.#newest = revision;
    this.#bounds = bounds;
  }

  push(changes: readonly Change[], bytes: number): void {
    const last = changes.at(-1)?.revision;
    if (last === undefined) return;
    this.#held.push({ changes, bytes, last });
    this.#newest = last;
    this.#count += changes.length;
    this.#bytes += bytes;
    while (this.#count > this.#bounds.count || this.#bytes > this.#bounds.bytes) this.#forget();
  }

  /**
   * The commits after `revision`, oldest first; of a commit that it is in the middle of, the rest.
   * Throws StoreError Expired, also for a revision that never was: whoever asks knows another store's past.
   */
  after(revision: number): (readonly Change[])[] {
    if (!(revision >= this.#forgotten && revision <= this.#newest)) {
      const held = `The changes after ${this.#forgotten} up to ${this.#newest} are held.`;
      throw new StoreError("Expired", `Revision ${revision} cannot be watched from. ${held} List again.`);
    }
    const found: (readonly Change[])[] = [];
    for (let index = this.#held.length - 1; index >= this.#first; index -= 1) {
      const commit = this.#held[index];
      if (commit === undefined || commit.last <= revision) break;
      found.push(changesAfter(commit.changes, revision));
    }
    return found.reverse();
  }

  #forget(): void {
    const oldest = this.#held[this.#first];
    if (oldest === undefined) return;
    this.#first += 1;
    this.#count -= oldest.changes.length;
    this.#bytes -= oldest.bytes;
    this.#forgotten = oldest.last;
    if (this.#first > 1024 || this.#first === this.#held.length) {
      this.#held = this.#held.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** The changes of a commit that come after a revision, without copying when these are all. */
export function changesAfter(changes: readonly Change[], revision: number): readonly Change[] {
  const [first] = changes;
  if (first === undefined || first.revision > revision) return changes;
  return changes.filter((change) => change.revision > revision);
}
