import type { Sql } from "postgres";
import { matchesVerifier, scramVerifier } from "./scram.ts";

/** What is done inside a running server, over the wire. The client library is loaded when it is first needed. */
export interface ServerAddress {
  readonly port: number;
  readonly host?: string;
  readonly user: string;
  readonly password: string;
}

export interface DatabaseOptions {
  /** The server and the superuser to log in with. */
  readonly server: ServerAddress;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/**
 * Makes a role and a database that belongs to it, or corrects the role's password; what is right already is left
 * alone. Only the password's verifier is sent, so no log of the server can hold the password.
 */
export async function ensureDatabase(options: DatabaseOptions): Promise<void> {
  await withConnection(options.server, "postgres", async (sql) => {
    await sql`select pg_advisory_lock(hashtext('tutti'))`; // until the session ends: two who make the same thing take turns
    const [role] = await sql<
      { rolpassword: string | null; rolcanlogin: boolean }[]
    >`select rolpassword, rolcanlogin from pg_authid where rolname = ${options.user}`;
    if (role === undefined)
      await sql.unsafe(
        `create role ${quoted(options.user)} login password '${scramVerifier(options.password)}'`,
      );
    else if (!role.rolcanlogin || !matchesVerifier(options.password, role.rolpassword ?? "")) {
      await sql.unsafe(
        `alter role ${quoted(options.user)} login password '${scramVerifier(options.password)}'`,
      );
    }
    const [found] = await sql<
      { owner: string }[]
    >`select pg_get_userbyid(datdba) as owner from pg_database where datname = ${options.database}`;
    if (found === undefined)
      await sql.unsafe(`create database ${quoted(options.database)} owner ${quoted(options.user)}`);
    else if (found.owner !== options.user)
      await sql.unsafe(`alter database ${quoted(options.database)} owner to ${quoted(options.user)}`);
  });
}

/** Drops a database, ending its sessions, and its role when that owns nothing else. */
export async function dropDatabase(
  options: Pick<DatabaseOptions, "server" | "user" | "database">,
): Promise<void> {
  await withConnection(options.server, "postgres", async (sql) => {
    await sql.unsafe(`drop database if exists ${quoted(options.database)} with (force)`);
    try {
      await sql.unsafe(`drop role if exists ${quoted(options.user)}`);
    } catch (error) {
      if ((error as { code?: string }).code !== stillNeeded) throw error;
    }
  });
}

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

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

async function withConnection<T>(
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

/** SQLSTATE dependent_objects_still_exist. */
const stillNeeded = "2BP01";

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
