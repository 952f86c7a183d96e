import { describe, expect, it } from "vitest";
import { createWorld, manifest, stepFor, type World } from "./fixtures/world.ts";

const thing = (name: string, spec: object = {}) => manifest("Resource", name, spec);
const source = (zone: string, replaceOn = 1) => thing("source", { config: { zone }, replaceOn });
const user = thing("user", { replaceOn: "${resource.source.status.output.zone}" });

/** What the controller would write. */
async function settle(world: World, name: string, status: object): Promise<void> {
  const key = { kind: "Resource", namespace: "default", name };
  const annotations = world.store.get(key)?.metadata.annotations ?? {};
  const replaced = annotations["tutti.dev/replace"];
  const condition = { type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: "" };
  const whole = { ...status, conditions: [condition], ...(replaced === undefined ? {} : { replaced }) };
  await world.store.commit([{ type: "status", key, status: whole }], { actor: "x", action: "x" });
}

async function madeWith(zone: string): Promise<World> {
  const world = createWorld();
  await world.apply([source(zone), user]);
  await settle(world, "source", { output: { zone } });
  await settle(world, "user", { made: { class: "data", location: "local", replaceOn: zone } });
  return world;
}

describe("what cannot be changed in place and depends on something that is not ready", () => {
  it("is unknown until that is ready, with the reason, and is left alone meanwhile", async () => {
    const world = await madeWith("a");
    const plan = world.plan([source("b", 2), user]);
    expect(stepFor(plan, "resource/user")).toMatchObject({
      action: "unknown",
      unknownUntil: ["resource/source"],
      because:
        "Whether it is changed in place or made anew depends on spec.replaceOn, known when resource/source is ready.",
    });
    expect(plan.summary).toMatchObject({ replace: 1, unknown: 1 });
    const before = world.store.get({ kind: "Resource", namespace: "default", name: "user" });
    await world.commit(plan);
    expect(world.store.get({ kind: "Resource", namespace: "default", name: "user" })).toBe(before);
  });

  it("is made anew once the value is known to be another", async () => {
    const world = await madeWith("a");
    await world.apply([source("b", 2), user]);
    await settle(world, "source", { output: { zone: "b" } });
    expect(stepFor(world.plan([source("b", 2), user]), "resource/user")).toMatchObject({
      action: "replace",
      replaceBecause: ["spec.replaceOn"],
      changes: [{ path: "spec.replaceOn", before: "a", after: "b" }],
    });
    await world.apply([source("b", 2), user]);
    // It is owed now, and not owed twice.
    expect(world.plan([source("b", 2), user]).summary).toMatchObject({ none: 3, replace: 0 });
  });

  it("stays as it is once the value is known to be the same", async () => {
    const world = await madeWith("a");
    await world.apply([source("a", 2), user]);
    await settle(world, "source", { output: { zone: "a" } });
    expect(world.plan([source("a", 2), user]).summary).toMatchObject({ none: 3 });
  });

  it("is changed in place when another expression, or a text, gives what it was made from", async () => {
    const world = await madeWith("a");
    const literal = thing("user", { replaceOn: "a" });
    expect(stepFor(world.plan([source("a"), literal]), "resource/user")).toMatchObject({ action: "update" });
    const other = thing("user", { replaceOn: "${resource.source.spec.config.zone}" });
    expect(stepFor(world.plan([source("a"), other]), "resource/user")).toMatchObject({ action: "update" });
  });

  it("is made anew at once when something else asks for that for certain", async () => {
    const world = await madeWith("a");
    const moved = thing("user", {
      location: "elsewhere",
      replaceOn: "${resource.source.status.output.zone}",
    });
    const rack = manifest("Location", "elsewhere");
    expect(stepFor(world.plan([source("b", 2), moved, rack]), "resource/user").action).toBe("replace");
  });

  it("is created when it is not there: that needs no guess", () => {
    expect(stepFor(createWorld().plan([source("a"), user]), "resource/user").action).toBe("create");
  });

  it("keeps what it uses from being deleted before it is known", async () => {
    const world = createWorld();
    const using = (zone: string) => thing("user", { replaceOn: zone, dependsOn: ["resource/old"] });
    await world.apply([source("a"), thing("old"), using("${resource.source.status.output.zone}")]);
    await settle(world, "source", { output: { zone: "a" } });
    await settle(world, "user", { made: { class: "data", location: "local", replaceOn: "a" } });
    const plan = world.plan([source("b", 2), user]);
    expect(stepFor(plan, "resource/old")).toMatchObject({
      action: "unknown",
      unknownUntil: ["resource/source"],
      because: "It is deleted when resource/user, which uses it now, has been planned.",
    });
    expect(plan.summary.delete).toBe(0);
  });
});

describe("a set", () => {
  const set = (forEach: unknown) =>
    manifest("ResourceSet", "each", {
      forEach,
      template: { kind: "Resource", spec: { config: { is: "${each.key}" } } },
    });

  it("whose members are not known is unknown, and is not written", async () => {
    const world = createWorld();
    const zones = "${resource.source.status.output.zones}";
    const plan = world.plan([thing("source", { config: { zones: ["a", "b"] } }), set(zones)]);
    expect(stepFor(plan, "resourceSet/each")).toMatchObject({
      action: "unknown",
      unknownUntil: ["resource/source"],
    });
    await world.commit(plan);
    expect(world.store.get({ kind: "ResourceSet", namespace: "default", name: "each" })).toBeUndefined();
    await settle(world, "source", { output: { zones: ["a", "b"] } });
    const next = world.plan([thing("source", { config: { zones: ["a", "b"] } }), set(zones)]);
    expect(next.summary).toMatchObject({ create: 3, unknown: 0 });
  });

  it("keeps its members while what it goes over is made anew by the same plan", async () => {
    const world = createWorld();
    const from = (zones: readonly string[], replaceOn: number) =>
      thing("source", { config: { zones }, replaceOn });
    const over = set("${resource.source.status.output.zones}");
    await world.apply([from(["a", "b"], 1)]);
    await settle(world, "source", { output: { zones: ["a", "b"] } });
    await world.apply([from(["a", "b"], 1), over]);
    const plan = world.plan([from(["a", "c"], 2), over]);
    expect(stepFor(plan, "resourceSet/each").action).toBe("unknown");
    expect(plan.summary).toMatchObject({ delete: 0, replace: 1 });
  });
});
