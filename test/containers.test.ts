/** The whole of it with a real container engine: what people run in production, and what breaks there. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHECKED_IMAGE, type Daemon, IMAGE, startDaemon } from "../src/providers/docker/fixtures/daemon.ts";
import { StateFolder } from "../src/app/home.ts";
import { homeLabel } from "../src/providers/docker/identity.ts";
import { type TestHome, conditionOf, kindOf } from "./support/home.ts";
import { ask, loadOn } from "./support/load.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

let daemon: Daemon;
beforeAll(async () => {
  daemon = await startDaemon({ liveRestore: true });
});
afterAll(() => daemon.close());

const HTTPD = '[sh, -c, "echo $VERSION > /tmp/index.html; exec httpd -f -p 127.0.0.1:$PORT -h /tmp"]';

interface Web {
  readonly image?: string;
  readonly replicas?: number;
  readonly version?: string;
  readonly more?: string;
}

/** Web servers in containers behind a balancer, and how to bring them up. */
function web(home: TestHome, { image = IMAGE, replicas = 2, version = "one", more = "" }: Web = {}): string {
  return home.declare(`
kind: Service
metadata: { name: web }
spec:
  location: docker
  image: ${image}
  command: ${HTTPD}
  replicas: ${replicas}
  ports: [{ name: http }]
  env: { VERSION: ${version} }
  # The first process of a container that sets no handler ignores SIGTERM: each of these is killed in the end.
  stop: { grace: 1s }
  ${more}
---
kind: LoadBalancer
metadata: { name: front }
spec: { routes: [{ service: web }] }
`);
}

function up(home: TestHome, folder: string): Promise<string> {
  return home.ok(["up", folder, "--yes"], { env: { DOCKER_HOST: daemon.endpoint } });
}

async function containers(home: TestHome): Promise<readonly string[]> {
  const instances = await home.instances("web");
  return instances.map(({ status }) => String(status?.["identity"]?.["container"]));
}

/** Ids of everything that the engine has of this home, running or not. */
async function madeBy({ path }: TestHome): Promise<readonly string[]> {
  const label = homeLabel(new StateFolder(path).keyring().derive("home").slice(0, 12));
  const all = await daemon.docker.listContainers({ all: true, filters: { label: [label] } });
  return all.map(({ Id }) => Id);
}

async function down(home: TestHome): Promise<void> {
  await home.ok(["down", "system", "--yes"]);
  await until("the end of all containers", async () => (await madeBy(home)).length === 0);
}

test("a change rolls out under load without a failed request, and one that cannot start is taken back", async () => {
  const home = openHome();
  await up(home, web(home));
  const url = await home.url("front");
  const load = loadOn(url, { connections: 8 });
  await load.more(200);
  await up(home, web(home, { version: "two" }));
  expect((await ask(`${url}/`)).body).toBe("two\n");
  await load.more(200);
  await load.stop();
  expect(load.failures()).toEqual([]);

  const failed = await home.tutti([
    "up",
    web(home, { version: "three", more: "user: nobody-there" }),
    "--yes",
  ]);
  expect(failed.code).not.toBe(0);
  expect((await ask(`${url}/`)).body).toBe("two\n");
  await down(home);
});

test("a killed container is replaced; one that its HEALTHCHECK finds unwell as well", async () => {
  const home = openHome();
  await up(home, web(home, { image: CHECKED_IMAGE }));
  const [first = "", second = ""] = await containers(home);
  await daemon.docker.getContainer(first).kill();
  await until("a replacement for the killed one", async () => {
    const now = await containers(home);
    return now.length === 2 && !now.includes(first);
  });
  const unwell = await daemon.docker
    .getContainer(second)
    .exec({ Cmd: ["sh", "-c", "echo cough > /tmp/unwell"] });
  await unwell.start({});
  await until("a replacement for the unwell one", async () => !(await containers(home)).includes(second));
  await home.settled("web", 2);
  await down(home);
});

test("containers go on while the control plane is killed, and the next one takes them over as they are", async () => {
  const home = openHome();
  await up(home, web(home));
  const before = await containers(home);
  const load = loadOn(await home.url("front"), { connections: 4 });
  await load.more(50);
  await home.killControlPlane();
  await load.more(50);
  await up(home, web(home));
  await load.more(50);
  await load.stop();
  expect(load.failures()).toEqual([]);
  expect(await containers(home)).toEqual(before);
  await down(home);
});

