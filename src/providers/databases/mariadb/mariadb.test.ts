/** MariaDB, run by us or by somebody else: accounts, rights, rotation, kill -9. */
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Connection, createConnection } from "mysql2/promise";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../clock/clock.ts";
import { conformanceContext, providerConformance } from "../../../provider/conformance.ts";
import type { DatabaseProvider, Desired, Observation, ProviderContext } from "../../../provider/provider.ts";
import { Providers, desiredDatabase, opened } from "../fixtures/providers.ts";

const { keyring } = conformanceContext;
const mariadb = (spec: object = {}): object => ({ class: "server", engine: "mariadb", ...spec });

providerConformance("Database of class server on MariaDB", {
  open: () => opened("server"),
  desired: desiredDatabase("orders", mariadb()),
  secretOutputs: ["url", "password"],
});

const ADMIN = "s3cret-admin";
const host = desiredDatabase("host", mariadb({ settings: { max_connections: 33 } }));
let providers: Providers;
let own: DatabaseProvider;
let databases: DatabaseProvider;
let superuser: { host: string; port: number; user: string; password: string };
let server: object;
let passed = 0;
const context: ProviderContext = {
  ...conformanceContext,
  clock: { ...systemClock, now: () => systemClock.now() + passed },
};

beforeAll(async () => {
  providers = new Providers({ open: true });
  await providers.open();
  [own, databases] = [providers.of("server"), providers.of("external")];
  const { outputs } = await own.ensure(host, context);
  const password = keyring.derive("database/default/host/superuser");
  superuser = { host: "127.0.0.1", port: outputs["port"] as number, user: "tutti", password };
  await ask(superuser, `create user admin@'%' identified by '${ADMIN}'`);
  await ask(superuser, "grant all privileges on *.* to admin@'%' with grant option");
  server = { ...superuser, user: "admin", password: keyring.seal(ADMIN) };
});
afterAll(() => providers.close());
beforeEach(() => {
  passed = 0;
});

type Where = string | typeof superuser;
const open = (where: Where): Promise<Connection> =>
  typeof where === "string" ? createConnection(where) : createConnection(where);
async function ask(where: Where, statement: string): Promise<unknown> {
  const connection = await open(where);
  try {
    return (await connection.query(statement))[0];
  } finally {
    connection.destroy();
  }
}
function external(
  name: string,
  spec: object = {},
  annotations: Readonly<Record<string, string>> = {},
): Desired {
  return { ...desiredDatabase(name, { class: "external", engine: "mariadb", server, ...spec }), annotations };
}
const ensure = (desired: Desired): Promise<Observation> => databases.ensure(desired, context);
const remove = (desired: Desired, keepData = false): Promise<readonly string[]> =>
  databases.remove(desired, { ...context, keepData });
const urlOf = ({ outputs }: Observation): string => keyring.open(outputs["url"] as string);
const urlOfUser = ({ outputs }: Observation, name: string): string =>
  keyring.open(
    (outputs["users"] as readonly { name: string; url: string }[]).find((user) => user.name === name)!.url,
  );
const usersLike = (pattern: string): Promise<unknown> =>
  ask(superuser, `select user from mysql.user where user like '${pattern}'`);

describe("what somebody changes by hand", () => {
  it("is read back, and set back: rights, accounts, settings", async () => {
    const desired = {
      ...host,
      spec: { ...(host.spec as object), users: [{ name: "report", access: "read" }] },
    } as Desired;
    const asMade = {
      users: [{ name: "report", access: "read" }],
      settings: { max_connections: 33 },
    };
    expect((await own.ensure(desired, context)).actual).toEqual(asMade);
    const byHand = async (...statements: readonly string[]): Promise<unknown> => {
      for (const statement of statements) await ask(superuser, statement);
      const found = (await own.observe(desired, context))?.actual;
      expect((await own.ensure(desired, context)).actual).toEqual(asMade);
      return found;
    };
    expect(await byHand("grant insert on `host`.* to report@'%'", "set global max_connections = 77")).toEqual(
      {
        users: [{ name: "report", access: "insert, select, show view" }],
        settings: { max_connections: "77" },
      },
    );
    expect(await byHand("revoke select on `host`.* from report@'%'")).toMatchObject({
      users: [{ name: "report", access: "show view" }],
    });
    expect(await byHand("drop user report@'%'")).toMatchObject({ users: [] });
    expect(await byHand("alter user host@'%' account lock")).toMatchObject({
      login: "is not there, locked, or has another password",
    });
    await own.ensure(host, context);
  });
});

