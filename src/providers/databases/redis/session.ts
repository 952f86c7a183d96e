/**
 * The accounts of one Database in a Redis server: users of its access control list. Redis has no databases of a name; on a
 * server that others use as well, the name is the prefix of the keys.
 *
 *  - The mark is a user who can do nothing, `tutti:<database>`, whose only key pattern is the text of the mark. So it is
 *    where the accounts are: changed with them at once (MULTI), saved with them, lost with them, out of reach of FLUSHALL.
 *  - Lists live in memory: they are saved into the server's ACL file, or its configuration file, where it has one.
 */
import type { ServerAccess } from "../../../provider/database-server.ts";
import { TerminalError } from "../../../provider/provider.ts";
import { equal } from "../../../model/equality.ts";
import { loginName, loginsToBe } from "../accounts.ts";
import type { Account, DatabaseSpec, EngineSession, Mark, WantedDatabase } from "../engine.ts";
import { type AccountsOf, accountsReadBack, allAsMade, settingsReadBack } from "../read-back.ts";
import { type Send, checkReady, withConnection } from "./connection.ts";
import { accessOf, changedSettings, resetSettings } from "./read-back.ts";
import { passwordRule, pattern, rulesFor } from "./rules.ts";

const SESSION_TIMEOUT = 60_000;
const SCAN_COUNT = "1000";

export async function within<T>(
  access: ServerAccess,
  wanted: WantedDatabase,
  use: (session: EngineSession) => Promise<T>,
): Promise<T> {
  try {
    return await withConnection(
      access,
      (send) => use(new RedisSession(send, access, wanted)),
      SESSION_TIMEOUT,
    );
  } catch (error) {
    const { message } = error as { message?: string };
    if (message?.startsWith("NOPERM") !== true) throw error;
    throw new TerminalError({
      code: "NotAllowed",
      path: "spec.server.user",
      message: `The user '${access.user}' of the server at ${access.host} may not do what is needed: ${message}.`,
      hint: "Give it the right to make users: ACL SETUSER ... +@all ~* &*.",
    });
  }
}

/** `keys`: the pattern of the user that is the mark. */
export function markOf(keys: string): Mark {
  return JSON.parse(Buffer.from(keys.replace(/^~/, ""), "base64url").toString()) as Mark;
}

class RedisSession implements EngineSession {
  readonly #send: Send;
  readonly #access: ServerAccess;
  readonly #wanted: WantedDatabase;

  constructor(send: Send, access: ServerAccess, wanted: WantedDatabase) {
    this.#send = send;
    this.#access = access;
    this.#wanted = wanted;
  }

