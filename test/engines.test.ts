import { Resolver } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { expect, test } from "vitest";
import { type TestHome, kill } from "./support/home.ts";
import { ask } from "./support/load.ts";
import { openHome } from "./support/open-home.ts";
import { rootsBy } from "./support/processes.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";

const SYSTEM = `${web({ replicas: 2, env: { VERSION: "here" } })}
---
kind: Database
metadata: { name: ledger }
---
kind: DNSZone
metadata: { name: names }
spec: { domain: shop.test }
---
kind: DNSRecord
metadata: { name: www }
spec: { zone: names, name: www, values: [127.0.0.7] }
`;

/** Milliseconds. */
const LOST_AFTER = 3_000;

/** The engine's own process, by what it was started for. */
function processOf(home: TestHome, kind: string): number {
  const [found] = [...rootsBy(home.path)].filter(([id]) => id.startsWith(`${kind}/`));
  return found?.[1][0]?.pid ?? Number.NaN;
}

async function replaced(home: TestHome, kind: string): Promise<void> {
  const pid = processOf(home, kind);
  kill(pid);
  await until(`another ${kind}`, () => {
    const now = processOf(home, kind);
    return !Number.isNaN(now) && now !== pid;
  });
}

test("a killed balancer, DNS server or PostgreSQL comes back by itself at the same address, with its data", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(SYSTEM)]);
  const instances = await home.pids("api");

  const url = await home.url("front");
  await replaced(home, "LoadBalancer");
  await until("the front", async () => (await ask(`${url}/`)).body === "here");

  const resolver = new Resolver({ timeout: 500, tries: 2 });
  resolver.setServers([String((await home.get("DNSZone/names"))?.status?.["server"])]);
  expect(await resolver.resolve4("www.shop.test")).toEqual(["127.0.0.7"]);
  await replaced(home, "DNSZone");
  await until("the name", async () => (await resolver.resolve4("www.shop.test"))[0] === "127.0.0.7");

  const database = JSON.parse(await home.ok(["get", "database/ledger", "--reveal", "-o", "json"])) as {
    readonly status: { readonly url: string };
  };
  const sql = postgres(database.status.url, { max: 4, onnotice: () => undefined, connect_timeout: 2 });
  await sql`create table entries (number integer)`;
  let acknowledged = 0;
  let writing = true;
  const writer = (async () => {
    while (writing) {
      const number = acknowledged + 1;
      const insert = sql`insert into entries values (${number})`.then(
        () => (acknowledged = number),
        () => undefined,
      );
      // The client can lose a statement with the connection that dies under it: that one never settles.
      await Promise.race([insert, sleep(LOST_AFTER)]);
    }
  })();
  await until("rows", () => acknowledged > 50);
  await replaced(home, "Database");
  const before = acknowledged;
  await until("more rows", () => acknowledged > before + 50);
  writing = false;
  await writer;
  await sql.end({ timeout: 0 });
  const reader = postgres(database.status.url, { max: 1 });
  const [row] =
    await reader`select count(distinct number)::int as count from entries where number <= ${acknowledged}`;
  expect(row).toEqual({ count: acknowledged });
  await reader.end({ timeout: 2 });
  expect(await home.pids("api")).toEqual(instances);
});
