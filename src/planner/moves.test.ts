import { describe, expect, it } from "vitest";
import { createWorld, lines, manifest, service, stepFor, type World } from "./fixtures/world.ts";

const at = (kind: string, name: string) => ({ kind, namespace: "default", name });
const system = (...moved: readonly (readonly [string, string])[]) =>
  manifest("System", "shop", { moved: moved.map(([from, to]) => ({ from, to })) });
const volume = (name: string, spec: object = {}) => manifest("Volume", name, spec);
const codes = (world: World, resources: readonly unknown[]) =>
  world.diagnostics(resources).map(({ code }) => code);

describe("what has another name now", () => {
  it("is moved, not made anew, and keeps its uid, its status and the identity by which it was made", async () => {
    const world = createWorld();
    await world.apply([volume("a")]);
    await world.store.commit(
      [
        { type: "status", key: at("Volume", "a"), status: { path: "/x", observedGeneration: 1 } },
        {
          type: "update",
          resource: {
            ...volume("a"),
            ...world.store.get(at("Volume", "a")),
            metadata: {
              ...(world.store.get(at("Volume", "a"))?.metadata as { name: string }),
              finalizers: ["tutti.dev/provision"],
            },
          } as never,
        },
      ],
      { actor: "x", action: "x" },
    );
    const before = world.store.get(at("Volume", "a"));
    const plan = world.plan([system(["volume/a", "volume/b"]), volume("b")]);
    expect(stepFor(plan, "volume/b")).toMatchObject({ action: "move", movedFrom: "volume/a", changes: [] });
    expect(plan.summary).toMatchObject({ move: 1, delete: 0, create: 0 });
    await world.commit(plan);
    expect(world.store.get(at("Volume", "a"))).toBeUndefined();
    const after = world.store.get(at("Volume", "b"));
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
    expect(after?.metadata.finalizers).toEqual(["tutti.dev/provision"]);
    expect(after?.status).toEqual(before?.status);
    expect(JSON.parse(after?.metadata.annotations?.["tutti.dev/identity"] ?? "")).toEqual({
      name: "a",
      uid: before?.metadata.uid,
    });
    expect(world.plan([system(["volume/a", "volume/b"]), volume("b")]).summary).toMatchObject({ none: 2 });
  });

  it("keeps its first identity over any number of names, one after the other or at once", async () => {
    const world = createWorld();
    await world.apply([volume("a")]);
    await world.apply([system(["volume/a", "volume/b"]), volume("b")]);
    await world.apply([system(["volume/a", "volume/b"], ["volume/b", "volume/c"]), volume("c")]);
    const identity = (name: string) =>
      JSON.parse(world.store.get(at("Volume", name))?.metadata.annotations?.["tutti.dev/identity"] ?? "{}")
        .name;
    expect(identity("c")).toBe("a");
    const other = createWorld();
    await other.apply([volume("a")]);
    const chain = [system(["volume/a", "volume/b"], ["volume/b", "volume/c"]), volume("c")];
    expect(stepFor(other.plan(chain), "volume/c").movedFrom).toBe("volume/a");
  });

  it("may change in the same step, and is made anew where what changes cannot be changed in place", async () => {
    const world = createWorld();
    await world.apply([volume("a"), manifest("Location", "rack")]);
    const moved = system(["volume/a", "volume/b"]);
    expect(
      stepFor(world.plan([moved, volume("b", { retain: true }), manifest("Location", "rack")]), "volume/b"),
    ).toMatchObject({ action: "move", changes: [{ path: "spec.retain", before: false, after: true }] });
    const replaced = [moved, volume("b", { location: "rack" }), manifest("Location", "rack")];
    const step = stepFor(world.plan(replaced), "volume/b");
    expect(step).toMatchObject({ action: "replace", movedFrom: "volume/a" });
    const plan = await world.apply(replaced);
    expect(world.store.get(at("Volume", "b"))?.metadata.annotations?.["tutti.dev/replace"]).toBe(plan.hash);
  });

  it("hands the instances of a service over as they run", async () => {
    const world = createWorld();
    await world.apply([service("api")]);
    const owner = world.store.get(at("Service", "api"));
    const { uid = "" } = owner?.metadata ?? {};
    await world.store.commit(
      [
        {
          type: "create",
          resource: {
            apiVersion: "tutti.dev/v1",
            kind: "Instance",
            metadata: {
              name: "api-x",
              namespace: "default",
              labels: { "tutti.dev/service": "api" },
              ownerReferences: [{ apiVersion: "tutti.dev/v1", kind: "Service", name: "api", uid }],
            },
            spec: { service: "api", template: "1" },
          },
        },
      ],
      { actor: "x", action: "x" },
    );
    await world.apply([system(["service/api", "service/web"]), service("web")]);
    expect(world.store.get(at("Instance", "api-x"))).toMatchObject({
      metadata: { labels: { "tutti.dev/service": "web" }, ownerReferences: [{ name: "web", uid }] },
      spec: { service: "web", template: "1" },
    });
  });

  it("is called by the name under which it was made where it says no other, so naming that changes nothing", async () => {
    const world = createWorld();
    const database = (name: string, spec: object = {}) => manifest("Database", name, spec);
    await world.apply([database("orders")]);
    const moved = system(["database/orders", "database/sales"]);
    const explicit = [moved, database("sales", { database: "orders", user: "orders" })];
    expect(stepFor(world.plan(explicit), "database/sales").action).toBe("move");
    const other = [moved, database("sales", { database: "sales" })];
    expect(stepFor(world.plan(other), "database/sales")).toMatchObject({
      action: "replace",
      replaceBecause: ["spec.database"],
    });
    await world.apply([moved, database("sales")]);
    expect(stepFor(world.plan(explicit), "database/sales").action).toBe("update");
  });

  it("stays where it is, although the system is elsewhere by default now", async () => {
    const world = createWorld();
    await world.apply([volume("a")]);
    const shop = system(["volume/a", "volume/b"], ["volume/b", "volume/c"]);
    const elsewhere = { ...shop, spec: { ...(shop["spec"] as object), location: "docker" } };
    expect(stepFor(world.plan([elsewhere, volume("c")]), "volume/c")).toMatchObject({
      action: "move",
      changes: [],
    });
  });

  it("is rolled over where others find it by its name in a network, and only there", async () => {
    const world = createWorld();
    const inner = manifest("Network", "inner");
    await world.apply([inner, service("api", { networks: ["inner"] }), service("job")]);
    const moved = system(["service/api", "service/web"], ["service/job", "service/task"]);
    const plan = await world.apply([moved, inner, service("web", { networks: ["inner"] }), service("task")]);
    const restart = (name: string) =>
      world.store.get(at("Service", name))?.metadata.annotations?.["tutti.dev/restarted-at"];
    expect([restart("web"), restart("task")]).toEqual([plan.hash, undefined]);
  });

  it("takes along what was made of it and names it where nobody can change that, and what it owns, at once", async () => {
    const world = createWorld();
    const database = (name: string) => manifest("Database", name);
    await world.apply([database("orders"), volume("a")]);
    const { uid = "" } = world.store.get(at("Volume", "a"))?.metadata ?? {};
    const backup = {
      apiVersion: "tutti.dev/v1",
      kind: "Backup",
      metadata: {
        name: "monday",
        namespace: "default",
        ownerReferences: [{ apiVersion: "tutti.dev/v1", kind: "Volume", name: "a", uid }],
      },
      spec: { database: "orders" },
    };
    await world.store.commit([{ type: "create", resource: backup }], { actor: "x", action: "x" });
    await world.apply([
      system(["database/orders", "database/sales"], ["volume/a", "volume/b"]),
      database("sales"),
      volume("b"),
    ]);
    expect(world.store.get(at("Backup", "monday"))).toMatchObject({
      metadata: { ownerReferences: [{ name: "b", uid }] },
      spec: { database: "sales" },
    });
  });

  it("keeps its former name from being taken by another thing, until it is gone or called so again", async () => {
    const world = createWorld();
    await world.apply([volume("a"), service("api")]);
    const moved = system(["volume/a", "volume/b"], ["service/api", "service/web"]);
    await world.apply([moved, volume("b"), service("web")]);
    expect(world.diagnostics([volume("a"), volume("b"), service("web"), service("api")])).toMatchObject([
      {
        code: "NameInUse",
        address: "volume/a",
        message: "The thing of volume/b was made under this name and still bears it.",
      },
    ]);
    const back = [system(["volume/b", "volume/a"]), volume("a"), service("web")];
    expect(stepFor(world.plan(back), "volume/a").action).toBe("move");
    await world.apply([service("web")]);
    expect(stepFor(world.plan([volume("a"), service("web")]), "volume/a").action).toBe("create");
  });

  it("is passed over when it has been moved already, or was never there", async () => {
    const world = createWorld();
    await world.apply([system(["volume/a", "volume/b"]), volume("b")]);
    expect(lines(world.plan([system(["volume/a", "volume/b"]), volume("b")]))).toEqual([
      "none system/shop",
      "none volume/b",
    ]);
  });

  it("is deleted when nothing is declared under the new name either", async () => {
    const world = createWorld();
    await world.apply([volume("a")]);
    expect(lines(world.plan([system(["volume/a", "volume/b"])]))).toContain("delete volume/a");
  });
});

