/**
 * Two ways to write a database down and to make it again from that, as of an exported snapshot. Which one was taken is
 * recorded with the dump.
 *
 *  - `custom`: the installed pg_dump and pg_restore of the server's own version;
 *  - `copy`: where there is none of that version. What the database is made of comes from pg_dump in WebAssembly
 *    (schema.ts), the rows from COPY (rows.ts).
 *
 * Owners and grants are left out: everything belongs to the role of whoever it is restored for. Extensions are made by
 * the first user, for most others may not.
 */
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql, TransactionSql } from "postgres";
import type { ServerAccess } from "../../../provider/database-server.ts";
import { TerminalError } from "../../../provider/provider.ts";
import { plainEnvironment, run } from "../run.ts";
import { type Table, tablesOf } from "./checksum.ts";
import { quoted } from "./database.ts";
import { clientProgram } from "./installed-client.ts";
import { copyIn, copyOut } from "./rows.ts";
import { SCHEMA_DUMP, dumpSchema } from "./schema.ts";

export type Dump =
  | { readonly way: "custom"; readonly method: string }
  | { readonly way: "copy"; readonly method: string; readonly tables: readonly Table[] };

export interface Source {
  readonly access: ServerAccess;
  readonly database: string;
  readonly major: string;
  /** Has the snapshot. */
  readonly transaction: TransactionSql;
  readonly snapshot: string;
}

const [CUSTOM, BEFORE, AFTER] = ["dump.custom", "before.sql", "after.sql"] as const;

export async function dump(source: Source, path: string, signal: AbortSignal): Promise<Dump> {
  const { access, database, major, snapshot, transaction } = source;
  const program = await clientProgram("pg_dump", major);
  if (program !== undefined) {
    const options = ["--format=custom", "--no-owner", "--no-privileges", "--lock-wait-timeout=60s"];
    const file = `--file=${join(path, CUSTOM)}`;
    const command = [program.path, ...options, `--snapshot=${snapshot}`, file, `--dbname=${database}`];
    await succeed("pg_dump", command, access, signal);
    return { way: "custom", method: `pg_dump ${program.version}` };
  }
  await refuseLargeObjects(transaction, major);
  const schema = await dumpSchema(access, database, snapshot, signal);
  await writeFile(join(path, BEFORE), schema.before, { mode: 0o600, flush: true });
  await writeFile(join(path, AFTER), schema.after, { mode: 0o600, flush: true });
  const tables = await tablesOf(transaction);
  await copyOut(transaction, tables, path, signal);
  return { way: "copy", method: `${SCHEMA_DUMP} and COPY`, tables };
}

export interface Target {
  readonly access: ServerAccess;
  /** Empty, and belongs to the role. */
  readonly database: string;
  readonly role: string;
  readonly major: string;
  /** A connection to the database as its first user. */
  readonly sql: Sql;
}

export async function load(made: Dump, path: string, target: Target, signal: AbortSignal): Promise<void> {
  if (made.way === "custom") await loadCustom(path, target, signal);
  else await loadCopy(made.tables, path, target, signal);
}

async function loadCustom(path: string, target: Target, signal: AbortSignal): Promise<void> {
  const { access, database, role, major, sql } = target;
  const program = await clientProgram("pg_restore", major);
  if (program === undefined)
    throw new TerminalError({
      code: "ProgramMissing",
      message: `This backup was made by pg_dump, and there is no pg_restore of PostgreSQL ${major} on this machine.`,
      hint: `Install the Debian package postgresql-client-${major}.`,
    });
  const file = join(path, CUSTOM);
  const lists = await mkdtemp(join(tmpdir(), "tutti-restore-"));
  const restore = async (entries: readonly string[], options: readonly string[]): Promise<void> => {
    const list = join(lists, "part");
    await writeFile(list, `${entries.join("\n")}\n`, { mode: 0o600 });
    const common = ["--no-owner", "--no-privileges", "--exit-on-error", `--use-list=${list}`];
    const command = [program.path, ...common, ...options, `--dbname=${database}`, file];
    if (entries.length > 0) await succeed("pg_restore", command, access, signal);
  };
  try {
    const listing = join(lists, "all");
    await succeed("pg_restore", [program.path, "--list", `--file=${listing}`, file], access, signal);
    const entries = (await readFile(listing, "utf8")).split("\n").filter((line) => /^\d/.test(line));
    await restore(
      entries.filter((line) => FIRST_USERS.test(line)),
      [],
    );
    for (const { name } of await sql<{ name: string }[]>`
      select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')`)
      await sql.unsafe(`alter schema ${quoted(name)} owner to ${quoted(role)}`);
    await restore(
      entries.filter((line) => !FIRST_USERS.test(line) && !NOBODYS.test(line)),
      [`--role=${role}`],
    );
  } finally {
    await rm(lists, { recursive: true, force: true });
  }
}

