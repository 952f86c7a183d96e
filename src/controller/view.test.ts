/** Live views: they agree with the store after any commit. */
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { validate } from "../kinds/validate.ts";
import type { Draft } from "../model/resource.ts";
import type { Operation, Store } from "../store/store.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { poolName } from "./routes.ts";
import { DependentsView, IndexView, OwnedView } from "./view.ts";

let store: Store;
const cause = { actor: "user:test", action: "test" };
const key = (kind: string, name: string): { kind: string; namespace: string; name: string } => ({
  kind,
  namespace: "default",
  name,
});
const names = (keys: Iterable<{ readonly name: string }>): readonly string[] =>
  [...keys].map(({ name }) => name);

beforeEach(() => {
  store = createMemoryStore({ clock: new ManualClock() });
});

function live<V extends DependentsView | IndexView | OwnedView>(view: V): V {
  view.fill(store);
  store.watch(store.revision, (changes) => changes.forEach((change) => view.apply(change)));
  return view;
}
const commit = async (...operations: readonly Operation[]): Promise<unknown> =>
  store.commit(operations, cause);

function service(name: string, spec: object = {}, labels: Record<string, string> = {}): Draft {
  const { resource } = validate({
    kind: "Service",
    metadata: { name, labels },
    spec: { command: "x", ...spec },
  });
  return resource as Draft;
}

describe("an index", () => {
  it("follows a resource from one group to another, and out", async () => {
    const view = live(new IndexView("Service", ({ metadata }) => metadata.labels?.["team"] ?? ""));
    await commit({ type: "create", resource: service("a", {}, { team: "x" }) });
    await commit({ type: "update", resource: service("a", {}, { team: "y" }) });
    expect([view.get("x").size, view.get("y").size]).toEqual([0, 1]);
    await commit({ type: "delete", key: key("Service", "a") });
    expect([...view.all()]).toEqual([]);
  });

  it("keeps the order of what is there when something changes", async () => {
    const view = live(new IndexView("Service", () => ""));
    await commit({ type: "create", resource: service("a") }, { type: "create", resource: service("b") });
    await commit({ type: "status", key: key("Service", "a"), status: { replicas: 1 } });
    expect([...view.get("").keys()]).toEqual(["Service/default/a", "Service/default/b"]);
  });
});

describe("dependents", () => {
  it("are those that refer to a resource, by expression, by field, by dependsOn, until they no longer do", async () => {
    await commit({ type: "create", resource: service("a", { env: { U: "${database.d.status.url}" } }) });
    const view = live(new DependentsView());
    await commit({ type: "create", resource: service("b", { volumes: [{ volume: "v", path: "/v" }] }) });
    await commit({ type: "create", resource: service("c", { dependsOn: ["service/b"] }) });
    expect(names(view.of(key("Database", "d")))).toEqual(["a"]);
    expect(names(view.of(key("Volume", "v")))).toEqual(["b"]);
    expect(names(view.of(key("Service", "b")))).toEqual(["c"]);
    await commit({ type: "update", resource: service("a") });
    await commit({ type: "delete", key: key("Service", "c") });
    expect(names(view.of(key("Database", "d")))).toEqual([]);
    expect(names(view.of(key("Service", "b")))).toEqual([]);
  });

  it("that only need a thing to exist go before it, but do not look at each change of it", async () => {
    const view = live(new DependentsView());
    const { resource } = validate({
      kind: "LoadBalancer",
      metadata: { name: "front" },
      spec: { routes: [{ service: "a" }] },
    });
    await commit({ type: "create", resource: resource as Draft });
    expect(names(view.of(key("Service", "a")))).toEqual(["front"]);
    expect(names(view.needing(key("Service", "a")))).toEqual([]);
  });

  it("of a System are those that use a parameter of it", async () => {
    const view = live(new DependentsView());
    const labels = { "tutti.dev/system": "shop" };
    await commit(
      { type: "create", resource: service("a", { env: { N: "${param.n}" } }, labels) },
      { type: "create", resource: service("b", { env: { N: "$${param.n}" } }, labels) },
    );
    expect(names(view.needing(key("System", "shop")))).toEqual(["a"]);
  });
});

describe("what is owned", () => {
  it("is found by the uid of its owner, until it is gone or is owned by another", async () => {
    const view = live(new OwnedView());
    const owned = (uid: string): Draft => {
      const draft = service("a");
      const ownerReferences = [{ apiVersion: "v1", kind: "Service", name: "o", uid }];
      return { ...draft, metadata: { ...draft.metadata, ownerReferences } };
    };
    await commit({ type: "create", resource: owned("1") });
    expect(names(view.of("1"))).toEqual(["a"]);
    await commit({ type: "update", resource: owned("2") });
    expect([names(view.of("1")), names(view.of("2"))]).toEqual([[], ["a"]]);
    await commit({ type: "delete", key: key("Service", "a") });
    expect(names(view.of("2"))).toEqual([]);
  });
});

describe("a pool", () => {
  it("of a service with a dot in its name is not the pool of another's port", () => {
    expect(poolName("a.b", undefined)).not.toBe(poolName("a", "b"));
  });
});