describe("refused is what would need a guess", () => {
  const refusal = async (declared: readonly unknown[], before: readonly unknown[] = [volume("a")]) => {
    const world = createWorld();
    await world.apply(before);
    return codes(world, declared);
  };

  it("both names declared", async () =>
    expect(await refusal([system(["volume/a", "volume/b"]), volume("a"), volume("b")])).toEqual([
      "MovedStillDeclared",
    ]));
  it("both there", async () =>
    expect(
      await refusal([system(["volume/a", "volume/b"]), volume("b")], [volume("a"), volume("b")]),
    ).toEqual(["MovedBothExist"]));
  it("two that become one", async () =>
    expect(
      await refusal(
        [system(["volume/a", "volume/c"], ["volume/b", "volume/c"]), volume("c")],
        [volume("a"), volume("b")],
      ),
    ).toEqual(["MovedTogether"]));
  it("one that becomes two", async () =>
    expect(
      await refusal([system(["volume/a", "volume/b"], ["volume/a", "volume/c"]), volume("b"), volume("c")]),
    ).toEqual(["MovedTwice"]));
  it("a circle", async () =>
    expect(await refusal([system(["volume/a", "volume/b"], ["volume/b", "volume/a"]), volume("b")])).toEqual([
      "MovedInCircle",
    ]));
  it("a circle of what is not there yet, once", async () =>
    expect(
      await refusal([
        system(["volume/a", "volume/b"], ["volume/b", "volume/a"], ["volume/c", "volume/a"]),
        volume("b"),
      ]),
    ).toEqual(["MovedInCircle"]));
  it("another kind, and what is no address", async () =>
    expect(await refusal([system(["volume/a", "database/b"], ["volume", "x"]), volume("b")])).toEqual([
      "MovedToAnotherKind",
      "InvalidAddress",
    ]));
});
