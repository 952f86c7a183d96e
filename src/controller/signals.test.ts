import { describe, expect, it } from "vitest";
import { autoscale as schema } from "../kinds/autoscale.ts";
import { type Signal, type SignalWish, lasting, withSignal } from "./signals.ts";

const autoscale = schema.parse({
  maxReplicas: 10,
  signals: [{ name: "Busy", step: 2, expires: "10m" }, { name: "Sale", replicas: 8 }, { name: "More" }],
});
const MINUTE = 60_000;

const hear = (before: readonly Signal[], name: string, wish: SignalWish, now: number, replicas = 3) =>
  withSignal(before, { name, wish }, { autoscale, replicas, now });

describe("a signal", () => {
  it("asks for what its declaration says: so many more, a number, or one more", () => {
    const asked = (name: string): number | undefined => hear([], name, { type: "fire" }, 0)[0]?.replicas;
    expect([asked("Busy"), asked("Sale"), asked("More")]).toEqual([5, 8, 4]);
  });

  it("may say itself how many, never more than may be", () => {
    expect(hear([], "Busy", { type: "fire", replicas: 7 }, 0)[0]?.replicas).toBe(7);
    expect(hear([], "Sale", { type: "fire", step: 1 }, 0)[0]?.replicas).toBe(4);
    expect(hear([], "Busy", { type: "fire", replicas: 70 }, 0)[0]?.replicas).toBe(10);
  });

  it("that is repeated lasts longer and takes its step once", () => {
    const first = hear([], "Busy", { type: "fire" }, 0, 3);
    expect(hear(first, "Busy", { type: "fire" }, 5 * MINUTE, 5)).toEqual([
      { name: "Busy", replicas: 5, since: 0, until: 15 * MINUTE },
    ]);
  });

  it("ends when it is resolved, or when nobody repeats it", () => {
    const both = hear(hear([], "Busy", { type: "fire" }, 0), "Sale", { type: "fire" }, 0);
    expect(hear(both, "Busy", { type: "resolve" }, 1).map(({ name }) => name)).toEqual(["Sale"]);
    expect(lasting(both, 10 * MINUTE).map(({ name }) => name)).toEqual(["Sale"]);
    expect(lasting(both, 60 * MINUTE)).toEqual([]);
  });

  it("of no declared name changes nothing", () => {
    expect(hear([], "Other", { type: "fire" }, 0)).toEqual([]);
  });
});