/** Lines of pg_restore's list: what the first user makes, and what is there already. */
const FIRST_USERS = /^\d+; \d+ \d+ (SCHEMA - (?!public )|EXTENSION )/;
const NOBODYS = /^\d+; \d+ \d+ (SCHEMA - public |COMMENT - (EXTENSION|SCHEMA public) )/;

async function loadCopy(
  tables: readonly Table[],
  path: string,
  { role, sql }: Target,
  signal: AbortSignal,
): Promise<void> {
  const before = await readFile(join(path, BEFORE), "utf8");
  const as = `set role ${quoted(role)}`;
  await sql.unsafe(`${as};\n${asFirstUser(understood(before), role)}`);
  await sql.unsafe(as);
  await copyIn(sql, tables, path, signal);
  await sql.unsafe(understood(await readFile(join(path, AFTER), "utf8")));
  for (const { name } of await sql.unsafe<{ name: string }[]>(MATERIALIZED))
    await sql.unsafe(`refresh materialized view ${name}`);
  await sql.unsafe("reset role");
}

/** In the order in which they were made: one may be made of another. */
const MATERIALIZED = `select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm' order by c.oid`;

/** A setting that only servers newer than ours have. */
function understood(text: string): string {
  return text.replace(/^SET transaction_timeout = 0;$/m, "");
}

function asFirstUser(text: string, role: string): string {
  return text
    .replace(/^CREATE EXTENSION .*;$/gm, (line) => `reset role; ${line} set role ${quoted(role)};`)
    .replace(/^COMMENT ON EXTENSION .*;$/gm, "");
}

async function refuseLargeObjects(sql: TransactionSql, major: string): Promise<void> {
  const [found] = await sql`select 1 from pg_largeobject_metadata limit 1`;
  if (found === undefined) return;
  throw new TerminalError({
    code: "LargeObjects",
    message: "The database has large objects, which can only be backed up by an installed pg_dump.",
    hint: `Install the Debian package postgresql-client-${major}, or store them in columns of type bytea.`,
  });
}

/** Runs a client program, signed in by its environment. Its last words are the reason when it fails. */
async function succeed(
  name: string,
  command: readonly string[],
  access: ServerAccess,
  signal: AbortSignal,
): Promise<string> {
  const env = { ...plainEnvironment, ...clientEnvironment(access) };
  const result = await run(command, { env, signal });
  signal.throwIfAborted();
  if (result.kind === "failed") throw new Error(`${name} could not be run: ${result.error}.`);
  if (result.code !== 0)
    throw new Error(`${name} failed: ${result.output.trim().split("\n").slice(-3).join(" ")}`);
  return result.output;
}

/** What libpq reads. */
function clientEnvironment({ host, port, user, password, tls }: ServerAccess): Record<string, string> {
  return {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGCONNECT_TIMEOUT: "30",
    ...(tls === true
      ? { PGSSLMODE: "verify-full", PGSSLROOTCERT: "/etc/ssl/certs/ca-certificates.crt" }
      : {}),
  };
}

/** Bytes of all files below. */
export async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const sizes = await Promise.all(
    entries.map(async (entry) =>
      entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 0,
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
