/** A PostgreSQL that somebody changed by hand, with psql: it is told, and set back. */
import connect from "postgres";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { conformanceContext as context } from "../../../provider/conformance.ts";
import type { DatabaseProvider, Desired, Observation } from "../../../provider/provider.ts";
import { Providers, desiredDatabase } from "../fixtures/providers.ts";

let providers: Providers;
let databases: DatabaseProvider;
beforeAll(async () => {
  providers = new Providers({ open: true });
  await providers.open();
  databases = providers.of("server");
});
afterEach(() => providers.clear());
afterAll(() => providers.close());

const desired: Desired = desiredDatabase("orders", {
  class: "server",
  extensions: ["pg_trgm"],
  users: [{ name: "report", access: "read" }],
  settings: { work_mem: "8MB", max_connections: 30 },
});

/** As somebody with all rights would, beside us. */
async function byHand({ outputs }: Observation, database: string, text: string): Promise<void> {
  const sql = connect({
    host: "127.0.0.1",
    port: outputs["port"] as number,
    user: "postgres",
    password: context.keyring.derive("database/default/orders/superuser"),
    database,
    max: 1,
    onnotice: () => {},
  });
  try {
    for (const statement of text.split(";")) await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

const actual = async (): Promise<unknown> => (await databases.observe(desired, context))?.actual;
const AS_MADE = {
  extensions: ["pg_trgm"],
  users: [{ name: "report" }],
  settings: { work_mem: "8MB", max_connections: 30 },
};

it.each([
  ["an extension is gone", "orders", "drop extension pg_trgm", { ...AS_MADE, extensions: [] }],
  [
    "a setting is another one",
    "postgres",
    "alter system set work_mem = '64MB'; select pg_reload_conf(); select pg_sleep(0.2)",
    { ...AS_MADE, settings: { work_mem: "64MB", max_connections: 30 } },
  ],
  ["an account is locked", "postgres", "alter role report nologin", { ...AS_MADE, users: [] }],
  [
    "the owner is locked",
    "postgres",
    "alter role orders nologin",
    { ...AS_MADE, login: "is not there, or locked" },
  ],
])("%s", async (_what, database, statements, found) => {
  const made = await databases.ensure(desired, context);
  expect(made.actual).toEqual(AS_MADE);
  await byHand(made, database, statements);
  expect(await actual()).toEqual(found);
  await databases.ensure(desired, context);
  await expect.poll(actual, { timeout: 20_000 }).toEqual(AS_MADE);
});

it("an account that was dropped may do again what it might", async () => {
  const made = await databases.ensure(desired, context);
  await byHand(made, "orders", "create table things (id int); alter table things owner to orders");
  await byHand(made, "orders", "drop owned by report; drop role report");
  expect(await actual()).toEqual({ ...AS_MADE, users: [] });
  const again = await databases.ensure(desired, context);
  expect(again.actual).toEqual(AS_MADE);
  const [user] = again.outputs["users"] as readonly { readonly url: string }[];
  const sql = connect(context.keyring.open(user?.url ?? ""), { max: 1 });
  try {
    expect(await sql`select count(*)::int as count from things`).toEqual([{ count: 0 }]);
  } finally {
    await sql.end();
  }
});
