import { describe, expect, it } from "vitest";
import type { Draft, Resource } from "../model/resource.ts";
import type { Operation } from "../store/store.ts";
import { type World, createWorld, lines, manifest } from "./fixtures/world.ts";
import { ending, outlived } from "./lives.ts";
import { dispensable, revisionsOf } from "./revisions.ts";

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const cause = { actor: "controller:test", action: "test" };

/** As the System's controller does when nothing is left. */
async function down(world: World): Promise<void> {
  await world.commit(world.plan([], { action: "down" }));
  const key = { kind: "System", namespace: "default", name: "shop" };
  const last = world.store.get(key) as Resource;
  const end = ending({ name: "shop", namespace: "default", last }, world.store) as Operation;
  const resource = { ...last, metadata: { ...last.metadata, finalizers: [] } } as Draft;
  await world.store.commit([end, { type: "update", resource }], cause);
}

describe("undoing what took a System down", () => {
  it("makes again what was declared, and says before which data is gone", async () => {
    const world = createWorld();
    await world.apply([
      manifest("Database", "orders", { user: "a" }),
      manifest("Database", "kept", { user: "a", retain: true }),
      { kind: "Secret", metadata: { name: "keys" }, generate: { pw: {} } },
    ]);
    await down(world);
    const undo = world.plan([], { action: "undo", undoes: "shop-2" });
    expect(lines(undo)).toEqual([
      "create system/shop",
      "create database/kept",
      "create database/orders",
      "create secret/keys",
    ]);
    expect(undo.warnings.map(({ code, address }) => `${code} ${address}`)).toEqual([
      "Irreversible secret/keys",
      "Irreversible database/orders",
    ]);
  });
});

describe("the end of a System", () => {
  it("is recorded once, and only where anything was", async () => {
    const world = createWorld();
    const gone = { name: "shop", namespace: "default" };
    expect(ending(gone, world.store)).toBeUndefined();
    await world.apply([manifest("Resource", "a")]);
    await down(world);
    expect(ending(gone, world.store)).toBeUndefined();
    expect(
      revisionsOf(world.store, "shop", "default").map(({ number, resources }) => [number, resources.length]),
    ).toEqual([
      [2, 0],
      [1, 2],
    ]);
  });

  it("keeps what is recorded within bounds however many come and go, the last ones that went", async () => {
    const world = createWorld();
    const end = (index: number): Operation => ({
      type: "create",
      resource: {
        apiVersion: "tutti.dev/v1",
        kind: "Revision",
        metadata: {
          name: `pr-${index}-1`,
          namespace: "default",
          labels: { "tutti.dev/system": `pr-${index}` },
        },
        spec: {
          system: `pr-${index}`,
          number: 1,
          resources: [],
          ended: { changes: 1, keep: "30d" },
          summary: "taken down",
        },
      },
    });
    await world.store.commit(
      Array.from({ length: 600 }, (_, index) => end(index)),
      cause,
    );
    expect(outlived(world.store, START + DAY)).toHaveLength(100);
    expect(outlived(world.store, START + 30 * DAY)).toHaveLength(600);
  });
});

describe("Revisions that nobody needs", () => {
  it("are those before the oldest that is needed, but for what others are the difference to", async () => {
    const world = createWorld();
    const many = (changed: number) =>
      Array.from({ length: 250 }, (_, index) =>
        manifest("Resource", `r-${index}`, { config: { v: index === 0 ? changed : 0 } }),
      );
    await world.apply([manifest("Resource", "a")]);
    for (const changed of [1, 2, 3]) await world.apply(many(changed));
    expect(dispensable(world.store, "shop", "default", 4)).toEqual([1, 3]);
    expect(dispensable(world.store, "shop", "default", 1)).toEqual([]);
  });
});
