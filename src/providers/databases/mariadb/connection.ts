/** Connections to a MariaDB server. The client library is loaded when it is first needed. */
import { join } from "node:path";
import type { Connection } from "mysql2/promise";
import type { ServerAccess } from "../../../provider/database-server.ts";
import type { Readiness } from "../engine.ts";
import { tlsOptions } from "../tls.ts";

export type ServerAddress = Pick<ServerAccess, "host" | "port" | "user" | "password" | "tls">;

/** One connection, closed afterwards; what takes longer than `timeoutMs` fails. */
export async function withConnection<T>(
  server: ServerAddress,
  use: (connection: Connection) => Promise<T>,
  timeoutMs = 10_000,
): Promise<T> {
  const { createConnection } = await import("mysql2/promise");
  const place = server.host.startsWith("/")
    ? { socketPath: join(server.host, "mysqld.sock") }
    : { host: server.host, port: server.port };
  const connection = await createConnection({
    ...place,
    user: server.user,
    password: server.password,
    connectTimeout: timeoutMs,
    ...(server.tls === true ? { ssl: tlsOptions() } : {}),
  });
  connection.on("error", () => {}); // the statement that is under way tells
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([use(connection), late.promise]);
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}

/** Logs in and asks a question. Never rejects; the reason is the server's or the system's own word. */
export async function checkReady(server: ServerAddress, timeoutMs = 2_000): Promise<Readiness> {
  try {
    await withConnection(server, (connection) => connection.query("select 1"), timeoutMs);
    return { ready: true };
  } catch (error) {
    const { message, code } = error as { message?: string; code?: string };
    return { ready: false, reason: (message ?? "") === "" ? (code ?? "no answer") : message! };
  }
}

export async function rows<T>(
  connection: Connection,
  statement: string,
  values: readonly unknown[] = [],
): Promise<readonly T[]> {
  const [found] = await connection.query(statement, [...values]);
  return found as T[];
}

/** An identifier. */
export function quoted(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}
