/** What a set says of its members, and how they follow a value that changes, on a store in memory. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { Runtime } from "../../controller/runtime.ts";
import { DependentsView } from "../../controller/view.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Key, Resource } from "../../model/resource.ts";
import { Keyring } from "../../model/sealed.ts";
import { submissionOf } from "../../planner/change-operations.ts";
import { propose } from "../../planner/propose.ts";
import type { Store } from "../../store/store.ts";
import { createMemoryStore } from "../../stores/memory.ts";
import { setController } from "./index.ts";

const keyring = new Keyring(new Uint8Array(32));
const cause = { actor: "user:test", action: "test" };
const SET: Key = { kind: "ResourceSet", namespace: "default", name: "workers" };

let clock: ManualClock;
let store: Store;
let runtime: Runtime;

beforeEach(() => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  runtime = new Runtime(store, { clock });
  const dependents = new DependentsView();
  runtime.addView(dependents);
  runtime.addController(setController({ store, clock, keyring, dependents, resolver: { store, keyring } }));
});
afterEach(() => runtime.stop());

const NET = { kind: "Resource", metadata: { name: "net" }, spec: { class: "data" } };
const WORKERS = {
  kind: "ResourceSet",
  metadata: { name: "workers" },
  spec: {
    forEach: "${resource.net.status.output.zones}",
    template: { kind: "Resource", spec: { class: "data", config: { zone: "${each.key}" } } },
  },
};

async function apply(parts: readonly unknown[], changes: object = {}): Promise<void> {
  const resources = [{ kind: "System", metadata: { name: "shop" }, spec: { changes } }, ...parts];
  const {
    plan,
    declared = [],
    diagnostics,
  } = propose({
    resources,
    system: "shop",
    namespace: "default",
    action: "apply",
    live: store,
    keyring,
  });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  const submitted = { plan, declared, request: {}, actor: "user:test", live: store, keyring };
  await store.commit(submissionOf(submitted).operations, cause);
}

/** As its controller would leave it. */
async function yields(name: string, output: object): Promise<void> {
  const key = { kind: "Resource", namespace: "default", name };
  const observedGeneration = store.get(key)?.metadata.generation ?? 0;
  const ready = {
    type: "Ready",
    status: "True",
    reason: "Ready",
    message: "",
    lastTransitionTime: "",
    observedGeneration,
  };
  await store.commit([{ type: "status", key, status: { id: "x", output, conditions: [ready] } }], cause);
}

async function endChanges(): Promise<void> {
  for (const change of store.list({ kind: "Change" }).items) {
    const { name } = change.metadata;
    const { state } = (change.status ?? {}) as { readonly state?: string };
    if (state !== undefined) continue;
    await store.commit(
      [
        {
          type: "status",
          key: { kind: "Change", namespace: "default", name },
          status: { state: "Succeeded" },
        },
      ],
      cause,
    );
  }
}

const eventually = <T>(read: () => T): ReturnType<typeof expect.poll> =>
  expect.poll(read, { timeout: 20_000, interval: 5 });

const said = (): string => conditionOf(store.get(SET) as Resource, "Ready")?.message ?? "";
/** Those that go have a finalizer, which is nobody's here. */
const members = (): readonly string[] =>
  store
    .list({ kind: "Resource", labels: { "tutti.dev/set": "workers" } })
    .items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name)
    .toSorted();

/** The set over zones a and b, its members ready, no Change under way. */
async function settled(changes: object = {}): Promise<void> {
  await apply([NET]);
  await yields("net", { zones: ["a", "b"] });
  await apply([NET, WORKERS], changes);
  for (const name of members()) await yields(name, {});
  await endChanges();
}

it("says whether its members are what its value asks for, and ready", async () => {
  await settled();
  runtime.start();
  await eventually(said).toBe("All 2 members are ready.");
  expect(store.get(SET)).toMatchObject({ status: { members: ["workers-a", "workers-b"] } });
  const key = { kind: "Resource", namespace: "default", name: "net" };
  await store.commit([{ type: "status", key, status: {} }], cause);
  await eventually(said).toBe("Waiting for resource/net, which is not ready.");
});

it("follows its value by a Change of its own once no other is under way", async () => {
  await settled();
  runtime.start();
  await yields("net", { zones: ["b", "c"] });
  await eventually(members).toEqual(["workers-b", "workers-c"]);
  const changes = (): readonly Resource[] => store.list({ kind: "Change" }).items;
  expect(
    changes()
      .map(({ spec }) => (spec as { readonly actor: string }).actor)
      .toSorted(),
  ).toEqual(["controller:set", "user:test", "user:test"]);
  await yields("net", { zones: ["c"] });
  await eventually(said).toBe("By its value workers-a, workers-b are too many.");
  expect(members()).toEqual(["workers-b", "workers-c"]);
  await endChanges();
  await eventually(members).toEqual(["workers-c"]);
});

it("asks first where the system's policy says so, once", async () => {
  await settled();
  const system = store.get({ kind: "System", namespace: "default", name: "shop" }) as Resource<object>;
  const stage = { users: [], groups: [], quorum: 1 };
  const approval = {
    when: "always",
    chain: [stage],
    order: "sequence",
    selfApproval: false,
    onExpire: "deny",
  };
  await apply([NET, WORKERS], { approval });
  await endChanges();
  expect(store.get({ kind: "System", namespace: "default", name: "shop" })).not.toEqual(system);
  const approvals = (): number => store.list({ kind: "Approval" }).items.length;
  runtime.start();
  await yields("net", { zones: ["c"] });
  await eventually(approvals).toBe(1);
  await yields("net", { zones: ["c", "d"] });
  await eventually(said).toBe(
    "By its value workers-c, workers-d are missing and workers-a, workers-b are too many.",
  );
  expect([approvals(), members()]).toEqual([1, ["workers-a", "workers-b"]]);
});
