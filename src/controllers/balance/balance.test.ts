/** What balancers are told and when an instance is acknowledged as withdrawn, with a traffic provider that records. */
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { IndexView } from "../../controller/view.ts";
import { validate } from "../../kinds/validate.ts";
import { conditionOf } from "../../model/condition.ts";
import { type Draft, type Key, type Resource, keyText } from "../../model/resource.ts";
import type { Identity, Member, MemberStats, TrafficProvider } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { balanceController } from "./index.ts";

const cause = { actor: "user:test", action: "test" };

/** Balancers in memory: they have the members they were told, until a test takes them away. */
class Traffic {
  readonly pools = new Map<string, readonly Member[]>();
  readonly drains = new Map<string, () => void>();
  told = 0;
  isDown = false;
  seen: Partial<MemberStats> & Readonly<Record<string, unknown>> = {};
  worst = "";

  async setMembers(identity: Identity, pool: string, members: readonly Member[]): Promise<void> {
    if (this.isDown) throw new Error("connect ECONNREFUSED");
    this.told += 1;
    this.pools.set(`${identity.name} ${pool}`, members);
  }

  drain(identity: Identity, pool: string, member: string): Promise<void> {
    return new Promise((resolve) => this.drains.set(`${identity.name} ${pool} ${member}`, resolve));
  }

  async stats(identity: Identity): Promise<readonly MemberStats[]> {
    return [...this.pools].flatMap(([name, members]) => {
      const [balancer, pool = ""] = name.split(" ");
      if (balancer !== identity.name) return [];
      return members.map(({ id }) => ({
        pool,
        id,
        requests: 100,
        errors: id <= this.worst ? 90 : 0,
        latency: 1,
        inFlight: 0,
      }));
    });
  }
}

let clock: ManualClock;
let store: Store;
let traffic: Traffic;

beforeEach(() => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  traffic = new Traffic();
  const runtime = new Runtime(store, { clock });
  const instances = new IndexView("Instance", (one) =>
    keyText({
      kind: "Service",
      namespace: "default",
      name: (one.spec as { readonly service: string }).service,
    }),
  );
  const balancers = new IndexView("LoadBalancer", () => "");
  runtime.addView(instances);
  runtime.addView(balancers);
  const providerOf = (): TrafficProvider => traffic as unknown as TrafficProvider;
  runtime.addController(balanceController({ store, clock, instances, balancers, providerOf }));
  runtime.start();
});

