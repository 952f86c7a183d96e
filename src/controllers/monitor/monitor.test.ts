/** What is written because of what is deployed. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LABELS, type Resource } from "../../model/resource.ts";
import { Bench, cause, draft, key } from "./fixtures/bench.ts";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.stop());

const service = (name: string, spec: object = {}) => draft("Service", name, { command: "run", ...spec });
const rulesOf = (name: string): Resource | undefined => bench.store.get(key("AlertRule", name));
const names = (kind: string): readonly string[] =>
  bench.store
    .list({ kind })
    .items.map(({ metadata }) => metadata.name)
    .toSorted();

describe("a System that is deployed", () => {
  beforeEach(async () => {
    await bench.settled();
    await bench.deploy("shop", service("api"), service("web"), draft("Database", "orders", {}));
    await bench.settled();
  });

  it("has rules for each of its resources, and dashboards, in one commit", () => {
    expect(names("AlertRule")).toEqual([
      "control-plane",
      "database.orders",
      "service.api",
      "service.web",
      "system.shop",
    ]);
    expect(names("ConfigMap")).toEqual([
      "dashboard.service.api",
      "dashboard.service.web",
      "dashboard.system.shop",
    ]);
    const times = bench.changes
      .filter(
        ({ key: { name }, type }) => type === "ADDED" && /^(database|service|system|dashboard)\./.test(name),
      )
      .map(({ time, cause: because }) => `${time} ${because.actor}`);
    expect(new Set(times).size).toBe(1);
  });

  it("owns them, so that they go with what they are about, and plans none of them", () => {
    expect(rulesOf("service.api")?.metadata.ownerReferences).toMatchObject([
      { kind: "Service", name: "api", uid: bench.store.get(key("Service", "api"))?.metadata.uid },
    ]);
    expect(
      bench.store.get(key("ConfigMap", "dashboard.service.api"))?.metadata.ownerReferences,
    ).toMatchObject([{ kind: "System", name: "shop" }]);
    expect(rulesOf("service.api")?.metadata.labels).not.toHaveProperty([LABELS.system]);
  });

  it("has dashboards that Grafana's provisioning finds, and can read", () => {
    const { metadata, data } = bench.store.get(key("ConfigMap", "dashboard.service.api")) as Resource & {
      readonly data: Readonly<Record<string, string>>;
    };
    expect(metadata.labels).toMatchObject({ grafana_dashboard: "1" });
    const board = JSON.parse(data["service.api.json"] ?? "") as {
      readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
    };
    expect(board).toMatchObject({ title: "service/api (default)", panels: expect.any(Array) as unknown });
    expect(board.panels.every(({ targets }) => targets.length > 0)).toBe(true);
  });

  it("costs no write while its resources go up and down", async () => {
    const { revision } = bench.store;
    await bench.setStatus(key("Service", "api"), { replicas: 1, readyReplicas: 0 });
    await bench.setStatus(key("Database", "orders"), { host: "127.0.0.1" });
    await bench.settled();
    expect(bench.store.revision).toBe(revision + 2);
  });

  it("costs no write when the control plane starts again", async () => {
    const { revision } = bench.store;
    await bench.restart();
    await bench.settled();
    expect(bench.store.revision).toBe(revision);
  });

  it("has its rules written again when somebody deletes or changes one", async () => {
    const before = rulesOf("service.api")?.spec;
    await bench.remove(key("AlertRule", "service.api"));
    await bench.respec(key("AlertRule", "service.web"), { groups: [] });
    await bench.settled();
    expect(rulesOf("service.api")?.spec).toEqual(before);
    expect(rulesOf("service.web")?.spec).not.toMatchObject({ groups: [] });
  });

  it("has rules that follow its declaration", async () => {
    expect(JSON.stringify(rulesOf("service.api")?.spec)).not.toContain("InstanceMemorySaturated");
    await bench.respec(key("Service", "api"), { resources: { memory: "64Mi" } });
    await bench.settled();
    expect(JSON.stringify(rulesOf("service.api")?.spec)).toContain("InstanceMemorySaturated");
  });
});

describe("a Monitor", () => {
  it("tunes the rules of its own System, and of no other", async () => {
    await bench.deploy(
      "shop",
      service("api"),
      draft("Monitor", "monitor", { thresholds: { latency: "70ms" } }),
    );
    await bench.deploy("depot", service("stock"));
    await bench.settled();
    expect(JSON.stringify(rulesOf("service.api")?.spec)).toContain("> 0.07");
    expect(JSON.stringify(rulesOf("service.stock")?.spec)).not.toContain("> 0.07");
    expect(bench.store.get(key("Monitor", "monitor"))?.status).toMatchObject({
      conditions: [{ type: "Ready", status: "True" }],
    });
  });

  it("takes what it added with it", async () => {
    await bench.deploy(
      "shop",
      service("api"),
      draft("Monitor", "monitor", {
        rules: { disable: ["service/api"] },
        slos: [{ name: "fast", objective: 99, service: "api" }],
      }),
    );
    await bench.settled();
    expect(names("AlertRule")).toEqual(["control-plane", "monitor.monitor", "system.shop"]);
    await bench.remove(key("Monitor", "monitor"));
    await bench.settled();
    expect(names("AlertRule")).toEqual(["control-plane", "service.api", "system.shop"]);
  });

  it("may refer to parameters of its System", async () => {
    await bench.create(
      draft("System", "shop", { parameters: { limit: { type: "number", default: 0.25 } } }),
      {
        ...draft("Monitor", "monitor", { thresholds: { errorRatio: "${param.limit}" } }),
        metadata: { name: "monitor", namespace: "default", labels: { [LABELS.system]: "shop" } },
      },
      {
        ...service("api"),
        metadata: { name: "api", namespace: "default", labels: { [LABELS.system]: "shop" } },
      },
    );
    await bench.settled();
    expect(JSON.stringify(rulesOf("service.api")?.spec)).toContain("> 0.25");
  });
});

describe("what belongs to no System", () => {
  it("is monitored as well", async () => {
    await bench.create(service("alone"));
    await bench.settled();
    expect(names("AlertRule")).toEqual(["control-plane", "service.alone"]);
  });

  it("leaves alone what somebody declared under the same name", async () => {
    const own = draft("AlertRule", "service.alone", {
      groups: [{ name: "mine", rules: [{ alert: "A", expr: "up == 0" }] }],
    });
    await bench.create(own);
    await bench.create(service("alone"));
    await bench.settled();
    expect(rulesOf("service.alone")?.spec).toEqual(own.spec);
  });
});

describe("Locations", () => {
  it("are monitored when something is there", async () => {
    await bench.create(draft("Location", "local", {}), draft("Location", "docker", { type: "docker" }));
    await bench.settled();
    expect(names("AlertRule")).toEqual(["control-plane", "location.local"]);
    await bench.deploy("shop", service("far", { location: "docker" }));
    await bench.settled();
    expect(names("AlertRule")).toContain("location.docker");
  });
});

describe("a thousand resources", () => {
  it("are looked at again without being generated again, and cost one small write when one of them changes", async () => {
    const count = 1000;
    await bench.store.commit(
      [
        { type: "create", resource: draft("System", "large", {}) },
        ...Array.from({ length: count }, (_, index) => ({
          type: "create" as const,
          resource: {
            ...service(`s${index}`),
            metadata: { name: `s${index}`, namespace: "default", labels: { [LABELS.system]: "large" } },
          },
        })),
      ],
      cause,
    );
    await bench.settled();
    expect(names("AlertRule").length).toBe(count + 2);
    const { revision } = bench.store;
    await bench.respec(key("Service", "s7"), { resources: { cpu: "1" } });
    await bench.settled();
    expect(bench.store.revision).toBe(revision + 2);
  });
});
