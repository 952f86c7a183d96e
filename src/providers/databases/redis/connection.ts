/** Connections to a Redis server. The client library is loaded when it is first needed. */
import { join } from "node:path";
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { Readiness } from "../engine.ts";
import { tlsOptions } from "../tls.ts";

export type ServerAddress = Pick<ServerAccess, "host" | "port" | "user" | "password" | "tls">;

/** Sends one command and gives its reply as version 2 of the protocol has it: texts, numbers and lists of them. */
export type Send = <T = unknown>(...words: readonly string[]) => Promise<T>;

/** One connection, closed afterwards; what takes longer than `timeoutMs` fails. */
export async function withConnection<T>(
  server: ServerAddress,
  use: (send: Send) => Promise<T>,
  timeoutMs = 10_000,
): Promise<T> {
  const { createClient } = await import("redis");
  const common = { connectTimeout: timeoutMs, reconnectStrategy: false } as const;
  const place = { host: server.host, port: server.port, ...common };
  const client = createClient({
    RESP: 2,
    username: server.user,
    password: server.password,
    disableClientInfo: true,
    socket: server.host.startsWith("/")
      ? { path: join(server.host, "redis.sock"), ...common }
      : server.tls === true
        ? { ...place, tls: true, ...tlsOptions() }
        : place,
  });
  client.on("error", () => {}); // the command that is under way tells
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    const work = async (): Promise<T> => {
      await client.connect();
      return use(<R>(...words: readonly string[]) => client.sendCommand<R>([...words]));
    };
    return await Promise.race([work(), late.promise]);
  } finally {
    clearTimeout(timer);
    client.destroy();
  }
}

/** Logs in and asks a question; a server that still loads its data is not ready. Never rejects. */
export async function checkReady(server: ServerAddress, timeoutMs = 2_000): Promise<Readiness> {
  try {
    await withConnection(server, (send) => send("PING"), timeoutMs);
    return { ready: true };
  } catch (error) {
    const { message, code } = error as { message?: string; code?: string };
    return { ready: false, reason: (message ?? "") === "" ? (code ?? "no answer") : message! };
  }
}
