/** Backups, restores and moments of databases, as people ask for them. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Seen, type TestHome, kindOf } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

const SYSTEM = `
kind: System
metadata: { name: books }
---
kind: Database
metadata: { name: orders }
---
kind: Database
metadata: { name: ledger }
spec: { class: server, backup: { archive: true } }
`;

function sql(home: TestHome, database: string, text: string): Promise<string> {
  return home.ok(["db", "psql", database, "--", "--no-psqlrc", "--quiet", "-At", "-c", text]);
}

interface Made {
  readonly backup: string;
  readonly path: string;
  readonly checksum: string;
  readonly verified: boolean;
}

async function backUp(home: TestHome, database: string, ...words: readonly string[]): Promise<Made> {
  return JSON.parse(await home.ok(["db", "backup", database, "-o", "json", ...words])) as Made;
}

test("a backup is verified, is listed, and becomes a new database with the same content", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(SYSTEM)]);
  await sql(
    home,
    "orders",
    "create table customers as select n as id, 'c' || n as name from generate_series(1, 500) n",
  );
  const made = await backUp(home, "orders", "--as", "monday");
  expect(made).toMatchObject({ backup: "monday", verified: true });
  expect(existsSync(made.path)).toBe(true);
  await sql(home, "orders", "delete from customers");

  await home.ok(["db", "restore", "orders", "--from", "monday", "--as", "orders-check"]);
  expect(await sql(home, "orders-check", "select count(*) from customers")).toBe("500\n");
  // The same content has the same checksum, wherever it is.
  expect((await backUp(home, "orders-check")).checksum).toBe(made.checksum);
  expect(await home.ok(["db", "list", "orders"])).toMatch(/^monday\s+Verified/m);

  await home.client().remove(kindOf("Backup"), "monday");
  await until("the files to be gone", () => !existsSync(made.path));
});

test("a control plane that is killed in the middle of a backup leaves nothing half", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(SYSTEM)]);
  await sql(home, "orders", "create table rows as select n, md5(n::text) from generate_series(1, 20000) n");
  await home.ok(["db", "backup", "orders", "--as", "cut", "--no-wait"]);
  const folder = join(home.path, "backups", "default", "orders");
  await until("the backup to be under way", () => existsSync(folder) && readdirSync(folder).length > 0);
  await home.killControlPlane();
  await home.serve();
  // It has three attempts, with pauses in between.
  const whileAttempts = 90_000;
  const isOver = async (): Promise<Seen | undefined> => {
    const seen = await home.get("Backup/cut");
    return seen?.status?.["finishedAt"] === undefined ? undefined : seen;
  };
  const backup = await until("the backup to be over", isOver, whileAttempts);
  expect(backup.status).toMatchObject({ verified: true });
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^cut-[0-9a-f]{8}$/)]);
  expect(await sql(home, "orders", "select count(*) from pg_database where datname ~ '^tutti'")).toBe("0\n");
});

test("a moment between two writes becomes a new database that has the first and not the second", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(SYSTEM)]);
  await sql(home, "ledger", "create table entries (text text)");
  await until("the first backup", async () => (await home.ok(["db", "list", "ledger"])).includes("Verified"));
  await sql(home, "ledger", "insert into entries values ('first')");
  const now = `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
  const between = (await sql(home, "ledger", now)).trim();
  await sql(home, "ledger", "insert into entries values ('second')");

  await home.ok(["db", "restore", "ledger", "--at", between, "--as", "ledger-then"]);
  expect(await sql(home, "ledger-then", "select text from entries")).toBe("first\n");

  const tooEarly = await home.tutti([
    "db",
    "restore",
    "ledger",
    "--at",
    "2020-01-01T00:00:00Z",
    "--as",
    "old",
  ]);
  expect(tooEarly).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("No backup reaches back") as string,
  });
  await until("nothing to be left of it", async () => (await home.get("Database/old")) === undefined);
});

test("a new password is asked for, and whoever signs in afterwards has it", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(SYSTEM)]);
  const passwordOf = async (): Promise<unknown> =>
    (
      JSON.parse(await home.ok(["get", "database/orders", "--reveal", "-o", "json"])) as {
        status: { password: string };
      }
    ).status.password;
  const before = await passwordOf();
  await home.ok(["db", "rotate", "orders"]);
  expect(await passwordOf()).not.toBe(before);
  expect(await sql(home, "orders", "select 1")).toBe("1\n");
});
