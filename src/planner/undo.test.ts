import { describe, expect, it } from "vitest";
import { createWorld, lines, manifest, service, stepFor, type World } from "./fixtures/world.ts";

const thing = (name: string, v: unknown) => manifest("Resource", name, { config: { v } });
const undo = (world: World, undoes: string, options: object = {}) =>
  world.plan([], { action: "undo", undoes, ...options });
const refusal = (world: World, undoes: string) => world.diagnostics([], { action: "undo", undoes });
const value = (world: World, name: string) =>
  (
    world.store.get({ kind: "Resource", namespace: "default", name })?.spec as
      | { readonly config: { readonly v: unknown } }
      | undefined
  )?.config.v;

describe("undo", () => {
  it("deletes what the change created, brings back what it changed and makes again what it deleted", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1)]);
    await world.apply([thing("a", 2), thing("c", 1)]);
    const plan = undo(world, "shop-2");
    expect(plan).toMatchObject({ action: "undo", undoes: "shop-2" });
    expect(lines(plan)).toEqual([
      "none system/shop",
      "update resource/a",
      "create resource/b",
      "delete resource/c",
    ]);
    await world.commit(plan);
    expect(["a", "b", "c"].map((name) => value(world, name))).toEqual([1, 1, undefined]);
    // And that can be taken back too.
    await world.commit(undo(world, "shop-3"));
    expect(["a", "b", "c"].map((name) => value(world, name))).toEqual([2, undefined, 1]);
  });

  it("leaves alone what later changes did elsewhere", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1)]);
    await world.apply([thing("a", 2), thing("b", 1)]);
    await world.apply([thing("a", 2), thing("b", 3)]);
    await world.commit(undo(world, "shop-2"));
    expect(["a", "b"].map((name) => value(world, name))).toEqual([1, 3]);
  });

  it("is refused where a later change touched the same resource, naming both", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1)]);
    await world.apply([thing("a", 2)]);
    await world.apply([thing("a", 3)]);
    expect(refusal(world, "shop-2")).toEqual([
      {
        severity: "error",
        code: "ChangedSince",
        address: "resource/a",
        message: "It has been changed again by change/shop-3.",
        hint: "Undo shop-3 first.",
      },
    ]);
    await world.commit(undo(world, "shop-3"));
    await world.commit(undo(world, "shop-2"));
    expect(value(world, "a")).toBe(1);
  });

  it("takes back one parameter though a later change gave another one another value, but not the same one", async () => {
    const world = createWorld();
    const declared = (n: number, m: number) => [
      manifest("System", "shop", {
        parameters: { n: { type: "integer" }, m: { type: "integer" } },
        values: { n, m },
      }),
      thing("a", "${param.n}"),
    ];
    await world.apply(declared(1, 1));
    await world.apply(declared(2, 1));
    await world.apply(declared(2, 2));
    await world.commit(undo(world, "shop-2"));
    const shop = world.store.get({ kind: "System", namespace: "default", name: "shop" });
    expect(shop?.spec).toMatchObject({ values: { n: 1, m: 2 } });
    await world.apply(declared(3, 2));
    expect(refusal(world, "shop-4").map(({ code, address }) => `${code} ${address}`)).toEqual([
      "ChangedSince system/shop",
    ]);
  });

  it("renames back, with the thing and its identity", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1)]);
    const { uid } = world.store.get({ kind: "Resource", namespace: "default", name: "a" })?.metadata ?? {};
    const moved = manifest("System", "shop", { moved: [{ from: "resource/a", to: "resource/b" }] });
    await world.apply([moved, thing("b", 2)]);
    const plan = undo(world, "shop-2");
    expect(stepFor(plan, "resource/a")).toMatchObject({ action: "move", movedFrom: "resource/b" });
    await world.commit(plan);
    const back = world.store.get({ kind: "Resource", namespace: "default", name: "a" });
    expect(back?.metadata.uid).toBe(uid);
    expect(value(world, "a")).toBe(1);
  });

  it("lets go of what the change adopted instead of removing it", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1)]);
    await world.apply([thing("a", 1), thing("b", 1)], { adopts: { "resource/b": "x" } });
    expect(stepFor(undo(world, "shop-2"), "resource/b").action).toBe("forget");
  });

  it("takes everything back that the first change made, but not the System", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1)]);
    expect(lines(undo(world, "shop-1"))).toEqual(["none system/shop", "delete resource/a"]);
  });

  it("says what does not come back", async () => {
    const world = createWorld();
    const orders = (user: string) => manifest("Database", "orders", { user });
    await world.apply([orders("a")]);
    const plan = await world.apply([orders("b")]);
    expect(stepFor(plan, "database/orders").irreversible).toBe("The data of database/orders will be lost.");
    expect(undo(world, "shop-2").warnings).toMatchObject([
      {
        severity: "warning",
        code: "Irreversible",
        address: "database/orders",
        message:
          "What change/shop-2 did to it cannot be taken back as a whole: The data of database/orders will be lost.",
      },
    ]);
  });

  it("brings secrets back as they were, sealed, and generated values with them", async () => {
    const world = createWorld();
    const keys = (text: string) => ({
      kind: "Secret",
      metadata: { name: "keys" },
      stringData: { a: text },
      generate: { pw: {} },
    });
    await world.apply([keys("one")]);
    const key = { kind: "Secret", namespace: "default", name: "keys" };
    const before = (world.store.get(key) as unknown as { data: Record<string, string> }).data;
    await world.apply([keys("two")]);
    await world.commit(undo(world, "shop-2"));
    const after = (world.store.get(key) as unknown as { data: Record<string, string> }).data;
    expect(world.keyring.open(after["a"] ?? "")).toBe("one");
    expect(after["pw"]).toBe(before["pw"]);
  });

  it("does not delete what has been protected since", async () => {
    const world = createWorld();
    await world.apply([service("api")]);
    await world.apply([service("api"), thing("a", 1)]);
    const key = { kind: "Resource", namespace: "default", name: "a" };
    const live = world.store.get(key) as never as { metadata: object };
    const annotations = { "tutti.dev/protect": "true" };
    await world.store.commit(
      [{ type: "update", resource: { ...live, metadata: { ...live.metadata, annotations } } as never }],
      { actor: "x", action: "x" },
    );
    expect(refusal(world, "shop-2").map(({ code }) => code)).toEqual(["Protected"]);
  });

  it("knows the change it is asked for, and that there is something to take back", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1)]);
    expect(refusal(world, "shop-2")).toMatchObject([
      { code: "UnknownChange", hint: "Did you mean 'shop-1'?" },
    ]);
    const status = async (state: object) =>
      world.store.commit(
        [{ type: "status", key: { kind: "Change", namespace: "default", name: "shop-1" }, status: state }],
        { actor: "x", action: "x" },
      );
    await status({ state: "Succeeded", undoneBy: "change/shop-9" });
    expect(refusal(world, "shop-1").map(({ code }) => code)).toEqual(["AlreadyUndone"]);
    await status({ state: "Rejected" });
    expect(refusal(world, "shop-1").map(({ code }) => code)).toEqual(["NothingToUndo"]);
  });
});
