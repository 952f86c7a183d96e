/** A connection of a tcp listener: to a member of its pool, then bytes both ways. */
import type { OnReadOpts, Socket } from "node:net";
import { MemberSocket } from "./member-socket.ts";
import type { Pool } from "./pool.ts";
import { join } from "./splice.ts";
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
      onread: readingInto(client),
      onSocket: (socket, member) => {
        joined = member.id;
        member.statistics.responded(now(), now() - startedAt, 200);
        client.removeListener("close", finish);
        join(client, socket, finish);
        client.on("data", (chunk) => {
          if (!socket.write(chunk)) client.pause();
        });
        client.on("end", () => socket.end());
        socket.on("drain", () => client.resume());
        socket.on("end", () => client.end());
        client.on("drain", () => socket.resume());
        client.resume();
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

const READ_BYTES = 64 * 1024;
/** A member that sends more than this at once is expected to go on so. */
const BULK_BYTES = 16 * 1024;
const SHARED = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * What a member sends, straight to `client`: a little of it by way of one buffer that all connections share, from which it is
 * copied; much of it through a buffer of the connection's own, without a copy.
 *
 * A buffer is handed to the socket before it is known what will be read next. So one that a write still uses (the system
 * took less than all of it) must be read into by nobody again: the connection takes another, and the shared one is never
 * written from.
 */
function readingInto(client: Socket): OnReadOpts {
  let own: Buffer | undefined;
  return {
    buffer: () => own ?? SHARED,
    callback: (count, buffer) => {
      const view = buffer.subarray(0, count);
      const more = client.write(buffer === SHARED ? Buffer.from(view) : view);
      const isKept = own !== undefined && client.writableLength === 0;
      own = count <= BULK_BYTES ? undefined : isKept ? own : Buffer.allocUnsafeSlow(READ_BYTES);
      return more;
    },
  };
}
