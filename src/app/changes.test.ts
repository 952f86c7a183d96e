/** Changes from the plan to their end: on a manual clock, in a simulated world, with all controllers. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { statusOf } from "../controllers/approval/index.ts";
import { type Approval, type Asked, decisionOf } from "../controllers/approval/decide.ts";
import { type Key, type Resource, keyOf } from "../model/resource.ts";
import { Keyring } from "../model/sealed.ts";
import { type ChangeResource, requestOf, stateOf } from "../planner/change.ts";
import { type Submission, submissionOf } from "../planner/change-operations.ts";
import { type ProposeInput, propose } from "../planner/propose.ts";
import type { Store } from "../store/store.ts";
import {
  ManualClock,
  SimulatedProvider,
  SimulatedThings,
  World,
  createMemoryStore,
} from "../testing/index.ts";
import { type ControlPlane, createControlPlane } from "./control-plane.ts";

const keyring = new Keyring(new Uint8Array(32));
const cause = { actor: "user:jo", action: "test" };

let clock: ManualClock;
let store: Store;
let world: World;
let plane: ControlPlane;
let things: SimulatedThings;

beforeEach(async () => {
  clock = new ManualClock();
  store = createMemoryStore({ clock });
  world = new World();
  await start();
});
afterEach(() => stop());

async function start(): Promise<void> {
  things = new SimulatedThings("Resource", world);
  plane = createControlPlane({
    store,
    clock,
    keyring,
    local: { instances: [new SimulatedProvider(world)], providers: [things] },
  });
  await plane.start();
}

async function stop(): Promise<void> {
  const stopping = plane.stop();
  await clock.advance(20_000);
  await stopping;
}

/** As by kill -9: what was under way never happens, and the next one finds what is in the store. */
async function crash(): Promise<void> {
  things.sever();
  await stop();
  await start();
  await clock.advance(100);
}

const system = (changes: object): object => ({
  kind: "System",
  metadata: { name: "shop" },
  spec: { changes },
});
const thing = (name: string, simulated: object = {}, more: object = {}): object => ({
  kind: "Resource",
  metadata: { name },
  spec: { class: "simulated", config: { simulated }, ...more },
});

async function submit(
  asked: Pick<ProposeInput, "resources"> & Partial<ProposeInput>,
  actor = "user:jo",
): Promise<Submission> {
  const input: ProposeInput = {
    action: "apply",
    system: "shop",
    namespace: "default",
    live: store,
    keyring,
    capabilities: plane.capabilities,
    ...asked,
  };
  const { plan, declared = [], diagnostics } = propose(input);
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  const request = requestOf(input, plan);
  const submission = submissionOf({ plan, declared, request, actor, live: store, keyring });
  if (submission.operations.length > 0) await store.commit(submission.operations, { ...cause, actor });
  await clock.advance(50);
  return submission;
}

const apply = (...resources: readonly object[]): Promise<Submission> => submit({ resources });

function change(name: string): ChangeResource {
  const found = store.get({ kind: "Change", namespace: "default", name });
  if (found === undefined) throw new Error(`There is no change ${name}.`);
  return found as ChangeResource;
}
const state = (name: string): string => stateOf(change(name));
const outcome = (name: string): Readonly<Record<string, string>> =>
  Object.fromEntries((change(name).status?.steps ?? []).map((step) => [step.address, step.state]));
const made = (): readonly string[] => [...world.things.values()].map(({ name }) => name).toSorted();

async function ask(name: string, spec: Partial<ChangeResource["spec"]>): Promise<void> {
  const { status: _status, ...draft } = change(name);
  await store.commit([{ type: "update", resource: { ...draft, spec: { ...draft.spec, ...spec } } }], cause);
  await clock.advance(50);
}

