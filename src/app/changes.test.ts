/** Changes from the plan to their end: what becomes of their steps, on failure, held, in a queue, undone. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Resource, keyOf } from "../model/resource.ts";
import {
  apply,
  ask,
  change,
  clock,
  crash,
  made,
  open,
  outcome,
  state,
  stop,
  store,
  submit,
  system,
  thing,
} from "./fixtures/changes.ts";

beforeEach(open);
afterEach(stop);

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
    expect(state("shop-1")).toBe("Held");
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

  it("what takes back the first comes before all who wait for it", async () => {
    await apply(queued, thing("a"));
    await clock.advance(1_000);
    await apply(queued, thing("a", { update: "1m" }));
    await submit({ resources: [queued, thing("a", { update: "2m" })] });
    expect(state("shop-3")).toBe("Queued");
    const undone = await submit({ resources: [], action: "undo", undoes: "shop-2" });
    expect(undone).toMatchObject({ change: "shop-4", state: "InProgress" });
    await clock.advance(300_000);
    expect([2, 3, 4].map((number) => state(`shop-${number}`))).toEqual(["Superseded", "Void", "Succeeded"]);
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
