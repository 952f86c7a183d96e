/** What accounts may do with one database of a MariaDB server, given and read back; and the server's settings. */
import type { Connection } from "mysql2/promise";
import type { Settings } from "../config.ts";
import type { Access, Account } from "../engine.ts";
import { type SettingRead, plainSetting } from "../read-back.ts";
import { quoted, rows } from "./connection.ts";

export const RIGHTS: Readonly<Record<Access, string>> = {
  owner: "all privileges",
  write: "select, insert, update, delete, execute, show view, create temporary tables, lock tables",
  read: "select, show view",
};

/** A name in a right on databases is a pattern. */
export function placeOf(database: string): string {
  return `${quoted(database.replaceAll(/[\\_%]/g, String.raw`\$&`))}.*`;
}

/** As `AccountsOf.accessOf` has it. */
export async function accessOf(
  connection: Connection,
  database: string,
  { access, login }: Account,
): Promise<string | undefined> {
  let grants: readonly Readonly<Record<string, string>>[];
  try {
    grants = await rows(connection, "show grants for ?@'%'", [login.user]);
  } catch {
    return undefined; // who may not look cannot say
  }
  const on = ` ON ${placeOf(database)} TO `;
  const given = grants
    .flatMap((row) => Object.values(row))
    .filter((line) => line.startsWith("GRANT ") && line.includes(on))
    .flatMap((line) => [
      ...line.slice("GRANT ".length, line.indexOf(on)).toLowerCase().split(", "),
      ...(line.endsWith("WITH GRANT OPTION") ? ["grant option"] : []),
    ])
    .toSorted()
    .join(", ");
  if (given === RIGHTS[access].split(", ").toSorted().join(", ")) return access;
  return given === "" ? "nothing" : given;
}

/** Of these settings, those that somebody has set since the server was started with them, and not alike. */
export async function changedSettings(
  connection: Connection,
  declared: Settings,
): Promise<readonly SettingRead[]> {
  const names = new Map(Object.keys(declared).map((name) => [name.toLowerCase().replaceAll("-", "_"), name]));
  if (names.size === 0) return [];
  const found = await rows<{ name: string; value: string }>(
    connection,
    `select lower(variable_name) as name, global_value as value from information_schema.system_variables
     where global_value_origin = 'SQL' and lower(variable_name) in (?)`,
    [[...names.keys()]],
  );
  return found.flatMap(({ name, value }) => {
    const said = names.get(name) ?? name;
    return plainSetting(declared[said]) === plainSetting(value) ? [] : [{ name: said, value }];
  });
}

export async function resetSettings(connection: Connection, declared: Settings): Promise<void> {
  for (const { name } of await changedSettings(connection, declared))
    await connection.query(`set global ${quoted(name.replaceAll("-", "_"))} = ?`, [
      plainSetting(declared[name]),
    ]);
}
