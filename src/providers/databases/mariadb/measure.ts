/** How full and busy a MariaDB database is. Connections and slow queries (`long_query_time`) are counted by its server. */
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { Usage, WantedDatabase } from "../engine.ts";
import type { Connection } from "mysql2/promise";
import { rows, withConnection } from "./connection.ts";

export function measure(access: ServerAccess, wanted: WantedDatabase): Promise<Usage> {
  return withConnection(access, async (connection) => {
    const size = await sizeOf(connection, wanted.database);
    const [open] = await rows<{ count: number }>(
      connection,
      "select count(*) as count from information_schema.processlist where db = ?",
      [wanted.database],
    );
    const [slow] = await rows<{ Value: string }>(connection, "show global status like 'Slow_queries'");
    const [most] = await rows<{ most: number }>(connection, "select @@max_connections as most");
    return {
      connections: Number(open?.count ?? 0),
      maxConnections: Number(most?.most ?? 0),
      bytes: size,
      slowQueries: Number(slow?.Value ?? 0),
    };
  });
}

/**
 * Of InnoDB's tables the files': the lengths that it tells with tables are those of its last look at them, which may be
 * long ago. Who may not see the files (PROCESS) gets those.
 */
async function sizeOf(connection: Connection, database: string): Promise<number> {
  const sum = async (statement: string, parameter: string): Promise<number> => {
    const [found] = await rows<{ bytes: string | null }>(connection, statement, [parameter]);
    return Number(found?.bytes ?? 0);
  };
  const lengths =
    "select sum(data_length + index_length) as bytes from information_schema.tables where table_schema = ?";
  try {
    const files = await sum(
      "select sum(file_size) as bytes from information_schema.innodb_sys_tablespaces where substring_index(name, '/', 1) = ?",
      fileName(database),
    );
    return files + (await sum(`${lengths} and engine <> 'InnoDB'`, database));
  } catch (error) {
    if ((error as { readonly code?: string }).code !== "ER_SPECIFIC_ACCESS_DENIED_ERROR") throw error;
    return sum(lengths, database);
  }
}

/** mariadb.com/kb/en/identifier-to-file-name-mapping. */
function fileName(database: string): string {
  return database.replace(
    /[^A-Za-z0-9_]/g,
    (character) => `@${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
