/**
 * The embedded store: one SQLite file, written in a worker thread, with one transaction and one sync for all commits
 * that gathered while the last was being written. Needs nothing but Node.
 */
import { randomUUID } from "node:crypto";
import type { Clock } from "../clock/clock.ts";
import { deepFreeze, keyText, parseKeyText } from "../model/resource.ts";
import type { ChangeLog, Difference } from "../store/log.ts";
import { LogStore } from "../store/log-store.ts";
import type { RecentBounds } from "../store/recent-changes.ts";
import { CurrentState } from "../store/state.ts";
import {
  type Cause,
  type Change,
  type Compaction,
  type Key,
  type Moment,
  type Resource,
  type Store,
  StoreError,
} from "../store/store.ts";
import { Connection } from "./sqlite/connection.ts";
import type { Cell, LinkedRow } from "./sqlite/database.ts";

export interface SqliteStoreOptions {
  /** Created, with its folder, when missing; readable by its owner alone. */
  readonly file: string;
  readonly clock: Clock;
  /** Identities of new resources; random when absent. */
  readonly uid?: () => string;
  /** What is kept in memory for watches to resume from; absent: 10,000 changes, 16 MB. */
  readonly recent?: RecentBounds;
  /** Told how long each batch of commits took until it was on disk, milliseconds. */
  readonly appended?: (duration: number) => void;
  /** The most the file may grow to; beyond it commits reject with StorageFull. Absent: what the disk has. */
  readonly maxBytes?: number;
}

/** Rows a request: small enough that a commit behind it waits a few milliseconds at most. */
const PAGE = 500;
/** Bytes of rows in one message to the worker, whose heap is small. */
const PART_BYTES = 4 << 20;

