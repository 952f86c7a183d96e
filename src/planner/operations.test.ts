import { describe, expect, it } from "vitest";
import type { Draft } from "../model/resource.ts";
import { StoreError } from "../store/store.ts";
import { operationsOf } from "./operations.ts";
import { createWorld, manifest, service } from "./fixtures/world.ts";

const at = (kind: string, name: string, namespace = "default") => ({ kind, namespace, name });
const orders = (spec: object = {}) => manifest("Database", "orders", spec);

describe("carrying out a plan", () => {
  it("makes the namespace, the System, the resources, the Revision and the Change in one commit", async () => {
    const world = createWorld();
    const operations = await world.commit(world.plan([service("api")], { namespace: "prod" }));
    expect(
      operations.map((operation) =>
        operation.type === "create"
          ? `${operation.resource.kind} ${operation.resource.metadata.name}`
          : operation.type,
      ),
    ).toEqual(["Namespace prod", "System shop", "Service api", "Revision shop-1", "Change shop-1"]);
    expect(world.store.get(at("System", "shop", "prod"))?.metadata.finalizers).toEqual(["tutti.dev/system"]);
    expect(world.store.get(at("Revision", "shop-1", "prod"))?.spec).toMatchObject({
      system: "shop",
      number: 1,
      change: "shop-1",
      summary: "2 to create",
    });
    expect(world.store.get(at("Change", "shop-1", "prod"))?.spec).toMatchObject({
      system: "shop",
      revision: 1,
      action: "apply",
      actor: "user:test",
      plan: { summary: { create: 2 } },
    });
  });

  it("does nothing when there is nothing to do", async () => {
    const world = createWorld();
    await world.apply([service("api")]);
    expect(await world.commit(world.plan([service("api")]))).toEqual([]);
    expect(world.store.get(at("Revision", "shop-2"))).toBeUndefined();
  });

  it("counts revisions up from the highest there is", async () => {
    const world = createWorld();
    for (const replicas of [1, 2, 3]) await world.apply([service("api", { replicas })]);
    await world.store.commit([{ type: "delete", key: at("Revision", "shop-1") }], {
      actor: "x",
      action: "x",
    });
    await world.apply([service("api", { replicas: 4 })]);
    expect(world.store.get(at("Revision", "shop-4"))?.spec).toMatchObject({ number: 4 });
  });

  it("is refused as a whole when something it was planned against has changed since", async () => {
    const world = createWorld();
    await world.apply([service("api"), orders()]);
    const plan = world.plan([service("api", { replicas: 2 }), orders({ settings: { a: 1 } })]);
    const live = world.store.get(at("Service", "api")) as Draft;
    await world.store.commit(
      [{ type: "update", resource: { ...live, spec: { ...(live.spec as object), replicas: 9 } } }],
      { actor: "x", action: "scale" },
    );
    await expect(world.commit(plan)).rejects.toThrow(StoreError);
    expect(world.store.get(at("Database", "orders"))?.spec).toMatchObject({ settings: {} });
    expect(world.store.get(at("Revision", "shop-2"))).toBeUndefined();
  });

  it("keeps the finalizers, the owners and the status that controllers wrote", async () => {
    const world = createWorld();
    await world.apply([orders()]);
    const live = world.store.get(at("Database", "orders")) as Draft;
    await world.store.commit(
      [
        {
          type: "update",
          resource: { ...live, metadata: { ...live.metadata, finalizers: ["tutti.dev/provider"] } },
        },
        { type: "status", key: at("Database", "orders"), status: { port: 5 } },
      ],
      { actor: "x", action: "x" },
    );
    await world.apply([orders({ settings: { a: 1 } })]);
    expect(world.store.get(at("Database", "orders"))).toMatchObject({
      metadata: { finalizers: ["tutti.dev/provider"] },
      status: { port: 5 },
      spec: { settings: { a: 1 } },
    });
  });
});

describe("a replacement", () => {
  it("is one update that keeps identity and status and names the plan it is owed to", async () => {
    const world = createWorld();
    await world.apply([orders()]);
    const before = world.store.get(at("Database", "orders"));
    const plan = await world.apply([orders({ user: "bob" })]);
    const after = world.store.get(at("Database", "orders"));
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
    expect(after?.metadata.annotations).toEqual({ "tutti.dev/replace": plan.hash });
    expect(world.plan([orders({ user: "bob" })]).summary).toMatchObject({ none: 2 });
  });

  it("stays owed through later changes, and is owed anew by a later replacement, there and back too", async () => {
    const world = createWorld();
    const owed = (): string | undefined =>
      world.store.get(at("Database", "orders"))?.metadata.annotations?.["tutti.dev/replace"];
    await world.apply([orders()]);
    const seen = new Set<string | undefined>();
    for (const user of ["bob", "orders", "bob", "orders"]) {
      await world.apply([orders({ user })]);
      const first = owed();
      await world.apply([orders({ user, settings: { user } })]);
      expect(owed()).toBe(first);
      seen.add(first);
    }
    expect(seen.size).toBe(4);
  });
});

describe("taking a system down", () => {
  it("deletes everything in one commit; the System stays until its controller lets go", async () => {
    const world = createWorld();
    await world.apply([service("api"), orders()]);
    await world.apply([], { action: "down" });
    expect(world.store.get(at("Service", "api"))).toBeUndefined();
    expect(world.store.get(at("System", "shop"))?.metadata.deletionTimestamp).toBeDefined();
    expect(world.store.get(at("Change", "shop-2"))?.spec).toMatchObject({ action: "down", revision: 1 });
    const again = world.plan([], { action: "down" });
    expect(operationsOf(again, { live: world.store, actor: "user:test", keyring: world.keyring })).toEqual(
      [],
    );
  });

  it("leaves what another system holds", async () => {
    const world = createWorld();
    await world.apply([service("api")]);
    await world.apply([service("web")], { system: "other" });
    await world.apply([], { action: "down" });
    expect(world.store.get(at("Service", "web"))).toBeDefined();
  });
});
