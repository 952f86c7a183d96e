/** A plan that looks: what it shows of what others changed, and what it does when nobody answers. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { Keyring } from "../model/sealed.ts";
import { operationsOf } from "../planner/operations.ts";
import type { Plan } from "../planner/plan.ts";
import { propose } from "../planner/propose.ts";
import type { Refreshed } from "../planner/refreshed.ts";
import { DataProvider } from "../providers/data/index.ts";
import type { Store } from "../store/store.ts";
import {
  SimulatedProvider,
  SimulatedThings,
  type Twist,
  World,
  createMemoryStore,
} from "../testing/index.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";

const keyring = new Keyring(new Uint8Array(32));
const cause = { actor: "user:test", action: "apply" };
const MINUTE = 60_000;

let clock: ManualClock;
let store: Store;
let world: World;
let plane: ControlPlane;

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  world = new World();
  plane = createControlPlane({
    store,
    clock,
    keyring,
    local: {
      instances: [new SimulatedProvider(world)],
      providers: [
        new SimulatedThings("Resource", world),
        new SimulatedThings("Volume", world),
        new DataProvider(),
      ],
    },
  });
  await plane.start();
  await apply();
});
afterEach(() => plane.stop());

const manifests = (size: number): readonly unknown[] => [
  { kind: "System", metadata: { name: "shop" } },
  { kind: "Resource", metadata: { name: "disk" }, spec: { class: "simulated", config: { size } } },
  {
    kind: "Resource",
    metadata: { name: "kept" },
    spec: { class: "simulated", config: { size }, lifecycle: { drift: { answer: "report" } } },
  },
  { kind: "Volume", metadata: { name: "files" }, spec: { class: "simulated" } },
  { kind: "Resource", metadata: { name: "inside" }, spec: { class: "data", config: { size } } },
];

function planned(drift?: Refreshed["drift"], size = 1): Plan {
  const { plan, diagnostics } = propose({
    resources: manifests(size),
    system: "shop",
    namespace: "default",
    live: store,
    keyring,
    action: "apply",
    ...(drift === undefined ? {} : { drift }),
  });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  return plan;
}

async function apply(drift?: Refreshed["drift"], size = 1): Promise<void> {
  const operations = operationsOf(planned(drift, size), { live: store, actor: "user:test", keyring });
  if (operations.length > 0) await store.commit(operations, cause);
  await clock.advance(1_000);
}

async function look(since?: string | false): Promise<Refreshed> {
  const refreshed = plane.refresh({
    system: "shop",
    namespace: "default",
    ...(since === undefined ? {} : { since }),
  });
  await clock.advance(20_000);
  return refreshed;
}

const change = (name: string, size: number): void => {
  const uid = store.get({ kind: "Resource", namespace: "default", name })?.metadata.uid ?? "";
  world.change({ kind: "Resource", uid }, "config.size", size);
};
const actions = (plan: Plan): object =>
  Object.fromEntries(plan.steps.map(({ address, action, drift }) => [address, [action, drift?.length ?? 0]]));
const observed = (): number => world.calls.get("observe") ?? 0;

describe("a plan after others changed things", () => {
  it("sets back what is to be, shows what is only reported, and has the hash that it has without looking", async () => {
    change("disk", 2);
    change("kept", 2);
    const { drift, warnings } = await look();
    const plan = planned(drift);
    expect(warnings).toEqual([]);
    expect(actions(plan)).toMatchObject({
      "resource/disk": ["update", 1],
      "resource/kept": ["none", 1],
      "resource/inside": ["none", 0],
      "volume/files": ["none", 0],
    });
    expect(plan.steps.find(({ address }) => address === "resource/disk")?.drift).toEqual([
      { path: "spec.config.size", expected: 1, actual: 2, answer: "revert" },
    ]);
    expect(plan.hash).toBe(planned().hash);
  });

  it("is carried out as a Change, which has the thing set back, and leaves nothing for the next", async () => {
    change("disk", 2);
    const { drift } = await look();
    await apply(drift);
    const uid = store.get({ kind: "Resource", namespace: "default", name: "disk" })?.metadata.uid ?? "";
    expect(world.thingOf({ kind: "Resource", uid })?.spec["config"]).toEqual({ size: 1 });
    expect(store.list({ kind: "Change" }).items).toHaveLength(2);
    expect((await look()).drift.size).toBe(0);
  });

  it("says that a thing is gone", async () => {
    const volume = store.get({ kind: "Volume", namespace: "default", name: "files" });
    world.delete(world.thingOf({ kind: "Volume", uid: volume?.metadata.uid ?? "" })?.id ?? "");
    const { drift } = await look();
    expect(drift.get("volume/files")).toEqual([{ answer: "revert" }]);
  });
});

describe("looking", () => {
  it("writes nothing, and asks about nothing that is inside the control plane", async () => {
    const before = [store.revision, observed()];
    const refreshed = plane.refresh({ system: "shop", namespace: "default" });
    await clock.advance(0);
    expect((await refreshed).drift.size).toBe(0);
    expect([store.revision, observed()]).toEqual([before[0], (before[1] ?? 0) + 3]);
  });

  it("is left out when told so: what is recorded is shown", async () => {
    change("kept", 2);
    await clock.advance(2 * MINUTE);
    const before = observed();
    const refreshed = await plane.refresh({ system: "shop", namespace: "default", since: false });
    expect(observed()).toBe(before);
    expect(refreshed.drift.get("resource/kept")).toMatchObject([{ actual: 2, answer: "report" }]);
  });

  it.each(["10m", "shop-1", "1"])("since %s asks only about what may have changed since", async (since) => {
    await clock.advance(5 * MINUTE);
    const before = observed();
    const long = plane.refresh({ system: "shop", namespace: "default", since });
    await clock.advance(0);
    await long;
    const asked = observed() - before;
    expect(asked).toBeGreaterThanOrEqual(0);
    expect(asked).toBeLessThanOrEqual(3);
  });

  it("since a moment when everything has been looked at after it asks nothing", async () => {
    await clock.advance(5 * MINUTE);
    const before = observed();
    const refreshed = plane.refresh({ system: "shop", namespace: "default", since: "3m" });
    await clock.advance(0);
    expect((await refreshed).warnings).toEqual([]);
    expect(observed()).toBe(before);
  });

  it("since something that is not there says so, and goes by what is recorded", async () => {
    expect((await look("yesterday")).warnings).toMatchObject([
      { code: "UnknownMoment", severity: "warning" },
    ]);
  });
});

describe("a provider that", () => {
  it.each<[string, Twist]>([
    ["throws", { fail: new Error("the engine is away") }],
    ["hangs", { hangs: "deaf" }],
    ["answers garbage", { answer: { ready: "perhaps" } }],
    ["answers what cannot be written down", { answer: { ready: true, outputs: {}, actual: { size: 1n } } }],
  ])("%s is one warning, and the plan is made all the same", async (_how, twist) => {
    world.behaviour = {
      onCall: ({ operation, kind }) => (operation === "observe" && kind === "Resource" ? twist : undefined),
    };
    const { drift, warnings } = await look();
    expect(warnings).toMatchObject([{ code: "NotRefreshed", severity: "warning" }]);
    expect(warnings[0]?.message).toMatch(/class 'simulated' of Resource at the location 'local'.*2 things/);
    expect(planned(drift).hash).toBe(planned().hash);
  });

  it("changes its mind between plan and apply changes nothing of what was agreed to", async () => {
    change("disk", 2);
    const { drift } = await look();
    const { hash } = planned(drift);
    change("disk", 3);
    expect(planned((await look()).drift).hash).toBe(hash);
  });
});
