/**
 * The log in one SQLite file: the statements, and nothing else. It runs in the worker thread (worker.ts) and blocks it.
 *
 * `log` holds a row a change. The newest row of a key is its current content; a row of generation 0 is a removal.
 * `previous` links a change to the content it replaced, so that what a moment differs in is found by walking the
 * changes since, each resource's first one pointing at what was there. `mark` holds how far compaction has come.
 *
 * Invariants
 *  D1 `append` is one transaction, synced before it returns (WAL, synchronous=FULL).
 *  D2 The file is locked for this process alone as long as it is open, by the operating system: no lock outlives a crash.
 *  D3 The write-ahead log stays within WAL_LIMIT plus one transaction. Where it cannot be brought back (a full disk),
 *     writes are refused.
 *  D4 For every revision from `compacted` on, the store as it was can be read. `compacted` moves before anything goes.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { superfluous } from "../../store/compaction.ts";
import { type Moment, StoreError } from "../../store/store.ts";

/** A row of the log. */
export interface LogRow {
  readonly revision: number;
  readonly time: number;
  readonly key: string;
  /** The revision of the content that this one replaced; null for the first. */
  readonly previous: number | null;
  /** 0: removed. */
  readonly generation: number;
  /** JSON. */
  readonly cause: string;
  /** JSON; null where a removal left the content as it was. */
  readonly value: string | null;
}

/** Rows to append come as their cells, one after the other in the order of LogRow: threads exchange those fastest. */
export type Cell = string | number | null;
export const ROW_CELLS = 7;

/** A change together with the content it replaced, as far as that is still there. */
export interface LinkedRow extends LogRow {
  readonly before: string | null;
}

export interface CurrentRow {
  readonly key: string;
  readonly revision: number;
  readonly generation: number;
  readonly value: string | null;
}

export interface Marks {
  /** The newest revision ever given, and its time. */
  readonly revision: number;
  readonly time: number;
  /** Before this revision the past is gone. */
  readonly compacted: number;
}

export interface DatabaseOptions {
  readonly file: string;
  /** The most the file may grow to; absent: what the disk has. */
  readonly maxBytes?: number;
}

const SCHEMA_VERSION = 1;
/** "Tutt" in ASCII: `file` and SQLite's tools show whose file it is. */
const APPLICATION_ID = 0x54757474;
const PAGE_BYTES = 8192;
/** Beyond this the write-ahead log is brought into the file after a commit, while the next gathers. */
const CHECKPOINT_BYTES = 8 << 20;
const WAL_LIMIT = 32 << 20;

/** The content in one answer: the thread's heap is small, and a commit may be waiting behind it. */
const MESSAGE_BYTES = 4 << 20;

const SCHEMA = `
  CREATE TABLE log (
    revision INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    key TEXT NOT NULL,
    previous INTEGER,
    generation INTEGER NOT NULL,
    cause TEXT NOT NULL,
    value TEXT
  ) STRICT;
  CREATE INDEX by_key ON log (key, revision, generation);
  CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

const LINKED = `
  SELECT l.*, p.value AS before FROM log l LEFT JOIN log p ON p.revision = l.previous
