/** A connection of a tcp listener: to a member of its pool, then bytes both ways. */
import type { Socket } from "node:net";
import { MemberSocket } from "./member-socket.ts";
import type { Pool } from "./pool.ts";
import { splice } from "./splice.ts";
import type { RouteStatistics } from "./statistics.ts";

/**
 * Serves one accepted connection (accepted with pauseOnConnect and allowHalfOpen). Without a member it is closed.
 * In the statistics a connection counts as one request: class 2 when it was joined to a member.
 */
export function serveTcp(client: Socket, pool: Pool, statistics: RouteStatistics, now: () => number): void {
  const startedAt = now();
  let joined = "";
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    upstream.close();
    client.destroy();
    statistics.inFlight -= 1;
    if (joined === "") statistics.errors += 1;
    statistics.finished(now(), now() - startedAt, joined === "" ? 503 : 200, pool.name, joined);
  };
  const upstream = new MemberSocket(
    pool,
    {
      onSocket: (socket, member) => {
        joined = member.id;
        member.statistics.responded(now(), now() - startedAt, 200);
        client.removeListener("close", finish);
        splice(client, socket, finish);
      },
      onNoMember: finish,
    },
    now,
  );
  statistics.inFlight += 1;
  client.on("error", () => undefined);
  client.once("close", finish);
  upstream.start();
}
