/**
 * Where the truth is kept: a log of changes and the current map it adds up to.
 *
 * Data flow: `commit` checks its operations in memory against the state as of the batch being gathered, the batch is
 * made durable with one fsync, then it becomes visible to `get`, `list` and watchers, then the commit resolves.
 *
 * Invariants (each store passes store/conformance.ts)
 *  S1 A commit is atomic over all its operations: all become visible at once, or none ever (I1).
 *  S2 A commit resolves only after its content is durable (I2); what is visible is durable.
 *  S3 Revisions grow by one with every operation that changed something and are never reused; a commit's operations have
 *     consecutive ones, in their order. An operation that changes nothing takes no revision and wakes no watcher.
 *  S4 Watchers see every change after the revision they start from exactly once, in order, a whole commit at a time.
 *  S5 What `get` and `list` return is frozen. They never touch the disk.
 *  S6 A status operation never changes anything but `status`, an update never changes `status`.
 *  S7 A deleted resource with finalizers stays, with a deletionTimestamp, until the last finalizer is gone.
 */
import type { Draft, Key, Metadata, Resource } from "../model/resource.ts";

/** Why a change was made (I5). Causes form a chain: `because` names the change that led to this one. */
export interface Cause {
  /** `user:admin`, `controller:rollout`, `schedule:nightly`. */
  readonly actor: string;
  /** What it was doing, a few words: `apply`, `scale 3 -> 6`, `replace crashed instance`. */
  readonly action: string;
  readonly because?: { readonly key: Key; readonly revision: number };
}

export type Operation =
  /**
   * Refused with AlreadyExists. Given a `status`, the resource is born with it; given a `uid`, it takes the place of the
   * resource of that uid, which the same commit deletes: it has another name from now on.
   */
  | {
      readonly type: "create";
      readonly resource: Draft & { readonly status?: unknown };
      readonly uid?: string;
    }
  /** Replaces labels, annotations, finalizers, owners and spec (or body). `expectedVersion` is the resourceVersion it was made from. */
  | { readonly type: "update"; readonly resource: Draft; readonly expectedVersion?: string }
  | {
      readonly type: "status";
      readonly key: Key;
      readonly status: unknown;
      readonly expectedVersion?: string;
    }
  | { readonly type: "delete"; readonly key: Key; readonly expectedVersion?: string; readonly uid?: string };

export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly revision: number;
  readonly key: Key;
  /** For DELETED the last content, with this change's revision as its resourceVersion. */
  readonly resource: Resource;
  readonly previous: Resource | undefined;
  readonly cause: Cause;
  /** Milliseconds since the epoch, the same for a whole commit. */
  readonly time: number;
}

export interface Committed {
  /** The store's revision once the commit is visible. */
  readonly revision: number;
  /** One for each operation, in order: the resource as it is now; undefined when the operation removed it. */
  readonly resources: readonly (Resource | undefined)[];
}

export interface Query {
  readonly kind: string;
  /** All namespaces when absent. */
  readonly namespace?: string;
  /** Label equality: all must match. Richer selectors filter what this returns. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Listing {
  readonly items: readonly Resource[];
  /** The revision as of which the items are complete: where a watch goes on. */
  readonly revision: number;
}

/** The store as it was at one moment. */
export interface Snapshot {
  readonly revision: number;
  get(key: Key): Resource | undefined;
  list(query: Query): Listing;
}

export type Moment = { readonly revision: number } | { readonly time: number };

export interface Compaction {
  /** Superseded content older than this many milliseconds may go. */
  readonly maxAge: number;
  /** And, oldest first, superseded content beyond this many bytes. */
  readonly maxBytes: number;
}

export interface Store extends Snapshot {
  /**
   * Applies all operations, or none. Rejects with a StoreError:
   * AlreadyExists, NotFound, Conflict (expectedVersion or uid does not match), StorageFull, StorageFailed, Closed.
   */
  commit(operations: readonly Operation[], cause: Cause): Promise<Committed>;
  /**
   * Calls `listener` with every change after `from`, commit by commit, first the past ones, then live ones, until
   * unsubscribed. The listener is called synchronously after a commit became visible and must not throw.
   * Throws StoreError Expired when the changes after `from` are no longer held.
   */
  watch(from: number, listener: (changes: readonly Change[]) => void): () => void;
  /** The store as it was. Rejects with StoreError Expired when that is compacted away. */
  at(moment: Moment): Promise<Snapshot>;
  /** The changes of one resource, newest first. */
  history(key: Key, limit?: number): Promise<readonly Change[]>;
  /** The one change with this revision, or undefined. */
  change(revision: number): Promise<Change | undefined>;
  compact(policy: Compaction): Promise<{ readonly removed: number }>;
  /** Resolves once everything accepted is durable and all files are closed. */
  close(): Promise<void>;
}

export type StoreErrorCode =
  | "AlreadyExists"
  | "NotFound"
  | "Conflict"
  | "Expired"
  | "StorageFull"
  | "StorageFailed"
  | "Closed";

export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly key: Key | undefined;

  constructor(code: StoreErrorCode, message: string, key?: Key) {
    super(message);
    this.name = "StoreError";
    this.code = code;
    this.key = key;
  }
}

export type { Draft, Key, Metadata, Resource };
