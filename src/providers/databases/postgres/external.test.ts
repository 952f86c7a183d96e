/** Class `external` on PostgreSQL: what is made in a server that others use as well, and what is left alone. */
import connect from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceContext } from "../../../provider/conformance.ts";
import type { DatabaseProvider, Desired, Observation } from "../../../provider/provider.ts";
import { Providers, desiredDatabase } from "../fixtures/providers.ts";

const context = conformanceContext;
const { keyring } = context;
const ADMIN = "s3cret-admin";
let providers: Providers;
let server: { host: string; port: number };
let databases: DatabaseProvider;

/** A server with an administrator who is no superuser, as providers of databases give. */
beforeAll(async () => {
  providers = new Providers();
  await providers.open();
  const { outputs } = await providers
    .of("server")
    .ensure(desiredDatabase("host", { class: "server" }), context);
  server = { host: "127.0.0.1", port: outputs["port"] as number };
  await asSuperuser(`create role admin login createdb createrole password '${ADMIN}'`);
  databases = providers.of("external");
});
afterAll(() => providers.close());

const asSuperuser = (text: string, database = "postgres"): Promise<readonly Record<string, unknown>[]> =>
  run(
    `postgres://postgres:${keyring.derive("database/default/host/superuser")}@127.0.0.1:${server.port}/${database}`,
    text,
  );
