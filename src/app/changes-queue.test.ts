/** A Change that waits while its base moves: it begins when it still does nothing but what was shown. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Resource } from "../model/resource.ts";
import {
  apply,
  asked,
  cause,
  change,
  clock,
  crash,
  decide,
  made,
  open,
  state,
  stop,
  store,
  submit,
  system,
  thing,
} from "./fixtures/changes.ts";

beforeEach(open);
afterEach(stop);

const a = (update: string): object => thing("a", { update });
const live = (name: string): Resource =>
  store.get({ kind: "Resource", namespace: "default", name }) as Resource;
/** As by `kubectl annotate`: nothing that the System declares. */
const annotate = async (name: string): Promise<void> => {
  const { status: _status, ...draft } = live(name);
  const metadata = { ...draft.metadata, annotations: { ...draft.metadata.annotations, seen: "by jo" } };
  await store.commit([{ type: "update", resource: { ...draft, metadata } }], cause);
  await clock.advance(50);
};
const generation = (name: string): number => live(name).metadata.generation;

describe("in a queue", () => {
  const queued = system({ concurrency: "queue" });
  it("a Change whose things others have written to begins, when it does just what was shown", async () => {
    await apply(queued, thing("slow", { create: "1m" }), a("1s"));
    await submit({ resources: [queued, thing("slow", { create: "1m", ready: "1s" }), a("2s")] });
    expect(state("shop-2")).toBe("Queued");
    const before = change("shop-2").spec.hash;
    await annotate("a");
    expect(state("shop-2")).toBe("Queued");
    await crash();
    await clock.advance(120_000);
    expect(state("shop-2")).toBe("Succeeded");
    expect(change("shop-2").spec.hash).toBe(before);
    expect(change("shop-2").spec.effects).toBeUndefined();
    expect(live("a").metadata.annotations).toMatchObject({ seen: "by jo" });
    expect(live("a").spec).toMatchObject({ config: { simulated: { update: "2s" } } });
  });

  it("what another has done just so before it is not done again, the rest is", async () => {
    await apply(queued, thing("slow", { create: "1m" }), a("1s"));
    await submit({ resources: [queued, thing("slow", { create: "1m", ready: "1s" }), a("2s")] });
    await submit({
      resources: [queued, thing("slow", { create: "1m", ready: "1s" }), a("2s"), thing("more")],
    });
    expect([state("shop-2"), state("shop-3")]).toEqual(["Queued", "Queued"]);
    await clock.advance(180_000);
    expect([state("shop-2"), state("shop-3")]).toEqual(["Succeeded", "Succeeded"]);
    expect(generation("a")).toBe(2);
    expect(made()).toEqual(["a", "more", "slow"]);
  });

  it("one that would be another change by now is void, and says what moved", async () => {
    await apply(queued, thing("slow", { create: "1m" }), a("1s"));
    await submit({ resources: [queued, thing("slow", { create: "1m", ready: "1s" }), a("2s")] });
    await submit({ resources: [queued, thing("slow", { create: "1m", ready: "1s" }), a("3s")] });
    await clock.advance(180_000);
    expect(state("shop-3")).toBe("Void");
    expect(change("shop-3").status?.message).toContain("resource/a: It was changed: generation 1 is 2 now.");
    expect(live("a").spec).toMatchObject({ config: { simulated: { update: "2s" } } });
  });
});

describe("an approval", () => {
  const approved = system({ approval: { chain: [{ users: ["maria"] }] } });

  it("stays good when something was written that the plan has nothing to do with, and is for what was shown", async () => {
    await apply(system({}), a("1s"));
    await clock.advance(1_000);
    await apply(approved, a("1s"));
    await clock.advance(1_000);
    await apply(approved, a("2s"));
    expect(state("shop-3")).toBe("Pending");
    await annotate("a");
    expect(state("shop-3")).toBe("Pending");
    expect(asked("shop-3").status?.state ?? "Pending").toBe("Pending");
    await decide("shop-3", "maria");
    await clock.advance(5_000);
    expect(state("shop-3")).toBe("Succeeded");
  });

  it("is void when the same thing was made anew meanwhile", async () => {
    await apply(system({}), a("1s"));
    await clock.advance(1_000);
    await apply(approved, a("1s"));
    await clock.advance(1_000);
    await apply(approved, a("2s"));
    expect(state("shop-3")).toBe("Pending");
    const { status: _status, metadata, ...draft } = live("a");
    const { uid: _uid, finalizers, ...again } = metadata;
    await store.commit(
      [{ type: "delete", key: { kind: "Resource", namespace: "default", name: "a" } }],
      cause,
    );
    await clock.advance(5_000);
    await store.commit(
      [
        {
          type: "create",
          resource: { ...draft, metadata: { ...again, ...(finalizers && { finalizers }) } } as never,
        },
      ],
      cause,
    );
    await clock.advance(1_000);
    expect(state("shop-3")).toBe("Void");
  });
});
