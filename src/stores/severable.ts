/**
 * A store that can be cut off: what a control plane holds (its store here, its simulated providers by their own `sever`) ends at any moment, as
 * `kill -9` would have it; another one then starts on the same store and the same world. For rehearsals and tests.
 */
import { type Store, StoreError } from "../store/store.ts";

export interface Severable<T> {
  readonly held: T;
  /** From now on nothing done through `held` has an effect, and nothing is heard through it. */
  readonly sever: () => void;
}

export interface SeverableStore extends Severable<Store> {
  /** Severs by itself with the n-th commit from now on: it is durable, but nobody hears of it. Then `dead` is called. */
  readonly severAfter: (commits: number, dead: () => void) => void;
}

/** Commits made before are durable, the answer to one under way may be lost: both happen to real programs. */
export function severableStore(store: Store): SeverableStore {
  let dead = false;
  let fuse: { left: number; readonly burnt: () => void } | undefined;
  const unwatches = new Set<() => void>();
  const alive = (): void => {
    if (dead) throw new StoreError("Closed", "The control plane that holds this store is dead.");
  };
  const held: Store = {
    get revision() {
      return store.revision;
    },
    get: (key) => store.get(key),
    list: (query) => store.list(query),
    commit: async (operations, cause) => {
      alive();
      if (fuse !== undefined && (fuse.left -= 1) <= 0) {
        sever();
        fuse.burnt();
      }
      const committed = await store.commit(operations, cause);
      alive();
      return committed;
    },
    watch: (from, listener) => {
      const unwatch = store.watch(from, (changes) => {
        if (!dead) listener(changes);
      });
      unwatches.add(unwatch);
      return unwatch;
    },
    at: (moment) => store.at(moment),
    history: (key, limit) => store.history(key, limit),
    change: (revision) => store.change(revision),
    compact: (policy) => store.compact(policy),
    close: () => Promise.resolve(),
  };
  const sever = (): void => {
    dead = true;
    for (const unwatch of unwatches) unwatch();
  };
  const severAfter = (commits: number, burnt: () => void): void => {
    fuse = { left: commits, burnt };
  };
  return { held, sever, severAfter };
}
