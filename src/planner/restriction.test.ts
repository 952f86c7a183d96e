import { describe, expect, it } from "vitest";
import type { Draft } from "../model/resource.ts";
import { revisionsOf } from "./revisions.ts";
import { createWorld, lines, manifest, service, stepFor, type World } from "./fixtures/world.ts";

const thing = (name: string, v: unknown, ...needs: readonly string[]) =>
  manifest("Resource", name, {
    config: { v },
    ...(needs.length === 0 ? {} : { dependsOn: needs.map((need) => `resource/${need}`) }),
  });
const changed = (world: World, resources: readonly unknown[], options: object) =>
  lines(world.plan(resources, options)).filter((line) => !line.startsWith("none"));
const revision = (world: World, number: number) =>
  revisionsOf(world.store, "shop", "default")
    .find((one) => one.number === number)
    ?.resources.map(({ metadata, spec }) => [
      metadata.name,
      (spec as { readonly config?: { readonly v?: unknown } }).config?.v,
    ]);
const codes = (world: World, resources: readonly unknown[], options: object) =>
  world.diagnostics(resources, options).map(({ code, address }) => `${code} ${address}`);

describe("targets", () => {
  it("are changed with all that they need; the rest stays as the last Revision has it", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1, "a"), thing("c", 1, "b"), thing("d", 1)]);
    const next = [thing("a", 2), thing("b", 2, "a"), thing("c", 2, "b"), thing("d", 2), thing("e", 2)];
    const options = { targets: ["resource/b"] };
    const plan = world.plan(next, options);
    expect(lines(plan).filter((line) => !line.startsWith("none"))).toEqual([
      "update resource/a",
      "update resource/b",
    ]);
    expect(plan.restricted).toEqual({ targets: ["resource/b"] });
    expect(plan.hash).not.toBe(world.plan(next, { targets: ["resource/a", "resource/b"] }).hash);
    await world.commit(plan);
    expect(revision(world, 2)).toEqual([
      ["shop", undefined],
      ["a", 2],
      ["b", 2],
      ["c", 1],
      ["d", 1],
    ]);
    expect(changed(world, next, options)).toEqual([]);
    expect(changed(world, next, {}).toSorted()).toEqual([
      "create resource/e",
      "update resource/c",
      "update resource/d",
    ]);
  });

  it("that are to go take those along that use them now, and leave other deletions alone", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1, "a"), thing("c", 1)]);
    expect(changed(world, [thing("b", 2)], { targets: ["resource/a"] })).toEqual([
      "update resource/b",
      "delete resource/a",
    ]);
  });

  it("make the System when there is none yet", () => {
    expect(changed(createWorld(), [thing("a", 1), thing("b", 1)], { targets: ["resource/b"] })).toEqual([
      "create system/shop",
      "create resource/b",
    ]);
  });

  it("do not write what others edited elsewhere, although it differs from what is declared", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1)]);
    const key = { kind: "Resource", namespace: "default", name: "b" };
    const live = world.store.get(key) as Draft;
    const edited = { ...live, spec: { ...(live.spec as object), config: { v: 9 } } };
    await world.store.commit([{ type: "update", resource: edited }], { actor: "x", action: "x" });
    expect(changed(world, [thing("a", 2), thing("b", 1)], { targets: ["resource/a"] })).toEqual([
      "update resource/a",
    ]);
  });

  it("take a parameter's new value along only when nobody else takes it", async () => {
    const world = createWorld();
    const shop = (n: number) =>
      manifest("System", "shop", { parameters: { n: { type: "integer" } }, values: { n } });
    const declared = (n: number) => [
      shop(n),
      thing("a", "${param.n}"),
      thing("b", "${param.n}"),
      thing("c", 1),
    ];
    await world.apply(declared(1));
    const [refusal] = world.diagnostics(declared(2), { targets: ["resource/a"] });
    expect(refusal).toMatchObject({ code: "SharedParameter", address: "system/shop" });
    expect(refusal?.message).toContain("resource/b");
    expect(changed(world, declared(2), { targets: ["resource/a", "resource/b"] })).toEqual([
      "update system/shop",
      "update resource/a",
      "update resource/b",
    ]);
    expect(changed(world, declared(2), { targets: ["resource/c"] })).toEqual([]);
  });

  it("move what has another name now, and only that", async () => {
    const world = createWorld();
    const shop = manifest("System", "shop", {
      moved: [
        { from: "resource/a", to: "resource/x" },
        { from: "resource/b", to: "resource/y" },
      ],
    });
    await world.apply([thing("a", 1), thing("b", 1)]);
    const plan = world.plan([shop, thing("x", 1), thing("y", 1)], { targets: ["resource/x"] });
    expect(lines(plan)).toEqual(["none system/shop", "none resource/b", "move resource/x"]);
  });
});

describe("a set", () => {
  const set = (...names: readonly string[]) =>
    manifest("ResourceSet", "each", { forEach: names, template: { kind: "Resource", spec: {} } });

  it("that is targeted takes its members along, those that come and those that go; a member is taken alone", async () => {
    const world = createWorld();
    await world.apply([set("x", "y"), thing("a", 1)]);
    const next = [set("y", "z"), thing("a", 2)];
    expect(changed(world, next, { targets: ["resourceSet/each"] }).toSorted()).toEqual([
      "create resource/each-z",
      "delete resource/each-x",
      "update resourceSet/each",
    ]);
    expect(changed(world, next, { targets: ["resource/each-z"] })).toEqual(["create resource/each-z"]);
  });

  it("that is excluded stays with all its members", async () => {
    const world = createWorld();
    await world.apply([set("x", "y"), thing("a", 1)]);
    expect(changed(world, [set("y", "z"), thing("a", 2)], { excludes: ["resourceSet/each"] })).toEqual([
      "update resource/a",
    ]);
  });
});

