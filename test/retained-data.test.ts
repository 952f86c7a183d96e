import { readFileSync, writeFileSync } from "node:fs";
import postgres from "postgres";
import { expect, test } from "vitest";
import { type TestHome } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { leftBehind } from "./support/left-behind.ts";

const SYSTEM = `
kind: System
metadata: { name: keep }
---
kind: Volume
metadata: { name: papers }
spec: { retain: true }
---
kind: Volume
metadata: { name: scraps }
---
kind: Database
metadata: { name: ledger }
spec: { retain: true }
`;

async function withDatabase<T>(home: TestHome, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const found = JSON.parse(await home.ok(["get", "database/ledger", "--reveal", "-o", "json"])) as {
    readonly status: { readonly url: string };
  };
  const sql = postgres(found.status.url, { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 2 });
  }
}

async function pathOf(home: TestHome, volume: string): Promise<string> {
  return String((await home.get(`Volume/${volume}`))?.status?.["path"]);
}

test("down keeps what is to be retained, names it, and the next up finds it again", async () => {
  const home = openHome();
  const folder = home.declare(SYSTEM);
  await home.ok(["up", folder]);
  await withDatabase(home, async (sql) => {
    await sql`create table entries (text text)`;
    await sql`insert into entries values ('kept')`;
  });
  writeFileSync(`${await pathOf(home, "papers")}/paper`, "kept");
  writeFileSync(`${await pathOf(home, "scraps")}/scrap`, "lost");

  const kept = await home.ok(["down", "keep", "--yes"]);
  expect(kept).toContain("volume/papers");
  expect(kept).toContain("database/ledger");
  expect(kept).not.toContain("scraps");
  expect(leftBehind(home.path).toSorted()).toEqual(["databases/default/ledger", "volumes/default/papers"]);

  await home.ok(["up", folder]);
  expect(readFileSync(`${await pathOf(home, "papers")}/paper`, "utf8")).toBe("kept");
  expect(await withDatabase(home, (sql) => sql`select text from entries`)).toMatchObject([{ text: "kept" }]);
});
