import { describe, expect, it } from "vitest";
import { type Draft, keyOf } from "../model/resource.ts";
import { createWorld, lines, manifest, service, stepFor, type World } from "./fixtures/world.ts";

const orders = (spec: object = {}) => manifest("Database", "orders", spec);
const kept = (spec: object = {}) => orders({ lifecycle: { protect: true }, ...spec });
const errors = (found: ReturnType<World["diagnostics"]>) =>
  found.filter(({ severity }) => severity === "error").map(({ code, address }) => `${code} ${address}`);

it("what is paused is not deleted, neither with its declaration nor with its system", async () => {
  const world = createWorld();
  await world.apply([orders({ lifecycle: { paused: true } }), service("api")]);
  expect(errors(world.diagnostics([service("api")]))).toEqual(["Paused database/orders"]);
  expect(errors(world.diagnostics([], { action: "down" }))).toEqual(["Paused database/orders"]);
  await world.apply([orders({ lifecycle: { paused: false } }), service("api")]);
  expect(errors(world.diagnostics([], { action: "down" }))).toEqual([]);
});

describe("what is protected", () => {
  it("is not deleted, also when its declaration is gone; the refusal says who protected it and what to do", async () => {
    const world = createWorld();
    await world.apply([orders()]);
    await world.apply([kept()]);
    const found = world.diagnostics([service("api")]);
    expect(found).toEqual([
      {
        severity: "error",
        code: "Protected",
        address: "database/orders",
        message: "It is protected and would be deleted; declared so by change/shop-2 of system/shop.",
        hint: "Apply it once with spec.lifecycle.protect set to false, then do this.",
      },
    ]);
  });

  it("is not taken down with its system", async () => {
    const world = createWorld();
    await world.apply([kept(), service("api")]);
    expect(errors(world.diagnostics([], { action: "down" }))).toEqual(["Protected database/orders"]);
  });

  it("is not made anew, whether its declaration or a request asks for it", async () => {
    const world = createWorld();
    await world.apply([kept()]);
    const [refusal] = world.diagnostics([kept({ user: "bob" })]);
    expect(refusal?.message).toContain("would be made anew, for spec.user cannot be changed in place");
    expect(errors(world.diagnostics([kept()], { replaces: ["database/orders"] }))).toEqual([
      "Protected database/orders",
    ]);
  });

  it("may be changed in place, renamed and forgotten", async () => {
    const world = createWorld();
    await world.apply([kept()]);
    expect(errors(world.diagnostics([kept({ settings: { a: 1 } })]))).toEqual([]);
    expect(errors(world.diagnostics([], { forget: ["database/orders"] }))).toEqual([]);
  });

  it("goes only when it was unprotected by a change before", async () => {
    const world = createWorld();
    await world.apply([kept()]);
    expect(errors(world.diagnostics([orders({ lifecycle: { protect: false }, user: "bob" })]))).toEqual([
      "Protected database/orders",
    ]);
    await world.apply([orders({ lifecycle: { protect: false } })]);
    expect(errors(world.diagnostics([]))).toEqual([]);
  });

  it("can be a kind without a lifecycle, by an annotation", async () => {
    const world = createWorld();
    const limits = {
      kind: "ConfigMap",
      metadata: { name: "limits", annotations: { "tutti.dev/protect": "true" } },
      data: { a: "b" },
    };
    await world.apply([limits]);
    const [refusal] = world.diagnostics([]);
    expect(refusal).toMatchObject({ code: "Protected", address: "configMap/limits" });
    expect(refusal?.hint).toContain("the annotation tutti.dev/protect");
  });
});

