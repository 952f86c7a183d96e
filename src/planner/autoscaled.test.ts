/** Replicas of a service that is scaled by what is measured are the autoscaler's to write (I6). */
import { describe, expect, it } from "vitest";
import type { Draft } from "../model/resource.ts";
import { type World, createWorld, lines, service, stepFor } from "./fixtures/world.ts";

const KEY = { kind: "Service", namespace: "default", name: "api" };
const scaled = (min: number, max: number, more: object = {}) =>
  service("api", { autoscale: { minReplicas: min, maxReplicas: max }, ...more });

/** What the autoscaler does. */
async function scaleTo(world: World, replicas: number): Promise<void> {
  const live = world.store.get(KEY) as Draft;
  const resource = { ...live, spec: { ...(live.spec as object), replicas } } as Draft;
  await world.store.commit([{ type: "update", resource }], {
    actor: "controller:autoscale",
    action: `scale to ${replicas}`,
  });
}

const replicas = (world: World): unknown =>
  (world.store.get(KEY)?.spec as { readonly replicas: number } | undefined)?.replicas;

describe("a service that is scaled by itself", () => {
  it("begins within its bounds", async () => {
    const world = createWorld();
    await world.apply([scaled(3, 9)]);
    expect(replicas(world)).toBe(3);
    const other = createWorld();
    await other.apply([scaled(3, 9, { replicas: 5 })]);
    expect(replicas(other)).toBe(5);
  });

  it("keeps what it has come to when the same is declared again", async () => {
    const world = createWorld();
    await world.apply([scaled(2, 9)]);
    await scaleTo(world, 7);
    expect(lines(world.plan([scaled(2, 9)]))).toEqual(["none system/shop", "none service/api"]);
  });

  it("keeps it through other changes", async () => {
    const world = createWorld();
    await world.apply([scaled(2, 9)]);
    await scaleTo(world, 7);
    const plan = await world.apply([scaled(2, 9, { env: { A: "1" } })]);
    expect(stepFor(plan, "service/api").changes.map(({ path }) => path)).toEqual(["spec.env.A"]);
    expect(replicas(world)).toBe(7);
  });

  it("goes to the bound when what it has is outside of the new ones, and the plan says so", async () => {
    const world = createWorld();
    await world.apply([scaled(2, 9)]);
    await scaleTo(world, 7);
    const plan = await world.apply([scaled(2, 4)]);
    expect(stepFor(plan, "service/api").changes).toContainEqual({
      path: "spec.replicas",
      before: 7,
      after: 4,
    });
    expect(replicas(world)).toBe(4);
  });

  it("that becomes one keeps what it has, and that is none any more gets what is declared", async () => {
    const world = createWorld();
    await world.apply([service("api", { replicas: 6 })]);
    await world.apply([scaled(2, 9)]);
    expect(replicas(world)).toBe(6);
    await world.apply([service("api", { replicas: 3 })]);
    expect(replicas(world)).toBe(3);
  });

  it("does not put a plan out of date by scaling while somebody reads it", async () => {
    const world = createWorld();
    await world.apply([scaled(2, 9)]);
    const agreed = world.plan([scaled(2, 9, { env: { A: "1" } })]);
    await scaleTo(world, 7);
    const again = world.plan([scaled(2, 9, { env: { A: "1" } })]);
    expect(again.hash).toBe(agreed.hash);
    await world.commit(again);
    expect(replicas(world)).toBe(7);
  });

  it("whose bounds are not known yet is left as declared", async () => {
    const world = createWorld();
    await world.apply([
      {
        kind: "System",
        metadata: { name: "shop" },
        spec: { parameters: { most: { type: "integer", default: 4 } } },
      },
      service("api", { autoscale: { maxReplicas: "${param.most}" }, replicas: 2 }),
    ]);
    expect(replicas(world)).toBe(2);
  });
});
