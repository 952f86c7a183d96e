/**
 * Backups of one database of a PostgreSQL server, whoever runs it.
 *
 *   one transaction: snapshot exported --> dump as of it --> checksum as of it --> postgres.json
 *   restore: a database under another name --loaded, checksum compared--> renamed
 *
 *  1. Dump and checksum are of the same snapshot; sequences, which have none, are read once for both.
 *  2. A restored database appears by its renaming: a crash before leaves one under the other name, which the next
 *     attempt throws away. Nothing half ever has the database's name.
 *  3. Nobody waits for a backup: it reads, and holds no lock but against changes of the tables' shape.
 */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sql } from "postgres";
import type { ServerAccess } from "../../../provider/database-server.ts";
import { type BackupReport, type ProviderContext, TerminalError } from "../../../provider/provider.ts";
import type { EngineBackups, WantedDatabase } from "../engine.ts";
import { prune } from "./archive.ts";
import { type BaseBackup, takeBase } from "./base.ts";
import { type Sequences, checksumOf, sequencesOf } from "./checksum.ts";
import { quoted, withConnection } from "./database.ts";
import { type Dump, dump, load, sizeOf } from "./dump.ts";

/** Nothing here is short; what bounds it is the signal. */
const PATIENCE = 24 * 3_600_000;
const RECORD = "postgres.json";

/** What a restore needs to know of a dump. */
interface Record {
  readonly major: string;
  readonly dump: Dump;
  readonly sequences: Sequences;
  /** Where the server keeps an archive. */
  readonly base?: BaseBackup;
}

export const postgresBackups: EngineBackups = { backup, verify, checksum, restore, flush, prune };

async function backup(
  access: ServerAccess,
  wanted: WantedDatabase,
  path: string,
  { signal }: ProviderContext,
): Promise<BackupReport> {
  const { database, ownerRole } = wanted;
  const dumped = await connected(access, database, signal, (sql) =>
    sql.begin("isolation level repeatable read read only", async (transaction) => {
      const [state] = await transaction<{ snapshot: string; version: number }[]>`
        select pg_export_snapshot() as snapshot, current_setting('server_version_num')::int as version`;
      const { snapshot, version } = state!;
      const major = String(Math.floor(version / 10_000));
      const sequences = await sequencesOf(transaction);
      const made = await dump({ access, database, major, transaction, snapshot }, path, signal);
      const record: Record = { major, dump: made, sequences };
      return { record, checksum: await checksumOf(transaction, sequences) };
    }),
  );
  const { archive, folder } = access;
  const { major } = dumped.record;
  const base =
    archive === undefined || folder === undefined
      ? undefined
      : await connected(access, "postgres", signal, (sql) =>
          takeBase(sql, folder, path, { archive, major, database, ownerRole }, signal),
        );
  const record: Record = { ...dumped.record, ...(base === undefined ? {} : { base }) };
  await writeFile(join(path, RECORD), JSON.stringify(record), { mode: 0o600, flush: true });
  const method = `${record.dump.method}${base === undefined ? "" : ", and a base backup"}`;
  return { bytes: await sizeOf(path), checksum: dumped.checksum, method };
}

/** A commit of now, for the log to reach, and the segment it is in handed to the archive. */
async function flush(access: ServerAccess): Promise<void> {
  await withConnection(access, "postgres", async (sql) => {
    await sql`select pg_logical_emit_message(true, 'tutti', 'up to here')`;
    await sql`select pg_switch_wal()`;
  });
}

async function verify(
  access: ServerAccess,
  wanted: WantedDatabase,
  path: string,
  { signal }: ProviderContext,
): Promise<string> {
  const scratch = scratchName("check", wanted.database);
  try {
    return await loaded(access, wanted, scratch, path, signal);
  } finally {
    await withConnection(access, "postgres", (sql) => drop(sql, scratch));
  }
}

function checksum(
  access: ServerAccess,
  { database }: WantedDatabase,
  { signal }: ProviderContext,
): Promise<string> {
  return connected(access, database, signal, current);
}

function current(sql: Sql): Promise<string> {
  return sql.begin("isolation level repeatable read read only", async (transaction) =>
    checksumOf(transaction, await sequencesOf(transaction)),
  );
}

async function restore(
  access: ServerAccess,
  wanted: WantedDatabase,
  source: { readonly path: string; readonly checksum: string },
  { signal }: ProviderContext,
): Promise<void> {
  const { database } = wanted;
  const isThere = await withConnection(
    access,
    "postgres",
    async (sql) => (await sql`select 1 from pg_database where datname = ${database}`).length > 0,
  );
  if (isThere) return;
  const scratch = scratchName("restore", database);
  const content = await loaded(access, wanted, scratch, source.path, signal);
  if (content !== source.checksum)
    throw new TerminalError({
      code: "RestoreDiffers",
      path: "spec.restore.backup",
      message: `What was restored from ${source.path} is not what was backed up: checksum ${content} instead of ${source.checksum}.`,
      hint: "Take another backup.",
    });
  await withConnection(access, "postgres", (sql) =>
    sql.unsafe(`alter database ${quoted(scratch)} rename to ${quoted(database)}`),
  );
}

/** Makes a new database of a dump, and gives the checksum of what is in it. */
async function loaded(
  access: ServerAccess,
  wanted: WantedDatabase,
  name: string,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  const record = JSON.parse(await readFile(join(path, RECORD), "utf8")) as Record;
  await connected(access, "postgres", signal, async (sql) => {
    await drop(sql, name);
    await ensureRole(sql, wanted);
    await sql.unsafe(`create database ${quoted(name)} owner ${quoted(wanted.ownerRole)}`);
    await sql.unsafe(`revoke all on database ${quoted(name)} from public`);
  });
  return connected(access, name, signal, async (sql) => {
    const { major, dump: made, sequences } = record;
    await load(made, path, { access, database: name, role: wanted.ownerRole, major, sql }, signal);
    for (const [sequence, { value, isCalled }] of Object.entries(sequences))
      await sql`select pg_catalog.setval(${sequence}::regclass, ${value}::bigint, ${isCalled})`;
    await sql.unsafe("analyze");
    return current(sql);
  });
}

/** To whom everything will belong. Marked as session.ts does, so that it is known as ours. */
async function ensureRole(sql: Sql, { ownerRole, identity, isShared }: WantedDatabase): Promise<void> {
  const [found] = await sql`select 1 from pg_roles where rolname = ${ownerRole}`;
  if (found !== undefined) return;
  const role = quoted(ownerRole);
  const statements = [`create role ${role} nologin`, `comment on role ${role} is 'tutti:${identity.uid}'`];
  if (isShared) statements.push(`grant ${role} to current_user`);
  await sql.begin((transaction) => transaction.unsafe(statements.join(";\n")));
}

async function drop(sql: Sql, name: string): Promise<void> {
  await sql.unsafe(`drop database if exists ${quoted(name)} with (force)`);
}

/** The same for the same database, so that what a crash left is found. Names have 63 bytes. */
function scratchName(purpose: string, database: string): string {
  const digest = createHash("sha256").update(database).digest("hex").slice(0, 12);
  return `tutti_${purpose}_${digest}`;
}

/** Ends with the signal, whatever the server does. */
async function connected<T>(
  access: ServerAccess,
  database: string,
  signal: AbortSignal,
  use: (sql: Sql) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {}); // it may come while nobody waits for it yet
  const abort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await withConnection(
      access,
      database,
      async (sql) => {
        await sql.unsafe(
          "set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; set lock_timeout = '60s'",
        );
        return Promise.race([use(sql), aborted.promise]);
      },
      PATIENCE,
    );
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
