/** Passwords are rotated by two logins that take turns: nobody who has the former one or the new one is refused. */
import connect, { type Sql } from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { conformanceContext } from "../../provider/conformance.ts";
import type { DatabaseProvider, Desired, Observation, ProviderContext } from "../../provider/provider.ts";
import { Providers, desiredDatabase } from "./fixtures/providers.ts";

const MINUTE = 60_000;
const { keyring } = conformanceContext;
let providers: Providers;
let databases: DatabaseProvider;
let passed: number;
let context: ProviderContext;
const sessions: Sql[] = [];
const host = desiredDatabase("host", { class: "server" });
let server: object;

beforeAll(async () => {
  providers = new Providers();
  await open();
  const { outputs } = await providers.of("server").ensure(host, conformanceContext);
  const password = keyring.seal(keyring.derive("database/default/host/superuser"));
  server = { host: "127.0.0.1", port: outputs["port"] as number, user: "postgres", password };
});
afterAll(() => providers.close());
beforeEach(() => {
  passed = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + passed };
  context = { ...conformanceContext, clock };
});
afterEach(async () => {
  await Promise.all(sessions.splice(0).map((sql) => sql.end({ timeout: 1 })));
  await databases.remove(orders(), { ...context, keepData: false });
});

async function open(): Promise<void> {
  await providers.open();
  databases = providers.of("external");
}
const orders = (rotate?: string, spec: object = {}): Desired => ({
  ...desiredDatabase("orders", { class: "external", server, ...spec }),
  ...(rotate === undefined ? {} : { annotations: { "tutti.dev/rotate": rotate } }),
});
const ensure = (desired: Desired): Promise<Observation> => databases.ensure(desired, context);
const urlOf = ({ outputs }: Observation): string => keyring.open(outputs["url"] as string);
/** Keeps one connection. */
function session(url: string): Sql {
  const sql = connect(url, { max: 1, onnotice: () => {} });
  sessions.push(sql);
  return sql;
}
async function works(url: string): Promise<boolean> {
  const sql = connect(url, { max: 1 });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end();
  }
}

describe("a rotation", () => {
  it("gives a new login and password, while the former go on working", async () => {
    const before = await ensure(orders());
    const after = await ensure(orders("monday"));
    expect(after.outputs).toMatchObject({ user: "orders_b", rotation: "monday" });
    expect(after.outputs["password"]).not.toBe(before.outputs["password"]);
    expect(await Promise.all([works(urlOf(before)), works(urlOf(after))])).toEqual([true, true]);
    expect(after.message).toMatch(/former login 'orders' works/);
    expect(after.lookAfter).toBeGreaterThan(0);
  });

  it("happens once for each request, whoever asks and whatever was remembered", async () => {
    await ensure(orders());
    const first = await ensure(orders("monday"));
    await open();
    expect((await ensure(orders("monday"))).outputs).toEqual(first.outputs);
    expect((await ensure(orders())).outputs).toEqual(first.outputs);
  });

  it("does not answer a request that was there before the database", async () => {
    expect((await ensure(orders("monday"))).outputs).toMatchObject({ user: "orders", rotation: "monday" });
  });

  it("happens by itself when the password is as old as it may become", async () => {
    await ensure(orders(undefined, { rotate: "30d" }));
    passed = 29 * 24 * 60 * MINUTE;
    expect((await ensure(orders(undefined, { rotate: "30d" }))).outputs["user"]).toBe("orders");
    passed = 30 * 24 * 60 * MINUTE;
    expect((await ensure(orders(undefined, { rotate: "30d" }))).outputs["user"]).toBe("orders_b");
  });

  it("leaves everything that either login makes to one owner", async () => {
    const before = session(urlOf(await ensure(orders())));
    await before`create table first (n int)`;
    const after = session(urlOf(await ensure(orders("monday"))));
    await after`create table second (n int)`;
    await after`alter table first add column m int`;
    await before`drop table second`;
    const tables =
      await after`select tablename as name, tableowner as owner from pg_tables where schemaname = 'public'`;
    expect([...tables]).toEqual([{ name: "first", owner: "orders" }]);
  });

  it("takes the other users along, with what they may do", async () => {
    const users = [{ name: "report", access: "read" }];
    const owner = session(urlOf(await ensure(orders(undefined, { users }))));
    await owner`create table t (n int)`;
    const seen = await ensure(orders("monday", { users }));
    const [report] = seen.outputs["users"] as readonly { user: string; url: string }[];
    expect(report!.user).toBe("report_b");
    const reader = session(keyring.open(report!.url));
    expect([...(await reader`select n from t`)]).toEqual([]);
    await expect(reader`insert into t values (1)`).rejects.toThrow(/denied/);
  });
});

describe("a former login", () => {
  it("is locked when everybody had time and nobody is connected with it, not before", async () => {
    const before = urlOf(await ensure(orders()));
    const inUse = session(before);
    await inUse`select 1`;
    await ensure(orders("monday"));
    passed = 9 * MINUTE;
    await ensure(orders("monday"));
    expect(await works(before)).toBe(true);
    passed = 11 * MINUTE;
    expect((await ensure(orders("monday"))).message).toMatch(/still has 1 connection and is locked when/);
    expect(await works(before)).toBe(true);
    await inUse.end();
    const settled = await ensureUntilSettled(orders("monday"));
    expect(settled.lookAfter).toBeUndefined();
    expect(await works(before)).toBe(false);
  });

  it("is not taken for the next rotation while it is in use: that waits, and says so", async () => {
    const inUse = session(urlOf(await ensure(orders())));
    await inUse`select 1`;
    const second = await ensure(orders("monday"));
    passed = 11 * MINUTE;
    const waiting = await ensure(orders("tuesday"));
    expect(waiting.outputs["password"]).toBe(second.outputs["password"]);
    expect(waiting.message).toMatch(/The next rotation waits for that/);
    await inUse.end();
    const third = await ensureUntilSettled(
      orders("tuesday"),
      (seen) => seen.outputs["rotation"] === "tuesday",
    );
    expect(third.outputs["user"]).toBe("orders");
    expect(await Promise.all([works(urlOf(second)), works(urlOf(third))])).toEqual([true, true]);
  });
});

/** The server takes a moment to notice that a client has gone. */
async function ensureUntilSettled(
  desired: Desired,
  isIt: (seen: Observation) => boolean = (seen) => seen.lookAfter === undefined,
): Promise<Observation> {
  for (;;) {
    const seen = await ensure(desired);
    if (isIt(seen)) return seen;
  }
}
