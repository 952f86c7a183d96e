import { NO_STEPS } from "./plan.ts";
import { describe, expect, it } from "vitest";
import type { Draft } from "../model/resource.ts";
import { createWorld, lines, manifest, service, stepFor, type World } from "./fixtures/world.ts";

const ready = {
  conditions: [{ type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: "" }],
};
const orders = manifest("Database", "orders");
const api = service("api", { env: { URL: "${database.orders.status.url}" }, ports: [{ name: "http" }] });
const front = manifest("LoadBalancer", "front", { routes: [{ service: "api" }] });

async function edit(
  world: World,
  kind: string,
  name: string,
  change: (resource: Draft) => Draft,
): Promise<void> {
  const live = world.store.get({ kind, namespace: "default", name }) as Draft;
  await world.store.commit([{ type: "update", resource: change(live) }], { actor: "user:x", action: "edit" });
}

describe("the steps of a plan", () => {
  it("create in the order of what needs what, the System first", () => {
    const plan = createWorld().plan([front, api, orders]);
    expect(lines(plan)).toEqual([
      "create system/shop",
      "create database/orders",
      "create service/api",
      "create loadBalancer/front",
    ]);
    expect(plan.steps.map(({ after }) => after)).toEqual([[], [], ["database/orders"], ["service/api"]]);
    expect(plan.destructive).toBe(false);
  });

  it("are all none once the plan is carried out", async () => {
    const world = createWorld();
    await world.apply([front, api, orders]);
    expect(world.plan([front, api, orders]).summary).toEqual({ ...NO_STEPS, none: 4 });
  });

  it("delete what is no longer declared, users before what they use, after everything else", async () => {
    const world = createWorld();
    await world.apply([front, api, orders, manifest("Volume", "v")]);
    const plan = world.plan([service("api")]);
    expect(lines(plan)).toEqual([
      "none system/shop",
      "update service/api",
      "delete volume/v",
      "delete loadBalancer/front",
      "delete database/orders",
    ]);
    expect(stepFor(plan, "database/orders").after).toEqual(["service/api"]);
    expect(plan.destructive).toBe(true);
  });

  it("take everything down in reverse order, the System last", async () => {
    const world = createWorld();
    await world.apply([front, api, orders]);
    const plan = world.plan([], { action: "down" });
    expect(lines(plan)).toEqual([
      "delete loadBalancer/front",
      "delete service/api",
      "delete database/orders",
      "delete system/shop",
    ]);
  });

  it("follow weak references in their order, unless that makes a cycle", () => {
    const listener = (target: string) => [{ name: "tcp", protocol: "tcp", service: target }];
    const weak = manifest("LoadBalancer", "front", { listeners: listener("api") });
    expect(lines(createWorld().plan([weak, service("api")]))).toEqual([
      "create system/shop",
      "create service/api",
      "create loadBalancer/front",
    ]);
    const back = service("api", { env: { FRONT: "${loadBalancer.front.status.url}" } });
    expect(lines(createWorld().plan([weak, back]))).toEqual([
      "create system/shop",
      "create loadBalancer/front",
      "create service/api",
    ]);
  });

  it("leave alone what controllers made, and what is on its way out", async () => {
    const world = createWorld();
    await world.apply([api, orders]);
    const labels = { "tutti.dev/system": "shop" };
    const owned = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "made",
        namespace: "default",
        labels,
        ownerReferences: [{ apiVersion: "v1", kind: "Service", name: "api", uid: "1" }],
      },
      data: {},
    };
    const going = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "going", namespace: "default", labels, finalizers: ["x"] },
      data: {},
    };
    await world.store.commit(
      [
        { type: "create", resource: owned },
        { type: "create", resource: going },
      ],
      { actor: "controller:x", action: "make" },
    );
    await world.store.commit(
      [{ type: "delete", key: { kind: "ConfigMap", namespace: "default", name: "going" } }],
      { actor: "x", action: "x" },
    );
    expect(world.plan([api, orders]).summary).toMatchObject({ none: 3, delete: 0 });
  });
});