`;

export class LogDatabase {
  readonly #file: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #isBroken = false;
  /** The last revision of the log, with what is in the open transaction. */
  #end = 0;

  /** Opens or creates the file. Throws StoreError StorageFailed: in use, damaged, of a newer version, not ours. */
  constructor(options: DatabaseOptions) {
    this.#file = options.file;
    prepareFile(options.file);
    this.#database = new DatabaseSync(options.file, { timeout: 0 });
    try {
      this.#open(options);
      this.#end = this.marks().revision;
    } catch (error) {
      this.#database.close();
      throw openingFailure(options.file, error);
    }
  }

  marks(): Marks {
    const last = this.#get("SELECT revision, time FROM log ORDER BY revision DESC LIMIT 1");
    const compacted = this.#mark("compacted");
    return {
      revision: Math.max(Number(last?.["revision"] ?? 0), compacted),
      time: Math.max(Number(last?.["time"] ?? 0), this.#mark("compactedTime")),
      compacted,
    };
  }

  /** The newest row of each key after `after`, in the order of keys. This and the next two give a page, if not empty. */
  current(after: string, limit: number): CurrentRow[] {
    const newest =
      "SELECT key, max(revision) AS revision, generation FROM log WHERE key > ? GROUP BY key LIMIT ?";
    return this.#page(
      `SELECT c.*, l.value FROM (${newest}) c JOIN log l ON l.revision = c.revision ORDER BY c.key`,
      after,
      limit,
    ) as unknown as CurrentRow[];
  }

  /**
   * Adds rows to the transaction; with `isLast` makes all of it durable. What fails leaves nothing behind, and what was
   * sent on the strength of it fails too: it does not follow on the log's end.
   */
  append(rows: readonly Cell[], isLast: boolean): void {
    if (this.#isBroken)
      throw new StoreError("StorageFailed", `${this.#file}: a sync to disk failed. Start again.`);
    try {
      if (!this.#database.isTransaction) this.#begin();
      const insert = this.#prepare("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)");
      for (let first = 0; first < rows.length; first += ROW_CELLS) {
        const revision = Number(rows[first]);
        if (revision !== this.#end + 1)
          throw new Error(`revision ${revision} does not follow on ${this.#end}`);
        this.#end = revision;
        insert.run(...rows.slice(first, first + ROW_CELLS));
      }
      if (isLast) this.#database.exec("COMMIT");
    } catch (error) {
      this.#rollBack();
      throw this.#writingFailure(error);
    }
  }

  /** Brings the write-ahead log into the file when it has grown. Failing is no loss: it is tried again. */
  checkpoint(): void {
    if (this.#walBytes() < CHECKPOINT_BYTES) return;
    try {
      this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    } catch {
      // D3: #begin refuses writes when this goes on for too long.
    }
  }

  /** The changes from `after` on, up to and including `until`, oldest first. */
  changes(after: number, until: number, limit: number): LinkedRow[] {
    const range = "WHERE l.revision > ? AND l.revision <= ? ORDER BY l.revision LIMIT ?";
    return this.#page(`${LINKED} ${range}`, after, until, limit) as unknown as LinkedRow[];
  }

  /** The changes of one resource before revision `before`, newest first. */
  history(key: string, before: number, limit: number): LinkedRow[] {
    const range = "WHERE l.key = ? AND l.revision < ? ORDER BY l.revision DESC LIMIT ?";
    return this.#page(`${LINKED} ${range}`, key, before, limit) as unknown as LinkedRow[];
  }

  /** The revision that a moment is at; undefined when it is compacted away. */
  revisionAt(moment: Moment, until: number): number | undefined {
    const compacted = this.#mark("compacted");
    const revision = "revision" in moment ? moment.revision : Math.min(until, this.#lastBy(moment.time));
    if (revision >= compacted) return revision;
    return "time" in moment && moment.time >= this.#mark("compactedTime") ? compacted : undefined;
  }

  /**
   * Before which revision the past may go, by age and by bytes. `weigh` looks at a page of changes, newest first, and
   * says where to go on; the caller adds up.
   */
  weigh(before: number, limit: number): { readonly revision: number; readonly bytes: number }[] {
    return this.#all(
      `SELECT s.revision, octet_length(p.value) AS bytes FROM log s JOIN log p ON p.revision = s.previous
       WHERE s.revision < ? AND s.revision > ? ORDER BY s.revision DESC LIMIT ?`,
      before,
      this.#mark("swept"),
      limit,
    ) as unknown as { revision: number; bytes: number }[];
  }

  /** The newest revision at or before a time, and how many bytes the file's content takes. */
  survey(time: number): { readonly revision: number; readonly usedBytes: number } {
    const pages = Number(this.#get("PRAGMA page_count")?.["page_count"] ?? 0);
    const free = Number(this.#get("PRAGMA freelist_count")?.["freelist_count"] ?? 0);
    return { revision: this.#lastBy(time), usedBytes: (pages - free) * PAGE_BYTES };
  }

  /** Removes what may go before `horizon`, a slice at a time, in a transaction each. */
  sweep(horizon: number, limit: number): { readonly removed: number; readonly isDone: boolean } {
    try {
      this.#begin();
      const slice = this.#sweepSlice(horizon, limit);
      this.#database.exec("COMMIT");
      return slice;
    } catch (error) {
      this.#rollBack();
      throw this.#writingFailure(error);
    }
  }

  close(): void {
    if (!this.#database.isOpen) return;
    this.#database.close();
    rmSync(lockFile(this.#file), { force: true });
  }

  #open({ file, maxBytes }: DatabaseOptions): void {
    // Exclusive before WAL: then the index of the WAL is in memory, and no other process gets in (D2).
    this.#database.exec(`
      PRAGMA page_size = ${PAGE_BYTES};
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA journal_size_limit = ${WAL_LIMIT};
      PRAGMA cache_size = -8192;
    `);
    if (maxBytes !== undefined)
      this.#database.exec(`PRAGMA max_page_count = ${Math.ceil(maxBytes / PAGE_BYTES)}`);
    this.#database.exec("BEGIN IMMEDIATE");
    const version = Number(this.#get("PRAGMA user_version")?.["user_version"]);
    const isOurs = Number(this.#get("PRAGMA application_id")?.["application_id"]) === APPLICATION_ID;
    const isEmpty = this.#get("SELECT 1 FROM sqlite_schema LIMIT 1") === undefined;
    if (isEmpty) this.#database.exec(SCHEMA);
    else if (!isOurs)
      throw new StoreError("StorageFailed", `${file} is an SQLite database, but not a store of Tutti's.`);
    else if (version > SCHEMA_VERSION) throw tooNew(file, version);
    this.#database.exec("COMMIT");
    if (isEmpty) syncFolder(dirname(file));
    writeFileSync(lockFile(file), String(process.pid), { mode: 0o600 });
  }

  #sweepSlice(horizon: number, limit: number): { removed: number; isDone: boolean } {
    const swept = this.#mark("swept");
    if (this.#mark("compacted") < horizon) {
      this.#setMark(
        "compactedTime",
        Number(this.#get("SELECT time FROM log WHERE revision = ?", horizon)?.["time"] ?? 0),
      );
      this.#setMark("compacted", horizon);
    }
    const range =
      "SELECT revision, key FROM log WHERE revision > ? AND revision <= ? ORDER BY revision LIMIT ?";
    const rows = this.#all(range, swept, horizon, limit);
    const remove = this.#prepare("DELETE FROM log WHERE revision = ?");
    let removed = 0;
    for (const key of new Set(rows.map((row) => String(row["key"])))) {
      const versions = this.#all(
        "SELECT revision, generation FROM log WHERE key = ? ORDER BY revision DESC",
        key,
      );
      for (const { revision } of superfluous(
        versions as unknown as { revision: number; generation: number }[],
        horizon,
      )) {
        removed += Number(remove.run(revision).changes);
      }
    }
    const isDone = rows.length < limit;
    this.#setMark("swept", isDone ? Math.max(horizon, swept) : Number(rows.at(-1)?.["revision"]));
    return { removed, isDone };
  }

  /** Times grow with revisions, so the place of a time is found by halving; compaction leaves gaps, never disorder. */
  #lastBy(time: number): number {
    let [low, high] = [0, Number(this.#get("SELECT max(revision) AS last FROM log")?.["last"] ?? 0)];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const row = this.#get(
        "SELECT revision, time FROM log WHERE revision <= ? ORDER BY revision DESC LIMIT 1",
        middle,
      );
      if (row === undefined || Number(row["time"]) <= time) low = middle;
      else high = Number(row["revision"]) - 1;
    }
    return low;
  }

  #begin(): void {
    if (this.#walBytes() >= WAL_LIMIT) this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
    this.#prepare("BEGIN IMMEDIATE").run();
  }

  #rollBack(): void {
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    this.#end = this.marks().revision;
  }

  #walBytes(): number {
    const frames = this.#get("PRAGMA wal_checkpoint(NOOP)");
    const pending = Number(frames?.["log"] ?? 0) - Number(frames?.["checkpointed"] ?? 0);
    return pending * PAGE_BYTES;
  }

  #mark(name: string): number {
    return Number(this.#get("SELECT value FROM mark WHERE name = ?", name)?.["value"] ?? 0);
  }

  #setMark(name: string, value: number): void {
    this.#prepare("INSERT OR REPLACE INTO mark VALUES (?, ?)").run(name, value);
  }

  /** As many rows as fit into a message; at least one, where there is one. The caller goes on after the last. */
  #page(sql: string, ...values: (string | number)[]): Record<string, SQLOutputValue>[] {
    const rows: Record<string, SQLOutputValue>[] = [];
    let bytes = 0;
    for (const row of this.#prepare(sql).iterate(...values)) {
      rows.push(row);
      bytes += lengthOf(row["value"]) + lengthOf(row["before"]);
      if (bytes >= MESSAGE_BYTES) break;
    }
    return rows;
  }

  #get(sql: string, ...values: (string | number)[]): Record<string, SQLOutputValue> | undefined {
    return this.#prepare(sql).get(...values);
  }

  #all(sql: string, ...values: (string | number)[]): Record<string, SQLOutputValue>[] {
    return this.#prepare(sql).all(...values);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }

  #writingFailure(error: unknown): StoreError {
    const code = sqliteCode(error);
    if (code === IOERR_FSYNC || code === IOERR_DIR_FSYNC) this.#isBroken = true;
    if ((code & 0xff) === FULL) {
      return new StoreError(
        "StorageFull",
        `${this.#file}: no space left. Nothing was written; free some space.`,
      );
    }
    return new StoreError("StorageFailed", `${this.#file} cannot be written: ${text(error)}.`);
  }
}

