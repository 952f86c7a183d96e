/** A service never notices that the password of its database is rotated, twice, though it asks and connects all the time. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { systemClock } from "../clock/clock.ts";
import { validate } from "../kinds/validate.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import { databaseProviders, localServers } from "../providers/databases/index.ts";
import { localProviders } from "../providers/local/index.ts";
import type { Store } from "../store/store.ts";
import { createMemoryStore } from "../testing/index.ts";
import { createControlPlane } from "./control-plane.ts";

const cause = { actor: "user:test", action: "test" };
const PATIENCE = { timeout: 120_000, interval: 100 };

/** Asks on a pool that lives long and on a new connection each time, and writes down what came of it. */
const program = `
import { writeFileSync } from "node:fs";
import connect from ${JSON.stringify(import.meta.resolve("postgres"))};
const url = process.env.DATABASE_URL;
const report = { user: decodeURIComponent(new URL(url).username), queries: 0, failures: [] };
const write = () => writeFileSync(process.env.REPORTS + "/" + process.pid + ".json", JSON.stringify(report));
let ending = false;
// Who takes its time to end uses the former login while the password is settled, and is not to notice that either.
process.on("SIGTERM", () => setTimeout(() => (ending = true), 7_000));
async function ask(sql) {
  try {
    await sql\`insert into t values (1)\`;
    report.queries += 1;
  } catch (error) {
    report.failures.push(String(error));
  }
  if (report.queries % 20 === 0 || report.failures.length > 0) write();
}
const pool = connect(url, { max: 2, onnotice: () => {} });
await pool\`create table if not exists t (n int)\`;
await Promise.all([
  ...[1, 2].map(async () => { while (!ending) await ask(pool); }),
  (async () => {
    while (!ending) {
      const sql = connect(url, { max: 1 });
      await ask(sql);
      await sql.end();
    }
  })(),
]);
write();
await pool.end();
`;

interface Report {
  readonly user: string;
  readonly queries: number;
  readonly failures: readonly string[];
}

it("two rotations under load fail no query and refuse no connection", { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "tutti-rotation-"));
  const reports = mkdtempSync(join(tmpdir(), "tutti-rotation-reports-"));
  const script = join(reports, "hammer.mjs");
  writeFileSync(script, program);
  const keyring = new Keyring(new Uint8Array(32).fill(9));
  const store = createMemoryStore({ clock: systemClock });
  const local = await localProviders({ folder, clock: systemClock, keyring });
  const servers = localServers(local.servers);
  const providers = [...databaseProviders({ servers, rotationGrace: 0 }), ...local.providers];
  const plane = createControlPlane({
    store,
    clock: systemClock,
    keyring,
    local: { instances: [local.instances], providers },
  });
  const read = (): readonly Report[] =>
    readdirSync(reports)
      .filter((name) => name.endsWith(".json"))
      .flatMap((name) => {
        const text = readFileSync(join(reports, name), "utf8");
        return text.endsWith("}") ? [JSON.parse(text) as Report] : []; // else it is being written
      });
  const served = (login: string, instances: number): Promise<void> =>
    vi.waitFor(
      () =>
        expect(read().filter(({ user, queries }) => user === login && queries > 100)).toHaveLength(instances),
      PATIENCE,
    );
  try {
    await plane.start();
    await declare(store, "Database", "orders", { class: "server" });
    await declare(store, "Service", "api", {
      command: [process.execPath, script],
      replicas: 2,
      stop: { grace: "60s" },
      env: { DATABASE_URL: "${database.orders.status.url}", REPORTS: reports },
    });
    await served("orders", 2);
    await declare(store, "Database", "orders", { class: "server" }, { "tutti.dev/rotate": "first" });
    await served("orders_b", 2);
    await declare(store, "Database", "orders", { class: "server" }, { "tutti.dev/rotate": "second" });
    await served("orders", 4);
    const seen = read();
    expect(seen.flatMap(({ failures }) => failures)).toEqual([]);
    expect(seen.reduce((sum, { queries }) => sum + queries, 0)).toBeGreaterThan(600);
  } finally {
    for (const [kind, name] of [
      ["Service", "api"],
      ["Database", "orders"],
    ] as const)
      await store.commit([{ type: "delete", key: { kind, namespace: "default", name } }], cause);
    await vi.waitFor(
      () => expect(store.get({ kind: "Database", namespace: "default", name: "orders" })).toBeUndefined(),
      PATIENCE,
    );
    await plane.stop();
    local.close();
    for (const path of [folder, reports]) rmSync(path, { recursive: true, force: true });
  }
});

async function declare(
  store: Store,
  kind: string,
  name: string,
  spec: object,
  annotations: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { resource, diagnostics } = validate({ kind, metadata: { name, annotations }, spec });
  if (resource === undefined) throw new Error(JSON.stringify(diagnostics));
  const present: Resource | undefined = store.get({ kind, namespace: "default", name });
  if (present === undefined) {
    await store.commit([{ type: "create", resource }], cause);
    return;
  }
  const changed = { ...present, metadata: { ...present.metadata, annotations } } as Draft;
  await store.commit([{ type: "update", resource: changed }], cause);
}
