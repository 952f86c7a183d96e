/** Every engine tells how full and how busy its databases are, by a server of its own and by somebody else's. */
import { createConnection } from "mysql2/promise";
import postgres from "postgres";
import { createClient } from "redis";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { conformanceContext } from "../../provider/conformance.ts";
import type { DatabaseProvider, Desired } from "../../provider/provider.ts";
import { Providers, desiredDatabase } from "./fixtures/providers.ts";

const providers = new Providers({ open: true });
beforeAll(async () => {
  await providers.open();
});
afterAll(() => providers.close());

type Measured = Readonly<Record<string, number>>;

async function measured(provider: DatabaseProvider, desired: Desired): Promise<Measured> {
  const all = (await provider.measure?.(desired, conformanceContext)) ?? [];
  return Object.fromEntries(all.map(({ name, value }) => [name.replace("tutti_database_", ""), value]));
}

async function made(
  className: string,
  name: string,
  spec: object,
): Promise<{ readonly url: string; readonly look: () => Promise<Measured> }> {
  const provider = providers.of(className);
  const desired = desiredDatabase(name, spec);
  const { outputs } = await provider.ensure(desired, conformanceContext);
  const url = conformanceContext.keyring.open(outputs["url"] as never);
  return { url: String(url), look: () => measured(provider, { ...desired, status: outputs }) };
}

it.each(["embedded", "server"])(
  "PostgreSQL of class %s: connections, size, and each slow query once",
  async (className) => {
    const { url, look } = await made(className, `pg-${className}`, { class: className });
    const before = await look();
    expect(before).toMatchObject({ up: 1, slow_queries_total: 0 });
    expect(before["max_connections"]).toBeGreaterThan(10);
    expect(before["size_bytes"]).toBeGreaterThan(1_000_000);
    const sql = postgres(url, { max: 2, onnotice: () => undefined });
    await sql`create table rows as select generate_series(1, 100000) as id`;
    const slow = sql`select pg_sleep(60)`;
    const ended = slow.then(
      () => undefined,
      () => undefined,
    );
    await vi.waitFor(async () => expect((await look())["slow_queries_total"]).toBe(1), {
      timeout: 20_000,
      interval: 200,
    });
    const after = await look();
    expect(after["slow_queries_total"]).toBe(1);
    expect(after["connections"]).toBeGreaterThanOrEqual((before["connections"] ?? 0) + 1);
    expect(after["size_bytes"]).toBeGreaterThan((before["size_bytes"] ?? 0) + 3_000_000);
    slow.cancel();
    await ended;
    await sql.end();
  },
);

it("MariaDB: connections, size, and its own count of slow queries", async () => {
  const { url, look } = await made("server", "maria-db", {
    class: "server",
    engine: "mariadb",
    settings: { long_query_time: 0.1 },
  });
  const before = await look();
  expect(before).toMatchObject({ up: 1 });
  expect(before["max_connections"]).toBeGreaterThan(10);
  const connection = await createConnection(url);
  await connection.query("create table filler (text longtext)");
  await connection.query("insert into filler values (repeat('x', 3000000))");
  await connection.query("select sleep(0.3)");
  const after = await look();
  expect(after["connections"]).toBeGreaterThanOrEqual((before["connections"] ?? 0) + 1);
  expect(after["size_bytes"]).toBeGreaterThan(2_000_000);
  expect(after["slow_queries_total"]).toBeGreaterThan(before["slow_queries_total"] ?? 0);
  connection.destroy();
});

it("Redis: connections, memory, and its own count of slow commands", async () => {
  const { url, look } = await made("server", "cache", {
    class: "server",
    engine: "redis",
  });
  const before = await look();
  expect(before).toMatchObject({ up: 1 });
  expect(before["max_connections"]).toBeGreaterThan(10);
  const client = createClient({ url });
  client.on("error", () => undefined);
  await client.connect();
  await client.set("filler", "x".repeat(3_000_000));
  const after = await look();
  expect(after["connections"]).toBe((before["connections"] ?? 0) + 1);
  expect(after["size_bytes"]).toBeGreaterThan((before["size_bytes"] ?? 0) + 2_000_000);
  client.destroy();
});
