/** What is made anew: the new one first or the former first, in order with what uses it. */
import { afterEach, describe, expect, it } from "vitest";
import { type Draft, REQUESTS } from "../model/resource.ts";
import { cause } from "./fixtures/declare.ts";
import { bench, sized, open } from "./fixtures/lifecycle-bench.ts";

afterEach(() => bench.stop());

describe("a replacement", () => {
  const tied = (to: string): object => ({ config: { of: `\${resource.${to}.status.id}` } });

  it("makes the new one first, and the former goes when all that uses it has come to the new one", async () => {
    const order: string[] = [];
    await open({
      startDelay: 100,
      onCall: ({ operation, identity }) => {
        if (operation !== "check") order.push(`${operation} ${identity?.name ?? ""}`);
        return undefined;
      },
    });
    await bench.declare("a", sized(1));
    await bench.declare("b", tied("a"));
    await bench.clock.advance(5_000);
    order.length = 0;
    await bench.declare("a", sized(2), { annotations: { [REQUESTS.replace]: "plan-1" } });
    await bench.clock.advance(50);
    expect(bench.status("a")).toMatchObject({ incarnation: 2, former: [{ incarnation: 1 }] });
    expect(bench.condition("a", "Ready")).toMatchObject({ status: "False", reason: "Replacing" });
    await bench.clock.advance(5_000);
    expect(order.filter((one) => !one.startsWith("observe"))).toEqual(["create a", "update b", "remove a"]);
    expect(bench.status("a")).not.toHaveProperty("former");
    expect(bench.status("b")["output"]).toEqual({ of: bench.status("a")["id"] });
  });

  it("keeps the former as long as something fails to come to the new one", async () => {
    let isBroken = false;
    await open({
      onCall: ({ identity }) =>
        isBroken && identity?.name === "b" ? { fail: new Error("refused") } : undefined,
    });
    await bench.declare("a", sized(1));
    await bench.declare("b", tied("a"));
    isBroken = true;
    await bench.declare("a", sized(2), { annotations: { [REQUESTS.replace]: "plan-1" } });
    await bench.clock.advance(60_000);
    expect(bench.condition("a", "Ready")?.status).toBe("True");
    expect(bench.world.things.size).toBe(3);
    isBroken = false;
    await bench.clock.advance(60_000);
    expect(bench.world.things.size).toBe(2);
  });

  it("waits, before it takes the former away, for a service to run everywhere from the new one", async () => {
    await open();
    await bench.declare("a", sized(1));
    await bench.declare(
      "web",
      { command: "x", ports: [], env: { ID: "${resource.a.status.id}" }, rollout: { minReady: "30s" } },
      {},
      "Service",
    );
    await bench.clock.advance(60_000);
    await bench.declare("a", sized(2), { annotations: { [REQUESTS.replace]: "plan-1" } });
    await bench.clock.advance(10_000);
    expect(bench.sizes).toEqual([1, 2]);
    await bench.clock.advance(60_000);
    expect(bench.sizes).toEqual([2]);
    expect(bench.world.running.size).toBe(1);
  });

  it("that removes the former first takes away before it what uses it and is made anew as well", async () => {
    const order: string[] = [];
    await open({
      onCall: ({ operation, identity }) => {
        if (operation === "create" || operation === "remove")
          order.push(`${operation} ${identity?.name ?? ""}`);
        return undefined;
      },
    });
    const first = { createBeforeDestroy: false };
    await bench.declare("a", sized(1, first));
    await bench.declare("b", { ...tied("a"), lifecycle: first });
    order.length = 0;
    const [a, b] = ["a", "b"].map((name) => bench.get(name) as Draft);
    const annotations = { [REQUESTS.replace]: "plan-1" };
    await bench.store.commit(
      [a, b].map((one) => ({
        type: "update" as const,
        resource: { ...one, metadata: { ...one?.metadata, annotations } } as Draft,
      })),
      cause,
    );
    await bench.clock.advance(5_000);
    expect(order).toEqual(["remove b", "remove a", "create a", "create b"]);
  });

  it("of what is not outside is one write, under another id", async () => {
    await open();
    await bench.declare("a", { ...sized(1), class: "data" });
    const { id } = bench.status("a");
    const { revision } = bench.store;
    await bench.declare(
      "a",
      { ...sized(2), class: "data" },
      { annotations: { [REQUESTS.replace]: "plan-1" } },
    );
    await bench.clock.advance(60_000);
    expect(bench.status("a")).toMatchObject({
      id: `${String(id)}.2`,
      output: { size: 2 },
      replaced: "plan-1",
    });
    expect(bench.store.revision).toBe(revision + 2);
  });
});
