/** What the control plane knows of its resources, as series. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { LABELS } from "../../model/resource.ts";
import { Bench, draft, key } from "./fixtures/bench.ts";
import { resourceMetrics } from "./resource-metrics.ts";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.stop());

const lines = (name: string): readonly string[] =>
  resourceMetrics({
    store: bench.store,
    targets: bench.observer.targets(),
    used: bench.observer.usedLocations(),
  })
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`));

const ready = (status: "True" | "False", reason = "Ready"): object => ({
  conditions: [{ type: "Ready", status, reason, message: "", lastTransitionTime: "2026-05-04T10:00:00Z" }],
});

const LABELS_OF_API =
  '{tutti_namespace="default",tutti_system="shop",tutti_location="local",tutti_resource="service/api",tutti_service="api"}';

it("tells how many instances there are, are ready, and are wanted", async () => {
  await bench.deploy("shop", draft("Service", "api", { command: "run", replicas: 3 }));
  await bench.setStatus(key("Service", "api"), { ...ready("False"), replicas: 3, readyReplicas: 2 });
  expect(lines("tutti_service_replicas_ready")).toEqual([`tutti_service_replicas_ready${LABELS_OF_API} 2`]);
  expect(lines("tutti_service_replicas_wanted")).toEqual([`tutti_service_replicas_wanted${LABELS_OF_API} 3`]);
  expect(lines("tutti_resource_ready")).toContain(`tutti_resource_ready${LABELS_OF_API} 0`);
});

it("says nothing of what is on its way out", async () => {
  const api = draft("Service", "api", { command: "run" });
  await bench.deploy("shop", { ...api, metadata: { ...api.metadata, finalizers: ["test/finalizer"] } });
  expect(lines("tutti_service_replicas_wanted")).toHaveLength(1);
  await bench.remove(key("Service", "api"));
  expect(bench.store.get(key("Service", "api"))).toBeDefined();
  expect(lines("tutti_service_replicas_wanted")).toEqual([]);
});

it("tells of a rollout that does not get on, and of one that was rolled back: what runs is not what is declared", async () => {
  const progressing = (reason: string): object => ({
    conditions: [
      {
        type: "Progressing",
        status: "False",
        reason,
        message: "",
        lastTransitionTime: "2026-05-04T10:00:00Z",
      },
    ],
  });
  await bench.deploy("shop", draft("Service", "api", { command: "run" }));
  const state = (): readonly (string | undefined)[] =>
    ["tutti_rollout_progressing", "tutti_rollout_stuck", "tutti_drift"].map((name) =>
      lines(name)[0]?.slice(-1),
    );
  expect(state()).toEqual(["0", "0", "0"]);
  await bench.setStatus(key("Service", "api"), {
    ...progressing("RolloutFailed"),
    rollout: { startedAt: 1 },
  });
  expect(state()).toEqual(["1", "1", "0"]);
  await bench.setStatus(key("Service", "api"), progressing("RolledBack"));
  expect(state()).toEqual(["0", "1", "1"]);
});

it("tells of what is not as it was made, unless that is tolerated", async () => {
  const drifted = (answer: string): object => ({
    conditions: [
      {
        type: "Drifted",
        status: "True",
        reason: "Changed",
        message: "",
        lastTransitionTime: "2026-05-04T10:00:00Z",
      },
    ],
    drift: [{ path: "spec.size", expected: "1Gi", actual: "2Gi", since: "2026-05-04T10:00:00Z", answer }],
  });
  await bench.deploy("shop", draft("Volume", "uploads", {}));
  expect(lines("tutti_resource_drifted")).toEqual([]);
  for (const [answer, value] of [
    ["report", "1"],
    ["tolerate", "0"],
  ] as const) {
    await bench.setStatus(key("Volume", "uploads"), drifted(answer));
    expect(lines("tutti_resource_drifted").map((line) => line.slice(-1))).toEqual([value]);
  }
});

it("tells of Locations only where something is", async () => {
  await bench.create(draft("Location", "local", {}), draft("Location", "docker", { type: "docker" }));
  await bench.settled();
  expect(lines("tutti_resource_ready").map((line) => /location\/\w+/.exec(line)?.[0])).toEqual([
    "location/local",
  ]);
});

it("tells since when there is a good backup; of one that never was, since when there is the database", async () => {
  await bench.deploy("shop", draft("Database", "orders", { backup: { schedule: "0 3 * * *" } }));
  await bench.setStatus(key("Database", "orders"), { made: { backup: { schedule: "0 3 * * *" } } });
  const since = (): number =>
    Number(lines("tutti_backup_last_success_timestamp_seconds")[0]?.split(" ").at(-1));
  expect(since() * 1000).toBe(bench.clock.now());
  await bench.create({
    ...draft("Backup", "orders-1", { database: "orders" }),
    status: { ...ready("True"), finishedAt: "2026-05-04T11:00:00Z" },
  });
  expect(since()).toBe(Date.parse("2026-05-04T11:00:00Z") / 1000);
});

it("tells when the certificates of balancers end, and since when a change has been under way", async () => {
  await bench.deploy(
    "shop",
    draft("LoadBalancer", "front", { listeners: [{ name: "web", protocol: "https" }] }),
  );
  await bench.create(
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: "front-web-tls",
        namespace: "default",
        annotations: { "tutti.dev/certificate-not-after": "2026-06-01T00:00:00Z" },
      },
    },
    {
      ...draft("Change", "shop-1", {
        system: "shop",
        revision: 1,
        action: "apply",
        actor: "user:a",
        hash: "h",
        plan: {},
      }),
      metadata: { name: "shop-1", namespace: "default", labels: { [LABELS.system]: "shop" } },
    },
  );
  expect(lines("tutti_certificate_not_after_seconds")[0]).toMatch(
    new RegExp(`tutti_resource="loadBalancer/front".* ${Date.parse("2026-06-01T00:00:00Z") / 1000}$`),
  );
  expect(lines("tutti_change_started_timestamp_seconds")[0]).toMatch(
    new RegExp(`tutti_resource="system/shop".* ${bench.clock.now() / 1000}$`),
  );
  await bench.setStatus(key("Change", "shop-1"), { state: "Succeeded" });
  expect(lines("tutti_change_started_timestamp_seconds")).toEqual([]);
});