describe("the changes of a step", () => {
  it("name what is declared other than by default, for what is new", () => {
    expect(
      stepFor(createWorld().plan([service("api", { replicas: 1, ports: [{ name: "http" }] })]), "service/api")
        .changes,
    ).toEqual([
      { path: "spec.command", after: "node x" },
      { path: "spec.ports[http]", after: { name: "http", protocol: "http" } },
    ]);
  });

  it("show a scaled service like any other difference", async () => {
    const world = createWorld();
    await world.apply([service("api")]);
    await edit(world, "Service", "api", (live) => ({
      ...live,
      spec: { ...(live.spec as object), replicas: 6 },
    }));
    expect(stepFor(world.plan([service("api")]), "service/api").changes).toEqual([
      { path: "spec.replicas", before: 6, after: 1 },
    ]);
  });

  it("say what an expression waits for until that is ready", async () => {
    const world = createWorld();
    const changes = () => stepFor(world.plan([orders, api]), "service/api").changes;
    const url = { path: "spec.env.URL", after: "${database.orders.status.url}", secret: true };
    expect(changes()).toContainEqual({ ...url, unknownUntil: ["database/orders"] });
    await world.apply([orders]);
    expect(changes()).toContainEqual({ ...url, unknownUntil: ["database/orders"] });
    await world.store.commit(
      [{ type: "status", key: { kind: "Database", namespace: "default", name: "orders" }, status: ready }],
      { actor: "x", action: "x" },
    );
    expect(changes()).toContainEqual(url);
  });

  it("show what comes of a changed parameter, and of changed configuration", async () => {
    const world = createWorld();
    const declared = (n: number, rate: string) => [
      manifest("System", "shop", { parameters: { n: { type: "integer", default: 2 } }, values: { n } }),
      { kind: "ConfigMap", metadata: { name: "limits" }, data: { rate } },
      service("api", { replicas: "${param.n * 2}", env: { RATE: "r=${configMap.limits.rate}" } }),
    ];
    await world.apply(declared(2, "10"));
    const step = stepFor(world.plan(declared(3, "20")), "service/api");
    expect(step).toMatchObject({ action: "update" });
    expect(step.changes).toEqual([
      { path: "spec.env.RATE", before: "r=10", after: "r=20" },
      { path: "spec.replicas", before: 4, after: 6 },
    ]);
    await world.apply(declared(3, "20"));
    expect(world.plan(declared(3, "20")).summary).toMatchObject({ none: 3, update: 0 });
  });

  it("show another way to write the same value, since it will not stay the same", async () => {
    const world = createWorld();
    const declared = (n: number, replicas: unknown) => [
      manifest("System", "shop", { parameters: { n: { type: "integer" } }, values: { n } }),
      service("api", { replicas }),
    ];
    await world.apply(declared(1, "${param.n}"));
    const plan = world.plan(declared(2, 1));
    expect(stepFor(plan, "service/api").changes).toEqual([
      { path: "spec.replicas", before: "${param.n}", after: 1 },
    ]);
  });

  it("show that a value will be another when what it comes from is made anew", async () => {
    const world = createWorld();
    await world.apply([orders, api]);
    const plan = world.plan([manifest("Database", "orders", { user: "bob" }), api]);
    expect(lines(plan)).toEqual(["none system/shop", "replace database/orders", "update service/api"]);
    expect(stepFor(plan, "service/api").changes).toMatchObject([
      { path: "spec.env.URL", unknownUntil: ["database/orders"] },
    ]);
  });

  it("keep labels and annotations that others wrote, and take away those declared before", async () => {
    const world = createWorld();
    await world.apply([service("api", {}, { labels: { team: "a", tier: "x" } })]);
    await edit(world, "Service", "api", (live) => ({
      ...live,
      metadata: { ...live.metadata, annotations: { "tutti.dev/restarted-at": "now" } },
    }));
    const plan = world.plan([service("api", {}, { labels: { team: "b" } })]);
    expect(stepFor(plan, "service/api").changes).toEqual([
      { path: "metadata.labels.team", before: "a", after: "b" },
      { path: "metadata.labels.tier", before: "x" },
    ]);
    await world.commit(plan);
    expect(
      (world.store.get({ kind: "Service", namespace: "default", name: "api" }) as Draft).metadata,
    ).toMatchObject({
      labels: { team: "b", "tutti.dev/system": "shop" },
      annotations: { "tutti.dev/restarted-at": "now" },
    });
  });
});

