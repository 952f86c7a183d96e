/**
 * What a database holds, as one number: the rows of its tables, whatever their order, and the names and types of what else
 * there is. Read in the transaction of the connection, if it has one.
 */
import { createHash } from "node:crypto";
import type { Connection } from "mysql2/promise";
import { quoted, rows } from "./connection.ts";

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

/** Their bytes are their value; of all others it is how they are written. */
const BYTES: ReadonlySet<string> = new Set([
  "binary",
  "varbinary",
  "blob",
  "tinyblob",
  "mediumblob",
  "longblob",
  "bit",
]);

export async function checksumOf(sql: Connection, database: string): Promise<string> {
  const columns = await rows<Column>(
    sql,
    `select c.table_name as \`table\`, c.column_name as name, c.data_type as type
     from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
     where c.table_schema = ? and t.table_type = 'BASE TABLE' order by c.table_name, c.ordinal_position`,
    [database],
  );
  const lines: string[] = [];
  for (const [table, ofTable] of Map.groupBy(columns, (column) => column.table))
    lines.push(await rowsOf(sql, database, table, ofTable));
  for (const statement of SHAPE)
    for (const { line } of await rows<{ line: string }>(sql, statement, [database])) lines.push(line);
  return createHash("sha256").update(lines.toSorted().join("\n")).digest("hex");
}

/** Tables whose engine has no transactions. */
export function otherEngines(
  sql: Connection,
  database: string,
): Promise<readonly { readonly name: string; readonly engine: string }[]> {
  return rows(
    sql,
    `select table_name as name, engine from information_schema.tables
     where table_schema = ? and table_type = 'BASE TABLE' and engine <> 'InnoDB'`,
    [database],
  );
}

async function rowsOf(
  sql: Connection,
  database: string,
  table: string,
  columns: readonly Column[],
): Promise<string> {
  const values = columns.map(({ name, type }) => {
    const column = quoted(name);
    return `ifnull(hex(${BYTES.has(type) ? `cast(${column} as binary)` : `cast(${column} as char character set utf8mb4)`}), '-')`;
  });
  const part = (from: number): string =>
    `cast(coalesce(sum(cast(conv(substr(digest, ${from}, 16), 16, 10) as decimal(20))), 0) as char)`;
  const [sum] = await rows<{ count: number; first: string; second: string }>(
    sql,
    `select count(*) as count, ${part(1)} as first, ${part(17)} as second
     from (select md5(concat_ws('|', ${values.join(", ")})) as digest from ${quoted(database)}.${quoted(table)}) as digests`,
  );
  return `table ${table} ${sum?.count} ${sum?.first} ${sum?.second}`;
}

const SHAPE = [
  "select concat('relation ', table_type, ' ', table_name) as line from information_schema.tables where table_schema = ?",
  `select concat_ws(' ', 'column', table_name, ordinal_position, column_name, column_type, is_nullable) as line
   from information_schema.columns where table_schema = ?`,
  `select concat_ws(' ', 'index', table_name, index_name, seq_in_index, column_name, non_unique) as line
   from information_schema.statistics where table_schema = ?`,
  `select concat_ws(' ', 'constraint', constraint_type, table_name, constraint_name) as line
   from information_schema.table_constraints where table_schema = ?`,
  "select concat('trigger ', trigger_name) as line from information_schema.triggers where trigger_schema = ?",
  "select concat_ws(' ', routine_type, routine_name) as line from information_schema.routines where routine_schema = ?",
];
