/** What a resource's lifecycle promises, seen from outside: pausing, gates, retaining, adopting. */
import { afterEach, describe, expect, it } from "vitest";
import type { Gate, Gates } from "../controller/gates.ts";
import { type Key, REQUESTS } from "../model/resource.ts";
import { bench, key, sized, open } from "./fixtures/lifecycle-bench.ts";

afterEach(() => bench.stop());

describe("a paused resource", () => {
  it("is left as it is, and stays ready, until it is resumed", async () => {
    await open();
    await bench.declare("a", sized(1));
    await bench.declare("a", sized(2, { paused: true }));
    await bench.clock.advance(60_000);
    expect(bench.sizes).toEqual([1]);
    expect(bench.condition("a", "Ready")?.status).toBe("True");
    expect(bench.condition("a", "Paused")).toMatchObject({ status: "True", reason: "Paused" });
    await bench.declare("a", sized(2));
    expect(bench.sizes).toEqual([2]);
    expect(bench.condition("a", "Paused")).toBeUndefined();
  });

  it("is not removed before it is resumed", async () => {
    await open();
    await bench.declare("a", sized(1, { paused: true }));
    expect(bench.sizes).toEqual([]);
    await bench.declare("a", sized(1));
    await bench.declare("a", sized(1), { annotations: { "tutti.dev/paused": "true" } });
    await bench.delete("a");
    await bench.clock.advance(60_000);
    expect(bench.sizes).toEqual([1]);
    await bench.declare("a", sized(1), { annotations: { "tutti.dev/paused": "false" } });
    expect(bench.get("a")).toBeUndefined();
    expect(bench.sizes).toEqual([]);
  });

  it("of kind Service heals nothing, and nothing that runs is stopped", async () => {
    await open();
    const web = { command: "x", ports: [], replicas: 2 };
    await bench.declare("web", web, {}, "Service");
    await bench.clock.advance(6_000);
    await bench.declare("web", { ...web, replicas: 5, lifecycle: { paused: true } }, {}, "Service");
    const [uid = ""] = bench.world.running.keys();
    bench.world.end(uid);
    await bench.clock.advance(60_000);
    expect(bench.world.running.size).toBe(1);
    expect(bench.condition("web", "Paused", "Service")?.status).toBe("True");
    await bench.declare("web", web, {}, "Service");
    await bench.clock.advance(10_000);
    expect(bench.world.running.size).toBe(2);
    expect(bench.condition("web", "Paused", "Service")).toBeUndefined();
  });
});

describe("a gate", () => {
  it("holds back what is to be done, and lets it through when it opens, without being asked again and again", async () => {
    let gate: Gate | undefined = { reason: "Held", message: "change/shop-5 is held." };
    let asked = 0;
    let tell = (_key: Key): void => undefined;
    const gates: Gates = {
      closed: () => {
        asked += 1;
        return gate;
      },
      onOpened: (listener) => {
        tell = listener;
        return () => undefined;
      },
    };
    await open({}, { gates: [gates] });
    await bench.declare("a", sized(1));
    asked = 0;
    await bench.clock.advance(20_000);
    expect(asked).toBe(0);
    expect(bench.condition("a", "Ready")).toMatchObject({ status: "False", reason: "Held" });
    gate = undefined;
    tell(key("a"));
    await bench.clock.advance(5);
    expect(bench.sizes).toEqual([1]);
  });
});

describe("a resource that is deleted", () => {
  it("leaves its thing where it is when it is to be retained", async () => {
    await open();
    await bench.declare("a", sized(1, { onDelete: "retain" }));
    await bench.delete("a");
    expect(bench.get("a")).toBeUndefined();
    expect([...bench.world.things.values()].map(({ identity }) => identity)).toEqual([undefined]);
    expect(bench.store.list({ kind: "Event" }).items).toContainEqual(
      expect.objectContaining({
        reason: "Retained",
        message: "Kept: what was made of class 'simulated', as it is.",
      }),
    );
  });

  it("lets go of its thing when it is to be forgotten", async () => {
    await open();
    await bench.declare("a", sized(1));
    await bench.declare("a", sized(1), { annotations: { [REQUESTS.forget]: "true" } });
    await bench.delete("a");
    expect(bench.sizes).toEqual([1]);
    expect(bench.world.calls.get("release")).toBe(1);
  });
});

describe("adoption", () => {
  it("takes what is there, makes it as declared, and remembers by what it was adopted", async () => {
    await open();
    const { id } = bench.world.put({
      kind: "Resource",
      name: "old",
      spec: { config: { size: 9 } },
      since: 0,
    });
    await bench.declare("a", sized(1), { annotations: { [REQUESTS.adopt]: id } });
    expect(bench.status("a")).toMatchObject({ id, adopted: id });
    expect(bench.sizes).toEqual([1]);
    await bench.clock.advance(60_000);
    expect(bench.world.calls.get("adopt")).toBe(1);
  });

  it("makes nothing when there is nothing to adopt, and says so", async () => {
    await open();
    await bench.declare("a", sized(1), { annotations: { [REQUESTS.adopt]: "sim-77" } });
    expect(bench.condition("a", "Failed")).toMatchObject({ reason: "NothingToAdopt" });
    expect(bench.sizes).toEqual([]);
  });
});
