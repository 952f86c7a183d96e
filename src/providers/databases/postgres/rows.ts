/** The rows of tables as files, with COPY: the part of a dump that is large goes from socket to disk and back. */
import { createReadStream, createWriteStream } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { TransactionSql } from "postgres";
import { type Session, type Table, pathOf } from "./checksum.ts";
import { quoted } from "./database.ts";

/** One file for each table, by its place in the list. In the transaction whose snapshot it is of. */
export async function copyOut(
  sql: TransactionSql,
  tables: readonly Table[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  for (const [index, table] of tables.entries()) {
    if (table.columns.length === 0) continue;
    const rows = await sql.unsafe(`copy ${target(table)} to stdout`).readable();
    try {
      await pipeline(rows, createWriteStream(fileOf(folder, index), { mode: 0o600, flush: true }), {
        signal,
      });
    } finally {
      resumeConnection(rows);
    }
  }
}

/**
 * The client library stops reading from its socket when the stream has enough, and reads on when the stream asks for more.
 * One that has ended asks no more: when its last rows were too many at once, the end of the statement stays unread, and
 * whatever is asked next waits for ever. Asking for more is all that the library's `_read` does.
 */
function resumeConnection(rows: Readable): void {
  rows._read(0);
}

export async function copyIn(
  sql: Session,
  tables: readonly Table[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  for (const [index, table] of tables.entries()) {
    if (table.columns.length === 0) continue;
    const rows = await sql.unsafe(`copy ${target(table)} from stdin`).writable();
    await pipeline(createReadStream(fileOf(folder, index)), rows, { signal });
  }
}

function target(table: Table): string {
  return `${pathOf(table)} (${table.columns.map(quoted).join(", ")})`;
}

function fileOf(folder: string, index: number): string {
  return join(folder, `${index}.rows`);
}