async function decide(name: string, by: string, decision: Asked["decision"] = "approve"): Promise<void> {
  const key: Key = { kind: "Approval", namespace: "default", name };
  const approval = store.get(key) as Approval;
  const now = clock.now();
  const made = decisionOf(approval, { name: by, groups: [] }, { decision }, now);
  const decisions = [...(approval.status?.decisions ?? []), made];
  const status = statusOf({ ...approval, status: { ...approval.status, decisions } }, now);
  await store.commit([{ type: "status", key, status }], cause);
  await clock.advance(50);
}

const asked = (name: string): Approval =>
  store.get({ kind: "Approval", namespace: "default", name }) as Approval;

describe("a Change", () => {
  it("ends with what became of every step, and when", async () => {
    const { change: name = "" } = await apply(
      system({}),
      thing("net", { create: "2s" }),
      thing(
        "disk",
        { create: "3s" },
        { config: { simulated: { create: "3s" }, in: "${resource.net.status.id}" } },
      ),
    );
    expect(state(name)).toBe("InProgress");
    await clock.advance(10_000);
    expect(state(name)).toBe("Succeeded");
    const steps = Object.fromEntries((change(name).status?.steps ?? []).map((step) => [step.address, step]));
    expect(steps["resource/disk"]).toMatchObject({ action: "create", state: "Succeeded" });
    const { startedAt = "", endedAt = "" } = steps["resource/disk"] ?? {};
    expect(Date.parse(endedAt) - Date.parse(startedAt)).toBeGreaterThan(1_000);
    expect(change(name).status?.progress).toEqual({ done: 3, of: 3 });
  });

  it("holds what it touches by one lease, renewed while it is under way and gone with its end", async () => {
    await apply(
      system({}),
      ...Array.from({ length: 20 }, (_, index) => thing(`t${index}`, { create: "5m" })),
    );
    const leases = (): readonly Resource[] => store.list({ kind: "Lease" }).items;
    expect(leases()).toHaveLength(1);
    const first = leases()[0]?.spec as { readonly renewTime: string };
    await clock.advance(120_000);
    const spec = leases()[0]?.spec as { readonly renewTime: string; readonly leaseTransitions: number };
    expect(Date.parse(spec.renewTime)).toBeGreaterThan(Date.parse(first.renewTime) + 60_000);
    await crash();
    await clock.advance(100);
    expect(leases()[0]?.spec).toMatchObject({ leaseTransitions: spec.leaseTransitions + 1 });
    await clock.advance(400_000);
    expect(state("shop-1")).toBe("Succeeded");
    expect(leases()).toEqual([]);
  });

  it("is written seldom while it is under way, however many steps it has", async () => {
    await apply(
      system({}),
      ...Array.from({ length: 300 }, (_, index) => thing(`t${index}`, { create: `${1 + (index % 10)}s` })),
    );
    await clock.advance(120_000);
    expect(state("shop-1")).toBe("Succeeded");
    const writes = await store.history(keyOf(change("shop-1")), 1000);
    expect(writes.length).toBeLessThan(30);
  });
});

