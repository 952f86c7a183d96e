/** Databases that are on a server already, of every engine: listed, taken over, let go. */
import connect from "postgres";
import { createConnection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformanceContext } from "../../provider/conformance.ts";
import type { DatabaseProvider, Desired, Observation } from "../../provider/provider.ts";
import { Providers, desiredDatabase } from "./fixtures/providers.ts";
import { withConnection } from "./redis/connection.ts";

const context = conformanceContext;
const { keyring } = context;

interface Server {
  readonly engine: "postgres" | "mariadb" | "redis";
  readonly user: string;
  /** Has a database `legacy` with something in it, whose owner is `legacy`, and asks it. */
  readonly make: (place: Place) => Promise<void>;
  /** What is in it, as its owner sees it. */
  readonly look: (place: Place) => Promise<unknown>;
  /** The same, by the URL that an adoption gives. */
  readonly lookBy: (url: string) => Promise<unknown>;
  /** Rejects when that URL does not let anybody in. */
  readonly logIn: (url: string) => Promise<unknown>;
  readonly found: string;
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

async function sql(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = connect(url, { max: 1, onnotice: () => {} });
  try {
    return [...(await client.unsafe(text))];
  } finally {
    await client.end();
  }
}
const postgresUrl = ({ host, port, user, password }: Place, database = "postgres"): string =>
  `postgres://${user}:${password}@${host}:${port}/${database}`;

async function mysql(where: string | Place, ...statements: readonly string[]): Promise<unknown> {
  const connection = await (typeof where === "string"
    ? createConnection(where)
    : createConnection({ ...where }));
  try {
    let rows: unknown;
    for (const statement of statements) [rows] = await connection.query(statement);
    return rows;
  } finally {
    connection.destroy();
  }
}

function placeOf(url: string): Place {
  const { hostname, port, username, password } = new URL(url);
  return { host: hostname, port: Number(port), user: username, password };
}

const SERVERS: readonly Server[] = [
  {
    engine: "postgres",
    user: "postgres",
    make: async (place) => {
      await sql(postgresUrl(place), "create role legacy login password 'known'");
      await sql(postgresUrl(place), "create database legacy owner legacy");
      const theirs = { ...place, user: "legacy", password: "known" };
      await sql(postgresUrl(theirs, "legacy"), "create table t (n int); insert into t values (7)");
    },
    look: (place) =>
      sql(postgresUrl({ ...place, user: "legacy", password: "known" }, "legacy"), "select n from t"),
    lookBy: (url) => sql(url, "select n from t"),
    logIn: (url) => sql(url, "select 1"),
    found: "owned by the role legacy",
  },
  {
    engine: "mariadb",
    user: "tutti",
    make: async (place) => {
      await mysql(
        place,
        "create database legacy",
        "create user legacy@'%' identified by 'known'",
        "grant all privileges on legacy.* to legacy@'%'",
        "create table legacy.t (n int)",
        "insert into legacy.t values (7)",
      );
    },
    look: (place) => mysql({ ...place, user: "legacy", password: "known" }, "select n from legacy.t"),
    lookBy: (url) => mysql(url, "select n from t"),
    logIn: (url) => mysql(url, "select 1"),
    found: "MariaDB database, 1 table",
  },
  {
    engine: "redis",
    user: "tutti",
    make: async (place) => {
      await withConnection(place, (send) => send("SET", "legacy:n", "7"));
    },
    look: (place) => withConnection(place, (send) => send("GET", "legacy:n")),
    lookBy: (url) => withConnection(placeOf(url), (send) => send("GET", "legacy:n")),
    logIn: (url) => withConnection(placeOf(url), (send) => send("PING")),
    found: "Redis keys legacy:*, 1 key",
  },
];

describe.each(SERVERS)(
  "a database on a server of $engine",
  ({ engine, user, make, look, lookBy, logIn, found }) => {
    let providers: Providers;
    let place: Place;
    let databases: DatabaseProvider;
    beforeAll(async () => {
      providers = new Providers({ open: true });
      await providers.open();
      const { outputs } = await providers
        .of("server")
        .ensure(desiredDatabase("host", { class: "server", engine }), context);
      const password = keyring.derive("database/default/host/superuser");
      place = { host: "127.0.0.1", port: outputs["port"] as number, user, password };
      databases = providers.of("external");
      await make(place);
    });
    afterAll(() => providers.close());

    const server = (): object => ({ ...place, password: keyring.seal(place.password) });
    const desired = (name: string, spec: object = {}, uid?: string): Desired =>
      desiredDatabase(name, { class: "external", engine, server: server(), ...spec }, uid);
    const url = ({ outputs }: Observation): string => keyring.open(outputs["url"] as string);
    const list = (): ReturnType<NonNullable<DatabaseProvider["list"]>> =>
      databases.list!(context, { engine, server: server() });
    const legacy = (uid?: string): Desired => desired("orders", { database: "legacy", user: "legacy" }, uid);

    it("is listed with what it could have been made from, and without a password", async () => {
      const all = await list();
      expect(all.find(({ id }) => id === "legacy")).toMatchObject({
        name: "legacy",
        spec: { class: "external", engine, database: "legacy" },
        description: expect.stringContaining(found) as string,
      });
      expect(JSON.stringify(all)).not.toContain(place.password);
    });

    it("is adopted beside whoever uses it, as it is, and found again by who knows nothing", async () => {
      const before = await look(place);
      const adopted = await databases.adopt!(legacy(), "legacy", context);
      expect(adopted).toMatchObject({ ready: true, outputs: { database: "legacy", adopted: "legacy" } });
      expect(await lookBy(url(adopted))).toEqual(before);
      expect(await look(place)).toEqual(before);
      expect(await databases.adopt!(legacy(), "legacy", context)).toEqual(adopted);
      expect(await databases.observe(legacy(), context)).toEqual(adopted);
      expect(await databases.ensure(legacy(), context)).toEqual(adopted);
      expect((await list()).find(({ id }) => id === "legacy")).toMatchObject({
        ownedBy: "the Database default/orders",
      });
    });

    it("is refused to another, which names the owner", async () => {
      await expect(databases.adopt!(legacy("another-uid"), "legacy", context)).rejects.toMatchObject({
        diagnostic: { code: "OwnedByAnother", message: expect.stringContaining("default/orders") as string },
      });
    });

    it("is as it was before when it is let go, and letting go again changes nothing", async () => {
      const login = url((await databases.observe(legacy(), context)) as Observation);
      await databases.release!(legacy(), context);
      await databases.release!(legacy(), context);
      await expect(lookBy(login)).rejects.toThrow();
      expect(await look(place)).toBeTruthy();
      expect((await list()).find(({ id }) => id === "legacy")?.ownedBy).toBeUndefined();
      expect(await databases.observe(legacy(), context)).toBeUndefined();
    });

    it("that was made here is nobody's when it is let go, and its login goes on working", async () => {
      const made = await databases.ensure(desired("made"), context);
      await databases.release!(desired("made"), context);
      expect(await databases.observe(desired("made"), context)).toBeUndefined();
      await logIn(url(made));
    });

    it("that is to be made is seen to be in the way before, unless it is to be adopted", async () => {
      const { spec } = legacy() as { spec: Readonly<Record<string, unknown>> };
      const prospect = { namespace: "default", name: "orders", spec, folder: "/", isNew: true };
      const resolved = (): typeof spec => spec;
      expect(await databases.obstacles!({ ...prospect, resolved }, context)).toMatchObject([
        { code: "DatabaseExists", path: "spec.database" },
      ]);
      expect(await databases.obstacles!({ ...prospect, resolved, adopts: "legacy" }, context)).toEqual([]);
      const free = { ...spec, database: "free" };
      expect(await databases.obstacles!({ ...prospect, resolved: () => free }, context)).toEqual([]);
      expect(await databases.obstacles!({ ...prospect, resolved: () => undefined }, context)).toEqual([]);
    });

    it("that is not there is refused, and so is one of another name than is declared", async () => {
      await expect(databases.adopt!(desired("nowhere"), "nowhere", context)).rejects.toMatchObject({
        diagnostic: { code: "NothingToAdopt" },
      });
      await expect(databases.adopt!(desired("orders"), "legacy", context)).rejects.toMatchObject({
        diagnostic: { code: "AdoptedDiffers", path: "spec.database" },
      });
    });
  },
);

describe("a list of databases", () => {
  it("says what it needs to know when no server is named", async () => {
    const providers = new Providers();
    await providers.open();
    await expect(providers.of("external").list!(context, {})).rejects.toMatchObject({
      diagnostic: { code: "ServerMissing", path: "spec.server" },
    });
    await providers.close();
  });
});
