import type { Sql } from "postgres";
import type { Readiness } from "../engine.ts";
import { tlsOptions } from "../tls.ts";

/** Connections to a PostgreSQL server. The client library is loaded when it is first needed. */
export interface ServerAddress {
  readonly port: number;
  /** Or the folder of its Unix socket. */
  readonly host?: string;
  readonly user: string;
  readonly password: string;
  readonly tls?: boolean;
}

/** Logs in and asks a question. Never rejects; the reason is the server's or the system's own word. */
export async function checkReady(
  server: ServerAddress,
  database = "postgres",
  timeoutMs = 2_000,
): Promise<Readiness> {
  try {
    await withConnection(server, database, (sql) => sql`select 1`, timeoutMs);
    return { ready: true };
  } catch (error) {
    const { message, code } = error as { message?: string; code?: string };
    return { ready: false, reason: (message ?? "") === "" ? (code ?? "no answer") : message! };
  }
}

/** One connection, closed afterwards; what takes longer than `timeoutMs` fails. */
export async function withConnection<T>(
  server: ServerAddress,
  database: string,
  use: (sql: Sql) => PromiseLike<T>,
  timeoutMs = 10_000,
): Promise<T> {
  const { default: connect } = await import("postgres");
  const sql = connect({
    host: server.host ?? "127.0.0.1",
    port: server.port,
    user: server.user,
    password: server.password,
    database,
    max: 1,
    connect_timeout: timeoutMs / 1_000,
    backoff: false,
    fetch_types: false,
    onnotice: () => {},
    ...(server.tls === true ? { ssl: tlsOptions() } : {}),
  });
  // The client can lose a statement with the connection that dies under it; that one would never settle.
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([use(sql), late.promise]);
  } finally {
    clearTimeout(timer);
    await sql.end({ timeout: 1 });
  }
}

/** An identifier. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
