/**
 * One database of a MariaDB server and its accounts. The mark is the comment of the database.
 *
 *   names free --mark as an intent--> accounts made, rights given --mark--> done
 *
 *  - Accounts have no place for a mark of their own: those that a database's mark names are ours. The intent names them
 *    before they are made, so that a crash leaves none that nobody knows.
 *  - Both logins of an account have its rights; in MariaDB tables belong to databases, not to users.
 *  - Rights on a database hold for every table in it, now and later.
 */
import type { Connection } from "mysql2/promise";
import type { ServerAccess } from "../../../provider/database-server.ts";
import { TerminalError } from "../../../provider/provider.ts";
import { equal } from "../../../model/equality.ts";
import { loginName, loginsToBe } from "../accounts.ts";
import type { Account, DatabaseSpec, EngineSession, Mark, WantedDatabase } from "../engine.ts";
import { markIn, withMark, withoutMark } from "../marks.ts";
import { type AccountsOf, accountsReadBack, allAsMade, settingsReadBack } from "../read-back.ts";
import { checkReady, quoted, rows, withConnection } from "./connection.ts";
import { passwordHash } from "./password.ts";
import { RIGHTS, accessOf, changedSettings, placeOf, resetSettings } from "./rights.ts";

const SESSION_TIMEOUT = 60_000;
/** Of a database's comment, in characters. */
const LONGEST_COMMENT = 1024;
/** ER_DBACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR. */
const NOT_ALLOWED: ReadonlySet<number> = new Set([1044, 1227, 1142, 1410]);

/** What is about to be made: its accounts may be there or not. */
type Intent = Mark & { readonly isIntent?: true };

export async function within<T>(
  access: ServerAccess,
  wanted: WantedDatabase,
  use: (session: EngineSession) => Promise<T>,
): Promise<T> {
  try {
    return await withConnection(
      access,
      async (connection) => {
        await connection.query("select get_lock('tutti', 30)"); // until the session ends: two who make the same thing take turns
        return use(new MariadbSession(connection, access, wanted));
      },
      SESSION_TIMEOUT,
    );
  } catch (error) {
    const { errno, message } = error as { errno?: number; message?: string };
    if (errno === undefined || !NOT_ALLOWED.has(errno)) throw error;
    throw new TerminalError({
      code: "NotAllowed",
      path: "spec.server.user",
      message: `The user '${access.user}' of the server at ${access.host} may not do what is needed: ${message}.`,
      hint: "Give it the right to make databases and users, and PROCESS: GRANT ALL PRIVILEGES ON *.* TO it WITH GRANT OPTION.",
    });
  }
}

class MariadbSession implements EngineSession {
  readonly #connection: Connection;
  readonly #access: ServerAccess;
  readonly #wanted: WantedDatabase;

  constructor(connection: Connection, access: ServerAccess, wanted: WantedDatabase) {
    this.#connection = connection;
    this.#access = access;
    this.#wanted = wanted;
  }

  async find(): Promise<{ readonly mark?: Mark } | undefined> {
    const comment = await this.#comment();
    if (comment === undefined) return undefined;
    const mark = markIn(comment);
    return mark === undefined ? {} : { mark };
  }

