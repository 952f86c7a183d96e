/**
 * What can be read back of a Database from its server (P5): who may log in, what each may do, the settings in force. Only what
 * `ensure` would set back: what somebody changed by hand past the declaration.
 */
import { settingValue } from "../../provider/database-settings.ts";
import type { Settings } from "./config.ts";
import type { Account, DatabaseSpec } from "./engine.ts";

export interface AccountsOf {
  /** It is there, may log in, and has its password. */
  readonly holds: (account: Account) => Promise<boolean>;
  /** The access that it has where that is what it should have, else what it may do, in words; undefined: nobody knows. */
  readonly accessOf: (account: Account) => Promise<string | undefined>;
}

/** `accounts`: the owner first, then one for each of `users`. */
export async function accountsReadBack(
  { users = [] }: Pick<DatabaseSpec, "users">,
  [owner, ...others]: readonly Account[],
  { holds, accessOf }: AccountsOf,
): Promise<Readonly<Record<string, unknown>>> {
  const login = owner === undefined ? undefined : await loginOf(owner, { holds, accessOf });
  const present = await Promise.all(
    users.map(async ({ name, access }, index) => {
      const account = others[index];
      if (account === undefined || !(await holds(account))) return [];
      return [{ name, access: (await accessOf(account)) ?? access }];
    }),
  );
  return {
    ...(login === undefined ? {} : { login }),
    ...(users.length === 0 ? {} : { users: present.flat() }),
  };
}

async function loginOf(owner: Account, { holds, accessOf }: AccountsOf): Promise<string | undefined> {
  if (!(await holds(owner))) return "is not there, locked, or has another password";
  const access = (await accessOf(owner)) ?? owner.access;
  return access === owner.access ? undefined : `may do: ${access}`;
}

/** Whether every account is as it should be. */
export async function allAsMade(
  accounts: readonly Account[],
  { holds, accessOf }: AccountsOf,
): Promise<boolean> {
  for (const account of accounts) {
    const isSame = async (): Promise<boolean> =>
      ((await accessOf(account)) ?? account.access) === account.access;
    if (!(await holds(account)) || !(await isSame())) return false;
  }
  return true;
}

export interface SettingRead {
  readonly name: string;
  /** As the server says it. */
  readonly value: string;
}

/** As they were declared, but for those that somebody changed since. */
export function settingsReadBack(
  declared: Settings,
  changed: readonly SettingRead[],
): Readonly<Record<string, unknown>> {
  const values = new Map(changed.map(({ name, value }) => [name, value]));
  return Object.fromEntries(
    Object.entries(declared).map(([name, value]) => [name, values.get(name) ?? value]),
  );
}

/** Servers say sizes in bytes, and whether something is on in numbers and in words. */
export function plainSetting(value: unknown): string | number {
  const known = settingValue(value);
  if (typeof known === "boolean") return Number(known);
  const [, bytes] = /^(\d+(?:\.\d+)?) bytes$/.exec(String(known)) ?? [];
  return bytes === undefined ? (known as string | number) : Number(bytes);
}