async function run(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const sql = connect(url, { max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}
function external(name: string, spec: object = {}, uid?: string): Desired {
  const admin = { ...server, user: "admin", password: keyring.seal(ADMIN) };
  return desiredDatabase(name, { class: "external", server: admin, ...spec }, uid);
}
const ensure = (desired: Desired): Promise<Observation> => databases.ensure(desired, context);
const url = ({ outputs }: Observation): string => keyring.open(outputs["url"] as string);
function urlOf({ outputs }: Observation, name: string): string {
  const users = outputs["users"] as readonly { readonly name: string; readonly url: string }[];
  return keyring.open(users.find((user) => user.name === name)!.url);
}
const remove = (desired: Desired, keepData = false): Promise<readonly string[]> =>
  databases.remove(desired, { ...context, keepData });

describe("a database on a server that exists", () => {
  it("has an owner who may do everything in it, and nobody else may even connect", async () => {
    const seen = await ensure(external("orders"));
    await run(url(seen), "create schema s; create table s.t (n int); insert into s.t values (1)");
    const other = await ensure(external("other"));
    await expect(run(url(other).replace(/other$/, "orders"), "select 1")).rejects.toThrow(
      /permission denied/,
    );
  });

  it("gives users what they may do with what is there and with what comes later", async () => {
    const first = await ensure(external("shop"));
    await run(url(first), "create table early (n serial)");
    const users = [
      { name: "shop_reader", access: "read" },
      { name: "shop_writer", access: "write" },
      { name: "shop_admin", access: "owner" },
    ];
    const seen = await ensure(external("shop", { users }));
    await run(urlOf(seen, "shop_admin"), "create schema late; create table late.t (n serial)");
    for (const table of ["early", "late.t"]) {
      await run(urlOf(seen, "shop_writer"), `insert into ${table} default values`);
      expect(await run(urlOf(seen, "shop_reader"), `select n from ${table}`)).toEqual([{ n: 1 }]);
      await expect(run(urlOf(seen, "shop_reader"), `delete from ${table}`)).rejects.toThrow(/denied/);
      await expect(run(urlOf(seen, "shop_writer"), `drop table ${table}`)).rejects.toThrow(/owner/);
    }
    await run(url(seen), "drop table early"); // made by whomever, it is the owner's
    await run(url(seen), "drop schema late cascade");
  });

  it("takes from a user what is no longer declared, and the user who is not", async () => {
    const users = (access: string): object => ({ users: [{ name: "stock_user", access }] });
    const first = await ensure(external("stock", users("write")));
    await run(url(first), "create table t (n int)");
    const second = await ensure(external("stock", users("read")));
    await expect(run(urlOf(second, "stock_user"), "insert into t values (1)")).rejects.toThrow(/denied/);
    await ensure(external("stock"));
    expect(await asSuperuser("select 1 from pg_roles where rolname like 'stock_user%'")).toEqual([]);
  });

  it("has its extensions, and says which one is not installed", async () => {
    await ensure(external("search", { extensions: ["pg_trgm"] }));
    expect(
      await asSuperuser("select 1 as there from pg_extension where extname = 'pg_trgm'", "search"),
    ).toEqual([{ there: 1 }]);
    await expect(ensure(external("search", { extensions: ["pg_trgm", "nonsense"] }))).rejects.toMatchObject({
      diagnostic: { code: "ExtensionUnavailable", path: "spec.extensions[1]" },
    });
  });

  it("has its second login also where the name is as long as PostgreSQL allows", async () => {
    const name = "n".repeat(63);
    const seen = await ensure(external("long", { user: name }));
    const rotated = await ensure({
      ...external("long", { user: name }),
      annotations: { "tutti.dev/rotate": "1" },
    });
    expect(rotated.outputs["user"]).not.toBe(seen.outputs["user"]);
    expect(Buffer.byteLength(rotated.outputs["user"] as string)).toBeLessThanOrEqual(63);
    expect(await run(url(rotated), `select current_user as who`)).toEqual([{ who: name }]);
  });
});

describe("what others made on the server", () => {
  it("is refused, whether database or role, and not touched", async () => {
    await asSuperuser("create database theirs");
    await expect(ensure(external("theirs"))).rejects.toMatchObject({
      diagnostic: { code: "DatabaseExists" },
    });
    await asSuperuser("create role them login password 'x'");
    await expect(ensure(external("mine", { user: "them" }))).rejects.toMatchObject({
      diagnostic: { code: "RoleExists", path: "spec.user" },
    });
    expect(await remove(external("theirs"))).toEqual([]);
    expect(await asSuperuser("select 1 as there from pg_database where datname = 'theirs'")).toHaveLength(1);
    expect(await asSuperuser("select 1 from pg_database where datname = 'mine'")).toEqual([]);
  });

  it("is refused to a second declaration of the same database", async () => {
    await ensure(external("once"));
    await expect(ensure(external("twice", { database: "once" }))).rejects.toThrow(/another declaration/);
  });

  it("is taken over when that is asked for, beside whoever uses it, and stays when the declaration goes", async () => {
    await asSuperuser("create role legacy login password 'known'; grant legacy to admin");
    await asSuperuser("create database legacy owner legacy");
    await asSuperuser("comment on database legacy is 'since 2009'");
    const theirs = `postgres://legacy:known@127.0.0.1:${server.port}/legacy`;
    await run(theirs, "create table t (n int); insert into t values (1)");
    const adopting = { ...external("legacy"), annotations: { "tutti.dev/adopt": "true" } };
    const seen = await ensure(adopting);
    await run(url(seen), "alter table t add column m int");
    expect(await run(theirs, "select n from t")).toEqual([{ n: 1 }]);
    expect(await remove(adopting)).toEqual([`the database legacy on 127.0.0.1:${server.port}`]);
    expect(await run(theirs, "select n from t")).toEqual([{ n: 1 }]);
    expect(
      await asSuperuser(
        "select shobj_description(oid, 'pg_database') c from pg_database where datname = 'legacy'",
      ),
    ).toEqual([{ c: "since 2009" }]);
    await expect(run(url(seen), "select 1")).rejects.toThrow();
  });
});

describe("a making that a crash cut short", () => {
  const halves = [
    "create role half nologin; comment on role half is 'tutti:uid-half'; grant half to admin",
    "create database half owner half",
  ];

  it.each([1, 2])("is finished by the next, after step %i", async (steps) => {
    for (const statement of halves.slice(0, steps)) await asSuperuser(statement);
    const seen = await ensure(external("half"));
    expect(await run(url(seen), "select 1 as one")).toEqual([{ one: 1 }]);
    await remove(external("half"));
  });

  it.each([1, 2])("leaves nothing when it is removed instead, after step %i", async (steps) => {
    for (const statement of halves.slice(0, steps)) await asSuperuser(statement);
    await remove(external("half"));
    expect(await asSuperuser("select rolname from pg_roles where rolname like 'half%'")).toEqual([]);
    expect(await asSuperuser("select 1 from pg_database where datname = 'half'")).toEqual([]);
  });
});

describe("removal", () => {
  it("takes database and roles away, and doing it again changes nothing", async () => {
    const desired = external("gone", { users: [{ name: "gone_reader" }] });
    await ensure(desired);
    await ensure({ ...desired, annotations: { "tutti.dev/rotate": "1" } });
    expect(await remove(desired)).toEqual([]);
    expect(await remove(desired)).toEqual([]);
    expect(await asSuperuser("select rolname from pg_roles where rolname like 'gone%'")).toEqual([]);
    expect(await asSuperuser("select 1 from pg_database where datname = 'gone'")).toEqual([]);
  });

  it("keeps the data for the next declaration of the name when asked to, with nobody able to log in", async () => {
    const desired = external("kept");
    const before = await ensure(desired);
    await run(url(before), "create table t (n int); insert into t values (7)");
    expect(await remove(desired, true)).toEqual([`the database kept on 127.0.0.1:${server.port}`]);
    await expect(run(url(before), "select n from t")).rejects.toThrow();
    const after = await ensure(external("kept", {}, "another-uid"));
    expect(await run(url(after), "select n from t")).toEqual([{ n: 7 }]);
    await remove(external("kept", {}, "another-uid"));
  });
});

describe("a server that cannot be used", () => {
  it("is seen before anything is made: a right that is missing, or nobody who answers", async () => {
    await asSuperuser("create role weak login createdb password 'x'");
    const seen = (more: object): Promise<unknown> => {
      const { spec } = external("a", { server: { ...server, user: "weak", password: "x", ...more } });
      const prospect = { namespace: "default", name: "a", folder: "/", isNew: true };
      const all = { ...prospect, spec: spec as Record<string, unknown> };
      return databases.obstacles!({ ...all, resolved: () => all.spec }, context);
    };
    expect(await seen({})).toMatchObject([
      {
        code: "NotAllowed",
        path: "spec.server.user",
        message: expect.stringMatching(/lacks CREATEROLE \(/) as string,
      },
    ]);
    await expect(seen({ password: "wrong" })).rejects.toThrow(/cannot be used/);
  });

  it("is named with the reason", async () => {
    const nobody = { ...server, port: 1, user: "admin" };
    await expect(ensure(external("a", { server: nobody }))).rejects.toThrow(/127\.0\.0\.1.*ECONNREFUSED/);
    const wrong = { ...server, user: "admin", password: "wrong" };
    await expect(ensure(external("a", { server: wrong }))).rejects.toThrow(/password authentication failed/);
  });

  it("is named with the right that is missing", async () => {
    await asSuperuser("create role nobody_much login password 'x'");
    const weak = { ...server, user: "nobody_much", password: "x" };
    await expect(ensure(external("a", { server: weak }))).rejects.toMatchObject({
      diagnostic: {
        code: "NotAllowed",
        path: "spec.server.user",
        hint: expect.stringContaining("CREATEROLE"),
      },
    });
  });
});
