/**
 * How full and busy a PostgreSQL database is. The server counts no slow queries by itself: those that have run for more than
 * a second at the time of asking are counted, each once. Shorter ones between two askings are missed.
 */
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { Usage, WantedDatabase } from "../engine.ts";
import { withConnection } from "./database.ts";

const SLOW_SECONDS = 1;

interface Slow {
  total: number;
  /** Of the last asking: what is still there is not counted again. */
  seen: ReadonlySet<string>;
}

const slowByUid = new Map<string, Slow>();

export function measure(access: ServerAccess, wanted: WantedDatabase): Promise<Usage> {
  return withConnection(access, "postgres", async (sql) => {
    const [row] = await sql<{ connections: number; most: number; bytes: string | null }[]>`
      select (select count(*)::int from pg_stat_activity where datname = ${wanted.database}) as connections,
        current_setting('max_connections')::int as most,
        (select pg_database_size(oid) from pg_database where datname = ${wanted.database}) as bytes`;
    const running = await sql<{ id: string }[]>`
      select pid || ' ' || query_start as id from pg_stat_activity
      where datname = ${wanted.database} and state = 'active' and backend_type = 'client backend'
        and now() - query_start > make_interval(secs => ${SLOW_SECONDS})`;
    return {
      connections: row?.connections ?? 0,
      ...(row === undefined ? {} : { maxConnections: row.most }),
      ...(row?.bytes === undefined || row.bytes === null ? {} : { bytes: Number(row.bytes) }),
      slowQueries: slow(
        wanted.identity.uid,
        running.map(({ id }) => id),
      ),
    };
  });
}

function slow(uid: string, running: readonly string[]): number {
  const before = slowByUid.get(uid) ?? { total: 0, seen: new Set<string>() };
  const total = before.total + running.filter((id) => !before.seen.has(id)).length;
  slowByUid.set(uid, { total, seen: new Set(running) });
  return total;
}
