import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { TestHome } from "./support/home.ts";
import { type Load, loadOn } from "./support/load.ts";
import { query } from "./support/monitoring.ts";
import { openHome } from "./support/open-home.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";

const REQUESTS = "tutti_balancer_request_duration_seconds";

/** Seconds, over the last quarter of a minute. */
async function p99(home: TestHome): Promise<number> {
  const buckets = `sum by (le) (rate(${REQUESTS}_bucket{service="api"}[15s]))`;
  return Number((await query(home, `histogram_quantile(0.99, ${buckets})`))[0]?.value[1] ?? Number.NaN);
}

/** Requests of the last quarter of a minute that took longer than a second. */
async function waited(home: TestHome): Promise<number> {
  const all = `sum(increase(${REQUESTS}_count{service="api"}[15s]))`;
  const fast = `sum(increase(${REQUESTS}_bucket{service="api",le="1"}[15s]))`;
  return Number((await query(home, `${all} - ${fast}`))[0]?.value[1] ?? Number.NaN);
}

/** Requests that the balancer gave each instance, as it counts them. */
async function requestsTo(home: TestHome, instance: string): Promise<number> {
  const selector = `{service="api",instance="${instance}"}`;
  const [found] = await query(home, `sum(tutti_balancer_requests_total${selector})`);
  return Number(found?.value[1] ?? 0);
}

async function seen(home: TestHome, load: Load): Promise<number> {
  await load.more(500);
  return until("the latency being measured", async () => {
    const found = await p99(home);
    return Number.isFinite(found) && found > 0 ? found : undefined;
  });
}

test(
  "one of four instances that is slow leaves the balancer and is replaced, and users wait no longer",
  { timeout: 240_000 },
  async () => {
    const home = openHome();
    const switches = home.folder("switches");
    await home.ok(["up", home.declare(web({ replicas: 4, env: { SWITCH: switches } }))]);
    const load = loadOn(await home.url("front"), { connections: 8, pause: 10 });
    const usual = await seen(home, load);
    const [victim] = await home.instances("api");
    const name = victim?.metadata.name ?? "";
    expect(await requestsTo(home, name)).toBeGreaterThan(0);
    const began = Date.now();
    writeFileSync(join(switches, `${name}.slow`), "");
    const waiting = until("users waiting", async () => (await waited(home)) > 0);
    await until(
      "the slow one being out of the balancer",
      async () => (await home.instances("api")).every(({ metadata }) => metadata.name !== name),
      60_000,
    );
    console.log(`out after ${Date.now() - began} ms`);
    await until("its end", async () => (await home.get(`Instance/${name}`)) === undefined, 60_000);
    await home.settled("api", 4);
    await waiting;
    console.log(`replaced after ${Date.now() - began} ms; p99 ${await p99(home)} s, before ${usual} s`);
    await until("nobody waiting any more", async () => (await waited(home)) === 0, 90_000);
    console.log(`nobody waits ${Date.now() - began} ms after it became slow; p99 ${await p99(home)} s`);
    await load.stop();
    expect(load.failures()).toEqual([]);
    expect(await home.ok(["events"])).toContain(name);
  },
);

test("a dependency that makes all instances slow takes none of them out", { timeout: 240_000 }, async () => {
  const home = openHome();
  const database = await openDatabase();
  const env = { DEPENDENCY: database.url };
  await home.ok(["up", home.declare(web({ replicas: 4, env }))]);
  const before = await home.pids("api");
  const load = loadOn(await home.url("front"), { connections: 32, pause: 50 });
  await seen(home, load);
  database.delay = 1500;
  await until("all waiting", async () => (await p99(home)) > 1, 60_000);
  // Judged again and again: as many requests for each as an instance is judged by, three times.
  await load.more(4 * 20 * 3);
  await load.stop();
  expect(await home.pids("api"), await home.ok(["events"])).toEqual(before);
  expect(load.failures()).toEqual([]);
  expect(await query(home, 'tutti_service_replicas_ready{tutti_resource="service/api"} == 4')).toHaveLength(
    1,
  );
});

interface SlowDatabase {
  readonly url: string;
  /** Milliseconds until it answers. */
  delay: number;
}

/** What every instance asks before it answers (DEPENDENCY of test/programs/server.ts). */
async function openDatabase(): Promise<SlowDatabase> {
  const server = createServer((_, response) => void sleep(database.delay).then(() => response.end("row")));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const database = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, delay: 0 };
  return database;
}