describe("a step that has failed", () => {
  const parts = (simulated: object): readonly object[] => [
    thing("bad", { fails: { create: "for good" }, ...simulated }),
    thing("late", { create: "5s" }),
    thing("after", {}, { dependsOn: ["resource/bad"] }),
  ];

  it("does not keep what does not need it from being done; the Change has failed when nothing else can go on", async () => {
    await apply(system({}), ...parts({}));
    await clock.advance(1_000);
    expect(state("shop-1")).toBe("InProgress");
    await clock.advance(10_000);
    expect(state("shop-1")).toBe("Failed");
    expect(outcome("shop-1")).toMatchObject({
      "resource/bad": "Failed",
      "resource/late": "Succeeded",
      "resource/after": "Waiting",
    });
    expect(change("shop-1").status?.message).toContain("resource/bad has failed: It is declared to fail");
    expect(made()).toEqual(["late"]);
  });

  it("holds the Change where that is the policy; somebody has it go on, or takes its place", async () => {
    await apply(
      system({ onFailure: "hold" }),
      ...parts({}),
      thing("next", {}, { dependsOn: ["resource/late"] }),
    );
    await clock.advance(10_000);
    expect(state("shop-1")).toBe("Held");
    expect(made()).toEqual(["late"]);
    await ask("shop-1", { resumes: 1 });
    await clock.advance(5_000);
    expect(made()).toEqual(["late", "next"]);
    expect(state("shop-1")).toBe("Failed");
  });

  it("takes all back where that is the policy, by a Change of its own", async () => {
    await apply(system({ onFailure: "rollBack" }), thing("old"));
    await clock.advance(1_000);
    expect(state("shop-1")).toBe("Succeeded");
    await apply(
      system({ onFailure: "rollBack" }),
      thing("old"),
      thing("fine"),
      thing("bad", { create: "1s", fails: { create: "for good" } }),
    );
    await clock.advance(10_000);
    expect(state("shop-2")).toBe("RolledBack");
    expect(change("shop-3").spec).toMatchObject({ action: "undo", undoes: "shop-2" });
    expect(state("shop-3")).toBe("Succeeded");
    expect(made()).toEqual(["old"]);
    expect(change("shop-2").status).toMatchObject({ undoneBy: "shop-3" });
  });
});

describe("held by somebody", () => {
  it("nothing further of it begins, what was begun is brought to its end, and it goes on when it is resumed", async () => {
    await apply(
      system({}),
      thing("first", { create: "10s" }),
      thing("second", {}, { dependsOn: ["resource/first"] }),
    );
    await clock.advance(1_000);
    await ask("shop-1", { hold: true });
    expect(state("shop-1")).toBe("Held");
    await clock.advance(60_000);
    expect(made()).toEqual(["first"]);
    await crash();
    await clock.advance(60_000);
    expect(made()).toEqual(["first"]);
    await ask("shop-1", { hold: false, resumes: 1 });
    await clock.advance(60_000);
    expect(made()).toEqual(["first", "second"]);
    expect(state("shop-1")).toBe("Succeeded");
  });
});

