/** Backups of a real MariaDB server. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Connection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Resource } from "../../../model/resource.ts";
import { conformanceContext } from "../../../provider/conformance.ts";
import type { BackupReport, DatabaseProvider, Desired, ProviderContext } from "../../../provider/provider.ts";
import { Providers, desiredDatabase } from "../fixtures/providers.ts";
import { type ServerAddress, rows, withConnection } from "./connection.ts";

const providers = new Providers();
const spec = { class: "server", engine: "mariadb" };
const desired: Desired = desiredDatabase("shop", spec);
const path = join(providers.folder, "monday");
let provider: DatabaseProvider;
let login: ServerAddress;
let report: BackupReport;

function within<T>(
  server: ServerAddress,
  database: string,
  use: (sql: Connection) => Promise<T>,
): Promise<T> {
  return withConnection(
    server,
    async (sql) => {
      await sql.query(`use \`${database}\``);
      return use(sql);
    },
    600_000,
  );
}

beforeAll(async () => {
  await providers.open();
  provider = providers.of("server");
  const { outputs } = await provider.ensure(desired, conformanceContext);
  login = conformanceContext.keyring.openAll(outputs) as unknown as ServerAddress;
  await within(login, "shop", async (sql) => {
    for (const statement of [
      `create table customers (id int auto_increment primary key, name varchar(100) unique, photo blob, bits bit(4),
        born date, seen datetime(6), price decimal(12, 4), ratio double, profile json, kind enum('a', 'b'))`,
      `insert into customers (name, photo, bits, born, seen, price, ratio, profile, kind) values
        ('Zoë \\n "x" \\\\', x'00ff27', b'1010', '1970-01-01', '2026-01-01 10:00:00.123456', 1.5, 0.1, '{"a": 1}', 'b'),
        (null, null, null, null, null, null, null, null, null)`,
      "create table orders (id int primary key, customer int, foreign key (customer) references customers (id))",
      "insert into orders select seq, 1 from seq_1_to_500",
      "create view names as select name from customers",
      "create trigger fill before insert on orders for each row set new.customer = coalesce(new.customer, 1)",
      "create procedure nothing() begin select 1; end",
    ])
      await sql.query(statement);
  });
  mkdirSync(path);
  report = await provider.backup(desired, path, conformanceContext);
}, 120_000);
afterAll(() => providers.close());

describe("a backup", () => {
  it("is verified, and restored into a new database equals the original and works there", async () => {
    expect(report.checksum).toBe(await provider.checksum(desired, conformanceContext));
    expect(await provider.verify(desired, path, conformanceContext)).toBe(report.checksum);
    const status = {
      path,
      checksum: report.checksum,
      engine: "mariadb",
      conditions: [{ type: "Ready", status: "True" }],
    };
    const context: ProviderContext = {
      ...conformanceContext,
      lookUp: () => ({ status }) as unknown as Resource,
    };
    const copy = desiredDatabase("shop-copy", { ...spec, restore: { backup: "monday" } });
    const { ready, outputs } = await provider.ensure(copy, context);
    expect(ready).toBe(true);
    expect(await provider.checksum(copy, conformanceContext)).toBe(report.checksum);
    const owner = conformanceContext.keyring.openAll(outputs) as unknown as ServerAddress;
    await within(owner, "shop-copy", async (sql) => {
      await sql.query("insert into orders (id) values (1000)");
      expect(await rows(sql, "select customer from orders where id = 1000")).toEqual([{ customer: 1 }]);
      expect(await rows(sql, "select count(*) as count from names")).toEqual([{ count: 2 }]);
    });
  });

  it("taken while everybody writes is of one moment, and no write fails", async () => {
    const end = new AbortController();
    let written = 0;
    await within(login, "shop", (sql) =>
      sql.query("create table log (id int auto_increment primary key, what text)"),
    );
    const writers = [0, 1, 2].map(() =>
      within(login, "shop", async (sql) => {
        for (; !end.signal.aborted; written += 1) await sql.query("insert into log (what) values ('x')");
      }),
    );
    const folder = join(providers.folder, "busy");
    mkdirSync(folder);
    try {
      const before = written;
      const taken = await provider.backup(desired, folder, conformanceContext);
      expect(written).toBeGreaterThan(before);
      expect(await provider.verify(desired, folder, conformanceContext)).toBe(taken.checksum);
    } finally {
      end.abort();
      await Promise.all(writers);
    }
  });
});