describe("a server of the system's programs", () => {
  it("does not run as root, has its settings, and holds no password in any file", async () => {
    const { outputs } = (await own.observe(host, context))!;
    const folder = outputs["folder"] as string;
    const pid = readFileSync(join(folder, "mariadb.pid"), "utf8").trim();
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(/^CapEff:\s*0+$/m.test(status) || !/^Uid:\s*0\b/m.test(status)).toBe(true);
    expect(await ask(superuser, "select @@max_connections as m")).toEqual([{ m: 33 }]);
    for (const name of readdirSync(join(folder, ".."), { recursive: true, encoding: "utf8" })) {
      const path = join(folder, "..", name);
      if (!statSync(path).isFile()) continue;
      const content = readFileSync(path, "latin1");
      expect(
        content.includes(superuser.password) || content.includes(keyring.open(outputs["password"] as string)),
        name,
      ).toBe(false);
    }
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain(superuser.password);
  });

  it("has every acknowledged row after kill -9, and settings that changed", async () => {
    const desired = desiredDatabase("crash", mariadb());
    const first = await own.ensure(desired, context);
    await ask(urlOf(first), "create table t (n int primary key)");
    const connection = await open(urlOf(first));
    connection.on("error", () => {});
    let acknowledged = 0;
    const writing = (async () => {
      for (let n = 0; ; n += 1) {
        await connection.query("insert into t values (?)", [n]);
        acknowledged = n + 1;
      }
    })().catch(() => {});
    await vi.waitFor(() => expect(acknowledged).toBeGreaterThan(50), { timeout: 60_000, interval: 2 });
    const folder = first.outputs["folder"] as string;
    process.kill(Number(readFileSync(join(folder, "mariadb.pid"), "utf8")), "SIGKILL");
    await writing;
    connection.destroy();
    const changed = desiredDatabase("crash", mariadb({ settings: { max_connections: 44 } }));
    const seen = await vi.waitFor(() => own.ensure(changed, context), { timeout: 60_000, interval: 50 });
    const [row] = (await ask(
      urlOf(seen),
      "select count(*) as n, max(n) as top, @@max_connections as m from t",
    )) as {
      n: number;
      top: number;
      m: number;
    }[];
    expect(row!.n).toBeGreaterThanOrEqual(acknowledged);
    expect(row).toMatchObject({ n: row!.top + 1, m: 44 });
    const bad = desiredDatabase("crash", mariadb({ settings: { no_such_thing: 1 } }));
    await expect(own.ensure(bad, context)).rejects.toThrow(
      /SettingInvalid.*unknown variable .no_such_thing=1/,
    );
    expect(await ask(urlOf(seen), "select @@max_connections as m")).toEqual([{ m: 44 }]);
  });

  it("is made anew where a crash left half of one, and refuses data of another series", async () => {
    const desired = desiredDatabase("aged", mariadb());
    const folder = join(providers.folder, "databases", "default", "aged", "data");
    mkdirSync(`${folder}.new/mysql`, { recursive: true });
    await own.ensure(desired, context);
    expect(existsSync(`${folder}.new`)).toBe(false);
    await own.remove(desired, { ...context, keepData: true });
    const note = ["mariadb_upgrade_info", "mysql_upgrade_info"].find((name) =>
      existsSync(join(folder, name)),
    );
    writeFileSync(join(folder, note!), "9.4.1-MariaDB");
    await expect(own.ensure(desired, context)).rejects.toThrow(/MariadbVersionMismatch.*9\.4.*Dump it/s);
  });

  it("stands in the way of a plan when the version is not installed", async () => {
    const { spec } = desiredDatabase("orders", mariadb({ version: "5.5" }));
    const prospect = {
      namespace: "default",
      name: "orders",
      folder: "/",
      spec: spec as Record<string, unknown>,
    };
    expect(await own.obstacles!(prospect, context)).toMatchObject([
      { code: "VersionMissing", path: "spec.version" },
    ]);
  });

  it("is refused what MariaDB does not have, with the field", async () => {
    await expect(
      own.ensure(desiredDatabase("a", mariadb({ extensions: ["pg_trgm"] })), context),
    ).rejects.toMatchObject({
      diagnostic: { code: "Unsupported", path: "spec.extensions" },
    });
  });
});

