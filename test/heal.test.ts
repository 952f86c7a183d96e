import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { conditionOf, isReady, kill } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { loadOn } from "./support/load.ts";
import { isAlive } from "./support/processes.ts";
import { web } from "./support/systems.ts";
import { until } from "./support/until.ts";

test("an instance killed under load is replaced, and no request fails", async () => {
  const home = openHome();
  await home.ok(["up", home.declare(web())]);
  const load = loadOn(await home.url("front"));
  await load.more(500);
  const [victim, ...others] = await home.instances("api");
  const pid = Number(victim?.status?.["identity"]?.["pid"]);
  kill(pid);
  const now = await until("a replacement", async () => {
    const instances = await home.instances("api");
    const isReplaced = instances.every(({ metadata }) => metadata.uid !== victim?.metadata.uid);
    return isReplaced && instances.length === 3 && instances.every(isReady) ? instances : undefined;
  });
  await load.more(500);
  await load.stop();
  expect(load.failures()).toEqual([]);
  expect(isAlive(pid)).toBe(false);
  const names = now.map(({ metadata }) => metadata.name);
  expect(names).toEqual(expect.arrayContaining(others.map(({ metadata }) => metadata.name)));
  expect(await home.ok(["events"])).toContain(victim?.metadata.name);
});

test("an instance whose liveness check fails is replaced, and no request fails", async () => {
  const home = openHome();
  const switches = home.folder("switches");
  const probes = {
    readiness: { http: { path: "/health" } },
    liveness: { http: { path: "/alive" }, period: "200ms", failureThreshold: 2 },
  };
  await home.ok(["up", home.declare(web({ env: { SWITCH: switches }, probes }))]);
  const load = loadOn(await home.url("front"));
  const [victim] = await home.instances("api");
  const name = victim?.metadata.name ?? "";
  writeFileSync(join(switches, `${name}.dead`), "");
  await until("the end of the dead one", async () => (await home.get(`Instance/${name}`)) === undefined);
  await home.settled("api", 3);
  await load.more(500);
  await load.stop();
  expect(load.failures()).toEqual([]);
  expect(await home.ok(["events"])).toMatch(/liveness check failed/);
});

test("an instance that fails its requests is taken out and replaced", async () => {
  const home = openHome();
  const switches = home.folder("switches");
  await home.ok(["up", home.declare(web({ env: { SWITCH: switches, NAMED: "1" } }))]);
  const load = loadOn(await home.url("front"));
  const [victim] = await home.instances("api");
  const name = victim?.metadata.name ?? "";
  await load.more(500);
  writeFileSync(join(switches, `${name}.failing`), "");
  await until("the end of the failing one", async () => (await home.get(`Instance/${name}`)) === undefined);
  await home.settled("api", 3);
  const before = load.failures().length;
  await load.more(500);
  await load.stop();
  expect(load.failures().slice(before)).toEqual([]);
});

test("an instance that answers slowly is taken out and replaced", async () => {
  const home = openHome();
  const switches = home.folder("switches");
  await home.ok(["up", home.declare(web({ env: { SWITCH: switches } }))]);
  const load = loadOn(await home.url("front"));
  const [victim] = await home.instances("api");
  const name = victim?.metadata.name ?? "";
  await load.more(500);
  writeFileSync(join(switches, `${name}.slow`), "");
  await until(
    "the end of the slow one",
    async () => (await home.get(`Instance/${name}`)) === undefined,
    60_000,
  );
  await home.settled("api", 3);
  await load.stop();
  expect(load.failures()).toEqual([]);
});

test("a crash loop is visible as a condition, and restarts back off", async () => {
  const home = openHome();
  const restart = { backoff: "100ms", maxBackoff: "60s" };
  const folder = home.declare(web({ replicas: 1, env: { FAIL_START: "exit" }, restart }));
  const up = home.start(["up", folder]);
  const service = await until("several crashes", async () => {
    const found = await home.get("Service/api");
    return Number(found?.status?.["crashes"]?.["count"] ?? 0) >= 4 ? found : undefined;
  });
  const text = JSON.stringify(service.status?.conditions);
  expect(text).toMatch(/crash/i);
  expect(text).toContain("7");
  expect(conditionOf(service, "Ready")?.status).toBe("False");
  const described = await home.ok(["describe", "service/api"]);
  expect(described).toMatch(/crash/i);
  expect(await home.ok(["logs", "api", "--previous"])).toContain("cannot read the settings");
  up.child.kill("SIGINT");
  expect((await up.done).code).not.toBe(0);
});
