import { describe, expect, it } from "vitest";
import { type World, createWorld, manifest, service, stepFor } from "./fixtures/world.ts";
import type { Plan } from "./plan.ts";

const at = (location: string | undefined): object =>
  manifest("System", "shop", location === undefined ? {} : { location });
const parts = [service("web"), manifest("Database", "orders"), manifest("LoadBalancer", "front")];

/** The shop without a location of its own, applied. */
async function applied(): Promise<World> {
  const world = createWorld();
  await world.apply([at(undefined), ...parts]);
  return world;
}

describe("a system with a location", () => {
  it("has everything there that does not say where it is", () => {
    const plan = createWorld().plan([at("docker"), ...parts]);
    expect(locations(plan)).toEqual({ orders: "docker", front: "docker", web: "docker" });
  });

  it("leaves alone what says where it is", () => {
    const plan = createWorld().plan([at("docker"), service("web", { location: "local" })]);
    expect(locations(plan)).toEqual({ web: "local" });
  });

  it("is refused when there is no such location", () => {
    expect(createWorld().diagnostics([at("nowhere"), service("web")])).toContainEqual(
      expect.objectContaining({ code: "MissingReference", address: "service/web", path: "spec.location" }),
    );
  });
});

describe("a location that changes", () => {
  it("moves services by an update, and leaves data and addresses where they are", async () => {
    const plan = (await applied()).plan([at("docker"), ...parts]);
    expect(locations(plan)).toEqual({ orders: "local", front: "local", web: "docker" });
    expect(stepFor(plan, "service/web")).toMatchObject({
      action: "update",
      changes: [{ path: "spec.location", before: "local", after: "docker" }],
    });
    expect(plan.destructive).toBe(false);
  });

  it("replaces a database only when its own declaration names another", async () => {
    const moved = [service("web"), manifest("Database", "orders", { location: "docker" }), parts[2]];
    const plan = (await applied()).plan([at(undefined), ...moved]);
    expect(stepFor(plan, "database/orders")).toMatchObject({
      action: "replace",
      replaceBecause: ["spec.location"],
    });
  });
});

function locations(plan: Plan): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    plan.resources
      .filter(({ kind }) => kind !== "System")
      .map(({ metadata, spec }) => [metadata.name, (spec as { readonly location: string }).location]),
  );
}
