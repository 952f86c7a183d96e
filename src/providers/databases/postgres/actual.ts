/**
 * What of a Database's spec can be read back from the server: its extensions, who may log in, the settings in force. What an
 * account may do is not: it is told by the rights on every single thing.
 */
import type { Sql } from "postgres";
import { settingValue } from "../../../provider/database-settings.ts";
import type { Account, DatabaseSpec } from "../engine.ts";
import { quoted } from "./database.ts";

type Settings = DatabaseSpec["settings"];

export interface Asked {
  readonly spec: Pick<DatabaseSpec, "extensions" | "users" | "settings">;
  /** The owner first. */
  readonly accounts: readonly Account[];
  /** Its settings are somebody else's. */
  readonly isShared: boolean;
}

/** `inside`: runs in the database itself. */
export async function actualIn(
  sql: Sql,
  inside: <T>(use: (sql: Sql) => Promise<T>) => Promise<T>,
  { spec, accounts, isShared }: Asked,
): Promise<Readonly<Record<string, unknown>>> {
  const { extensions = [], users = [], settings } = spec;
  const logins = await loginsAmong(
    sql,
    accounts.map(({ login }) => login.user),
  );
  const [owner, ...others] = accounts;
  const present = new Set(others.filter(({ login }) => logins.has(login.user)).map(({ name }) => name));
  const installed = extensions.length === 0 ? new Set() : await inside(extensionsIn);
  return {
    ...(owner === undefined || logins.has(owner.login.user) ? {} : { login: "is not there, or locked" }),
    ...(extensions.length === 0 ? {} : { extensions: extensions.filter((name) => installed.has(name)) }),
    ...(users.length === 0
      ? {}
      : {
          users: users
            .filter((_user, index) => present.has(others[index]?.name ?? ""))
            .map(({ name }) => ({ name })),
        }),
    ...(isShared || Object.keys(settings).length === 0 ? {} : { settings: await settingsIn(sql, settings) }),
  };
}

async function loginsAmong(sql: Sql, names: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await sql<{ name: string }[]>`
    select rolname as name from pg_roles where rolcanlogin and rolname in ${sql(names)}`;
  return new Set(found.map(({ name }) => name));
}

async function extensionsIn(sql: Sql): Promise<ReadonlySet<string>> {
  const found = await sql<{ name: string }[]>`select extname as name from pg_extension`;
  return new Set(found.map(({ name }) => name));
}

/** As they were declared where that is what is in force; those that wait for a restart are left out. */
async function settingsIn(sql: Sql, declared: Settings): Promise<Readonly<Record<string, unknown>>> {
  const names = Object.keys(declared);
  const found = await sql<{ name: string; value: string; plain: string; waits: boolean }[]>`
    select name, current_setting(name) as value, setting as plain, pending_restart as waits
    from pg_settings where lower(name) in ${sql(names.map((name) => name.toLowerCase()))}`;
  const byName = new Map(found.map((one) => [one.name.toLowerCase(), one]));
  return Object.fromEntries(
    names.flatMap((name): readonly [string, unknown][] => {
      const there = byName.get(name.toLowerCase());
      if (there === undefined || there.waits) return [];
      const wanted = declared[name];
      const isSame = settingValue(wanted) === settingValue(there.value) || String(wanted) === there.plain;
      return [[name, isSame ? wanted : there.value]];
    }),
  );
}

/** What somebody set with ALTER SYSTEM wins over what we write: it is taken away. */
export async function resetSettings(sql: Sql, declared: Settings): Promise<void> {
  const names = Object.keys(declared);
  if (names.length === 0) return;
  const found = await sql<{ name: string }[]>`
    select distinct name from pg_file_settings
    where sourcefile like '%postgresql.auto.conf' and lower(name) in ${sql(names.map((name) => name.toLowerCase()))}`;
  for (const { name } of found) await sql.unsafe(`alter system reset ${quoted(name)}`);
  if (found.length > 0) await sql`select pg_reload_conf()`;
}
