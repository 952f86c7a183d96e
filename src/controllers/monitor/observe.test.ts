/** What is handed to whoever measures and tells: targets, rules, silences. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LABELS, type Draft } from "../../model/resource.ts";
import type { MonitoredTarget } from "../../provider/monitoring.ts";
import { Bench, draft, key } from "./fixtures/bench.ts";
import { httpSd } from "./http-sd.ts";
import { resourceMetrics } from "./resource-metrics.ts";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.stop());

const service = (name: string, spec: object = {}) =>
  draft("Service", name, { command: "run", ports: [{ name: "http" }], ...spec });

/** An instance of a service, running. */
async function run(name: string, of: string, port: number): Promise<void> {
  const instance = draft("Instance", name, {
    service: of,
    class: "process",
    location: "local",
    template: "t",
    run: { command: ["run"], folder: "/" },
    ports: { http: port },
  });
  await bench.create({
    ...instance,
    metadata: { ...instance.metadata, labels: { [LABELS.service]: of }, finalizers: ["test/finalizer"] },
  });
  await bench.setStatus(key("Instance", name), { state: "Running", host: "127.0.0.1" });
}

const targets = (): readonly MonitoredTarget[] => bench.targets.flatMap((group) => group.targets);
const jobs = (): readonly string[] =>
  targets()
    .map(({ job, instance }) => `${job} ${instance}`)
    .toSorted();
const exposition = (): string =>
  resourceMetrics({
    store: bench.store,
    targets: bench.observer.targets(),
    used: bench.observer.usedLocations(),
  });

const CONTROL_PLANE = [
  "databases control-plane",
  "machines control-plane",
  "tutti control-plane",
  "volumes control-plane",
];