describe("with an approval policy", () => {
  const approved = (approval: object = {}): object =>
    system({ approval: { chain: [{ users: ["maria"] }], ...approval } });

  it("nothing is touched before it is approved, not even on the first apply", async () => {
    const submission = await apply(approved(), thing("disk"));
    expect(submission).toMatchObject({ state: "Pending", change: "shop-1", approval: "shop-1" });
    expect(store.list({ kind: "Resource" }).items).toEqual([]);
    expect(store.list({ kind: "System" }).items).toEqual([]);
    expect(asked("shop-1").spec.subject).toMatchObject({
      change: "shop-1",
      summary: { create: 2 },
      steps: [{ address: "system/shop" }, { address: "resource/disk", action: "create" }],
    });
    await decide("shop-1", "maria");
    await clock.advance(1_000);
    expect(state("shop-1")).toBe("Succeeded");
    expect(made()).toEqual(["disk"]);
    const history = await store.history({ kind: "Resource", namespace: "default", name: "disk" });
    expect(history.at(-1)?.cause).toMatchObject({ actor: "user:jo", action: "apply (change/shop-1)" });
  });

  it("the same asked for again is not asked twice", async () => {
    await apply(approved(), thing("disk"));
    expect(await apply(approved(), thing("disk"))).toMatchObject({ change: "shop-1", operations: [] });
  });

  it("who asks does not approve it, nor anybody who is not asked", async () => {
    await apply(approved({ chain: [{}] }), thing("disk"));
    await expect(decide("shop-1", "jo")).rejects.toThrow(/SelfApproval/);
    await decide("shop-1", "kim");
    expect(state("shop-1")).not.toBe("Pending");
  });

  it("is void once the base has moved, which says what moved, and its approval cannot be given any more", async () => {
    await apply(system({}), thing("disk"));
    await apply(approved(), thing("disk"));
    await decide("shop-2", "nobody").catch(() => undefined);
    await clock.advance(1_000);
    await apply(approved(), thing("disk", { create: "1s" }));
    expect(state("shop-3")).toBe("Pending");
    const disk = store.get({ kind: "Resource", namespace: "default", name: "disk" }) as Resource;
    await store.commit(
      [{ type: "update", resource: { ...disk, spec: { ...(disk.spec as object), replaceOn: 1 } } }],
      cause,
    );
    await clock.advance(100);
    expect(state("shop-3")).toBe("Void");
    expect(change("shop-3").status?.message).toContain(
      "resource/disk: It was changed: generation 1 is 2 now.",
    );
    expect(asked("shop-3").status?.state).toBe("Void");
    await expect(decide("shop-3", "maria")).rejects.toThrow(/AlreadyDecided/);
  });

  it("is rejected, expired or withdrawn without a trace in what is declared", async () => {
    await apply(approved({ expires: "1h" }), thing("a"));
    await decide("shop-1", "maria", "reject");
    expect(state("shop-1")).toBe("Rejected");
    await apply(approved({ expires: "1h" }), thing("a"));
    await clock.advance(3_700_000);
    expect(state("shop-2")).toBe("Expired");
    await apply(approved({ expires: "1h" }), thing("a"));
    await ask("shop-3", { withdrawn: "jo" });
    expect(change("shop-3").status).toMatchObject({ state: "Rejected", message: "It was withdrawn by jo." });
    expect(asked("shop-3").status?.state).toBe("Void");
    expect(store.list({ kind: "Resource" }).items).toEqual([]);
  });

  it("taking the policy away needs approval by it", async () => {
    await apply(approved(), thing("a"));
    await decide("shop-1", "maria");
    await clock.advance(1_000);
    expect(await apply(system({}), thing("a"))).toMatchObject({ state: "Pending" });
  });

  it("waits on over a crash, before and after it was approved", async () => {
    await apply(approved(), thing("disk", { create: "30s" }));
    await crash();
    expect(state("shop-1")).toBe("Pending");
    await decide("shop-1", "maria");
    await crash();
    await clock.advance(60_000);
    expect(state("shop-1")).toBe("Succeeded");
    expect(made()).toEqual(["disk"]);
  });

  it("only of what destroys, when that is the policy", async () => {
    const policy = approved({ when: "destructive" });
    expect(await apply(policy, thing("a"), thing("b"))).toMatchObject({ state: "InProgress" });
    await clock.advance(1_000);
    expect(await apply(policy, thing("a"))).toMatchObject({ state: "Pending" });
  });
});

describe("in a queue", () => {
  const queued = system({ concurrency: "queue" });

  it("what touches the same resources waits for its turn, what does not goes on beside it", async () => {
    await apply(queued, thing("a", { create: "1m" }), thing("b"));
    await clock.advance(5_000);
    const again = await submit({
      resources: [queued, thing("a", { create: "1m", ready: "1s" }), thing("b")],
    });
    expect(again).toMatchObject({ change: "shop-2", state: "Queued" });
    expect(change("shop-2").status?.message).toBe(
      "It waits for change/shop-1, which touches the same resources.",
    );
    const other = await submit({ resources: [queued, thing("a", { create: "1m" }), thing("b"), thing("c")] });
    expect(other).toMatchObject({ change: "shop-3", state: "InProgress" });
    expect(state("shop-1")).toBe("InProgress");
    await crash();
    await clock.advance(70_000);
    expect(state("shop-1")).toBe("Succeeded");
    // Another has changed what is declared since: it is not what was looked at.
    expect(["Succeeded", "Void"]).toContain(state("shop-2"));
  });

  it("otherwise the later takes the place of the earlier", async () => {
    await apply(system({}), thing("a", { create: "1m" }));
    await apply(system({}), thing("a", { create: "1m", ready: "1s" }));
    expect(change("shop-1").status).toMatchObject({
      state: "Superseded",
      message: "change/shop-2 touches the same resources and took its place.",
    });
  });
});

