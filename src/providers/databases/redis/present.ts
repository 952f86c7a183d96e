/**
 * What may be taken for a database on a Redis server: the prefixes of its keys, up to the first colon. Redis has no list of
 * them, so a part of the keys is looked at; what is rare among very many may be missed.
 */
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { Mark, PresentDatabase } from "../engine.ts";
import { type Send, withConnection } from "./connection.ts";
import { markOf } from "./session.ts";

const LOOKED_AT = 100_000;
const MARK = "tutti:";

export function list(access: ServerAccess): Promise<readonly PresentDatabase[]> {
  return withConnection(access, async (send) => {
    const marks = await marked(send);
    const counts = new Map<string, number>([...marks.keys()].map((name) => [name, 0]));
    let seen = 0;
    for await (const keys of scanned(send)) {
      for (const key of keys) count(counts, key);
      seen += keys.length;
      if (seen >= LOOKED_AT) break;
    }
    const more = seen >= LOOKED_AT ? "at least " : "";
    return [...counts]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, keys]) => {
        const mark = marks.get(name);
        const description = `Redis keys ${name}:*, ${more}${keys} key${keys === 1 ? "" : "s"}`;
        return { name, ...(mark === undefined ? {} : { mark }), description };
      });
  });
}

function count(counts: Map<string, number>, key: string): void {
  const end = key.indexOf(":");
  if (end < 1) return;
  const prefix = key.slice(0, end);
  counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
}

async function marked(send: Send): Promise<ReadonlyMap<string, Mark>> {
  const marks = new Map<string, Mark>();
  for (const user of await send<readonly string[]>("ACL", "USERS")) {
    if (!user.startsWith(MARK)) continue;
    const fields = await send<readonly unknown[]>("ACL", "GETUSER", user);
    const keys = fields[fields.indexOf("keys") + 1];
    marks.set(user.slice(MARK.length), markOf(String(keys)));
  }
  return marks;
}

/** Of every numbered database that has any. */
async function* scanned(send: Send): AsyncGenerator<readonly string[]> {
  const keyspace = await send<string>("INFO", "keyspace");
  for (const [, number] of keyspace.matchAll(/^db(\d+):/gm)) {
    await send("SELECT", number ?? "0");
    let cursor = "0";
    do {
      const [next, keys] = await send<[string, string[]]>("SCAN", cursor, "COUNT", "1000");
      cursor = next;
      yield keys;
    } while (cursor !== "0");
  }
}
