/** How full and busy a Redis server is. Slow commands (`slowlog-log-slower-than`) have ascending numbers: the newest one's counts them. */
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { Usage } from "../engine.ts";
import { withConnection } from "./connection.ts";

export function measure(access: ServerAccess): Promise<Usage> {
  return withConnection(access, async (send) => {
    const text = `${String(await send("INFO", "clients"))}\n${String(await send("INFO", "memory"))}`;
    const number = (name: string): number | undefined => {
      const found = new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1];
      return found === undefined ? undefined : Number(found);
    };
    const [newest] = await send<readonly (readonly [id: number])[]>("SLOWLOG", "GET", "1");
    const maxConnections = number("maxclients");
    const bytes = number("used_memory");
    return {
      connections: number("connected_clients") ?? 0,
      ...(maxConnections === undefined ? {} : { maxConnections }),
      ...(bytes === undefined ? {} : { bytes }),
      slowQueries: newest === undefined ? 0 : Number(newest[0]) + 1,
    };
  });
}
