/** Changes that people decide on, and those that nobody asked for: what waits, what is void, what is kept. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Resource } from "../model/resource.ts";
import {
  apply,
  ask,
  asked,
  cause,
  change,
  clock,
  crash,
  decide,
  made,
  open,
  room,
  state,
  stop,
  store,
  submit,
  system,
  thing,
} from "./fixtures/changes.ts";

beforeEach(open);
afterEach(stop);

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

  it("is void when what it needs has been used up while it waited, and nothing of it is begun", async () => {
    await apply(approved(), thing("disk"), thing("tape"));
    room(1);
    await decide("shop-1", "maria");
    expect(state("shop-1")).toBe("Void");
    expect(change("shop-1").status?.message).toMatch(/things/);
    expect(store.list({ kind: "Resource" }).items).toEqual([]);
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

  it("what becomes known only on the way is covered by it, or asked about once more where that is the policy", async () => {
    const set = {
      kind: "ResourceSet",
      metadata: { name: "subnets" },
      spec: {
        forEach: "${resource.net.status.output.zones}",
        template: { kind: "Resource", spec: { class: "simulated", config: { zone: "${each.key}" } } },
      },
    };
    const net = {
      kind: "Resource",
      metadata: { name: "net" },
      spec: { class: "simulated", config: { zones: ["a", "b"] } },
    };
    const asking = (stages: string): object =>
      system({ stages, approval: { chain: [{ users: ["maria"] }] } });
    await apply(asking("ask"), net, set);
    await decide("shop-1", "maria");
    await clock.advance(1_000);
    expect(made()).toEqual(["net"]);
    expect(state("shop-1")).toBe("InProgress");
    const name = change("shop-1").status?.asked ?? "";
    expect(change("shop-1").status?.message).toBe("Its next stage waits for approval. It waits for maria.");
    await crash();
    await decide(name, "maria");
    await clock.advance(1_000);
    expect(made()).toEqual(["net", "subnets-a", "subnets-b"]);
    expect(state("shop-1")).toBe("Succeeded");
  });

  it("a system is taken down once that is approved, and leaves behind what was done by whom", async () => {
    await apply(approved(), thing("a", { remove: "5s" }));
    await decide("shop-1", "maria");
    await clock.advance(1_000);
    expect(await submit({ resources: [], action: "down" })).toMatchObject({ state: "Pending" });
    expect(made()).toEqual(["a"]);
    await decide("shop-2", "maria");
    await crash();
    await clock.advance(20_000);
    expect(made()).toEqual([]);
    for (const kind of ["System", "Lease", "Resource"]) expect(store.list({ kind }).items, kind).toEqual([]);
    expect([state("shop-1"), state("shop-2")]).toEqual(["Succeeded", "Succeeded"]);
    expect(asked("shop-2").status?.decisions).toMatchObject([{ by: "maria", decision: "approve" }]);
  });

  it("only of what destroys, when that is the policy", async () => {
    const policy = approved({ when: "destructive" });
    expect(await apply(policy, thing("a"), thing("b"))).toMatchObject({ state: "InProgress" });
    await clock.advance(1_000);
    expect(await apply(policy, thing("a"))).toMatchObject({ state: "Pending" });
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