describe("addresses", () => {
  it("may be former ones of what has another name now, and without the Location of what is in several", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1)]);
    const moved = manifest("System", "shop", { moved: [{ from: "resource/a", to: "resource/x" }] });
    expect(changed(world, [moved, thing("x", 2), thing("b", 2)], { targets: ["resource/a"] })).toEqual([
      "move resource/x",
    ]);
    const places = manifest("System", "shop", { locations: [{ name: "berlin" }, { name: "paris" }] });
    const racks = ["berlin", "paris"].map((name) => manifest("Location", name));
    const other = createWorld();
    const here = (v: number) => {
      const { location: _location, ...rest } = thing("a", v)["spec"] as { location?: string };
      return [places, ...racks, manifest("Resource", "a", rest), manifest("Resource", "b", rest)];
    };
    await other.apply(here(1));
    expect(changed(other, here(2), { targets: ["resource/a"] })).toEqual([
      "update resource/a-berlin",
      "update resource/a-paris",
    ]);
  });
});

describe("what is excluded", () => {
  it("stays as it is, with all that needs it", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1, "a"), thing("c", 1)]);
    const next = [thing("a", 2), thing("b", 2, "a"), thing("c", 2), thing("d", 2, "b")];
    expect(changed(world, next, { excludes: ["resource/a"] })).toEqual(["update resource/c"]);
  });

  it("is not deleted, nor is what it uses", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1, "a"), thing("c", 1)]);
    const plan = world.plan([], { excludes: ["resource/b"] });
    expect(lines(plan)).toEqual([
      "none system/shop",
      "none resource/a",
      "none resource/b",
      "delete resource/c",
    ]);
  });

  it("cannot be needed by a target", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1, "a")]);
    const next = [thing("a", 2), thing("b", 2, "a")];
    expect(codes(world, next, { targets: ["resource/b"], excludes: ["resource/a"] })).toEqual([
      "TargetExcluded resource/b",
    ]);
  });
});

describe("what is asked for by address", () => {
  it("must be there; the nearest is suggested", async () => {
    const world = createWorld();
    await world.apply([thing("orders", 1)]);
    const declared = [thing("orders", 1)];
    for (const options of [
      { targets: ["resource/order"] },
      { excludes: ["resource/order"] },
      { replaces: ["resource/order"] },
      { forget: ["resource/order"] },
      { adopts: { "resource/order": "x" } },
    ])
      expect(world.diagnostics(declared, options)).toMatchObject([
        { code: "UnknownAddress", address: "resource/order", hint: "Did you mean 'resource/orders'?" },
      ]);
  });

  it("is made anew although nothing has changed, a service by a rollout", async () => {
    const world = createWorld();
    const declared = [thing("a", 1), service("api")];
    await world.apply(declared);
    const plan = world.plan(declared, { replaces: ["resource/a", "service/api"] });
    expect(stepFor(plan, "resource/a")).toMatchObject({ action: "replace", replaceRequested: true });
    expect(plan.destructive).toBe(true);
    await world.commit(plan);
    const annotations = (kind: string, name: string) =>
      world.store.get({ kind, namespace: "default", name })?.metadata.annotations;
    expect(annotations("Resource", "a")).toEqual({ "tutti.dev/replace": plan.hash });
    expect(annotations("Service", "api")).toEqual({ "tutti.dev/restarted-at": plan.hash });
    expect(world.plan(declared).summary.none).toBe(3);
    const again = world.plan(declared, { replaces: ["resource/a"] });
    expect(again.hash).not.toBe(plan.hash);
  });

  it("cannot be made anew when nothing outside stands for it", async () => {
    const limits = { kind: "ConfigMap", metadata: { name: "limits" }, data: {} };
    expect(codes(createWorld(), [limits], { replaces: ["configMap/limits"] })).toEqual([
      "NotReplaceable configMap/limits",
    ]);
  });

  it("is forgotten: the resource goes, its controller is told to leave the thing", async () => {
    const world = createWorld();
    await world.apply([thing("a", 1), thing("b", 1)]);
    expect(codes(world, [thing("a", 1)], { forget: ["resource/a"] })).toEqual(["StillDeclared resource/a"]);
    const plan = world.plan([thing("b", 1)], { forget: ["resource/a"] });
    expect(stepFor(plan, "resource/a")).toMatchObject({
      action: "forget",
      keeps: "resource/a as it is",
      irreversible: "resource/a is known no longer: to take it back, import it.",
    });
    expect(plan.destructive).toBe(false);
    const operations = await world.commit(plan);
    expect(operations.slice(0, 2)).toMatchObject([
      { type: "update", resource: { metadata: { annotations: { "tutti.dev/forget": "true" } } } },
      { type: "delete" },
    ]);
  });

  it("is adopted instead of created", async () => {
    const world = createWorld();
    const plan = world.plan([thing("a", 1)], { adopts: { "resource/a": "ext-7" } });
    expect(stepFor(plan, "resource/a")).toMatchObject({ action: "adopt", adopts: "ext-7" });
    await world.commit(plan);
    const live = world.store.get({ kind: "Resource", namespace: "default", name: "a" });
    expect(live?.metadata.annotations).toEqual({ "tutti.dev/adopts": "ext-7" });
    expect(world.plan([thing("a", 1)]).summary.none).toBe(2);
    expect(codes(world, [thing("a", 1)], { adopts: { "resource/a": "x" } })).toEqual([
      "AlreadyMade resource/a",
    ]);
  });
});