describe("a replacement", () => {
  it("follows from a field that cannot be changed in place, and says which", async () => {
    const world = createWorld();
    await world.apply([orders, manifest("Volume", "kept", { retain: true })]);
    const plan = world.plan([
      manifest("Database", "orders", { class: "docker", settings: { max_connections: 5 } }),
      manifest("Volume", "kept", { retain: true, class: "loop" }),
    ]);
    expect(stepFor(plan, "database/orders")).toMatchObject({
      action: "replace",
      replaceBecause: ["spec.class"],
      loses: "The data of database/orders will be lost.",
    });
    expect(stepFor(plan, "volume/kept")).toMatchObject({
      action: "replace",
      keeps: "the files of volume/kept",
    });
    expect(plan.destructive).toBe(true);
  });

  it("does not follow from naming what the name stood for anyway", async () => {
    const world = createWorld();
    await world.apply([orders]);
    expect(
      stepFor(
        world.plan([manifest("Database", "orders", { user: "orders", database: "orders" })]),
        "database/orders",
      ).action,
    ).toBe("update");
    expect(
      stepFor(world.plan([manifest("Database", "orders", { user: "other" })]), "database/orders").action,
    ).toBe("replace");
  });

  it("follows from a parameter as well", async () => {
    const world = createWorld();
    const declared = (value: string) => [
      manifest("System", "shop", { parameters: { c: {} }, values: { c: value } }),
      manifest("Database", "orders", { class: "${param.c}" }),
    ];
    await world.apply(declared("embedded"));
    expect(stepFor(world.plan(declared("docker")), "database/orders").action).toBe("replace");
  });
});

describe("data", () => {
  it("is said to be lost or kept, as what is live says, when a resource goes", async () => {
    const world = createWorld();
    const parameters = { keep: { type: "boolean", default: true } };
    await world.apply([
      manifest("System", "shop", { parameters }),
      orders,
      manifest("Volume", "v", { retain: "${param.keep}" }),
    ]);
    const plan = world.plan([], { action: "down" });
    expect(stepFor(plan, "database/orders").loses).toBe("The data of database/orders will be lost.");
    expect(stepFor(plan, "volume/v").keeps).toBe("the files of volume/v");
  });
});

describe("the hash of a plan", () => {
  it("is the same for the same declaration against the same base, whatever controllers write meanwhile", async () => {
    const world = createWorld();
    await world.apply([orders, api]);
    const next = [orders, service("api", { replicas: 3 })];
    const first = world.plan(next);
    await world.store.commit(
      [{ type: "status", key: { kind: "Service", namespace: "default", name: "api" }, status: ready }],
      { actor: "controller:x", action: "x" },
    );
    const second = world.plan(next);
    expect(second.hash).toBe(first.hash);
    expect(first.hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it("is another when the declaration, the base, the system or the action is", async () => {
    const world = createWorld();
    await world.apply([service("api"), orders]);
    const hash = (replicas: number): string => world.plan([service("api", { replicas }), orders]).hash;
    const hashes = [hash(1), hash(3), hash(4), world.plan([], { action: "down" }).hash, world.plan([]).hash];
    await edit(world, "Service", "api", (live) => ({
      ...live,
      spec: { ...(live.spec as object), command: "other" },
    }));
    hashes.push(hash(3));
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe("a rollback", () => {
  it("declares again what a revision held, its values and labels too", async () => {
    const world = createWorld();
    const declared = (n: number) => [
      manifest("System", "shop", { parameters: { n: { type: "integer" } }, values: { n } }),
      service("api", { replicas: n, env: { V: `v${n}` } }),
    ];
    await world.apply(declared(1));
    await world.apply(declared(2));
    await world.apply([...declared(3), orders]);
    const plan = world.plan([], { action: "rollback", toRevision: 1 });
    expect(plan).toMatchObject({ action: "rollback", toRevision: 1 });
    expect(lines(plan)).toEqual(["update system/shop", "update service/api", "delete database/orders"]);
    await world.commit(plan);
    expect(world.plan(declared(1)).summary).toMatchObject({ none: 2, update: 0 });
    expect(world.plan([], { action: "rollback" }).toRevision).toBe(3);
  });

  it("to no revision is refused, and says which there are", async () => {
    const world = createWorld();
    await world.apply([service("api")]);
    expect(world.diagnostics([], { action: "rollback", toRevision: 7 })).toMatchObject([
      { code: "UnknownRevision", hint: "There is: 1." },
    ]);
    expect(world.diagnostics([], { action: "rollback" })).toMatchObject([{ code: "UnknownRevision" }]);
  });
});

it("a system that there is not is refused with a suggestion", async () => {
  const world = createWorld();
  await world.apply([service("api")]);
  expect(world.diagnostics([], { action: "down", system: "shpo" })).toMatchObject([
    { code: "UnknownSystem", hint: "There is: shop." },
  ]);
});