test("containers are watched on when their location is reached in another way", async () => {
  const home = openHome();
  await up(home, web(home));
  const before = await containers(home);
  expect((await madeBy(home)).toSorted()).toEqual(before.toSorted());
  const docker = { endpoint: `unix://${daemon.endpoint.slice("unix://".length).replace("/", "//")}` };
  await home.client().patch(kindOf("Location"), "docker", { spec: { docker } });
  await until("the location to be looked at", async () => {
    const location = await home.get("Location/docker");
    return location?.status?.["observedGeneration"] === location?.metadata.generation;
  });
  await daemon.docker.getContainer(before[0] ?? "").kill();
  await until("a replacement for the killed one only", async () => {
    const now = await containers(home);
    return now.length === 2 && now.includes(before[1] ?? "") && !now.includes(before[0] ?? "");
  });
  await down(home);
});

test("the engine is killed and comes back: what runs goes on, and what ended meanwhile is replaced", async () => {
  const home = openHome();
  await up(home, web(home));
  const before = await containers(home);
  const pid = (await daemon.docker.getContainer(before[0] ?? "").inspect()).State.Pid;
  await daemon.kill();
  process.kill(pid, "SIGKILL");
  const url = await home.url("front");
  await until("answers without the engine", async () => (await ask(`${url}/`)).status === 200);
  await daemon.start();
  await until("two containers, the one that ended replaced", async () => {
    const now = await containers(home);
    return now.length === 2 && now.includes(before[1] ?? "") && !now.includes(before[0] ?? "");
  });
  await home.settled("web", 2);
  await down(home);
});

test("a tag that has moved shows in the plan, rolls out when it is applied, and is undone by its digest", async () => {
  const home = openHome();
  const tag = { repo: "tutti.test/moving", tag: "1" };
  await daemon.docker.getImage(IMAGE).tag(tag);
  const folder = web(home, { image: "tutti.test/moving:1" });
  await up(home, folder);
  const before = (await home.get("Service/web"))?.spec["digest"] as string;
  expect(before).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(JSON.parse(await home.ok(["plan", folder, "-o", "json"]))).toMatchObject({ summary: { update: 0 } });

  await daemon.docker.getImage(CHECKED_IMAGE).tag(tag);
  const plan = await home.ok(["plan", folder, "-o", "json"]);
  const { steps } = JSON.parse(plan) as {
    readonly steps: readonly { readonly address: string; readonly changes: readonly unknown[] }[];
  };
  expect(steps.find(({ address }) => address === "service/web")?.changes).toMatchObject([
    { path: "spec.digest", before },
  ]);
  await up(home, folder);
  const after = (await home.get("Service/web"))?.spec["digest"];
  expect(after).not.toBe(before);
  const [container = ""] = await containers(home);
  expect((await daemon.docker.getContainer(container).inspect()).Image).toBe(after);
  await down(home);
});

test("an image that is nowhere, a container that runs out of memory and one that ignores SIGTERM say so in one sentence", async () => {
  const home = openHome();
  const missing = await home.tutti(
    ["up", web(home, { image: "tutti.test/nowhere:1" }), "--yes", "--timeout", "20s"],
    {
      env: { DOCKER_HOST: daemon.endpoint },
    },
  );
  expect(missing.code).not.toBe(0);
  expect(missing.stderr).toContain("tutti.test/nowhere:1");

  const greedy = home.declare(`
kind: Service
metadata: { name: greedy }
spec:
  location: docker
  image: ${IMAGE}
  command: [sh, -c, "trap '' TERM; sleep 1; tail /dev/zero"]
  resources: { memory: 16Mi }
  stop: { grace: 500ms }
  rollout: { progressDeadline: 10s }
`);
  await home.tutti(["up", greedy, "--yes", "--no-wait"], { env: { DOCKER_HOST: daemon.endpoint } });
  await until("the reason", async () => {
    const events = await home.list("Event");
    return events.some((event) => JSON.stringify(event).includes("memory"));
  });
  expect(conditionOf(await home.get("Service/greedy"), "Ready")?.status).toBe("False");
  await home.ok(["down", "system", "--yes"]);
});