describe("targets", () => {
  it("are those of the control plane when nothing is deployed", async () => {
    await bench.settled();
    expect(jobs()).toEqual(CONTROL_PLANE);
  });

  it("come and go with instances that run, and with what says that they are expected", async () => {
    await bench.deploy("shop", service("api", { metrics: { path: "/stats" } }));
    await run("api-1", "api", 20_001);
    await bench.settled();
    expect(targets().find(({ job }) => job === "api")).toMatchObject({
      instance: "api-1",
      from: { type: "http", url: "http://127.0.0.1:20001/stats" },
      interval: 5000,
      labels: {
        tutti_namespace: "default",
        tutti_system: "shop",
        tutti_location: "local",
        tutti_resource: "service/api",
        tutti_service: "api",
      },
    });
    expect(exposition()).toMatch(
      /tutti_expected_target\{[^}]*tutti_resource="service\/api"[^}]*instance="api-1"\} 1/,
    );

    // It is stopping: its end is not seen as a loss.
    await bench.remove(key("Instance", "api-1"));
    await bench.settled();
    expect(bench.store.get(key("Instance", "api-1"))).toBeDefined();
    expect(jobs()).toEqual(CONTROL_PLANE);
    expect(exposition()).not.toContain('instance="api-1"');
  });

  it("are the same objects as long as nothing about them has changed, and handed over only then", async () => {
    await bench.deploy("shop", service("api", { metrics: {} }));
    await run("api-1", "api", 20_001);
    await bench.settled();
    const [before] = bench.targets.filter(({ source }) => source === "Instance/default/api-1");
    const calls = bench.calls.length;
    await bench.setStatus(key("Instance", "api-1"), { state: "Running", host: "127.0.0.1", readyAt: 1 });
    await bench.settled();
    expect(bench.calls.slice(calls)).toEqual([]);
    await run("api-2", "api", 20_002);
    await bench.settled();
    expect(bench.targets.filter(({ source }) => source === "Instance/default/api-1")[0]).toBe(before);
    expect(jobs()).toContain("api api-2");
  });

  it("are handed over again when they were not taken", async () => {
    await bench.settled();
    bench.trouble = new Error("no thread");
    await bench.deploy("shop", service("api", { metrics: {} }));
    await run("api-1", "api", 20_001);
    await bench.settled();
    expect(jobs()).toContain("api api-1");
  });

  it("are probes of every listener, and the counters of the balancer, more often when it decides how many there are", async () => {
    await bench.deploy(
      "shop",
      service("api"),
      draft("LoadBalancer", "front", {
        listeners: [
          { name: "web", host: "0.0.0.0", port: 8443, protocol: "https" },
          { name: "raw", protocol: "tcp", service: "api" },
        ],
        routes: [{ service: "api" }],
      }),
    );
    await bench.setStatus(key("LoadBalancer", "front"), { ports: { web: 8443, raw: 9000 } });
    await bench.settled();
    expect(jobs()).toEqual([
      "balancers front",
      "databases control-plane",
      "listeners 127.0.0.1:8443",
      "listeners 127.0.0.1:9000",
      "machines control-plane",
      "tutti control-plane",
      "volumes control-plane",
    ]);
    expect(targets().map(({ from }) => from)).toContainEqual({
      type: "probe",
      probe: { type: "tcp", address: "127.0.0.1:9000" },
    });
    const counters = (): MonitoredTarget | undefined => targets().find(({ job }) => job === "balancers");
    expect(counters()).toMatchObject({ interval: 5000, honorLabels: true });
    await bench.respec(key("Service", "api"), {
      autoscale: { minReplicas: 1, maxReplicas: 4, metrics: [] },
    });
    await bench.settled();
    expect(counters()?.interval).toBe(1000);
    const probes = (): readonly string[] =>
      targets().flatMap(({ from }) => (from.type === "probe" ? [from.probe.type] : []));
    expect(probes()).toEqual(["http", "tcp"]);
    // A request would wake what rests: a connection must do.
    await bench.respec(key("Service", "api"), {
      autoscale: { minReplicas: 0, maxReplicas: 4, metrics: [] },
    });
    await bench.settled();
    expect(probes()).toEqual(["tls", "tcp"]);
  });

  it("are what a Monitor adds: addresses, ports of services, probes", async () => {
    await bench.deploy(
      "shop",
      service("api"),
      draft("Monitor", "monitor", {
        owner: "team-shop",
        interval: "2s",
        targets: [
          { name: "gateway", url: "http://10.0.0.1:9100/metrics?format=text", labels: { zone: "a" } },
          { name: "jvm", service: "api", port: 9404, path: "/jvm", interval: "30s" },
        ],
        probes: [
          { name: "pay", http: { url: "https://pay.example.com/health", status: [204] }, interval: "1m" },
        ],
      }),
    );
    await run("api-1", "api", 20_001);
    await bench.settled();
    expect(jobs()).toEqual([...CONTROL_PLANE, "gateway 10.0.0.1:9100", "jvm api-1", "probes pay"].toSorted());
    expect(targets().find(({ job }) => job === "jvm")).toMatchObject({
      from: { url: "http://127.0.0.1:9404/jvm" },
      interval: 30_000,
      labels: { tutti_owner: "team-shop", tutti_resource: "service/api" },
    });
    const [gateway] = httpSd(
      targets().filter(({ job }) => job === "gateway"),
      false,
      {
        scheme: "https",
        address: "127.0.0.1:7443",
        path: "/monitoring",
      },
    );
    expect(gateway).toMatchObject({
      targets: ["10.0.0.1:9100"],
      labels: {
        job: "gateway",
        zone: "a",
        __metrics_path__: "/metrics",
        __param_format: "text",
        __scrape_interval__: "2000ms",
      },
    });
  });

  it("that this process measures are at the control plane for a real Prometheus", async () => {
    await bench.settled();
    expect(
      httpSd(targets(), true, { scheme: "http", address: "127.0.0.1:7000", path: "/monitoring/targets" }).map(
        ({ targets: [address], labels }) => `${address}${labels["__metrics_path__"] ?? ""}`,
      ),
    ).toContain("127.0.0.1:7000/monitoring/targets/tutti/control-plane");
  });
});

