import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TransactionSql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { conformanceContext } from "../../../provider/conformance.ts";
import { Providers, desiredDatabase } from "../fixtures/providers.ts";
import { tablesOf } from "./checksum.ts";
import { type ServerAddress, withConnection } from "./database.ts";
import { copyOut } from "./rows.ts";

const providers = new Providers();
const folder = mkdtempSync(join(tmpdir(), "tutti-rows-"));
let server: ServerAddress & { readonly database: string };

beforeAll(async () => {
  await providers.open();
  const { outputs } = await providers.of("embedded").ensure(desiredDatabase("copied"), conformanceContext);
  server = conformanceContext.keyring.openAll(outputs) as unknown as typeof server;
});
afterAll(async () => {
  await providers.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Rows that come faster than they are written: what is to be copied next waits behind them on the same connection. */
it("the connection goes on after a table whose last rows were more than the stream takes at once", async () => {
  const copies = 60;
  const inTransaction = async (sql: TransactionSql): Promise<number> => {
    const tables = await tablesOf(sql);
    for (let copy = 0; copy < copies; copy++)
      await copyOut(sql, tables, folder, new AbortController().signal);
    return tables.length;
  };
  const count = await withConnection(
    server,
    server.database,
    async (sql) => {
      await sql.unsafe(`create table large as select n, repeat('x', 100) as text from generate_series(1, 20000) n;
        create table small as select n from generate_series(1, 100) n`);
      return sql.begin((transaction) => inTransaction(transaction));
    },
    60_000,
  );
  expect(count).toBe(2);
  const lines = (index: number): number =>
    readFileSync(join(folder, `${index}.rows`), "utf8")
      .trimEnd()
      .split("\n").length;
  expect([lines(0), lines(1)]).toEqual([20_000, 100]);
}, 120_000);