  get #markUser(): string {
    return `tutti:${this.#wanted.database}`;
  }

  async find(): Promise<{ readonly mark?: Mark } | undefined> {
    const user = await this.#user(this.#markUser);
    if (user !== undefined) return { mark: markOf(String(user.get("keys"))) };
    return this.#wanted.isShared && (await this.#hasKeys()) ? {} : undefined;
  }

  async ensure(mark: Mark, accounts: readonly Account[], before: Mark | undefined): Promise<void> {
    if (!this.#wanted.isShared) await resetSettings(this.#send, this.#wanted.settings);
    const isDone = before !== undefined && equal(before, mark);
    if (isDone && (await allAsMade(accounts, this.#accounts))) return;
    await this.#refuseForeign(mark, accounts, before);
    const commands: (readonly string[])[] = accounts.map(({ access, login }) => [
      "SETUSER",
      login.user,
      "reset",
      "on",
      passwordRule(login.password),
      ...rulesFor(access, this.#wanted.database, this.#wanted.isShared),
    ]);
    commands.push(...(await this.#formerRules(mark, accounts, before)));
    const gone = Object.keys(before?.users ?? {}).filter((name) => mark.users[name] === undefined);
    if (gone.length > 0) commands.push(["DELUSER", ...gone.flatMap((name) => [name, loginName(name, 1)])]);
    await this.#change([...commands, this.#marking(mark)]);
  }

  async actual(spec: DatabaseSpec, accounts: readonly Account[]): Promise<Readonly<Record<string, unknown>>> {
    const { isShared } = this.#wanted;
    const { settings } = spec;
    const seen = await accountsReadBack(spec, accounts, this.#accounts);
    if (isShared || Object.keys(settings).length === 0) return seen;
    return { ...seen, settings: settingsReadBack(settings, await changedSettings(this.#send, settings)) };
  }

  get #accounts(): AccountsOf {
    return {
      holds: async ({ login }) => (await checkReady({ ...this.#access, ...login })).ready,
      accessOf: (account) => accessOf(this.#send, this.#wanted, account),
    };
  }

  async connections(logins: readonly string[]): Promise<number> {
    const list = await this.#send<string>("CLIENT", "LIST");
    return list.split("\n").filter((line) => logins.includes(/ user=(\S+)/.exec(line)?.[1] ?? "")).length;
  }

  async lock(logins: readonly string[]): Promise<void> {
    const present: string[] = [];
    for (const login of logins) if ((await this.#user(login)) !== undefined) present.push(login);
    if (present.length > 0)
      await this.#change(present.map((login) => ["SETUSER", login, "off", "resetpass"]));
  }

  async remove(
    mark: Mark | undefined,
    logins: readonly string[],
    keepData: boolean,
  ): Promise<readonly string[]> {
    if (mark === undefined) return []; // it comes with everything else at once
    const { ownerRole, database } = this.#wanted;
    const isAdopted = mark.isAdopted === true;
    const ours = isAdopted ? logins.filter((login) => login !== ownerRole) : logins;
    const isKept = isAdopted || keepData;
    if (!isKept) await this.#removeKeys();
    const last =
      isKept && !isAdopted ? this.#marking({ ...mark, uid: "", users: {} }) : ["DELUSER", this.#markUser];
    await this.#change([["DELUSER", ...ours], last]);
    return isKept ? [`the keys ${database}:* on ${this.#access.host}:${this.#access.port}`] : [];
  }

  async release(): Promise<void> {
    if ((await this.#user(this.#markUser)) !== undefined) await this.#change([["DELUSER", this.#markUser]]);
  }

  #marking(mark: Mark): readonly string[] {
    const text = Buffer.from(JSON.stringify(mark)).toString("base64url");
    return ["SETUSER", this.#markUser, "reset", "off", `~${text}`];
  }

  async #user(name: string): Promise<ReadonlyMap<string, unknown> | undefined> {
    const found = await this.#send<readonly unknown[] | null>("ACL", "GETUSER", name);
    if (found === null) return undefined;
    const fields = Array.from(
      { length: found.length / 2 },
      (_, n) => [found[n * 2], found[n * 2 + 1]] as const,
    );
    return new Map(fields.map(([field, value]) => [String(field), value]));
  }

  async #refuseForeign(mark: Mark, accounts: readonly Account[], before: Mark | undefined): Promise<void> {
    const { isShared, ownerRole } = this.#wanted;
    for (const login of isShared ? loginsToBe(accounts, ownerRole, mark, before) : []) {
      if ((await this.#user(login)) === undefined) continue;
      throw new TerminalError({
        code: "UserExists",
        path: [ownerRole, loginName(ownerRole, 1)].includes(login) ? "spec.user" : "spec.users",
        message: `The user '${login}' is on the server already and was not made for this database.`,
        hint: "Choose another name.",
      });
    }
  }

  /** A former login that still works may do what its account may now. */
  async #formerRules(
    mark: Mark,
    accounts: readonly Account[],
    before: Mark | undefined,
  ): Promise<readonly (readonly string[])[]> {
    const commands: (readonly string[])[] = [];
    for (const { name, access } of accounts) {
      const former = loginName(name, mark.generation + 1);
      const given = before?.users[name];
      if (given === undefined || given === access || (await this.#user(former)) === undefined) continue;
      const rules = rulesFor(access, this.#wanted.database, this.#wanted.isShared);
      commands.push(["SETUSER", former, "resetkeys", "resetchannels", "-@all", ...rules]);
    }
    return commands;
  }

  /** All at once, then saved. */
  async #change(commands: readonly (readonly string[])[]): Promise<void> {
    await this.#send("MULTI");
    try {
      for (const command of commands) await this.#send("ACL", ...command);
    } catch (error) {
      await this.#send("DISCARD");
      throw error;
    }
    const replies = await this.#send<readonly unknown[]>("EXEC");
    const failed = replies.find((reply) => reply instanceof Error);
    if (failed !== undefined) throw failed;
    await this.#save();
  }

  async #save(): Promise<void> {
    try {
      await this.#send("ACL", "SAVE");
    } catch (error) {
      if (!/not configured to use an ACL file/i.test(String(error))) throw error;
      // Then users stand in the configuration file, unless the server was started without one.
      await this.#send("CONFIG", "REWRITE").catch(() => undefined);
    }
  }

  async #hasKeys(): Promise<boolean> {
    for await (const keys of this.#keys()) if (keys.length > 0) return true;
    return false;
  }

  async #removeKeys(): Promise<void> {
    for await (const keys of this.#keys()) if (keys.length > 0) await this.#send("UNLINK", ...keys);
  }

  /** Of the prefix, in every numbered database that has any. */
  async *#keys(): AsyncGenerator<readonly string[]> {
    const keyspace = await this.#send<string>("INFO", "keyspace");
    for (const [, number] of keyspace.matchAll(/^db(\d+):/gm)) {
      await this.#send("SELECT", number!);
      let cursor = "0";
      do {
        const match = `${pattern(this.#wanted.database)}:*`;
        const found = await this.#send<[string, string[]]>(
          "SCAN",
          cursor,
          "MATCH",
          match,
          "COUNT",
          SCAN_COUNT,
        );
        cursor = found[0];
        yield found[1];
      } while (cursor !== "0");
    }
  }
}