describe("undone", () => {
  it("what it created goes, what it changed and deleted is as before", async () => {
    await apply(system({}), thing("a"), thing("b"));
    await clock.advance(1_000);
    await apply(system({}), thing("a", { ready: "1s" }), thing("c"));
    await clock.advance(5_000);
    expect(made()).toEqual(["a", "c"]);
    await submit({ resources: [], action: "undo", undoes: "shop-2" });
    await clock.advance(5_000);
    expect(made()).toEqual(["a", "b"]);
    expect(state("shop-3")).toBe("Succeeded");
    expect(change("shop-2").status).toMatchObject({ state: "Succeeded", undoneBy: "shop-3" });
    await expect(submit({ resources: [], action: "undo", undoes: "shop-2" })).rejects.toThrow(
      /AlreadyUndone/,
    );
  });
});

describe("a Change written by hand", () => {
  const by = (name: string, spec: object, status?: object): Promise<unknown> =>
    store
      .commit(
        [
          {
            type: "create",
            resource: {
              apiVersion: "tutti.dev/v1",
              kind: "Change",
              metadata: { name, namespace: "default", labels: { "tutti.dev/system": "shop" } },
              spec,
              ...(status === undefined ? {} : { status }),
            },
          },
        ],
        cause,
      )
      .then(() => clock.advance(1_000));

  it("that is none breaks nothing, and does nothing", async () => {
    await apply(system({}), thing("a"));
    for (const [index, spec] of [
      {},
      { system: "shop", hash: "x", plan: {}, action: "apply", actor: "user:x" },
      { system: "shop", hash: "x", plan: { steps: [null, 1] }, action: "apply", actor: "user:x" },
      { system: 5, hash: "x", plan: { steps: [] }, revision: 3, action: "down", actor: "user:x" },
      { system: "shop", hash: "x", plan: { steps: [] }, declared: [], action: "apply", actor: "user:x" },
    ].entries())
      await by(`bad-${index}`, spec);
    await clock.advance(10_000);
    expect(state("shop-1")).toBe("Succeeded");
    expect(made()).toEqual(["a"]);
    expect(state("bad-4")).toBe("Void");
    expect(store.list({ kind: "System" }).items).toHaveLength(1);
  });

  it("does not go past the policy of its System", async () => {
    await apply(system({ approval: { chain: [{ users: ["maria"] }] } }), thing("a"));
    await decide("shop-1", "maria");
    await clock.advance(1_000);
    await apply(system({ approval: { chain: [{ users: ["maria"] }] } }), thing("a"), thing("b"));
    const { approval: _approval, ...spec } = change("shop-2").spec;
    await by("shop-9", spec);
    expect(change("shop-9").status).toMatchObject({
      state: "Void",
      message: "It has to be approved by now, and nobody was asked: ask for it again.",
    });
    expect(made()).toEqual(["a"]);
  });
});

describe("what became of Changes", () => {
  it("is kept, the newest of them, with the one that made what there is now", async () => {
    await apply(system({ approval: { chain: [{ users: ["maria"] }] } }), thing("a"));
    await decide("shop-1", "maria");
    await clock.advance(1_000);
    for (let count = 0; count < 205; count += 1) {
      const { change: name = "" } = await apply(system({}), thing("a"));
      await ask(name, { withdrawn: "jo" });
    }
    const kept = store.list({ kind: "Change" }).items.map(({ metadata }) => metadata.name);
    expect(kept).toHaveLength(201);
    expect(kept).toContain("shop-1");
    expect(kept).not.toContain("shop-2");
    expect(store.list({ kind: "Approval" }).items.length).toBeLessThan(203);
    expect(change("shop-206").spec.declared).toBeUndefined();
  });
});
