/**
 * A store that keeps its log in memory: for tests, rehearsals and simulations. It does everything the durable ones do,
 * except to survive its process.
 */
import { randomUUID } from "node:crypto";
import type { Clock } from "../clock/clock.ts";
import { deepFreeze, keyOf, keyText } from "../model/resource.ts";
import { superfluous } from "../store/compaction.ts";
import type { ChangeLog, Difference } from "../store/log.ts";
import { LogStore } from "../store/log-store.ts";
import type { RecentBounds } from "../store/recent-changes.ts";
import { CurrentState } from "../store/state.ts";
import {
  type Change,
  type Compaction,
  type Key,
  type Moment,
  type Resource,
  type Store,
  StoreError,
} from "../store/store.ts";

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Identities of new resources; random when absent. */
  readonly uid?: () => string;
  /** What the store keeps for watches to resume from. */
  readonly recent?: RecentBounds;
  /** How many changes are kept for history and time travel: 100,000 when absent. */
  readonly historyLimit?: number;
  /** What is there from the start, as it was elsewhere: identities, generations and statuses stay. */
  readonly initial?: Iterable<Resource>;
  /** Called before each batch is kept: a test makes it wait, or reject as a full or broken disk would. */
  readonly persist?: (changes: readonly Change[]) => Promise<void>;
}

export function createMemoryStore(options: MemoryStoreOptions): Store {
  const log = new MemoryLog(options.historyLimit ?? 100_000, options.persist);
  const state = new CurrentState();
  for (const resource of options.initial ?? [])
    state.set(
      keyOf(resource),
      deepFreeze(resource),
      Math.max(state.revision, Number(resource.metadata.resourceVersion)),
    );
  log.begin(state.revision);
  return new LogStore(log, state, {
    clock: options.clock,
    uid: options.uid ?? randomUUID,
    gather: () => Promise.resolve(),
    depth: 1,
    recent: options.recent ?? { count: 10_000, bytes: Infinity },
    lastTime: 0,
  });
}

interface Row {
  readonly change: Change;
  readonly bytes: number;
}

class MemoryLog implements ChangeLog<Row> {
  readonly #persist: ((changes: readonly Change[]) => Promise<void>) | undefined;
  readonly #limit: number;
  /** In order of revision. Complete after `#horizon`; before it, what compaction keeps. */
  #changes: Change[] = [];
  #horizon = { revision: 0, time: -Infinity };
  #trimAt: number;

  constructor(limit: number, persist: ((changes: readonly Change[]) => Promise<void>) | undefined) {
    this.#limit = limit;
    this.#trimAt = 2 * limit;
    this.#persist = persist;
  }

  /** Nothing is known of what came before. */
  begin(revision: number): void {
    this.#horizon = { revision, time: -Infinity };
  }

  /** Nothing is serialised, so nothing is weighed: the memory store's bounds count changes. */
  encode(change: Change): Row {
    return { change, bytes: 0 };
  }

  async append(rows: readonly Row[]): Promise<void> {
    if (this.#persist !== undefined) await this.#persist(rows.map((row) => row.change));
    for (const row of rows) this.#changes.push(row.change);
    if (this.#changes.length <= this.#trimAt) return;
    this.#removeUpTo(this.#changes.at(-this.#limit - 1));
    // What stays for rollbacks may be more than the limit; then the next pass must not come with the next change.
    this.#trimAt = 2 * Math.max(this.#limit, this.#changes.length);
  }

  async difference(moment: Moment, until: number): Promise<Difference> {
    const revision = this.#revisionAt(moment, until);
    const before = new Map<string, Resource | undefined>();
    for (let index = this.#changes.length - 1; index >= 0; index -= 1) {
      const change = this.#changes[index];
      if (change === undefined || change.revision <= revision) break;
      if (change.revision <= until) before.set(keyText(change.key), change.previous);
    }
    return { revision, before };
  }

  async history(key: Key, until: number, limit: number): Promise<readonly Change[]> {
    return this.#changes
      .filter((change) => sameKey(change.key, key) && change.revision <= until)
      .reverse()
      .slice(0, limit);
  }

  async change(revision: number): Promise<Change | undefined> {
    return this.#changes.find((change) => change.revision === revision);
  }

  async compact(policy: Compaction, now: number): Promise<{ readonly removed: number }> {
    const byAge = this.#changes.findLast((change) => change.time <= now - policy.maxAge);
    const byBytes = this.#beyond(policy.maxBytes);
    return { removed: this.#removeUpTo((byAge?.revision ?? 0) > (byBytes?.revision ?? 0) ? byAge : byBytes) };
  }

  async close(): Promise<void> {
    // Nothing is open.
  }

  #revisionAt(moment: Moment, until: number): number {
    if ("revision" in moment) {
      if (moment.revision < this.#horizon.revision) throw expired(`revision ${moment.revision}`);
      return moment.revision;
    }
    const last = this.#changes.findLast((change) => change.time <= moment.time && change.revision <= until);
    const revision = last?.revision ?? 0;
    if (revision >= this.#horizon.revision) return revision;
    if (this.#horizon.time <= moment.time) return this.#horizon.revision;
    throw expired(new Date(moment.time).toISOString());
  }

  /** The newest change such that the content superseded after it weighs no more than `bytes`. */
  #beyond(bytes: number): Change | undefined {
    let total = 0;
    return this.#changes.findLast((change) => {
      if (change.previous !== undefined) total += JSON.stringify(change.previous).length;
      return total > bytes;
    });
  }

  #removeUpTo(horizon: Change | undefined): number {
    if (horizon === undefined || horizon.revision <= this.#horizon.revision) return 0;
    this.#horizon = { revision: horizon.revision, time: horizon.time };
    const gone = new Set<number>();
    for (const changes of Map.groupBy(this.#changes, (change) => keyText(change.key)).values()) {
      const versions = changes.reverse().map(({ revision, type, resource }) => {
        return { revision, generation: type === "DELETED" ? 0 : resource.metadata.generation };
      });
      for (const version of superfluous(versions, horizon.revision)) gone.add(version.revision);
    }
    this.#changes = this.#changes.filter((change) => !gone.has(change.revision));
    return gone.size;
  }
}

function sameKey(a: Key, b: Key): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}

function expired(moment: string): StoreError {
  return new StoreError("Expired", `The store as of ${moment} has been compacted away.`);
}