describe("changes that are ignored", () => {
  const edited = async (world: World, change: (spec: Record<string, unknown>) => object): Promise<void> => {
    const key = { kind: "Service", namespace: "default", name: "api" };
    const live = world.store.get(key) as Draft;
    const spec = { ...(live.spec as object), ...change(live.spec as Record<string, unknown>) };
    await world.store.commit([{ type: "update", resource: { ...live, spec } }], { actor: "x", action: "x" });
  };
  const api = (ignoreChanges: readonly string[], spec: object = {}) =>
    service("api", { env: { A: "1", B: "1" }, lifecycle: { ignoreChanges }, ...spec });

  it("leave the live value, by path and by star, and nothing else", async () => {
    const world = createWorld();
    const declared = api(["spec.replicas", "spec.env.*"]);
    await world.apply([declared]);
    await edited(world, () => ({ replicas: 4, env: { A: "2", C: "3" }, command: "node y" }));
    expect(stepFor(world.plan([declared]), "service/api").changes).toEqual([
      { path: "spec.command", before: "node y", after: "node x" },
    ]);
    await world.apply([declared]);
    expect(world.store.get({ kind: "Service", namespace: "default", name: "api" })?.spec).toMatchObject({
      replicas: 4,
      env: { A: "2", C: "3" },
      command: "node x",
    });
  });

  it("reach items of lists by their name", async () => {
    const world = createWorld();
    const declared = api(["spec.ports[http].port"], { ports: [{ name: "http", port: 80 }] });
    await world.apply([declared]);
    await edited(world, () => ({ ports: [{ name: "http", port: 81, protocol: "http" }] }));
    expect(lines(world.plan([declared]))).toEqual(["none system/shop", "none service/api"]);
  });

  it("hold for labels too, and end with the line that says so", async () => {
    const world = createWorld();
    const labelled = (team: string, ignoreChanges: readonly string[]) =>
      service("api", { lifecycle: { ignoreChanges } }, { labels: { team } });
    await world.apply([labelled("a", ["metadata.labels.team"])]);
    expect(stepFor(world.plan([labelled("b", ["metadata.labels.team"])]), "service/api").action).toBe("none");
    expect(stepFor(world.plan([labelled("b", [])]), "service/api").changes).toContainEqual({
      path: "metadata.labels.team",
      before: "a",
      after: "b",
    });
  });
});

describe("what a step leaves and takes", () => {
  it("keeps a thing whose resource goes when it is to be retained", async () => {
    const world = createWorld();
    await world.apply([manifest("Resource", "r", { lifecycle: { onDelete: "retain" } })]);
    expect(stepFor(world.plan([]), "resource/r")).toMatchObject({
      action: "delete",
      keeps: "resource/r as it is",
    });
  });

  it("says what undo will not bring back: data, and values that were generated", async () => {
    const world = createWorld();
    const keys = { kind: "Secret", metadata: { name: "keys" }, generate: { pw: {} } };
    await world.apply([orders(), manifest("Volume", "files", { retain: true }), keys, service("api")]);
    const plan = world.plan([], { action: "down" });
    expect(plan.steps.map(({ address, irreversible }) => [address, irreversible])).toEqual([
      ["volume/files", undefined],
      ["service/api", undefined],
      ["secret/keys", "The generated values of secret/keys will be lost."],
      ["database/orders", "The data of database/orders will be lost."],
      ["system/shop", undefined],
    ]);
  });

  it("makes the new one first where the class can, unless that is declined", async () => {
    const world = createWorld();
    const thing = (spec: object = {}) => manifest("Resource", "r", spec);
    await world.apply([thing({ replaceOn: 1 })]);
    const capabilities = () => ({ canCreateBeforeDestroy: true });
    const step = (spec: object, options: object) =>
      stepFor(world.plan([thing({ replaceOn: 2, ...spec })], options), "resource/r");
    expect(step({}, {}).createBeforeDestroy).toBeUndefined();
    expect(step({}, { capabilities }).createBeforeDestroy).toBe(true);
    expect(
      step({ lifecycle: { createBeforeDestroy: false } }, { capabilities }).createBeforeDestroy,
    ).toBeUndefined();
  });

  it("warns when the new one is to be first and the class cannot", async () => {
    const world = createWorld();
    const thing = (replaceOn: number) =>
      manifest("Resource", "r", { replaceOn, lifecycle: { createBeforeDestroy: true } });
    await world.apply([thing(1)]);
    expect(world.diagnostics([thing(2)])).toMatchObject([
      { severity: "warning", code: "DestroyedFirst", address: "resource/r" },
    ]);
  });

  it("deletes who depends on it first, also without a value that goes from one to the other", async () => {
    const world = createWorld();
    await world.apply([
      manifest("Resource", "a", { dependsOn: ["resource/b"] }),
      manifest("Resource", "b", { dependsOn: ["resource/c"] }),
      manifest("Resource", "c"),
    ]);
    const plan = world.plan([], { action: "down" });
    expect(lines(plan)).toEqual([
      "delete resource/a",
      "delete resource/b",
      "delete resource/c",
      "delete system/shop",
    ]);
    expect(stepFor(plan, "resource/c").after).toEqual(["resource/b"]);
  });
});

it("a declaration cannot say to controllers what only a plan may", async () => {
  const world = createWorld();
  await world.apply([
    manifest("Volume", "mine", {}, { annotations: { "tutti.dev/identity": '{"name":"theirs","uid":"x"}' } }),
  ]);
  const live = world.store.get(keyOf({ kind: "Volume", metadata: { name: "mine", namespace: "default" } }));
  expect(live?.metadata.annotations ?? {}).toEqual({});
});
