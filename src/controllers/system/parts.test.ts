/** What a System is made of, counted as it changes. */
import { describe, expect, it } from "vitest";
import { LABELS, type Resource, addressOf, keyOf } from "../../model/resource.ts";
import type { Change, Snapshot } from "../../store/store.ts";
import { PartsView, firstOf } from "./parts.ts";

const SYSTEM = { kind: "System", namespace: "default", name: "shop" };
const EMPTY: Snapshot = { revision: 0, get: () => undefined, list: () => ({ items: [], revision: 0 }) };

function resource(
  name: string,
  { kind = "Resource", system = "shop", ready = false, going = false } = {},
): Resource {
  return {
    apiVersion: "tutti.dev/v1",
    kind,
    metadata: {
      name,
      namespace: "default",
      uid: name,
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { [LABELS.system]: system },
      ...(going ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: {},
    status: {
      conditions: [
        { type: "Ready", status: ready ? "True" : "False", reason: "R", message: "", lastTransitionTime: "" },
      ],
    },
  };
}

function changeTo(now: Resource, previous?: Resource, type: Change["type"] = "MODIFIED"): Change {
  return {
    type: previous === undefined ? "ADDED" : type,
    revision: 1,
    key: keyOf(now),
    resource: now,
    previous,
    cause: { actor: "test", action: "test" },
    time: 0,
  };
}

describe("the parts of a system", () => {
  it("are open until they are ready, and again when they are on their way out", () => {
    const view = new PartsView();
    view.fill(EMPTY);
    const [made, ready, going] = [{}, { ready: true }, { ready: true, going: true }].map((state) =>
      resource("a", state),
    );
    if (made === undefined || ready === undefined || going === undefined) throw new Error("three states");
    view.apply(changeTo(made));
    expect([view.of(SYSTEM).all.size, view.of(SYSTEM).open.size]).toEqual([1, 1]);
    view.apply(changeTo(ready, made));
    expect([view.of(SYSTEM).all.size, view.of(SYSTEM).open.size]).toEqual([1, 0]);
    view.apply(changeTo(going, ready));
    expect([view.of(SYSTEM).all.size, view.of(SYSTEM).open.size]).toEqual([1, 1]);
    view.apply(changeTo(going, going, "DELETED"));
    expect(view.of(SYSTEM).all.size).toBe(0);
  });

  it("leave one system and join another with their label", () => {
    const view = new PartsView();
    const [before, after] = [resource("a"), resource("a", { system: "store" })];
    view.apply(changeTo(before));
    view.apply(changeTo(after, before));
    expect(view.of(SYSTEM).all.size).toBe(0);
    expect([...view.of({ ...SYSTEM, name: "store" }).open.keys()]).toEqual(["resource/a"]);
  });

  it("are named by kind, then by name, whatever order they came in", () => {
    const all = ["d", "b", "e", "a", "c"].map((name) => resource(name));
    expect(firstOf(all, 3).map(addressOf)).toEqual(["resource/a", "resource/b", "resource/c"]);
    expect(firstOf(all.slice(0, 2), 3).map(addressOf)).toEqual(["resource/b", "resource/d"]);
  });
});
