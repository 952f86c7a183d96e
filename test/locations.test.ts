import { expect, onTestFinished, test } from "vitest";
import { type Daemon, startDaemon } from "../src/providers/docker/fixtures/daemon.ts";
import { importPostgres } from "../src/providers/docker/fixtures/database-images.ts";
import { ROOT, type TestHome, conditionOf, kindOf } from "./support/home.ts";
import { ask, loadOn } from "./support/load.ts";
import { openHome } from "./support/open-home.ts";
import { startedBy } from "./support/processes.ts";
import { buy } from "./support/shop.ts";
import { until } from "./support/until.ts";

const POSTGRES = "tutti.test/postgres:15";
const STOREFRONT = `${ROOT}/examples/storefront/tutti.ts`;

async function daemon(): Promise<Daemon> {
  const started = await startDaemon({ bare: true });
  onTestFinished(() => started.close());
  return started;
}

/** Class and location of the instances of a service, once each. */
async function placesOf(home: TestHome, service: string): Promise<readonly string[]> {
  const instances = await home.instances(service);
  return [...new Set(instances.map(({ spec }) => `${String(spec["class"])} at ${String(spec["location"])}`))];
}

async function containersOf({ docker }: Daemon): Promise<number> {
  return (await docker.listContainers({ all: true })).length;
}

test("the same shop comes up all in containers, sells, and goes without a trace", async () => {
  const home = openHome();
  const engine = await daemon();
  await importPostgres(engine.docker, POSTGRES);
  const env = { DOCKER_HOST: engine.endpoint };
  const serving = home.start(["serve"], { env });
  await until("a control plane", () => home.registration()?.pid === serving.child.pid);
  await until("the location", () => home.get("Location/docker"));
  await home
    .client()
    .patch(kindOf("Location"), "docker", { spec: { docker: { images: { postgres: POSTGRES } } } });
  await home.ok(["up", STOREFRONT, "--location", "docker"]);
  const url = await home.url("front");
  expect((await ask(`${url}/`)).body).toContain("<title>Storefront</title>");
  await buy(url);
  expect(await home.get("Database/orders")).toMatchObject({ status: { made: { class: "docker" } } });
  expect(await home.get("Volume/uploads")).toMatchObject({ status: { made: { class: "docker" } } });
  expect(await containersOf(engine)).toBeGreaterThanOrEqual(6);

  await home.ok(["down", "storefront", "--yes"]);
  expect(await containersOf(engine)).toBe(0);
  expect((await engine.docker.listVolumes()).Volumes).toEqual([]);
  expect(JSON.parse(await home.ok(["get", "all", "-o", "json"]))).toMatchObject({ items: [] });
});

test("a running shop moves from processes to containers and back, one Change each, and no request fails", async () => {
  const home = openHome();
  const engine = await daemon();
  const env = { DOCKER_HOST: engine.endpoint };
  await home.ok(["up", STOREFRONT], { env });
  const url = await home.url("front");
  await buy(url);
  const load = loadOn(url, { connections: 8, path: "/api/products" });
  await load.more(200);

  await home.ok(["up", STOREFRONT, "--location", "docker"], { env });
  for (const service of ["api", "web", "worker"]) {
    expect(await placesOf(home, service)).toEqual(["docker at docker"]);
    expect(startedBy(home.path).filter(({ command }) => command.includes(`${service}.ts`))).toEqual([]);
  }
  expect(await home.get("Database/orders")).toMatchObject({ spec: { location: "local" } });
  expect(await home.url("front")).toBe(url);
  await buy(url);
  await load.more(200);

  await home.ok(["up", STOREFRONT], { env });
  expect(await placesOf(home, "api")).toEqual(["process at local"]);
  await until("the end of all containers", async () => (await containersOf(engine)) === 0);
  await buy(url);
  await load.more(200);
  await load.stop();
  expect(load.failures()).toEqual([]);
  expect((await home.list("Change")).length).toBe(3);
});

test("the same shop runs behind HAProxy with the system's PostgreSQL when its location says so", async () => {
  const home = openHome();
  await home.serve();
  await home.client().create(kindOf("Location"), {
    apiVersion: "tutti.dev/v1",
    kind: "Location",
    metadata: { name: "engines" },
    spec: { classes: { LoadBalancer: "haproxy", Database: "server" } },
  });
  await home.ok(["up", STOREFRONT, "--location", "engines"]);
  expect(startedBy(home.path).some(({ command }) => command.includes("haproxy"))).toBe(true);
  expect(startedBy(home.path).some(({ command }) => command.includes("/usr/lib/postgresql"))).toBe(true);
  const url = await home.url("front");
  expect((await ask(`${url}/`)).body).toContain("<title>Storefront</title>");
  await buy(url);
  await home.ok(["down", "storefront", "--yes"]);
  expect(startedBy(home.path)).toEqual([]);
});

test("a location and what is there come in one declaration", async () => {
  const home = openHome();
  const folder = home.declare(`
kind: Location
metadata: { name: front }
spec: { classes: { LoadBalancer: haproxy } }
---
kind: Service
metadata: { name: web }
spec: { location: front, command: [node, -e, "require('http').createServer((q, r) => r.end('here')).listen(process.env.PORT)"], ports: [{ name: http }] }
---
kind: LoadBalancer
metadata: { name: front }
spec: { location: front, routes: [{ service: web }] }
`);
  await home.ok(["up", folder]);
  expect((await ask(`${await home.url("front")}/`)).body).toBe("here");
  expect(await home.get("LoadBalancer/front")).toMatchObject({ status: { made: { class: "haproxy" } } });
  await home.ok(["down", "system", "--yes"]);
  expect(startedBy(home.path)).toEqual([]);
});

test("a declaration that needs more than its class has is refused before anything is made, with the classes that could", async () => {
  const home = openHome();
  const folder = home.declare(
    "kind: Service\nmetadata: { name: api }\nspec: { class: process, image: shop/api:1 }\n",
  );
  const outcome = await home.tutti(["up", folder]);
  expect(outcome.code).not.toBe(0);
  expect(outcome.stderr).toContain("The class 'process' of Service has no images.");
  expect(outcome.stderr).toContain("Classes that can, here: docker.");
  expect(await home.list("Service")).toEqual([]);
});

test("where there is no container engine, what wants one is refused before anything is made, with what to do", async () => {
  const home = openHome();
  const env = { DOCKER_HOST: "unix:///nowhere/docker.sock" };
  const folder = home.declare(
    "kind: Service\nmetadata: { name: api }\nspec: { image: shop/api:1 }\n---\nkind: Volume\nmetadata: { name: files }\n",
  );
  const outcome = await home.tutti(["up", folder, "--location", "docker"], { env });
  expect(outcome.code).not.toBe(0);
  expect(outcome.stderr).toContain("EngineMissing service/api");
  expect(outcome.stderr).toContain("EngineMissing volume/files");
  expect(outcome.stderr).toContain("There is no container engine at unix:///nowhere/docker.sock.");
  expect(outcome.stderr).toContain("Start Docker or Podman");
  expect(await home.list("Service")).toEqual([]);
  await until("the location to say so too", async () => {
    const location = await home.get("Location/docker");
    return location !== undefined && conditionOf(location, "Ready")?.status === "False";
  });
});