describe("rules", () => {
  const groups = (expr: string): object => ({ groups: [{ name: "g", rules: [{ alert: "A", expr }] }] });
  const file = (name: string): string =>
    JSON.stringify(bench.files.find((one) => one.name === `default/${name}`));

  it("are those of every AlertRule, generated or declared, as Prometheus has them", async () => {
    const expr = 'label_replace(up, "zone", "${1}", "instance", "(.*)") == 0';
    await bench.create(draft("AlertRule", "own", groups(expr)));
    await bench.deploy("shop", service("api"));
    await bench.settled();
    expect(bench.files.map(({ name }) => name).toSorted()).toEqual([
      "default/control-plane",
      "default/own",
      "default/service.api",
      "default/system.shop",
    ]);
    expect(file("own")).toContain(JSON.stringify(expr).slice(1, -1));
    expect(bench.store.get(key("AlertRule", "own"))?.status).toMatchObject({
      rules: 1,
      conditions: [{ type: "Ready", status: "True" }],
    });
  });

  it("that cannot be evaluated are left out, and say so", async () => {
    await bench.create(
      draft("AlertRule", "bad", groups("sum(rate(")),
      draft("AlertRule", "good", groups("up == 0")),
    );
    await bench.settled();
    expect(bench.files.map(({ name }) => name)).toEqual(expect.arrayContaining(["default/good"]));
    expect(bench.files.map(({ name }) => name)).not.toContain("default/bad");
    expect(bench.store.get(key("AlertRule", "bad"))?.status).toMatchObject({
      conditions: [{ type: "Ready", status: "False", message: expect.any(String) as string }],
    });
  });

  it("wait for what they refer to, and follow it", async () => {
    await bench.create(draft("AlertRule", "own", groups("up < ${configMap.limits.least}")));
    await bench.settled();
    expect(bench.store.get(key("AlertRule", "own"))?.status).toMatchObject({
      conditions: [{ status: "False", reason: "WaitingFor" }],
    });
    const limits = (least: string): Draft & { readonly data: object } => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "limits", namespace: "default" },
      data: { least },
    });
    await bench.create(limits("1"));
    await bench.settled();
    expect(file("own")).toContain("up < 1");
    await bench.store.commit([{ type: "update", resource: limits("0.5") }], {
      actor: "user:test",
      action: "test",
    });
    await bench.settled();
    expect(file("own")).toContain("up < 0.5");
  });
});

describe("silences", () => {
  const change = (name: string, ...addresses: readonly string[]) =>
    draft("Change", name, {
      system: "shop",
      revision: 1,
      action: "apply",
      actor: "user:test",
      hash: "h",
      plan: {
        steps: [
          ...addresses.map((address) => ({ action: "update", address })),
          { action: "none", address: "service/other" },
        ],
      },
    });

  it("hold for exactly what a change touches, for as long as it is under way", async () => {
    await bench.create(change("shop-1", "service/api", "database/orders.eu"));
    await bench.settled();
    expect(bench.silences).toMatchObject([
      {
        matchers: [
          { name: "tutti_namespace", value: "default", isRegex: false, isEqual: true },
          { name: "tutti_resource", value: "database/orders\\.eu|service/api", isRegex: true, isEqual: true },
          {
            name: "alertname",
            isRegex: true,
            isEqual: false,
            value: expect.stringContaining("RolloutStuck") as string,
          },
        ],
      },
    ]);
    await bench.setStatus(key("Change", "shop-1"), { state: "Succeeded" });
    await bench.settled();
    expect(bench.silences).toEqual([]);
  });

  it("end after an hour, although the change goes on", async () => {
    await bench.create(change("shop-1", "service/api"));
    await bench.settled();
    expect(bench.silences).toHaveLength(1);
    await bench.clock.advance(3_600_000);
    await bench.settled();
    expect(bench.silences).toEqual([]);
  });

  it("hold for what is being deleted, and for a rollout", async () => {
    const api = service("api");
    await bench.create({ ...api, metadata: { ...api.metadata, finalizers: ["test/finalizer"] } });
    await bench.settled();
    await bench.setStatus(key("Service", "api"), { rollout: { startedAt: bench.clock.now() } });
    await bench.settled();
    expect(bench.silences.map(({ comment }) => comment)).toEqual(["A rollout of service/api is under way."]);
    const failed = { startedAt: bench.clock.now(), problem: "New instances end soon after they start." };
    await bench.setStatus(key("Service", "api"), { rollout: failed });
    await bench.settled();
    expect(bench.silences).toEqual([]);
    await bench.setStatus(key("Service", "api"), {});
    await bench.remove(key("Service", "api"));
    await bench.settled();
    expect(bench.silences.map(({ comment }) => comment)).toEqual(["service/api is being deleted."]);
  });

  it("that people declare begin and end at their time, and say so", async () => {
    const state = (): unknown =>
      (bench.store.get(key("Silence", "later"))?.status as { readonly state?: string } | undefined)?.state;
    await bench.create(
      draft("Silence", "later", {
        matchers: [{ name: "alertname", value: "Disk.*", isRegex: true }],
        startsAt: "2026-05-04T11:00:00Z",
        duration: "30m",
      }),
    );
    await bench.settled();
    expect(state()).toBe("pending");
    await bench.clock.advance(3_600_000);
    await bench.settled();
    expect(state()).toBe("active");
    expect(bench.silences).toMatchObject([{ endsAt: "2026-05-04T11:30:00.000Z" }]);
    await bench.clock.advance(1_800_000);
    await bench.settled();
    expect([state(), bench.silences]).toEqual(["expired", []]);
  });
});
