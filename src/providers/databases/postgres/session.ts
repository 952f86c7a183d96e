/**
 * One database of a PostgreSQL server and its accounts: roles, grants, extensions, and the mark, which is the comment of
 * the database.
 *
 *  - Roles belong to the whole server: each carries the resource's uid in its comment, written in the same transaction.
 *  - The second login of an account is a member of the first and has `role` set to it: what it makes belongs to the owner.
 *  - Only verifiers of passwords are sent, so no log of the server can hold a password.
 *  - Who is a superuser reads from the catalogue whether a password is right; who is not tries it.
 */
import type { Sql } from "postgres";
import type { ServerAccess } from "../../../provider/database-server.ts";
import { TerminalError } from "../../../provider/provider.ts";
import type { Account, DatabaseSpec, EngineSession, Login, Mark, WantedDatabase } from "../engine.ts";
import { loginName, loginsOf } from "../accounts.ts";
import { markIn, withMark, withoutMark } from "../marks.ts";
import { actualIn, resetSettings } from "./actual.ts";
import { checkReady, quoted, withConnection } from "./database.ts";
import { dropGrants, ensureExtensions, grant } from "./grants.ts";
import { matchesVerifier, scramVerifier } from "./scram.ts";

const SESSION_TIMEOUT = 60_000;
/** SQLSTATE insufficient_privilege. */
const NOT_ALLOWED = "42501";

/** The comment of a role whose resource went and left its database for the next of its name. */
const RELEASED = "tutti: kept for ";

interface Role {
  readonly name: string;
  readonly canLogin: boolean;
  readonly comment: string | null;
}

export function within<T>(
  access: ServerAccess,
  wanted: WantedDatabase,
  use: (session: EngineSession) => Promise<T>,
): Promise<T> {
  return explaining(access, () =>
    withConnection(
      access,
      "postgres",
      async (sql) => {
        await sql`select pg_advisory_lock(hashtext('tutti'))`; // until the session ends: two who make the same thing take turns
        return use(new PostgresSession(sql, access, wanted));
      },
      SESSION_TIMEOUT,
    ),
  );
}

async function explaining<T>({ user, host }: ServerAccess, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    if (code !== NOT_ALLOWED) throw error;
    throw new TerminalError({
      code: "NotAllowed",
      path: "spec.server.user",
      message: `The user '${user}' of the server at ${host} may not do what is needed: ${message}.`,
      hint: `Give it the right to make roles and databases: ALTER ROLE ${quoted(user)} CREATEROLE CREATEDB.`,
    });
  }
}

class PostgresSession implements EngineSession {
  readonly #sql: Sql;
  readonly #access: ServerAccess;
  readonly #wanted: WantedDatabase;

  constructor(sql: Sql, access: ServerAccess, wanted: WantedDatabase) {
    this.#sql = sql;
    this.#access = access;
    this.#wanted = wanted;
  }

  async find(): Promise<{ readonly mark?: Mark } | undefined> {
    const found = await this.#database();
    if (found === undefined) return undefined;
    const mark = markIn(found.comment);
    if (mark !== undefined) return { mark };
    const [owner] = await this.#roles([found.owner]);
    // Made by us and not marked yet: a crash came between.
    return owner !== undefined && this.#isOurs(owner) ? undefined : {};
  }

