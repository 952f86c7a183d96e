/** What is decided about a template that fails: when it is given up, what is gone back to, what is said (D3, D8, D9). */
import { describe, expect, it } from "vitest";
import { Simulation } from "./fixtures/simulation.ts";

describe("a template that fails", () => {
  it("is rolled back with one sentence, and not tried again until the declaration changes", () => {
    const simulation = new Simulation(3).stable();
    simulation.declared = "b";
    simulation.settle();
    simulation.now += 60_001;
    simulation.settle();
    expect(simulation.of("b")).toEqual([]);
    expect(simulation.available).toHaveLength(3);
    expect(simulation.happenings).toEqual([
      "RolledBack: Rolled back to the last good template: no progress for 60s: Nothing listens on port 80 yet.",
    ]);
    const tries = simulation.created.filter(({ template }) => template === "b").length;
    simulation.crash(({ name }) => name === simulation.instances[0]?.name);
    simulation.now += 10_000_000;
    simulation.settle();
    simulation.ready();
    expect(simulation.created.filter(({ template }) => template === "b")).toHaveLength(tries);
    simulation.declared = "c";
    simulation.settle();
    expect(simulation.of("c")).toHaveLength(1);
  });

  it("that runs out of time after a crash is said to have crashed, whatever the next instance has not done yet", () => {
    const simulation = new Simulation(1).stable();
    simulation.declared = "b";
    simulation.settle();
    simulation.crash(({ template }) => template === "b");
    simulation.settle();
    simulation.now += 60_001;
    simulation.settle();
    expect(simulation.memory.failed).toEqual({
      hash: "b",
      message: "No progress for 60s: exited with code 1: Error: no such table.",
    });
  });

  it("does not become the stable one by time in which nobody looked", () => {
    const simulation = new Simulation(1);
    simulation.settle();
    simulation.ready();
    simulation.settle();
    simulation.now += 3_600_000;
    simulation.watchedSince = simulation.now;
    expect(simulation.settle()).toMatchObject({ complete: true, requeueAfter: 5_000 });
    expect(simulation.memory.stable).toBeUndefined();
  });

  it("goes back to what was complete only a moment before, which has proved itself meanwhile", () => {
    const simulation = new Simulation(3);
    simulation.arrive();
    expect(simulation.memory.stable).toBeUndefined();
    simulation.now += 1_000;
    simulation.declared = "b";
    simulation.settle();
    simulation.now += 60_001;
    simulation.settle();
    expect(simulation.memory).toMatchObject({ failed: { hash: "b" }, stable: "a", candidate: undefined });
    expect(simulation.instances.map(({ template }) => template)).toEqual(["a", "a", "a"]);
  });

  it("goes back past what was complete for a moment and then ended, to what had proved itself", () => {
    const simulation = new Simulation(1).stable();
    simulation.declared = "b";
    simulation.arrive();
    expect(simulation.memory).toMatchObject({ stable: "a", candidate: "b" });
    simulation.declared = "c";
    simulation.crash(({ template }) => template === "b");
    simulation.settle();
    simulation.now += 60_001;
    simulation.settle();
    expect(simulation.memory).toMatchObject({ failed: { hash: "c" }, stable: "a" });
    expect(simulation.instances.map(({ template }) => template)).toEqual(["a"]);
  });

  it("is not blamed for the time in which nobody looked", () => {
    const simulation = new Simulation(3).stable();
    simulation.declared = "b";
    simulation.settle();
    simulation.now += 3_600_000;
    simulation.watchedSince = simulation.now;
    simulation.settle();
    expect(simulation.memory.failed).toBeUndefined();
    simulation.now += 60_001;
    simulation.settle();
    expect(simulation.memory.failed?.hash).toBe("b");
  });

  it("is rolled back after three rounds of crashes, without waiting for the deadline", () => {
    const simulation = new Simulation(3).stable();
    simulation.declared = "b";
    for (let round = 0; round < 3; round += 1) {
      simulation.settle();
      simulation.crash(({ template }) => template === "b");
      simulation.settle();
      simulation.now += 1_000;
    }
    simulation.settle();
    expect(simulation.memory.failed?.message).toBe(
      "New instances end before they are ready: exited with code 1: Error: no such table.",
    );
    expect(simulation.of("a")).toHaveLength(3);
  });

  it("is reported and tried on when there is nothing to go back to", () => {
    const simulation = new Simulation(2);
    for (let round = 0; round < 6; round += 1) {
      simulation.settle();
      simulation.crash(() => true);
      simulation.settle();
      simulation.now += 20_000;
    }
    const decision = simulation.settle();
    expect(simulation.happenings.filter((text) => text.startsWith("RolloutFailed"))).toHaveLength(1);
    expect(decision.state.message).toContain("no such table");
    expect(simulation.instances).toHaveLength(2);
    simulation.ready();
    expect(simulation.settle().complete).toBe(true);
    simulation.now += 5_000;
    simulation.settle();
    expect(simulation.memory.rollout).toBeUndefined();
  });

  it("is rolled back also when its instances are ready for a moment before they end", () => {
    const simulation = new Simulation(2).stable();
    simulation.declared = "b";
    for (let round = 0; round < 40 && simulation.memory.failed === undefined; round += 1) {
      simulation.settle();
      simulation.ready();
      simulation.settle();
      simulation.now += 1_000;
      simulation.crash(({ template }) => template === "b");
    }
    expect(simulation.memory.failed?.message).toBe(
      "New instances end soon after they start: exited with code 1: Error: no such table.",
    );
    expect(simulation.memory.stable).toBe("a");
  });

  it("is kept when rollback is off", () => {
    const simulation = new Simulation(3, { rollback: false }).stable();
    simulation.declared = "b";
    simulation.settle();
    simulation.now += 60_001;
    const decision = simulation.settle();
    expect(decision.target).toBe("b");
    expect(decision.state.reason).toBe("RolloutFailed");
    expect(simulation.available).toHaveLength(3);
  });

  it("is left while the service is scaled, and all replicas are good ones", () => {
    const simulation = new Simulation(3).stable();
    simulation.declared = "b";
    simulation.settle();
    simulation.replicas = 5;
    simulation.now += 60_001;
    simulation.settle();
    simulation.ready(({ template }) => template === "a");
    simulation.settle();
    expect(simulation.of("a")).toHaveLength(5);
    expect(simulation.of("b")).toHaveLength(0);
  });
});
