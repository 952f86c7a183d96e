/** Scaling by what is measured, with real processes, a real balancer and real load. */
import { expect, test } from "vitest";
import { ask, loadOn } from "./support/load.ts";
import { PROGRAMS, type TestHome, conditionOf } from "./support/home.ts";
import { openHome } from "./support/open-home.ts";
import { until } from "./support/until.ts";

/** A web service behind a balancer, scaled by itself, as YAML (JSON is YAML). */
function scaled(
  autoscale: object,
  { env = {}, queue = "30s" }: { env?: object; queue?: string } = {},
): string {
  const documents = [
    { kind: "System", metadata: { name: "web" } },
    {
      kind: "Service",
      metadata: { name: "api" },
      spec: {
        command: ["node", `${PROGRAMS}/server.ts`],
        autoscale,
        ports: [{ name: "http" }],
        env,
        probes: { readiness: { http: { path: "/health" } } },
        stop: { grace: "5s", drain: "5s" },
      },
    },
    { kind: "LoadBalancer", metadata: { name: "front" }, spec: { routes: [{ service: "api" }], queue } },
  ];
  return documents.map((document) => JSON.stringify(document, null, 1)).join("\n---\n");
}

async function replicasOf(home: TestHome): Promise<number> {
  return Number((await home.get("Service/api"))?.spec?.["replicas"]);
}

/** How often something scaled it, with the reason. */
async function told(home: TestHome): Promise<readonly string[]> {
  const events = (await home.list("Event")) as readonly {
    readonly reason?: string;
    readonly message?: string;
  }[];
  return events.flatMap(({ reason, message }) => (reason === "Autoscaled" ? [message ?? ""] : []));
}

test("a load that comes is shared by new instances, and they go when it has gone", async () => {
  const home = openHome();
  const autoscale = {
    minReplicas: 1,
    maxReplicas: 4,
    metrics: [{ type: "Requests", requests: { perSecond: 20 } }],
    behavior: { scaleDown: { stabilizationWindowSeconds: 5 } },
  };
  await home.ok(["up", home.declare(scaled(autoscale, { env: { NAMED: "1" } }))]);
  await home.settled("api", 1);
  const load = loadOn(await home.url("front"), { connections: 8 });
  await until("answers of four instances", () => load.bodies().size === 4);
  expect(await replicasOf(home)).toBe(4);
  expect((await told(home)).join("\n")).toMatch(/1 -> 4: requests \d+\/s \(target 20\/s an instance\)/);
  expect(await home.ok(["why", "service/api"])).toContain("the autoscale controller: scale 1 -> 4: requests");
  await load.stop();
  expect(load.failures()).toEqual([]);
  await home.settled("api", 1);
});

test("nothing that is declared again takes back what was scaled", async () => {
  const home = openHome();
  const autoscale = { minReplicas: 2, maxReplicas: 4, metrics: [] };
  const folder = home.declare(scaled(autoscale));
  await home.ok(["up", folder]);
  await home.settled("api", 2);
  expect((await home.tutti(["scale", "api", "4"])).code).toBe(0);
  await home.settled("api", 4);
  expect(await home.ok(["plan", folder])).toContain("Nothing to do");
  await home.ok(["up", folder]);
  expect(await replicasOf(home)).toBe(4);
  const refused = await home.tutti(["scale", "api", "5"]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("scaled by itself between 2 and 4 instances");
});

test("a service that nobody uses has no instance, and none of the first requests for it fails", async () => {
  const home = openHome();
  const autoscale = { minReplicas: 0, maxReplicas: 3, idleAfter: "3s" };
  await home.ok(["up", home.declare(scaled(autoscale))]);
  const url = await home.url("front");
  await until("no instance", async () => (await home.list("Instance")).length === 0);
  expect(conditionOf(await home.get("Service/api"), "Ready")?.message).toBe("Scaled to zero.");
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(url)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await told(home)).join("\n")).toContain("0 -> 1: a request waits;");
});

test("a request that comes while the control plane is gone waits for the next one, and is answered", async () => {
  const home = openHome();
  const autoscale = { minReplicas: 0, maxReplicas: 3, idleAfter: "3s" };
  await home.ok(["up", home.declare(scaled(autoscale, { queue: "60s" }))]);
  const url = await home.url("front");
  await until("no instance", async () => (await home.list("Instance")).length === 0);
  await home.killControlPlane();
  const answer = ask(url);
  await home.serve();
  expect((await answer).status).toBe(200);
});