/**
 * Opens the store, reading what is current into memory. Rejects with StoreError StorageFailed when the file is in use
 * by another process (whose number it names), damaged, not a store, or written by a newer version.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, clock, maxBytes } = options;
  const connection = new Connection(maxBytes === undefined ? { file } : { file, maxBytes });
  try {
    const marks = await connection.call("marks");
    const state = await load(connection, file);
    state.advance(marks.revision);
    return new LogStore(new SqliteLog(connection), state, {
      clock,
      uid: options.uid ?? randomUUID,
      gather: () => new Promise((resolve) => setImmediate(resolve)),
      depth: 2,
      recent: options.recent ?? { count: 10_000, bytes: 16 << 20 },
      lastTime: marks.time,
      ...(options.appended === undefined ? {} : { appended: options.appended }),
    });
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw error;
  }
}

async function load(connection: Connection, file: string): Promise<CurrentState> {
  const state = new CurrentState();
  let page = await connection.call("current", "", PAGE);
  while (page.length > 0) {
    const last = page.at(-1)?.key ?? "";
    // The worker reads the next page while this one is parsed.
    const next = connection.call("current", last, PAGE);
    for (const { key, revision, generation, value } of page) {
      if (generation > 0) state.set(parseKeyText(key), parse(value, `${key} in ${file}`), revision);
    }
    page = await next;
  }
  return state;
}

interface Row {
  readonly bytes: number;
  readonly cells: readonly Cell[];
}

class SqliteLog implements ChangeLog<Row> {
  readonly #connection: Connection;
  /** Causes repeat (a commit has one), so the text of the last is kept. */
  #cause: { readonly cause: Cause; readonly text: string } | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  encode(change: Change): Row {
    const { type, revision, time, resource, previous } = change;
    // A removal keeps the content when it differs from what was there: when it gave up the last finalizers.
    const isPlainRemoval = type === "DELETED" && previous?.metadata.finalizers === undefined;
    const value = isPlainRemoval ? null : JSON.stringify(resource);
    if (this.#cause?.cause !== change.cause)
      this.#cause = { cause: change.cause, text: JSON.stringify(change.cause) };
    const replaced = previous === undefined ? null : Number(previous.metadata.resourceVersion);
    const generation = type === "DELETED" ? 0 : resource.metadata.generation;
    const cells = [revision, time, keyText(change.key), replaced, generation, this.#cause.text, value];
    return { bytes: value?.length ?? 0, cells };
  }

  async append(rows: readonly Row[]): Promise<void> {
    let cells: Cell[] = [];
    let bytes = 0;
    for (const row of rows) {
      if (bytes >= PART_BYTES) {
        this.#connection.send("append", cells, false);
        [cells, bytes] = [[], 0];
      }
      cells.push(...row.cells);
      bytes += row.bytes;
    }
    await this.#connection.call("append", cells, true);
  }

  async difference(moment: Moment, until: number): Promise<Difference> {
    const revision = await this.#revisionAt(moment, until);
    const before = new Map<string, Resource | undefined>();
    for (let after = revision; after < until;) {
      const page = await this.#connection.call("changes", after, until, PAGE);
      for (const { key, previous, before: value } of page) {
        if (!before.has(key)) before.set(key, previous === null ? undefined : parse(value, key));
      }
      after = page.at(-1)?.revision ?? until;
    }
    // A compaction may have come in between two pages.
    await this.#revisionAt(moment, until);
    return { revision, before };
  }

  async history(key: Key, until: number, limit: number): Promise<readonly Change[]> {
    const changes: Change[] = [];
    for (let before = until + 1; changes.length < limit;) {
      const page = await this.#connection.call(
        "history",
        keyText(key),
        before,
        Math.min(PAGE, limit - changes.length),
      );
      const last = page.at(-1);
      if (last === undefined) break;
      changes.push(...page.map(changeFrom));
      before = last.revision;
    }
    return changes;
  }

  async change(revision: number): Promise<Change | undefined> {
    const [row] = await this.#connection.call("changes", revision - 1, revision, 1);
    return row === undefined ? undefined : changeFrom(row);
  }

  async compact(policy: Compaction, now: number): Promise<{ readonly removed: number }> {
    const { revision, usedBytes } = await this.#connection.call("survey", now - policy.maxAge);
    const byBytes = usedBytes > policy.maxBytes ? await this.#beyond(policy.maxBytes, revision) : 0;
    const horizon = Math.max(revision, byBytes);
    let removed = 0;
    for (let isDone = horizon === 0; !isDone;) {
      const slice = await this.#connection.call("sweep", horizon, PAGE);
      removed += slice.removed;
      isDone = slice.isDone;
    }
    return { removed };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #revisionAt(moment: Moment, until: number): Promise<number> {
    const revision = await this.#connection.call("revisionAt", moment, until);
    if (revision !== undefined) return revision;
    const name = "time" in moment ? new Date(moment.time).toISOString() : `revision ${moment.revision}`;
    throw new StoreError("Expired", `The store as of ${name} has been compacted away.`);
  }

  /** The newest revision, after `floor`, such that the content superseded after it weighs no more than `bytes`. */
  async #beyond(bytes: number, floor: number): Promise<number> {
    let total = 0;
    for (let before = Number.MAX_SAFE_INTEGER; before > floor;) {
      const page = await this.#connection.call("weigh", before, PAGE);
      for (const superseding of page) {
        total += superseding.bytes;
        if (total > bytes) return superseding.revision;
      }
      before = page.at(-1)?.revision ?? 0;
    }
    return 0;
  }
}

function changeFrom(row: LinkedRow): Change {
  const previous = row.before === null ? undefined : parse(row.before, row.key);
  const isRemoval = row.generation === 0;
  const resource =
    row.value === null && previous !== undefined
      ? tombstone(previous, row.revision)
      : parse(row.value, row.key);
  const type = row.previous === null ? "ADDED" : isRemoval ? "DELETED" : "MODIFIED";
  const cause = JSON.parse(row.cause) as Cause;
  return {
    type,
    revision: row.revision,
    key: parseKeyText(row.key),
    resource,
    previous,
    cause,
    time: row.time,
  };
}

function tombstone(last: Resource, revision: number): Resource {
  return deepFreeze({ ...last, metadata: { ...last.metadata, resourceVersion: String(revision) } });
}

function parse(value: string | null, name: string): Resource {
  try {
    return deepFreeze(JSON.parse(value ?? "") as Resource);
  } catch {
    throw new StoreError("StorageFailed", `The content of ${name} is damaged. Put back a copy of the store.`);
  }
}
