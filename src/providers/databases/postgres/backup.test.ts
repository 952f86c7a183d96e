/** Backups of real servers: the embedded one, whose version no installed pg_dump has, and the system's, which has its own. */
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Resource } from "../../../model/resource.ts";
import { conformanceContext } from "../../../provider/conformance.ts";
import type { BackupReport, DatabaseProvider, Desired, ProviderContext } from "../../../provider/provider.ts";
import { Providers, desiredDatabase } from "../fixtures/providers.ts";
import { type ServerAddress, withConnection } from "./database.ts";

const providers = new Providers();
beforeAll(() => providers.open().then(() => {}));
afterAll(() => providers.close());

const DAY = 86_400_000;

/** A database with about everything that a dump can get wrong. */
const CONTENT = `
  create schema app;
  create extension pg_trgm schema app;
  create type app.mood as enum ('sad', 'happy');
  create table app.customers (id bigint generated always as identity primary key, name text not null unique,
    mood app.mood, born date, seen timestamptz, tags text[], profile jsonb, photo bytea, price numeric(12, 4), ratio float8,
    loud text generated always as (upper(name)) stored);
  create table app.orders (id serial primary key, customer bigint not null references app.customers, "odd ""name" text,
    kind varchar(10) check (kind in ('small', 'large')));
  create table app.dropped (a int, b int, c text); alter table app.dropped drop column b;
  create table app.measures (at date not null, value float4) partition by range (at);
  create table app.measures_old partition of app.measures for values from ('2000-01-01') to ('2020-01-01');
  create table app.measures_new partition of app.measures default;
  create table app."tutti row" ("tutti row" text);
  create table empty ();
  create table base (id int); create table derived (extra text) inherits (base);
  create index on app.customers using gin (name app.gin_trgm_ops);
  create function app.touch() returns trigger language plpgsql as $$ begin new.seen := now(); return new; end $$;
  create view app.names as select name from app.customers;
  create materialized view app.counts as select count(*) from app.orders;
  create sequence app.tickets start 1000; select nextval('app.tickets'), nextval('app.tickets');
  insert into app.customers (name, mood, born, seen, tags, profile, photo, price, ratio)
    select 'Zoë ' || n || E'\\\\ \\t \\n', 'happy', '1970-01-01', '2026-01-01 00:00+02', '{a,"b c",NULL}', '{"a": [1, null]}',
      '\\x00ff'::bytea, n / 3.0, n / 3.0 from generate_series(1, 500) n;
  insert into app.customers (name, ratio) values ('nobody', 'NaN'), ('', '-Infinity');
  create trigger touch before insert on app.customers for each row execute function app.touch();
  insert into app.orders (customer, kind) select n, 'small' from generate_series(1, 200) n;
  insert into app.dropped select n, 'x' from generate_series(1, 10) n;
  insert into app.measures values ('2010-01-01', 1.1), ('2026-01-01', 'NaN');
  insert into app."tutti row" values (null), ('twice'), ('twice');
  insert into base values (1); insert into derived values (2, 'two');
  refresh materialized view app.counts;
  comment on schema app is 'ours';`;

async function made(
  provider: DatabaseProvider,
  name: string,
  spec: object = {},
): Promise<{ readonly desired: Desired; readonly owner: ServerAddress; readonly database: string }> {
  const desired = desiredDatabase(name, spec);
  const { outputs } = await provider.ensure(desired, conformanceContext);
  const owner = loginIn(outputs);
  return { desired, owner, database: owner.database };
}

interface Login extends ServerAddress {
  readonly host: string;
  readonly database: string;
}

function loginIn(outputs: Readonly<Record<string, unknown>>): Login {
  return conformanceContext.keyring.openAll(outputs) as unknown as Login;
}

function superuser(owner: ServerAddress, name: string): ServerAddress {
  const password = conformanceContext.keyring.derive(`database/default/${name}/superuser`);
  return { ...owner, user: "postgres", password };
}

function databasesOf(server: ServerAddress): Promise<readonly string[]> {
  return withConnection(server, "postgres", async (sql) =>
    (
      await sql<
        { name: string }[]
      >`select datname as name from pg_database where not datistemplate order by 1`
    ).map((row) => row.name),
  );
}

/** Where the server of a Database listens, though the Database is not made yet. */
function serverOf({ identity }: Desired): ServerAddress {
  const file = join(providers.folder, "databases", identity.namespace, identity.name, "port");
  return { host: "127.0.0.1", port: Number(readFileSync(file, "utf8")), user: "postgres", password: "" };
}

/** What the control plane would find: a Backup that is good. */
function knowing(name: string, path: string, report: BackupReport): ProviderContext {
  const status = {
    path,
    checksum: report.checksum,
    engine: "postgres",
    conditions: [{ type: "Ready", status: "True" }],
  };
  return {
    ...conformanceContext,
    lookUp: (key) =>
      key.kind === "Backup" && key.name === name ? ({ status } as unknown as Resource) : undefined,
  };
}

