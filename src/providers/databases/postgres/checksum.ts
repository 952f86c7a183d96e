/**
 * What a database holds, as one number: equal for equal content, in whatever order and however it is stored. It covers
 * the rows of every table, sequences, and the names and kinds of what else there is. Not owners and grants, which are the
 * resource's and not the content's, and not the text of definitions, which PostgreSQL writes differently after a restore.
 *
 * Sequences stand outside transactions: whoever dumps reads them once, and both dump and checksum go by that.
 */
import { createHash } from "node:crypto";
import type { Sql, TransactionSql } from "postgres";
import { quoted } from "./database.ts";

export type Session = Sql | TransactionSql;

export interface Table {
  readonly schema: string;
  readonly name: string;
  /** Those that are stored, in order. */
  readonly columns: readonly string[];
}

/** By name with its schema, quoted. */
export type Sequences = Readonly<Record<string, { readonly value: string; readonly isCalled: boolean }>>;

/** Ours and nobody's: neither the system's nor an extension's, which come with it. */
export const OWN = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend x where x.objid = c.oid and x.classid = 'pg_class'::regclass and x.deptype = 'e')`;

export async function tablesOf(sql: Session): Promise<readonly Table[]> {
  return sql.unsafe<Table[]>(`
    select n.nspname as schema, c.relname as name,
      coalesce((select json_agg(a.attname order by a.attnum) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''), '[]') as columns
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and c.relpersistence <> 't' and ${OWN} order by 1, 2`);
}

export async function sequencesOf(sql: Session): Promise<Sequences> {
  const found = await sql.unsafe<{ schema: string; name: string }[]>(`
    select n.nspname as schema, c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'S' and c.relpersistence <> 't' and ${OWN} order by 1, 2`);
  const sequences: Record<string, { value: string; isCalled: boolean }> = {};
  for (const { schema, name } of found) {
    const sequence = pathOf({ schema, name });
    const [row] = await sql.unsafe<{ value: string; isCalled: boolean }[]>(
      `select last_value::text as value, is_called as "isCalled" from ${sequence}`,
    );
    if (row !== undefined) sequences[sequence] = { value: row.value, isCalled: row.isCalled };
  }
  return sequences;
}

/** In a transaction, whose snapshot it is of. */
export async function checksumOf(sql: TransactionSql, sequences: Sequences): Promise<string> {
  await sql.unsafe(SETTINGS);
  const lines = Object.entries(sequences).map(([name, at]) => `sequence ${name} ${at.value} ${at.isCalled}`);
  for (const table of await tablesOf(sql)) lines.push(await rowsOf(sql, table));
  for (const { line } of await sql.unsafe<{ line: string }[]>(SHAPE)) lines.push(line);
  return createHash("sha256").update(lines.toSorted().join("\n")).digest("hex");
}

export function pathOf({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

/** How values are written must not depend on whose session it is. */
const SETTINGS = `set local search_path = ''; set local timezone = 'UTC'; set local datestyle = 'ISO, YMD';
  set local intervalstyle = 'postgres'; set local extra_float_digits = 1; set local bytea_output = 'hex';
  set local row_security = off`;

/** The sum over the digests of all rows: independent of their order, and a row that is there twice counts twice. */
async function rowsOf(sql: TransactionSql, table: Table): Promise<string> {
  // No column has this name: it would stand for the row.
  const row = quoted("tutti row");
  const part = (from: number): string =>
    `coalesce(sum(('x' || substr(digest, ${from}, 16))::bit(64)::bigint::numeric), 0)::text`;
  const [sum] = await sql.unsafe<{ count: string; first: string; second: string }[]>(`
    select count(*)::text as count, ${part(1)} as first, ${part(17)} as second
    from (select md5(${row}::text) as digest from only ${pathOf(table)} as ${row}) as rows`);
  return `table ${pathOf(table)} ${sum?.count} ${sum?.first} ${sum?.second}`;
}

const SHAPE = `
  select format('relation %s %I.%I', c.relkind, n.nspname, c.relname) as line
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'i', 'I', 'S', 'f') and c.relpersistence <> 't' and ${OWN}
    and n.nspname !~ '^pg_toast'
  union all
  select format('column %I.%I %s %I %s %s', n.nspname, c.relname,
    row_number() over (partition by c.oid order by a.attnum), a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull)
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and a.attnum > 0 and not a.attisdropped and c.relpersistence <> 't' and ${OWN}
  union all
  select format('constraint %s %I on %I.%I', k.contype, k.conname, n.nspname, c.relname)
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
  where k.contype <> 'n' and ${OWN}
  union all
  select format('trigger %I on %I.%I', t.tgname, n.nspname, c.relname)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  where not t.tgisinternal and ${OWN}
  union all
  select format('function %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not exists (select from pg_depend x where x.objid = p.oid and x.classid = 'pg_proc'::regclass and x.deptype = 'e')
  union all
  select format('extension %I', extname) from pg_extension where extname <> 'plpgsql'`;