  async ensure(wanted: Intent, accounts: readonly Account[], before: Intent | undefined): Promise<void> {
    const { isIntent: _, ...mark } = wanted;
    if (!this.#wanted.isShared) await resetSettings(this.#connection, this.#wanted.settings);
    const isDone = before !== undefined && equal(before, mark);
    if (isDone && (await allAsMade(accounts, this.#accounts))) return;
    await this.#refuseForeign(mark, accounts, before);
    const { of, uid } = mark;
    const users = { ...before?.users, ...mark.users };
    await this.#writeMark({ ...(before ?? mark), of, uid, users, isIntent: true });
    for (const account of accounts) await this.#ensureAccount(account, mark, before);
    for (const name of Object.keys(before?.users ?? {}))
      if (mark.users[name] === undefined) await this.#dropLogins([name, loginName(name, 1)]);
    await this.#writeMark(mark);
  }

  async actual(spec: DatabaseSpec, accounts: readonly Account[]): Promise<Readonly<Record<string, unknown>>> {
    const { isShared } = this.#wanted;
    const { settings } = spec;
    const seen = await accountsReadBack(spec, accounts, this.#accounts);
    if (isShared || Object.keys(settings).length === 0) return seen;
    const changed = await changedSettings(this.#connection, settings);
    return { ...seen, settings: settingsReadBack(settings, changed) };
  }

  get #accounts(): AccountsOf {
    return {
      holds: async ({ login }) => (await checkReady({ ...this.#access, ...login })).ready,
      accessOf: (account) => accessOf(this.#connection, this.#wanted.database, account),
    };
  }

  async connections(logins: readonly string[]): Promise<number> {
    const [granted] = await rows<{ count: number }>(
      this.#connection,
      `select count(*) as count from information_schema.user_privileges where privilege_type = 'PROCESS'
       and grantee = concat('''', replace(current_user(), '@', '''@'''), '''')`,
    );
    if (granted === undefined || Number(granted.count) === 0)
      throw new TerminalError({
        code: "NotAllowed",
        path: "spec.server.user",
        message: `The user '${this.#access.user}' may not see who is connected, so no former password can be locked.`,
        hint: `Give it the right: GRANT PROCESS ON *.* TO it.`,
      });
    const [row] = await rows<{ count: number }>(
      this.#connection,
      "select count(*) as count from information_schema.processlist where user in (?)",
      [logins],
    );
    return Number(row?.count ?? 0);
  }

  async lock(logins: readonly string[]): Promise<void> {
    for (const login of await this.#present(logins))
      await this.#connection.query(`alter user ?@'%' account lock`, [login]);
  }

  async remove(
    mark: Mark | undefined,
    logins: readonly string[],
    keepData: boolean,
  ): Promise<readonly string[]> {
    if (mark === undefined) return []; // nothing is made before the mark
    const { database, ownerRole } = this.#wanted;
    const isAdopted = mark.isAdopted === true;
    const owner = logins.filter((login) => [ownerRole, loginName(ownerRole, 1)].includes(login));
    await this.#dropLogins(logins.filter((login) => !owner.includes(login)));
    if (!isAdopted && !keepData) {
      await this.#connection.query(`drop database if exists ${quoted(database)}`);
      await this.#dropLogins(owner);
      return [];
    }
    // Views and routines run with the rights of who made them: their accounts stay, locked.
    if (isAdopted) await this.#dropLogins(owner.filter((login) => login !== ownerRole));
    else await this.lock(owner);
    const comment = (await this.#comment()) ?? "";
    const { isIntent: _, ...rest } = mark as Intent;
    await this.#setComment(
      isAdopted ? withoutMark(comment) : withMark(comment, { ...rest, uid: "", users: {} }),
    );
    return [`the database ${database} on ${this.#access.host}:${this.#access.port}`];
  }

  /** Accounts bear no mark of their own. */
  async release(): Promise<void> {
    const comment = await this.#comment();
    if (comment !== undefined) await this.#setComment(withoutMark(comment));
  }

  async #comment(): Promise<string | undefined> {
    const [found] = await rows<{ comment: string }>(
      this.#connection,
      "select schema_comment as comment from information_schema.schemata where schema_name = ?",
      [this.#wanted.database],
    );
    return found?.comment;
  }

  async #writeMark(mark: Intent): Promise<void> {
    const comment = await this.#comment();
    const text = withMark(comment, mark);
    if (text.length > LONGEST_COMMENT)
      throw new TerminalError({
        code: "TooManyUsers",
        path: "spec.users",
        message: `What MariaDB remembers of a database has room for ${LONGEST_COMMENT} characters, and its users need ${text.length}.`,
        hint: "Declare fewer users, or give them shorter names.",
      });
    if (comment === undefined)
      await this.#connection.query(
        `create database ${quoted(this.#wanted.database)} character set utf8mb4 comment ?`,
        [text],
      );
    else if (text !== comment) await this.#setComment(text);
  }

  async #setComment(text: string): Promise<void> {
    await this.#connection.query(`alter database ${quoted(this.#wanted.database)} comment = ?`, [text]);
  }

  async #present(logins: readonly string[]): Promise<readonly string[]> {
    if (logins.length === 0) return [];
    const found = await rows<{ name: string }>(
      this.#connection,
      "select user as name from mysql.user where host = '%' and user in (?)",
      [logins],
    );
    return found.map(({ name }) => name);
  }

  async #refuseForeign(mark: Mark, accounts: readonly Account[], before: Intent | undefined): Promise<void> {
    const { isShared, ownerRole } = this.#wanted;
    if (!isShared) return;
    // What an intent was written for may be there, made by us before a crash.
    const known = before?.isIntent === true ? { ...before, generation: mark.generation } : before;
    const [foreign] = await this.#present(loginsToBe(accounts, ownerRole, mark, known));
    if (foreign === undefined) return;
    throw new TerminalError({
      code: "UserExists",
      path: [ownerRole, loginName(ownerRole, 1)].includes(foreign) ? "spec.user" : "spec.users",
      message: `The user '${foreign}' is on the server already and was not made for this database.`,
      hint: "Choose another name.",
    });
  }

  async #ensureAccount(account: Account, mark: Mark, before: Mark | undefined): Promise<void> {
    const { name, access, login } = account;
    const { user, password } = login;
    const place = placeOf(this.#wanted.database);
    const hash = passwordHash(password);
    await this.#connection.query("create user if not exists ?@'%' account lock", [user]);
    const given = before?.users[name];
    const isOther = async (): Promise<boolean> =>
      given !== mark.users[name] || (await this.#accounts.accessOf(account)) !== access;
    if (given !== undefined && (await isOther()))
      for (const other of await this.#present([name, loginName(name, 1)]))
        await this.#connection.query("revoke all privileges, grant option from ?@'%'", [other]);
    for (const other of await this.#present([name, loginName(name, 1)]))
      if (other === user || given !== undefined)
        await this.#connection.query(`grant ${RIGHTS[access]} on ${place} to ?@'%'`, [other]);
    // Rights first: nobody gets in before it may do its work.
    await this.#connection.query("alter user ?@'%' identified by password ? account unlock", [user, hash]);
  }

  async #dropLogins(logins: readonly string[]): Promise<void> {
    for (const login of logins) await this.#connection.query("drop user if exists ?@'%'", [login]);
  }
}
