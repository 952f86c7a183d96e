/** What accounts may do, tried without doing it, and the settings in force, read back from a Redis server. */
import type { Settings } from "../config.ts";
import type { Account } from "../engine.ts";
import { type SettingRead, plainSetting } from "../read-back.ts";
import type { Send } from "./connection.ts";

/** As `AccountsOf.accessOf` has it: by trying one command of each sort. Undefined before Redis 7, which cannot try. */
export async function accessOf(
  send: Send,
  { database, isShared }: { readonly database: string; readonly isShared: boolean },
  { access, login }: Account,
): Promise<string | undefined> {
  const may = async (...words: readonly string[]): Promise<boolean> =>
    (await send("ACL", "DRYRUN", login.user, ...words)) === "OK";
  const key = isShared ? `${database}:tutti` : "tutti";
  try {
    const found = [
      ...((await may("GET", key)) ? ["read"] : []),
      ...((await may("SET", key, "")) ? ["write"] : []),
      ...(isShared && (await may("GET", "tutti")) ? ["keys of others"] : []),
      ...((await may("CONFIG", "GET", "port")) ? ["administration"] : []),
    ].join(", ");
    if (found === (access === "read" ? "read" : "read, write")) return access;
    return found === "" ? "nothing" : found;
  } catch {
    return undefined;
  }
}

/** Numbers, sizes, yes and no, and words: all else may be said in another way than it was written. */
export async function changedSettings(send: Send, declared: Settings): Promise<readonly SettingRead[]> {
  const changed: SettingRead[] = [];
  for (const [name, wanted] of Object.entries(declared)) {
    const plain = plainSetting(wanted);
    if (typeof plain === "string" && !/^[a-z][a-z-]*$/.test(String(wanted))) continue;
    const [, value] = await send<readonly string[]>("CONFIG", "GET", name);
    if (value !== undefined && plainSetting(value) !== plain) changed.push({ name, value });
  }
  return changed;
}

export async function resetSettings(send: Send, declared: Settings): Promise<void> {
  for (const { name } of await changedSettings(send, declared)) {
    const wanted = declared[name];
    const text = wanted === true ? "yes" : wanted === false ? "no" : String(wanted);
    await send("CONFIG", "SET", name, text);
  }
}
