/**
 * What an account that does not own a database may do in it: with everything that is there, and, by default privileges of
 * the owner, with what comes later. Runs in a transaction within the database.
 */
import type { Sql } from "postgres";
import { TerminalError } from "../../../provider/provider.ts";
import type { Access, WantedDatabase } from "../engine.ts";
import { quoted } from "./database.ts";

const RIGHTS = {
  read: { tables: "select", sequences: "select" },
  write: {
    tables: "select, insert, update, delete, truncate",
    sequences: "select, usage, update",
  },
} as const;

/** Exactly this access, whatever it was before. */
export async function grant(
  sql: Sql,
  wanted: WantedDatabase,
  account: string,
  access: Access,
): Promise<void> {
  await dropGrants(sql, wanted, account);
  const [role, owner] = [quoted(account), quoted(wanted.ownerRole)];
  if (access === "owner") {
    await sql.unsafe(`grant ${owner} to ${role}`);
    await sql.unsafe(`alter role ${role} set role = ${owner}`);
    return;
  }
  const rights = RIGHTS[access];
  const things = await ownThings(sql);
  const defaults = `alter default privileges for role ${owner} grant`;
  const statements = [
    `grant connect, temporary on database ${quoted(wanted.database)} to ${role}`,
    ...things.schemas.map((name) => `grant usage on schema ${name} to ${role}`),
    ...things.tables.map((name) => `grant ${rights.tables} on table ${name} to ${role}`),
    ...things.sequences.map((name) => `grant ${rights.sequences} on sequence ${name} to ${role}`),
    `${defaults} usage on schemas to ${role}`,
    `${defaults} ${rights.tables} on tables to ${role}`,
    `${defaults} ${rights.sequences} on sequences to ${role}`,
  ];
  await sql.unsafe(statements.join(";\n"));
}

/** Takes everything away that `grant` gave, so that the role can be dropped. */
export async function dropGrants(sql: Sql, wanted: WantedDatabase, account: string): Promise<void> {
  const [found] = await sql`select 1 from pg_roles where rolname = ${account}`;
  if (found === undefined) return;
  const [role, owner] = [quoted(account), quoted(wanted.ownerRole)];
  const things = await ownThings(sql);
  const defaults = `alter default privileges for role ${owner} revoke all on`;
  const statements = [
    `alter role ${role} reset role`,
    `revoke ${owner} from ${role}`,
    ...["schemas", "tables", "sequences"].map((kind) => `${defaults} ${kind} from ${role}`),
    ...things.schemas.map((name) => `revoke all on schema ${name} from ${role}`),
    ...things.tables.map((name) => `revoke all on table ${name} from ${role}`),
    ...things.sequences.map((name) => `revoke all on sequence ${name} from ${role}`),
    `revoke all on database ${quoted(wanted.database)} from ${role}`,
  ];
  await sql.unsafe(statements.join(";\n"));
}

interface Things {
  readonly schemas: readonly string[];
  readonly tables: readonly string[];
  readonly sequences: readonly string[];
}

/** What there is that we may give: not the system's, not what an extension made for somebody else. Quoted. */
async function ownThings(sql: Sql): Promise<Things> {
  const schemas = await sql<{ name: string }[]>`
    select quote_ident(nspname) as name from pg_namespace
    where nspname !~ '^pg_' and nspname <> 'information_schema' and pg_has_role(nspowner, 'member')`;
  const relations = await sql<{ name: string; kind: string }[]>`
    select format('%I.%I', nspname, relname) as name, relkind::text as kind
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and nspname !~ '^pg_' and nspname <> 'information_schema'
      and pg_has_role(relowner, 'member')`;
  const namesOf = (isSequence: boolean): string[] =>
    relations.filter(({ kind }) => (kind === "S") === isSequence).map(({ name }) => name);
  return { schemas: schemas.map(({ name }) => name), tables: namesOf(false), sequences: namesOf(true) };
}

export async function ensureExtensions(sql: Sql, wanted: readonly string[]): Promise<void> {
  const there = new Set(
    (await sql<{ name: string }[]>`select extname as name from pg_extension`).map(({ name }) => name),
  );
  for (const [index, name] of wanted.entries()) {
    if (there.has(name)) continue;
    const [available] = await sql`select 1 from pg_available_extensions where name = ${name}`;
    if (available === undefined)
      throw new TerminalError({
        code: "ExtensionUnavailable",
        path: `spec.extensions[${index}]`,
        message: `The extension '${name}' is not installed on the server.`,
        hint: "Install its package there, or leave it out.",
      });
    await sql.unsafe(`create extension ${quoted(name)} cascade`);
  }
}
