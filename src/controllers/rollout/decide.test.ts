/** What is decided in each situation (D1 to D10). Random ones are in bounds.test.ts. */
import { describe, expect, it } from "vitest";
import { Simulation } from "./fixtures/simulation.ts";
import type { RolloutSettings } from "./situation.ts";

describe("crashes", () => {
  it("are answered at once first, then after a delay that doubles up to its bound", () => {
    const simulation = new Simulation(1, { rollback: false }, { maxBackoff: 5_000 });
    const delays: number[] = [];
    simulation.settle();
    for (let round = 0; round < 6; round += 1) {
      simulation.now += 10;
      simulation.crash(() => true);
      const crashed = simulation.now;
      let decision = simulation.settle();
      while (simulation.instances.length === 0) {
        simulation.now += decision.requeueAfter ?? Number.NaN;
        decision = simulation.settle();
      }
      delays.push(simulation.now - crashed);
    }
    expect(delays).toEqual([0, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it("of many instances in one round count once", () => {
    const simulation = new Simulation(10).stable();
    simulation.now += 1_000;
    simulation.crash(({ name }) => name.endsWith("1") || name.endsWith("2"));
    simulation.decide();
    simulation.crash(({ attempt }) => attempt === 0);
    simulation.decide();
    expect(simulation.memory.crashes?.count).toBe(1);
    expect(simulation.instances).toHaveLength(10);
  });

  it("are forgotten once an instance has proved itself, and after a quiet time", () => {
    const simulation = new Simulation(1).stable();
    for (let round = 0; round < 5; round += 1) {
      simulation.now += 6_000;
      simulation.crash(() => true);
      simulation.settle();
      simulation.ready();
      expect(simulation.settle().complete).toBe(true);
    }
    expect(simulation.memory.crashes?.count).toBe(1);
  });

  it.each([
    ["never", 1, 0],
    ["never", 0, 0],
    ["on-failure", 0, 0],
    ["on-failure", 1, 1],
    ["always", 0, 1],
  ] as const)("with the policy %s an end with code %i makes %i new instances", (policy, code, made) => {
    const simulation = new Simulation(1, {}, { policy }).stable();
    simulation.created.length = 0;
    simulation.crash(() => true, code);
    simulation.settle();
    expect(simulation.created).toHaveLength(made);
  });
});

describe("blue-green", () => {
  const blueGreen = (replicas: number): Simulation =>
    new Simulation(replicas, { strategy: "blue-green" }).stable();

  it("lets the old set serve alone until the new one is complete, then switches as a whole", () => {
    const simulation = blueGreen(3);
    simulation.declared = "b";
    simulation.settle();
    expect(simulation.of("b")).toHaveLength(3);
    simulation.ready(({ name }) => name !== simulation.of("b")[0]?.name);
    simulation.settle();
    expect(simulation.serving.map(({ template }) => template)).toEqual(["a", "a", "a"]);
    simulation.ready();
    simulation.decide();
    expect(simulation.serving.map(({ template }) => template)).toEqual(["b", "b", "b"]);
    expect(simulation.of("a")).toEqual([]);
  });

  it("never lets a failed set serve, also when one of the old is lost while going back", () => {
    const simulation = blueGreen(3);
    simulation.declared = "b";
    simulation.settle();
    simulation.ready(({ name }) => name === simulation.of("b")[0]?.name);
    simulation.crash(({ name }) => name === simulation.of("a")[0]?.name);
    simulation.settle();
    simulation.now += 60_001;
    simulation.decide();
    expect(simulation.serving.every(({ template }) => template === "a")).toBe(true);
    simulation.settle();
    expect(simulation.of("b")).toEqual([]);
    simulation.ready();
    simulation.settle();
    expect(simulation.serving).toHaveLength(3);
  });

  it("drops a set that never served when a third template is declared", () => {
    const simulation = blueGreen(2);
    simulation.declared = "b";
    simulation.settle();
    simulation.ready();
    simulation.declared = "c";
    simulation.decide();
    expect(simulation.of("b")).toEqual([]);
    expect(simulation.serving.map(({ template }) => template)).toEqual(["a", "a"]);
  });

  it("lets the new set serve as it comes when the old one is lost altogether", () => {
    const simulation = blueGreen(2);
    simulation.declared = "b";
    simulation.settle();
    simulation.crash(({ template }) => template === "a");
    simulation.ready(({ name }) => name === simulation.of("b")[0]?.name);
    simulation.settle();
    expect(simulation.serving).toHaveLength(1);
  });
});

describe("a canary", () => {
  const steps = [
    { share: "10%", pause: 30_000 },
    { share: "50%", pause: 60_000 },
  ];
  const canary = (changes: Partial<RolloutSettings> = {}): Simulation =>
    new Simulation(10, { strategy: "canary", canary: steps, ...changes }).stable();
  const runReady = (simulation: Simulation): void => {
    for (let round = 0; round < 30; round += 1) {
      simulation.settle();
      simulation.ready();
    }
  };

  it("takes its share, is watched for the pause, and goes on", () => {
    const simulation = canary();
    simulation.declared = "b";
    runReady(simulation);
    expect([simulation.of("a").length, simulation.of("b").length]).toEqual([9, 1]);
    simulation.now += 29_000;
    runReady(simulation);
    expect(simulation.of("b")).toHaveLength(1);
    simulation.now += 1_000;
    runReady(simulation);
    expect([simulation.of("a").length, simulation.of("b").length]).toEqual([5, 5]);
    simulation.now += 60_000;
    runReady(simulation);
    expect([simulation.of("a").length, simulation.of("b").length]).toEqual([0, 10]);
    simulation.now += 5_000;
    simulation.settle();
    expect(simulation.memory.stable).toBe("b");
  });

  it("that crashes during its pause has the whole deadline to recover", () => {
    const simulation = canary({ canary: [{ share: 1, pause: 600_000 }] });
    simulation.declared = "b";
    runReady(simulation);
    simulation.now += 300_000;
    simulation.crash(({ template }) => template === "b");
    simulation.settle();
    expect(simulation.memory.failed).toBeUndefined();
    simulation.now += 60_001;
    simulation.settle();
    expect(simulation.memory.failed?.hash).toBe("b");
  });

  it("that failed is gone without any pause", () => {
    const simulation = canary();
    simulation.declared = "b";
    simulation.settle();
    simulation.now += 60_001;
    simulation.settle();
    expect(simulation.of("b")).toEqual([]);
    expect(simulation.of("a").length).toBe(10);
  });

  it("is covered for when old instances are lost meanwhile", () => {
    const simulation = canary();
    simulation.declared = "b";
    runReady(simulation);
    simulation.crash(({ name }) =>
      simulation
        .of("a")
        .slice(0, 3)
        .some((one) => one.name === name),
    );
    runReady(simulation);
    expect(simulation.available).toHaveLength(10);
  });
});

describe("degraded instances", () => {
  it("are replaced a few at a time, even when all are", () => {
    const simulation = new Simulation(6).stable();
    simulation.set(() => true, { degraded: true, reason: "It fails 80% of its requests." });
    const decision = simulation.decide();
    expect(decision.remove.map(({ because }) => because)).toEqual([
      "degraded: It fails 80% of its requests.",
    ]);
    for (let round = 0; round < 20; round += 1) {
      simulation.settle();
      simulation.ready();
    }
    expect(simulation.settle().complete).toBe(true);
  });
});

describe("minReady", () => {
  it("keeps an instance from counting until it has stayed ready that long", () => {
    const simulation = new Simulation(2, { minReady: 5_000 });
    simulation.settle();
    simulation.ready();
    expect(simulation.settle()).toMatchObject({ complete: false, available: 0, requeueAfter: 5_000 });
    simulation.now += 5_000;
    expect(simulation.settle().complete).toBe(true);
  });
});

describe("scaling", () => {
  it("to zero and back is complete at both ends", () => {
    const simulation = new Simulation(3).stable();
    simulation.replicas = 0;
    expect(simulation.settle()).toMatchObject({ complete: true, state: { message: "Scaled to zero." } });
    expect(simulation.instances).toEqual([]);
    simulation.replicas = 4;
    simulation.settle();
    expect(simulation.memory.rollout).toBeUndefined();
    simulation.ready();
    expect(simulation.settle().complete).toBe(true);
  });

  it("a template that never had an instance up from zero rolls it back when it fails", () => {
    const simulation = new Simulation(2).stable();
    simulation.replicas = 0;
    simulation.settle();
    simulation.declared = "b";
    expect(simulation.settle().complete).toBe(true);
    simulation.now += 3_600_000;
    simulation.replicas = 2;
    simulation.settle();
    expect(simulation.of("b")).toHaveLength(2);
    simulation.now += 60_001;
    simulation.settle();
    expect(simulation.of("a")).toHaveLength(2);
  });

  it("down gives up first who is not ready, then the youngest", () => {
    const simulation = new Simulation(3).stable();
    simulation.now += 1_000;
    simulation.replicas = 5;
    simulation.settle();
    const [young, unready] = simulation.instances.slice(3).map(({ name }) => name);
    simulation.ready(({ name }) => name === young);
    simulation.replicas = 3;
    expect(simulation.decide().remove.map(({ name }) => name)).toEqual([unready, young]);
  });
});

describe("a fixed port", () => {
  it("is free before the next instance is created", () => {
    const simulation = new Simulation(1, { exclusive: true, maxSurge: 0 }).stable();
    simulation.declared = "b";
    expect(simulation.decide()).toMatchObject({
      create: 0,
      remove: [{ because: "replaced by a new template" }],
    });
    expect(simulation.decide().create).toBe(0);
    simulation.leaving = 0;
    expect(simulation.decide().create).toBe(1);
  });
});

describe("complete", () => {
  it("is not said before no balancer sends anything to another template; nothing else waits for that", () => {
    const simulation = new Simulation(2).stable();
    simulation.declared = "b";
    simulation.arrive();
    simulation.answering = ["a", "b"];
    const decision = simulation.decide();
    expect(decision).toMatchObject({
      complete: false,
      state: {
        reason: "RollingOut",
        message: "2 of 2 instances are ready; 1 of before may still answer requests.",
      },
    });
    for (const passed of [5_000, 61_000]) {
      simulation.now += passed;
      expect(simulation.decide().complete).toBe(false);
    }
    expect(simulation.memory.stable).toBe("b");
    expect([simulation.memory.rollout, simulation.memory.failed]).toEqual([undefined, undefined]);
    simulation.answering = ["b"];
    expect(simulation.decide()).toMatchObject({ complete: true, state: { reason: "AllReady" } });
  });
});