const [BUSY, CORRUPT, FULL, NOT_A_DATABASE, CANNOT_OPEN] = [5, 11, 13, 26, 14];
const [IOERR_FSYNC, IOERR_DIR_FSYNC] = [1034, 1290];

function lengthOf(value: SQLOutputValue | undefined): number {
  return typeof value === "string" ? value.length : 0;
}

function sqliteCode(error: unknown): number {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) : 0;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function lockFile(file: string): string {
  return `${file}.lock`;
}

/** Only its owner may read the store: there are secrets in it, sealed as they are. */
function prepareFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // Never opened where it exists: closing it again would drop the locks that this process may hold on it (POSIX).
    if (!existsSync(file)) closeSync(openSync(file, "a", 0o600));
    chmodSync(file, 0o600);
  } catch (error) {
    throw new StoreError("StorageFailed", `${file} cannot be opened: ${text(error)}.`);
  }
}

/** So that the file's name is as durable as its content. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function openingFailure(file: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  switch (sqliteCode(error) & 0xff) {
    case BUSY:
      return new StoreError(
        "StorageFailed",
        `${file} is in use by process ${owner(file)}. Stop that one first.`,
      );
    case NOT_A_DATABASE:
      return new StoreError("StorageFailed", `${file} is not a store of Tutti's, or its head is damaged.`);
    case CORRUPT:
      return new StoreError("StorageFailed", `${file} is damaged (${text(error)}). Put back a copy of it.`);
    case FULL:
      return new StoreError("StorageFull", `${file}: no space left to open it. Free some space.`);
    case CANNOT_OPEN:
    default:
      return new StoreError("StorageFailed", `${file} cannot be opened: ${text(error)}.`);
  }
}

function owner(file: string): string {
  try {
    return readFileSync(lockFile(file), "utf8");
  } catch {
    return "of an unknown number";
  }
}

function tooNew(file: string, version: number): StoreError {
  return new StoreError(
    "StorageFailed",
    `${file} was written by a newer Tutti (format ${version}, this one knows ${SCHEMA_VERSION}). Use that version.`,
  );
}