describe.each([
  { class: "embedded", method: /^pg_dump 18 in WebAssembly and COPY$/ },
  { class: "server", method: /^pg_dump \d+\.\d+$/ },
])("class $class", ({ class: name, method }) => {
  const source = `source-${name}`;
  const path = join(providers.folder, `backup-${name}`);
  let provider: DatabaseProvider;
  let origin: Awaited<ReturnType<typeof made>>;
  let report: BackupReport;

  beforeAll(async () => {
    provider = providers.of(name);
    origin = await made(provider, source, { class: name });
    await withConnection(
      superuser(origin.owner, source),
      origin.database,
      (sql) => sql.unsafe(CONTENT.replaceAll("\\\\", "\\\\")),
      DAY,
    );
    mkdirSync(path);
    report = await provider.backup(origin.desired, path, conformanceContext);
  }, 120_000);

  it("says what made it, and is of what is there", async () => {
    expect(report.method).toMatch(method);
    expect(report.bytes).toBeGreaterThan(1_000);
    expect(report.checksum).toBe(await provider.checksum(origin.desired, conformanceContext));
  });

  it("restored in a scratch database has the same checksum, and nothing is left of that", async () => {
    expect(await provider.verify(origin.desired, path, conformanceContext)).toBe(report.checksum);
    expect(await databasesOf(superuser(origin.owner, source))).toEqual(["postgres", source]);
  });

  it("restored into a new database equals the original, and belongs to the new owner", async () => {
    const context = knowing("monday", path, report);
    const desired = desiredDatabase(`copy-${name}`, { class: name, restore: { backup: "monday" } });
    const { ready, outputs } = await provider.ensure(desired, context);
    expect(ready).toBe(true);
    expect(await provider.checksum(desired, conformanceContext)).toBe(report.checksum);
    const owner = loginIn(outputs);
    const next = await withConnection(owner, owner.database, async (sql) => {
      await sql`insert into app.customers (name) values ('new')`;
      await sql`alter table app.orders add column later int`;
      await sql`refresh materialized view app.counts`;
      return sql<{ ticket: string; count: string }[]>`
        select nextval('app.tickets')::text as ticket, (select count::text from app.counts) as count`;
    });
    expect(next[0]).toEqual({ ticket: "1002", count: "200" });
    // It has been begun: what it began from may go.
    expect((await provider.ensure(desired, conformanceContext)).ready).toBe(true);
  });

  it("waits for a backup that is not there yet, and there is no database meanwhile", async () => {
    const desired = desiredDatabase(`waiting-${name}`, { class: name, restore: { backup: "later" } });
    await expect(provider.ensure(desired, conformanceContext)).rejects.toThrow(/Waiting for backup\/later/);
    expect(await provider.observe(desired, conformanceContext)).toBeUndefined();
  });

  it("whose restore a crash cut off is restored anew, with nothing of the first attempt", async () => {
    const desired = desiredDatabase(`again-${name}`, { class: name, restore: { backup: "monday" } });
    await expect(provider.ensure(desired, conformanceContext)).rejects.toThrow(/Waiting for/);
    const cut = new AbortController();
    const context = knowing("monday", path, report);
    const first = provider.ensure(desired, { ...context, signal: cut.signal });
    // It dies as soon as the database is there under its other name, whatever is in it by then.
    const server = superuser(serverOf(desired), desired.identity.name);
    while (!(await databasesOf(server)).some((one) => one.startsWith("tutti_restore_")));
    cut.abort(new Error("The control plane dies."));
    await expect(first).rejects.toThrow("The control plane dies.");
    expect(await databasesOf(server)).not.toContain(desired.identity.name);
    expect((await provider.ensure(desired, context)).ready).toBe(true);
    expect(await provider.checksum(desired, conformanceContext)).toBe(report.checksum);
    expect(await databasesOf(server)).toEqual([desired.identity.name, "postgres"]);
  });

  it("is refused when what is restored is not what was backed up", async () => {
    const context = knowing("monday", path, { ...report, checksum: "0".repeat(64) });
    const desired = desiredDatabase(`wrong-${name}`, { class: name, restore: { backup: "monday" } });
    await expect(provider.ensure(desired, context)).rejects.toThrow(/is not what was backed up/);
    expect(await provider.observe(desired, conformanceContext)).toBeUndefined();
  });

  it("taken while everybody writes is of one moment, and nobody's write fails or waits for it", async () => {
    const busy = await made(provider, `busy-${name}`, { class: name });
    const run = new AbortController();
    let written = 0;
    await withConnection(busy.owner, busy.database, (sql) =>
      sql
        .unsafe(`create table accounts (id serial primary key, balance int not null);
        insert into accounts (balance) select 100 from generate_series(1, 200);
        create table log (id bigserial primary key, what text)`)
        .simple(),
    );
    const writers = Array.from({ length: 3 }, () =>
      withConnection(
        busy.owner,
        busy.database,
        async (sql) => {
          for (; !run.signal.aborted; written += 1)
            await sql.begin(async (tx) => {
              const [from, to] = [1 + Math.floor(Math.random() * 100), 101 + Math.floor(Math.random() * 100)];
              await tx`update accounts set balance = balance - 1 where id = ${from}`;
              await tx`update accounts set balance = balance + 1 where id = ${to}`;
              await tx`insert into log (what) values ('moved')`;
            });
        },
        DAY,
      ),
    );
    const folder = join(providers.folder, `busy-${name}`);
    mkdirSync(folder);
    try {
      const before = written;
      const taken = await provider.backup(busy.desired, folder, conformanceContext);
      expect(written).toBeGreaterThan(before);
      expect(await provider.verify(busy.desired, folder, conformanceContext)).toBe(taken.checksum);
    } finally {
      run.abort();
      await Promise.all(writers);
    }
  });

  it("that is cut off ends at once, and leaves only its own folder to be removed", async () => {
    const folder = join(providers.folder, `cut-${name}`);
    mkdirSync(folder);
    const cut = new AbortController();
    const signal = cut.signal;
    const backup = provider.backup(origin.desired, folder, { ...conformanceContext, signal });
    cut.abort(new Error("The control plane is stopping."));
    await expect(backup).rejects.toThrow("The control plane is stopping.");
    expect(readdirSync(providers.folder)).toContain(`cut-${name}`);
  });
});
