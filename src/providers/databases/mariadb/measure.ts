/** How full and busy a MariaDB database is. Connections and slow queries (`long_query_time`) are counted by its server. */
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { Usage, WantedDatabase } from "../engine.ts";
import { rows, withConnection } from "./connection.ts";

export function measure(access: ServerAccess, wanted: WantedDatabase): Promise<Usage> {
  return withConnection(access, async (connection) => {
    const [size] = await rows<{ bytes: string | null }>(
      connection,
      "select sum(data_length + index_length) as bytes from information_schema.tables where table_schema = ?",
      [wanted.database],
    );
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
      bytes: Number(size?.bytes ?? 0),
      slowQueries: Number(slow?.Value ?? 0),
    };
  });
}