  async ensure(mark: Mark, accounts: readonly Account[], before: Mark | undefined): Promise<void> {
    const found = await this.#database();
    if (mark.isAdopted === true && found !== undefined && found.owner !== this.#wanted.ownerRole) {
      throw new TerminalError({
        code: "OwnerDiffers",
        path: "spec.user",
        message: `The database '${this.#wanted.database}' belongs to the role '${found.owner}'.`,
        hint: `To take it over, set spec.user to '${found.owner}'.`,
      });
    }
    const made = await this.#ensureRoles(mark, accounts, before);
    await this.#ensureDatabase(found?.owner);
    if (!this.#wanted.isShared) await resetSettings(this.#sql, this.#wanted.settings);
    const granted = before?.users ?? {};
    const changed = accounts.filter(
      ({ name }, index) => index > 0 && (made.has(name) || granted[name] !== mark.users[name]),
    );
    const gone = Object.keys(granted).filter((name) => mark.users[name] === undefined);
    if (changed.length > 0 || gone.length > 0 || this.#wanted.extensions.length > 0)
      await this.#inside(async (sql) => {
        await ensureExtensions(sql, this.#wanted.extensions);
        for (const { name, access } of changed) await grant(sql, this.#wanted, name, access);
        for (const name of gone) await dropGrants(sql, this.#wanted, name);
      });
    await this.#dropRoles(gone.flatMap((name) => loginsOf(name, mark.generation)));
    await this.#mark(mark);
  }

  actual(spec: DatabaseSpec, accounts: readonly Account[]): Promise<Readonly<Record<string, unknown>>> {
    const { isShared } = this.#wanted;
    return actualIn(this.#sql, (use) => this.#inside(use), { spec, accounts, isShared });
  }

  async connections(logins: readonly string[]): Promise<number> {
    const [row] = await this.#sql<{ count: number }[]>`
      select count(*)::int as count from pg_stat_activity where usename in ${this.#sql(logins)}`;
    return row?.count ?? 0;
  }

  async lock(logins: readonly string[]): Promise<void> {
    for (const { name, canLogin } of await this.#roles(logins))
      if (canLogin) await this.#sql.unsafe(`alter role ${quoted(name)} nologin password null`);
  }

  async remove(
    mark: Mark | undefined,
    logins: readonly string[],
    keepData: boolean,
  ): Promise<readonly string[]> {
    const { database, ownerRole } = this.#wanted;
    if (mark === undefined || (!keepData && mark.isAdopted !== true)) {
      await this.#sql.unsafe(`drop database if exists ${quoted(database)} with (force)`);
      await this.#dropRoles(logins.toReversed());
      return [];
    }
    const users = Object.keys(mark.users);
    await this.#inside(async (sql) => {
      for (const name of users) await dropGrants(sql, this.#wanted, name);
    });
    await this.#dropRoles(users.flatMap((name) => loginsOf(name, mark.generation)));
    if (mark.isAdopted === true) {
      // What was there before stays as it was; only our login goes.
      await this.#dropRoles(logins.filter((name) => name !== ownerRole));
      await this.#comment(withoutMark((await this.#database())?.comment));
    } else {
      await this.lock(logins);
      for (const { name } of await this.#roles(logins))
        await this.#sql.unsafe(`comment on role ${quoted(name)} is '${RELEASED}${mark.of}'`);
      await this.#mark({ ...mark, uid: "", users: {} });
    }
    return [`the database ${database} on ${this.#access.host}:${this.#access.port}`];
  }

  async release(logins: readonly string[]): Promise<void> {
    const database = await this.#database();
    if (database === undefined) return;
    for (const role of await this.#roles(logins))
      if (role.comment === this.#roleMark)
        await this.#sql.unsafe(`comment on role ${quoted(role.name)} is null`);
    await this.#comment(withoutMark(database.comment));
  }

  async #database(): Promise<{ readonly owner: string; readonly comment: string | null } | undefined> {
    const [found] = await this.#sql<{ owner: string; comment: string | null }[]>`
      select pg_get_userbyid(datdba) as owner, shobj_description(oid, 'pg_database') as comment
      from pg_database where datname = ${this.#wanted.database}`;
    return found;
  }

  async #roles(names: readonly string[]): Promise<readonly Role[]> {
    if (names.length === 0) return [];
    return this.#sql<Role[]>`
      select rolname as name, rolcanlogin as "canLogin", shobj_description(oid, 'pg_authid') as comment
      from pg_roles where rolname in ${this.#sql(names)}`;
  }

  get #roleMark(): string {
    return `tutti:${this.#wanted.identity.uid}`;
  }

  #isOurs({ comment }: Role): boolean {
    return !this.#wanted.isShared || comment === this.#roleMark;
  }

  /** Roles, memberships and passwords become so in one transaction. Resolves with the roles that were not there. */
  async #ensureRoles(
    mark: Mark,
    accounts: readonly Account[],
    before: Mark | undefined,
  ): Promise<ReadonlySet<string>> {
    const names = accounts.flatMap(({ name }) => loginsOf(name, mark.generation));
    const there = new Map((await this.#roles(names)).map((role) => [role.name, role]));
    const statements: string[] = [];
    for (const account of accounts) {
      const { name, login } = account;
      statements.push(...this.#ensureRole(name, there.get(name), account, mark));
      if (mark.generation > 0)
        statements.push(...this.#ensureSecond(there.get(loginName(name, 1)), account, mark, before));
      if (!(await this.#holds(login, there.get(login.user))))
        statements.push(`alter role ${quoted(login.user)} login password '${scramVerifier(login.password)}'`);
    }
    if (statements.length > 0) await this.#sql.begin((tx) => tx.unsafe(statements.join(";\n")));
    return new Set(names.filter((name) => !there.has(name)));
  }

  #ensureRole(name: string, role: Role | undefined, account: Account, mark: Mark): readonly string[] {
    this.#claim(role, account, mark);
    if (role === undefined) return this.#create(name);
    return role.comment === RELEASED + mark.of ? [this.#ours(name)] : [];
  }

  /** The login that takes turns with the first: a member of it that acts as the owner, or as the first. */
  #ensureSecond(
    role: Role | undefined,
    account: Account,
    mark: Mark,
    before: Mark | undefined,
  ): readonly string[] {
    const { name, access } = account;
    const second = loginName(name, 1);
    const statements = [...this.#ensureRole(second, role, account, mark)];
    if (role === undefined) statements.push(`grant ${quoted(name)} to ${quoted(second)}`);
    if (role === undefined || before?.users[name] !== mark.users[name])
      statements.push(actAs(second, access === "owner" ? this.#wanted.ownerRole : name));
    return statements;
  }

  #create(name: string): readonly string[] {
    const mine = `grant ${quoted(name)} to current_user`;
    return [
      `create role ${quoted(name)} nologin`,
      this.#ours(name),
      // Who is no superuser gives and takes only what it is a member of.
      ...(this.#wanted.isShared ? [mine] : []),
    ];
  }

  #ours(name: string): string {
    return `comment on role ${quoted(name)} is '${this.#roleMark}'`;
  }

  /** A role that is somebody else's is not touched (I9), but for the owner of a database that is taken over. */
  #claim(role: Role | undefined, { name }: Account, mark: Mark): void {
    if (role === undefined || this.#isOurs(role)) return;
    const isOwner = role.name === this.#wanted.ownerRole;
    if (isOwner && mark.isAdopted === true) return;
    // Of the resource that had this name before, which left the database for us.
    if (name === this.#wanted.ownerRole && role.comment === RELEASED + mark.of) return;
    throw new TerminalError({
      code: "RoleExists",
      path: name === this.#wanted.ownerRole ? "spec.user" : "spec.users",
      message: `The role '${role.name}' is on the server already and was not made for this database.`,
      hint: "Choose another name.",
    });
  }

  async #holds(login: Login, role: Role | undefined): Promise<boolean> {
    if (role?.canLogin !== true) return false;
    try {
      const [found] = await this.#sql<{ password: string | null }[]>`
        select rolpassword as password from pg_authid where rolname = ${login.user}`;
      return matchesVerifier(login.password, found?.password ?? "");
    } catch (error) {
      if ((error as { code?: string }).code !== NOT_ALLOWED) throw error;
      return (await checkReady({ ...this.#access, ...login }, this.#wanted.database)).ready;
    }
  }

  async #ensureDatabase(owner: string | undefined): Promise<void> {
    const { database, ownerRole } = this.#wanted;
    if (owner === undefined) {
      await this.#sql.unsafe(`create database ${quoted(database)} owner ${quoted(ownerRole)}`);
      await this.#sql.unsafe(`revoke all on database ${quoted(database)} from public`);
    } else if (owner !== ownerRole)
      await this.#sql.unsafe(`alter database ${quoted(database)} owner to ${quoted(ownerRole)}`);
  }

  async #dropRoles(names: readonly string[]): Promise<void> {
    const there = await this.#roles(names);
    for (const name of names) {
      const role = there.find((one) => one.name === name);
      if (role !== undefined && this.#isOurs(role)) await this.#sql.unsafe(`drop role ${quoted(name)}`);
    }
  }

  async #mark(mark: Mark): Promise<void> {
    const comment = (await this.#database())?.comment;
    const text = withMark(comment, mark);
    if (text !== comment) await this.#comment(text);
  }

  async #comment(text: string): Promise<void> {
    const literal = text === "" ? "null" : `'${text.replaceAll("'", "''")}'`;
    await this.#sql.unsafe(`comment on database ${quoted(this.#wanted.database)} is ${literal}`);
  }

  /** In the database itself, all or nothing. */
  #inside<T>(use: (sql: Sql) => Promise<T>): Promise<T> {
    return withConnection(
      this.#access,
      this.#wanted.database,
      async (sql) => (await sql.begin((tx) => use(tx as unknown as Sql))) as T,
      SESSION_TIMEOUT,
    );
  }
}

/** From the start of every session the role is the other, of which it is a member. */
function actAs(role: string, other: string): string {
  return `alter role ${quoted(role)} set role = ${quoted(other)}`;
}
