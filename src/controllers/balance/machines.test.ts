/** Machines behind a balancer: those that run and take connections. */
import { createServer } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { IndexView } from "../../controller/view.ts";
import { validate } from "../../kinds/validate.ts";
import type { Draft, Resource } from "../../model/resource.ts";
import type { Member, TrafficProvider } from "../../provider/provider.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { balanceController } from "./index.ts";
import { reaches } from "./reaches.ts";

const cause = { actor: "user:test", action: "test" };
const CONDITION = { type: "Ready", reason: "Ready", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };

let clock: ManualClock;
let store: Store;
let runtime: Runtime;
let told: Map<string, readonly Member[]>;
let answering: Set<string>;

beforeEach(() => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  runtime = new Runtime(store, { clock });
  told = new Map();
  answering = new Set();
  const instances = new IndexView("Instance", () => "");
  const balancers = new IndexView("LoadBalancer", () => "");
  runtime.addView(instances);
  runtime.addView(balancers);
  const provider = {
    setMembers: (_: unknown, pool: string, members: readonly Member[]) => {
      told.set(pool, members);
      return Promise.resolve();
    },
    stats: () => Promise.resolve([]),
  } as Partial<TrafficProvider> as TrafficProvider;
  runtime.addController(
    balanceController({
      store,
      clock,
      instances,
      balancers,
      providerOf: () => provider,
      reaches: (host, port) => Promise.resolve(answering.has(`${host}:${port}`)),
    }),
  );
  runtime.start();
});
afterEach(() => runtime.stop());

async function create(kind: string, name: string, spec: object, status: object): Promise<void> {
  const { resource, diagnostics } = validate({ kind, metadata: { name }, spec });
  expect(diagnostics).toEqual([]);
  await store.commit([{ type: "create", resource: resource as Draft }], cause);
  const conditions = [{ ...CONDITION, status: "True" }];
  await store.commit(
    [{ type: "status", key: { kind, namespace: "default", name }, status: { conditions, ...status } }],
    cause,
  );
}

const POOL = "machines:a.b:8080";
const ids = (): readonly string[] => (told.get(POOL) ?? []).map(({ id }) => id);

async function front(): Promise<void> {
  await create("Machine", "a", { image: "busybox" }, { address: "10.0.0.1" });
  await create("Machine", "b", { image: "busybox" }, { address: "10.0.0.2" });
  await create(
    "LoadBalancer",
    "front",
    { routes: [{ machines: ["a", "b"], machinePort: 8080 }] },
    { made: {} },
  );
}

it("are its members as soon as they take connections, and no longer", async () => {
  answering.add("10.0.0.1:8080");
  await front();
  await clock.advance(0);
  expect(told.get(POOL)).toEqual([{ id: "a", host: "10.0.0.1", port: 8080, state: "ready" }]);
  answering.add("10.0.0.2:8080");
  await clock.advance(1_000);
  expect(ids()).toEqual(["a", "b"]);
  answering.delete("10.0.0.1:8080");
  await clock.advance(1_000);
  expect(ids()).toEqual(["b"]);
});

it("are told at once when one of them is not ready any more", async () => {
  for (const host of ["10.0.0.1", "10.0.0.2"]) answering.add(`${host}:8080`);
  await front();
  await clock.advance(0);
  expect(ids()).toEqual(["a", "b"]);
  const key = { kind: "Machine", namespace: "default", name: "a" };
  const { status } = store.get(key) as Resource<unknown, object>;
  await store.commit(
    [{ type: "status", key, status: { ...status, conditions: [{ ...CONDITION, status: "False" }] } }],
    cause,
  );
  await clock.advance(0);
  expect(ids()).toEqual(["b"]);
});

it("are reached where somebody listens", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  expect(await reaches("127.0.0.1", port)).toBe(true);
  server.close();
  await once(server, "close");
  expect(await reaches("127.0.0.1", port)).toBe(false);
});

it.each([
  [{ routes: [{}] }, "NoTarget", "spec.routes[0]"],
  [{ routes: [{ machines: ["a"] }] }, "NoPort", "spec.routes[0].machinePort"],
  [{ routes: [{ service: "api", machinePort: 1 }] }, "Meaningless", "spec.routes[0].machinePort"],
  [
    { routes: [{ service: "api", machines: ["a"], machinePort: 1 }] },
    "Meaningless",
    "spec.routes[0].machines",
  ],
  [{ listeners: [{ protocol: "tcp", machines: ["a"] }] }, "NoPort", "spec.listeners[0].machinePort"],
])("%o is refused: %s", (spec, code, path) => {
  const { diagnostics } = validate({ kind: "LoadBalancer", metadata: { name: "front" }, spec });
  expect(diagnostics).toMatchObject([{ code, path }]);
});