describe("a database on a server that exists", () => {
  it("gives its owner everything in it and nothing beside it", async () => {
    const seen = await ensure(external("shop", { database: "my_shop" }));
    await ask(urlOf(seen), "create table t (n int)");
    await ask(superuser, "create database myXshop"); // `_` is a pattern in rights
    await expect(ask(urlOf(seen), "create table myXshop.t (n int)")).rejects.toThrow(/denied/);
  });

  it("gives users what they may do, changes it, and takes them away", async () => {
    const users = [
      { name: "stock_reader", access: "read" },
      { name: "stock_writer", access: "write" },
    ];
    const seen = await ensure(external("stock", { users }));
    await ask(urlOf(seen), "create table late (n int)");
    await ask(urlOfUser(seen, "stock_writer"), "insert into late values (1)");
    expect(await ask(urlOfUser(seen, "stock_reader"), "select n from late")).toEqual([{ n: 1 }]);
    await expect(ask(urlOfUser(seen, "stock_reader"), "delete from late")).rejects.toThrow(/denied/);
    await expect(ask(urlOfUser(seen, "stock_writer"), "drop table late")).rejects.toThrow(/denied/);
    const less = await ensure(external("stock", { users: [{ name: "stock_writer", access: "read" }] }));
    await expect(ask(urlOfUser(less, "stock_writer"), "delete from late")).rejects.toThrow(/denied/);
    expect(await usersLike("stock_reader%")).toEqual([]);
  });

  it("refuses databases and users that are somebody else's, and leaves them alone", async () => {
    await ask(superuser, "create database theirs");
    await expect(ensure(external("theirs"))).rejects.toMatchObject({
      diagnostic: { code: "DatabaseExists" },
    });
    await ask(superuser, "create user them@'%'");
    await expect(ensure(external("mine", { user: "them" }))).rejects.toMatchObject({
      diagnostic: { code: "UserExists", path: "spec.user" },
    });
    expect(await remove(external("theirs"))).toEqual([]);
    expect(await ask(superuser, "show databases like 'theirs'")).toHaveLength(1);
    expect(await ask(superuser, "show databases like 'mine'")).toEqual([]);
  });

  it("refuses a rotation whose second login is somebody else's, and does not take that away", async () => {
    const desired = external("turn");
    await ensure(desired);
    await ask(superuser, "create user turn_b@'%'");
    await expect(ensure(external("turn", {}, { "tutti.dev/rotate": "1" }))).rejects.toMatchObject({
      diagnostic: { code: "UserExists" },
    });
    await remove(desired);
    expect(await usersLike("turn%")).toEqual([{ User: "turn_b" }]);
  });

  it("takes away what it made, or keeps the data for the next of its name", async () => {
    const desired = external("kept", { users: [{ name: "kept_reader" }] });
    await ask(urlOf(await ensure(desired)), "create table t (n int)");
    expect(await remove(desired, true)).toHaveLength(1);
    const next = { ...desired, identity: { ...desired.identity, uid: "another-uid" } };
    expect(await ask(urlOf(await ensure(next)), "select * from t")).toEqual([]);
    expect(await remove(next)).toEqual([]);
    expect(await remove(next)).toEqual([]);
    expect(await usersLike("kept%")).toEqual([]);
    expect(await ask(superuser, "show databases like 'kept'")).toEqual([]);
  });

  it("names the server that cannot be used, and the right that is missing", async () => {
    await expect(ensure(external("a", { server: { ...superuser, password: "wrong" } }))).rejects.toThrow(
      /denied/,
    );
    await ask(superuser, "create user weak@'%' identified by 'x'");
    await expect(
      ensure(external("a", { server: { ...superuser, user: "weak", password: "x" } })),
    ).rejects.toMatchObject({ diagnostic: { code: "NotAllowed" } });
  });
});

describe("a rotation", () => {
  it("leaves both logins working until the former is not used any more, with the rights of the account", async () => {
    const rotated = { "tutti.dev/rotate": "monday" };
    const users = [{ name: "rot_reader" }];
    const before = await ensure(external("rot", { users }));
    const inUse = await open(urlOf(before));
    await inUse.query("create table t (n int)");
    const after = await ensure(external("rot", { users }, rotated));
    expect(after.outputs["user"]).toBe("rot_b");
    await ask(urlOf(after), "insert into t values (1)");
    await ask(urlOf(before), "insert into t values (2)");
    expect(await ask(urlOfUser(after, "rot_reader"), "select count(*) as n from t")).toEqual([{ n: 2 }]);
    passed = 11 * 60_000;
    expect((await ensure(external("rot", { users }, rotated))).message).toMatch(/still has 1 connection/);
    await inUse.end();
    for (let seen = after; seen.lookAfter !== undefined;)
      seen = await ensure(external("rot", { users }, rotated));
    await expect(ask(urlOf(before), "select 1")).rejects.toThrow(/locked/);
    await ask(urlOf(after), "insert into t values (3)");
    const third = await ensure(external("rot", { users }, { "tutti.dev/rotate": "tuesday" }));
    expect(third.outputs["user"]).toBe("rot");
    await ask(urlOf(third), "insert into t values (4)");
  });
});
