/** A service simulated under random events: what a decision may never do, and where it must arrive (D1, D5). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Simulation } from "./fixtures/simulation.ts";
import type { InstanceSnapshot, RolloutSettings } from "./situation.ts";
import { amount } from "./strategy.ts";

const long = process.env["TUTTI_LONG"] === "1";

const share = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom("0%", "25%", "50%", "100%"));
const someSettings: fc.Arbitrary<Partial<RolloutSettings>> = fc.record({
  strategy: fc.constantFrom("rolling" as const, "blue-green" as const, "canary" as const),
  maxSurge: share,
  maxUnavailable: share,
  minReady: fc.constantFrom(0, 5_000),
  canary: fc.array(fc.record({ share, pause: fc.constantFrom(0, 30_000) }), { minLength: 1, maxLength: 3 }),
  rollback: fc.boolean(),
});

type Event =
  | { readonly type: "ready" | "unready" | "crash" | "degrade"; readonly index: number }
  | { readonly type: "declare"; readonly template: string }
  | { readonly type: "scale"; readonly to: number }
  | { readonly type: "wait"; readonly for: number };
const someEvent: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("ready" as const), index: fc.nat(20) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom("unready" as const, "crash" as const, "degrade" as const),
      index: fc.nat(20),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("declare" as const), template: fc.constantFrom("a", "b", "c") }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("scale" as const), to: fc.nat(8) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("wait" as const),
      for: fc.constantFrom(1, 1_000, 31_000, 61_000),
    }),
  },
);

function happen(simulation: Simulation, event: Event): void {
  if (event.type === "wait") simulation.now += event.for;
  else if (event.type === "declare") simulation.declared = event.template;
  else if (event.type === "scale") simulation.replicas = event.to;
  else {
    const name = simulation.instances[event.index % Math.max(1, simulation.instances.length)]?.name;
    const isIt = (instance: InstanceSnapshot): boolean => instance.name === name;
    if (event.type === "ready") simulation.ready(isIt);
    else if (event.type === "crash") simulation.crash(isIt);
    else if (event.type === "degrade") simulation.set(isIt, { degraded: true });
    else simulation.set(isIt, { ready: false });
  }
}

/** Bounds before and after one decision (D1). */
function decideWithinBounds(simulation: Simulation): void {
  const { replicas, settings: own } = simulation;
  const surge = amount(own.maxSurge, replicas, Math.ceil);
  const unavailable = amount(own.maxUnavailable, replicas, Math.floor);
  const floor = replicas - (surge === 0 && unavailable === 0 ? 1 : unavailable);
  const before = { available: simulation.available.length, serving: simulation.serving.length };
  const decision = simulation.decide();
  simulation.leaving = 0;
  const total = simulation.instances.filter(({ exit }) => exit === undefined).length;
  if (own.strategy === "blue-green") {
    expect(simulation.serving.length, "serving").toBeGreaterThanOrEqual(Math.min(before.serving, floor));
    const current = simulation
      .of(decision.target)
      .filter(({ exit, degraded }) => exit === undefined && !degraded);
    if (decision.create > 0) expect(current.length, "of one set").toBeLessThanOrEqual(replicas);
  } else {
    expect(simulation.available.length, "available").toBeGreaterThanOrEqual(
      Math.min(before.available, floor),
    );
    if (decision.create > 0) expect(total, "total").toBeLessThanOrEqual(replicas + surge);
  }
}

describe("whatever happens to its instances and its declaration", () => {
  it("no decision takes a service below its bound of available instances or above its bound in total", () => {
    fc.assert(
      fc.property(
        fc.nat(8),
        someSettings,
        fc.array(someEvent, { maxLength: 60 }),
        (replicas, chosen, events) => {
          const simulation = new Simulation(replicas, chosen);
          for (const event of events) {
            happen(simulation, event);
            decideWithinBounds(simulation);
          }
        },
      ),
      { numRuns: long ? 50_000 : 1_500 },
    );
  });

  it("it arrives at what is declared once instances become ready", () => {
    fc.assert(
      fc.property(
        fc.nat(8),
        someSettings,
        fc.array(someEvent, { maxLength: 40 }),
        fc.constantFrom("a", "b", "c", "d"),
        (replicas, chosen, events, final) => {
          const simulation = new Simulation(replicas, chosen);
          for (const event of events) {
            happen(simulation, event);
            simulation.decide();
            simulation.leaving = 0;
          }
          simulation.declared = final;
          let decision = simulation.decide();
          for (let round = 0; round < 300 && !decision.complete; round += 1) {
            simulation.leaving = 0;
            simulation.ready();
            simulation.now += 1_000;
            decision = simulation.decide();
          }
          // What failed before is not tried again: then the stable one runs, complete.
          const target = simulation.memory.failed?.hash === final ? simulation.memory.stable : final;
          expect(simulation.instances.map(({ template }) => template)).toEqual(
            Array.from({ length: simulation.replicas }, () => target),
          );
          expect(simulation.serving).toHaveLength(simulation.replicas);
        },
      ),
      { numRuns: long ? 20_000 : 600 },
    );
  });
});
