/** What is left of a System that is gone: its Changes, as long as they are kept, and the way back. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Key } from "../model/resource.ts";
import { propose } from "../planner/propose.ts";
import { Keyring } from "../model/sealed.ts";
import {
  after,
  apply,
  cause,
  change,
  clock,
  crash,
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

const DAY = 86_400_000;
const names = (kind: string): readonly string[] =>
  store
    .list({ kind })
    .items.map(({ metadata }) => metadata.name)
    .toSorted();
const shop: Key = { kind: "System", namespace: "default", name: "shop" };
const down = async (): Promise<void> => {
  await submit({ resources: [], action: "down" });
  await clock.advance(2_000);
  expect(store.get(shop)).toBeUndefined();
};
const undo = async (undoes: string): Promise<void> => {
  await submit({ resources: [], action: "undo", undoes });
  await clock.advance(2_000);
};
const refusal = (undoes: string): readonly string[] =>
  propose({
    action: "undo",
    undoes,
    resources: [],
    system: "shop",
    namespace: "default",
    live: store,
    keyring: new Keyring(new Uint8Array(32)),
  }).diagnostics.map(({ code, message, hint }) => `${code}: ${message} ${hint ?? ""}`);

describe("a System that was taken down", () => {
  it("leaves its Changes and Revisions, ended and without what was only needed to begin them, and no lease", async () => {
    await apply(system({}), thing("a"));
    await clock.advance(1_000);
    await down();
    await crash();
    expect(names("Change")).toEqual(["shop-1", "shop-2"]);
    expect([state("shop-1"), state("shop-2")]).toEqual(["Succeeded", "Succeeded"]);
    expect(["shop-1", "shop-2"].map((name) => change(name).spec.declared)).toEqual([undefined, undefined]);
    expect(names("Revision")).toEqual(["shop-1", "shop-2"]);
    expect(store.get({ kind: "Revision", namespace: "default", name: "shop-2" })?.spec).toMatchObject({
      number: 2,
      change: "shop-2",
      resources: [],
      ended: { changes: 2, keep: "30d" },
      summary: "taken down",
    });
    expect(names("Lease")).toEqual([]);
  });

  it("comes back by undoing that, as another one, and its numbers go on", async () => {
    await apply(system({}), thing("a"), thing("b"));
    await clock.advance(1_000);
    const { uid } = store.get(shop)?.metadata ?? {};
    await down();
    await undo("shop-2");
    expect(made()).toEqual(["a", "b"]);
    expect(state("shop-3")).toBe("Succeeded");
    expect(change("shop-2").status?.undoneBy).toBe("shop-3");
    expect(store.get(shop)?.metadata.uid).not.toBe(uid);
    expect(store.get(shop)?.status).toMatchObject({ revision: 3 });
    // And that is a Change like others.
    await apply(system({}), thing("a"));
    await clock.advance(1_000);
    expect([state("shop-4"), made()]).toEqual(["Succeeded", ["a"]]);
  });

  it("is not brought back piece by piece, nor mixed with one of its name that came later", async () => {
    await apply(system({}), thing("a"));
    await clock.advance(1_000);
    await down();
    expect(refusal("shop-1")).toEqual([
      "FormerSystem: The system is gone since by change/shop-2. Undo shop-2 first.",
    ]);
    await apply(system({}), thing("a"));
    await clock.advance(1_000);
    expect(change("shop-3").spec).toMatchObject({ revision: 3, plan: { summary: { create: 2 } } });
    const hint = "What it had last is in revision 1: tutti rollout undo system/shop --to 1";
    for (const name of ["shop-1", "shop-2"])
      expect(refusal(name)).toEqual([
        `FormerSystem: The system was taken down since by change/shop-2, and made again. ${hint}`,
      ]);
    // The first of a later life takes back what it made itself.
    await undo("shop-3");
    expect(made()).toEqual([]);
    await submit({ resources: [], action: "rollback", toRevision: 1 });
    await clock.advance(1_000);
    expect(made()).toEqual(["a"]);
  });

  it("has no earlier revision to go back to than those of its own life", async () => {
    await apply(system({}), thing("a"));
    await clock.advance(1_000);
    await down();
    await apply(system({}), thing("b"));
    await clock.advance(1_000);
    await expect(submit({ resources: [], action: "rollback" })).rejects.toThrow(/no earlier revision/);
  });

  it("lets go of what waits or is held: that is not carried out in one that comes later", async () => {
    await apply(
      system({ onFailure: "hold" }),
      thing("bad", { fails: { create: "for good" } }),
      thing("after", {}, { dependsOn: ["resource/bad"] }),
    );
    await clock.advance(2_000);
    expect(state("shop-1")).toBe("Held");
    await store.commit([{ type: "delete", key: shop }], cause);
    await clock.advance(5_000);
    expect(store.get(shop)).toBeUndefined();
    expect(state("shop-1")).toBe("Superseded");
    expect(change("shop-1").status?.message).toBe("system/shop is deleted.");
    expect(names("Lease")).toEqual([]);
  });

  it("is known to be gone also when somebody took away what it waited for", async () => {
    await apply(system({}), thing("a"));
    await clock.advance(1_000);
    const { status: _status, ...live } = store.get(shop) as never as { status: object; metadata: object };
    const draft = { ...live, metadata: { ...live.metadata, finalizers: [] } } as never;
    await store.commit(
      [
        { type: "update", resource: draft },
        { type: "delete", key: shop },
      ],
      cause,
    );
    await clock.advance(100);
    expect(store.get({ kind: "Revision", namespace: "default", name: "shop-2" })?.spec).toMatchObject({
      resources: [],
      summary: "deleted",
    });
  });
});

describe("what is recorded of Systems that are gone", () => {
  it("goes after 30 days, and with it the numbers; of one that is there nothing goes", async () => {
    await apply(system({}), thing("a"));
    await clock.advance(1_000);
    await down();
    await after(29 * DAY);
    expect(names("Change")).toEqual(["shop-1", "shop-2"]);
    await apply(system({}), thing("a"));
    await clock.advance(1_000);
    await after(DAY);
    expect(names("Change")).toEqual(["shop-3"]);
    expect(names("Revision")).toEqual(["shop-3"]);
    await undo("shop-3");
    expect(made()).toEqual([]);
  });

  it("goes when its System said so, each life after its own time", async () => {
    await apply(system({ keep: "60d" }), thing("a"));
    await clock.advance(1_000);
    await down();
    await apply(system({ keep: "1h" }), thing("a"));
    await clock.advance(1_000);
    await down();
    await after(DAY);
    expect(names("Change")).toEqual(["shop-1", "shop-2"]);
    expect(names("Revision")).toEqual(["shop-1", "shop-2"]);
    await after(60 * DAY);
    expect([names("Change"), names("Revision")]).toEqual([[], []]);
  });
});