async function write(draft: Draft, status: object): Promise<void> {
  await store.commit([{ type: "create", resource: { ...draft, status } }], cause);
  await clock.advance(1);
}
const ready = { conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" }] };

async function balancer(
  name: string,
  routes: readonly object[],
  status: object = { ...ready, made: {} },
): Promise<void> {
  const { resource } = validate({ kind: "LoadBalancer", metadata: { name }, spec: { routes } });
  await write(resource as Draft, status);
}
async function instance(name: string, template = "t"): Promise<void> {
  await write(
    {
      apiVersion: "tutti.dev/v1",
      kind: "Instance",
      metadata: { name, namespace: "default", finalizers: ["tutti.dev/instance"] },
      spec: {
        service: "api",
        template,
        ports: { http: 1000 + Number(name.slice(1)), admin: 2000 },
        run: { stop: { drain: "10s" } },
      },
    },
    ready,
  );
}
const key = (name: string, kind = "Instance"): Key => ({ kind, namespace: "default", name });
const get = (name: string, kind = "Instance"): Resource => store.get(key(name, kind)) as Resource;
async function remove(name: string): Promise<void> {
  await store.commit([{ type: "delete", key: key(name) }], cause);
  await clock.advance(1);
}
async function setStatus(name: string, kind: string, status: object): Promise<void> {
  await store.commit([{ type: "status", key: key(name, kind), status }], cause);
  await clock.advance(1);
}
const members = (pool: string): readonly string[] =>
  (traffic.pools.get(pool) ?? []).map(({ id, port, state }) => `${id}:${port} ${state}`);
const isWithdrawn = (name: string): boolean => conditionOf(get(name), "Withdrawn")?.status === "True";

describe("a balancer", () => {
  it("has the ready instances of each pool, by the port that the route names", async () => {
    await instance("i1");
    await instance("i2");
    await balancer("front", [{ service: "api" }, { path: "/admin", service: "api", port: "admin" }]);
    expect(members("front api")).toEqual(["i1:1001 ready", "i2:1002 ready"]);
    expect(members("front api:admin")).toEqual(["i1:2000 ready", "i2:2000 ready"]);
    await setStatus("i1", "Instance", { conditions: [] });
    expect(members("front api")).toEqual(["i2:1002 ready"]);
  });

  it("sends nothing to templates that may not serve", async () => {
    await write(
      validate({ kind: "Service", metadata: { name: "api" }, spec: { command: "x" } }).resource as Draft,
      {
        serving: ["blue"],
      },
    );
    await instance("i1", "blue");
    await instance("i2", "green");
    await balancer("front", [{ service: "api" }]);
    expect(members("front api")).toEqual(["i1:1001 ready"]);
    await setStatus("api", "Service", { serving: ["green"] });
    expect(members("front api")).toEqual(["i2:1002 ready"]);
  });

  it("is not told again what it has", async () => {
    await instance("i1");
    await balancer("front", [{ service: "api" }]);
    await clock.advance(10_000);
    expect(traffic.told).toBe(1);
  });

  it("that came back with other members than it was told is told again", async () => {
    await instance("i1");
    await balancer("front", [{ service: "api" }]);
    traffic.pools.set("front api", []);
    await clock.advance(2_500);
    expect(members("front api")).toEqual(["i1:1001 ready"]);
  });

  it("that was down while members changed is told when it is back", async () => {
    await instance("i1");
    await balancer("front", [{ service: "api" }]);
    traffic.isDown = true;
    await instance("i2");
    await clock.advance(5_000);
    traffic.isDown = false;
    await clock.advance(30_000);
    expect(members("front api")).toEqual(["i1:1001 ready", "i2:1002 ready"]);
  });
});

describe("a deleted instance", () => {
  it("is withdrawn only when every pool of every balancer has drained it", async () => {
    await instance("i1");
    await balancer("front", [{ service: "api" }, { path: "/admin", service: "api", port: "admin" }]);
    await balancer("side", [{ service: "api" }]);
    await remove("i1");
    expect(members("side api")).toEqual(["i1:1001 draining"]);
    const drains = ["front api i1", "front api:admin i1", "side api i1"];
    expect([...traffic.drains.keys()].sort()).toEqual(drains);
    for (const drain of drains) {
      expect(isWithdrawn("i1")).toBe(false);
      traffic.drains.get(drain)?.();
      await clock.advance(1);
    }
    expect(isWithdrawn("i1")).toBe(true);
    await clock.advance(1_500);
    expect(members("front api")).toEqual([]);
  });

  it("is withdrawn also when its status is written at the very moment in which that is said", async () => {
    await instance("i1");
    await balancer("front", [{ service: "api" }]);
    await remove("i1");
    const racing = store.commit(
      [{ type: "status", key: key("i1"), status: { ...ready, readyAt: 1 } }],
      cause,
    );
    traffic.drains.get("front api i1")?.();
    await racing;
    await clock.advance(1);
    expect(get("i1").status).toMatchObject({ readyAt: 1 });
    expect(isWithdrawn("i1")).toBe(true);
  });

  it("is drained also where the balancer is not well but still serves", async () => {
    await instance("i1");
    await balancer("front", [{ service: "api" }]);
    await setStatus("front", "LoadBalancer", { conditions: [{ type: "Ready", status: "False" }], made: {} });
    await remove("i1");
    expect(isWithdrawn("i1")).toBe(false);
    traffic.drains.get("front api i1")?.();
    await clock.advance(1);
    expect(isWithdrawn("i1")).toBe(true);
  });

  it("waits for no balancer that does not answer and is not well, nor for one that was never made", async () => {
    await instance("i1");
    await balancer("new", [{ service: "api" }], {});
    await balancer("front", [{ service: "api" }], {
      conditions: [{ type: "Ready", status: "False" }],
      made: {},
    });
    traffic.isDown = true;
    await remove("i1");
    await clock.advance(1_500);
    expect(isWithdrawn("i1")).toBe(true);
  });
});

describe("degraded instances", () => {
  it("are never more than a third of a service, however long none is replaced", async () => {
    await write(
      {
        apiVersion: "tutti.dev/v1",
        kind: "Service",
        metadata: { name: "api", namespace: "default" },
        spec: {},
      },
      {},
    );
    for (let index = 1; index <= 6; index += 1) await instance(`i${index}`);
    await balancer("front", [{ service: "api" }]);
    traffic.worst = "i2";
    await clock.advance(3_500);
    traffic.worst = "i4";
    await clock.advance(20_000);
    const degraded = store
      .list({ kind: "Instance" })
      .items.filter((one) => conditionOf(one, "Degraded")?.status === "True");
    expect(degraded).toHaveLength(2);
    expect(conditionOf(degraded[0] as Resource, "Degraded")?.message).toContain("90% of its requests");
  });
});
