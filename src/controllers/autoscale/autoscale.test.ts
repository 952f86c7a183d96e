/** The loop as a whole: what is measured becomes replicas, with the reason. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bench, SERVICE } from "./fixtures/bench.ts";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.stop());

const bounds = { minReplicas: 2, maxReplicas: 10 };
const requests = (perSecond: number) => [{ type: "Requests", requests: { perSecond } }];

describe("load that comes", () => {
  it("is answered by the scrape that shows it, with the numbers as the cause and in an event", async () => {
    await bench.declare({ autoscale: bounds });
    bench.start();
    await bench.pass(10, { cpu: 0.8 });
    expect(bench.replicas).toBe(2);
    await bench.pass(3, { cpu: 1.96 });
    expect(bench.replicas).toBe(3);
    const { cause } = bench.changes.findLast(
      ({ key, resource, previous }) =>
        key.kind === "Service" && previous?.metadata.generation !== resource.metadata.generation,
    ) as (typeof bench.changes)[number];
    expect(cause.actor).toBe("controller:autoscale");
    expect(cause.action).toMatch(/^scale 2 -> 3: cpu \d+% \(target 70%\)$/);
    expect(bench.told).toEqual([
      expect.stringMatching(/^2 -> 3: cpu \d+% \(target 70%\); 2 of 2 ready; 3 recommended\.$/) as string,
    ]);
  });

  it("beyond what the cpu can show is seen in the requests that wait", async () => {
    await bench.declare({ autoscale: bounds }, [Bench.FRONT]);
    bench.start();
    await bench.pass(10, { cpu: 1, served: 100, inFlight: 5 });
    for (let second = 1; second <= 3; second += 1)
      await bench.pass(1, { cpu: 2, served: 200, inFlight: 5 + second * 300 });
    // By what is used alone it would be three.
    expect(bench.replicas).toBeGreaterThanOrEqual(5);
    expect(bench.told.join()).toContain("times as fast as they are answered");
  });

  it("goes again when the window is over, and not before", async () => {
    await bench.declare({ autoscale: { ...bounds, metrics: requests(50) } }, [Bench.FRONT]);
    bench.start();
    await bench.pass(10, { served: 90 });
    expect(bench.replicas).toBe(2);
    await bench.pass(5, { served: 290 });
    expect(bench.replicas).toBe(6);
    await bench.pass(295, { served: 90 });
    expect(bench.replicas).toBe(6);
    await bench.pass(30, { served: 90 });
    expect(bench.replicas).toBe(2);
  });

  it("that stays the same writes nothing but measured values, four times a minute", async () => {
    await bench.declare({ autoscale: bounds });
    bench.start();
    await bench.pass(20, { cpu: 1 });
    const before = bench.store.revision;
    await bench.pass(60, { cpu: 1 });
    expect(bench.store.revision).toBe(before);
    for (let second = 0; second < 60; second += 1) await bench.pass(1, { cpu: 1 + (second % 7) / 100 });
    expect(bench.store.revision - before).toBeLessThanOrEqual(4);
  });
});

describe("what is not measured", () => {
  it("is said, and nothing is changed", async () => {
    await bench.declare({ autoscale: { minReplicas: 1, maxReplicas: 10 }, replicas: 4 });
    bench.start();
    await bench.pass(5, { cpu: 1 });
    expect(bench.condition("ScalingActive")).toBe("True ValidMetricFound");
    bench.blind = true;
    await bench.pass(400);
    expect(bench.replicas).toBe(4);
    expect(bench.condition("ScalingActive")).toBe("False NoMeasurement");
    expect(bench.told.join()).toContain("The metric cpu was measured of no instance that is ready.");
  });

  it("is a query that is none", async () => {
    const metrics = [{ type: "Queue", queue: { query: "sum(", target: 5 } }];
    await bench.declare({ autoscale: { ...bounds, metrics } });
    bench.start();
    await bench.pass(3);
    const message = bench.status?.conditions?.find(({ type }) => type === "ScalingActive")?.message;
    expect(message).toContain("The metric queue is not known.");
    expect(bench.replicas).toBe(2);
  });
});

describe("after a restart of the control plane", () => {
  it("nothing is taken away before a whole window was seen", async () => {
    await bench.declare(
      { autoscale: { minReplicas: 1, maxReplicas: 10, metrics: requests(50) }, replicas: 6 },
      [Bench.FRONT],
    );
    bench.start();
    await bench.pass(200, { served: 10 });
    await bench.restart();
    await bench.pass(295, { served: 10 });
    expect(bench.replicas).toBe(6);
    await bench.pass(10, { served: 10 });
    expect(bench.replicas).toBe(1);
  });

  it("signals still last", async () => {
    await bench.declare({ autoscale: { minReplicas: 1, maxReplicas: 10, signals: [{ name: "Busy" }] } });
    const now = bench.clock.now();
    const signals = [{ name: "Busy", replicas: 4, since: now, until: now + 600_000 }];
    const autoscale = { desiredReplicas: 1, currentReplicas: 1, signals };
    await bench.store.commit([{ type: "status", key: SERVICE, status: { autoscale } }], {
      actor: "user:ann",
      action: "signal Busy",
    });
    bench.start();
    await bench.pass(2, { cpu: 0.1 });
    expect(bench.replicas).toBe(4);
    expect(bench.told.join()).toContain("1 -> 4: the signal Busy;");
    await bench.pass(560, { cpu: 0.1 });
    await bench.restart();
    await bench.pass(30, { cpu: 0.1 });
    expect(bench.replicas).toBe(4);
    expect(bench.status?.signals).toHaveLength(1);
    await bench.pass(310, { cpu: 0.1 });
    expect(bench.status?.signals).toBeUndefined();
    expect(bench.replicas).toBe(1);
  });
});

describe("zero", () => {
  const autoscale = { minReplicas: 0, maxReplicas: 10, idleAfter: "60s" };

  it("is reached when nobody asks, and left for the first who does", async () => {
    await bench.declare({ autoscale }, [Bench.FRONT]);
    bench.start();
    await bench.pass(10, { cpu: 0.1, served: 5, inFlight: 1 });
    expect(bench.replicas).toBe(1);
    await bench.pass(90, { cpu: 0.01 });
    expect(bench.replicas).toBe(0);
    expect(bench.told.join()).toContain("1 -> 0: nobody has wanted anything for a while;");
    bench.held = ["api"];
    await bench.clock.advance(150);
    await bench.clock.advance(0);
    expect(bench.replicas).toBe(1);
    expect(bench.told.join()).toContain("0 -> 1: a request waits;");
    bench.held = [];
    await bench.pass(30, { cpu: 0.1, served: 5, inFlight: 1 });
    expect(bench.replicas).toBe(1);
  });

  it("is left for a request that waits although nothing is measured", async () => {
    await bench.declare({ autoscale, replicas: 0 }, [Bench.FRONT]);
    bench.blind = true;
    bench.start();
    await bench.pass(5);
    expect(bench.replicas).toBe(0);
    bench.held = ["api"];
    await bench.pass(1);
    expect(bench.replicas).toBe(1);
  });
});

describe("the declaration", () => {
  it("takes effect at once when its bounds change", async () => {
    await bench.declare({ autoscale: bounds });
    bench.start();
    await bench.pass(5, { cpu: 0.8 });
    await bench.declare({ autoscale: { minReplicas: 5, maxReplicas: 10 } });
    await bench.pass(1, { cpu: 0.8 });
    expect(bench.replicas).toBe(5);
  });

  it("leaves nothing in the status when it asks for it no more", async () => {
    await bench.declare({ autoscale: bounds });
    bench.start();
    await bench.pass(5, { cpu: 0.8 });
    expect(bench.status).toBeDefined();
    await bench.declare({ replicas: 2 });
    await bench.pass(1);
    expect(bench.status).toBeUndefined();
  });

  it("may begin with a number from a parameter, which is the autoscaler's from then on", async () => {
    const parameters = { first: { type: "integer", default: 4 } };
    const system = { kind: "System", metadata: { name: "shop" }, spec: { parameters } };
    await bench.declare({ autoscale: bounds, replicas: "${param.first}" }, [system]);
    const service = bench.service;
    const labels = { "tutti.dev/system": "shop" };
    await bench.store.commit(
      [{ type: "update", resource: { ...service, metadata: { ...service.metadata, labels } } }],
      { actor: "user:ann", action: "label" },
    );
    bench.start();
    await bench.pass(5, { cpu: 1 });
    expect(bench.replicas).toBe(4);
    expect(bench.told).toEqual([]);
  });

  it("may take its bounds from parameters", async () => {
    const system = {
      kind: "System",
      metadata: { name: "shop" },
      spec: { parameters: { most: { type: "integer", default: 3 } } },
    };
    await bench.declare({ autoscale: { minReplicas: 1, maxReplicas: "${param.most}" } }, [system]);
    const service = bench.service;
    const labels = { "tutti.dev/system": "shop" };
    await bench.store.commit(
      [{ type: "update", resource: { ...service, metadata: { ...service.metadata, labels } } }],
      { actor: "user:ann", action: "label" },
    );
    bench.start();
    await bench.pass(10, { cpu: 9 });
    expect(bench.replicas).toBe(3);
  });
});

describe("foresight", () => {
  const MINUTE = 60_000;
  const query = { expression: "sum(jobs)", target: { type: "AverageValue", averageValue: 10 } };
  const autoscale = {
    minReplicas: 1,
    maxReplicas: 20,
    metrics: [{ type: "Query", query }],
    predictive: { pattern: "daily", lookahead: "2m" },
  };

  /** Three days and half an hour, a value a minute. */
  function history(at: (minute: number) => number): void {
    const start = bench.clock.now() - 3 * 1_440 * MINUTE;
    for (let minute = -1; minute < 3 * 1_440 + 30; minute += 1)
      bench.add({ __name__: "jobs" }, at(minute), start + minute * MINUTE);
  }

  it("is ready before a load that comes every day, and says why", async () => {
    await bench.declare({ autoscale });
    // Ten minutes after ten it is ten times as much, for six hours.
    history((minute) => ((minute + 1_440) % 1_440 >= 10 && (minute + 1_440) % 1_440 < 370 ? 100 : 10));
    bench.start();
    await bench.pass(60);
    expect(bench.condition("Foresight")).toBe("True PatternHolds");
    expect(bench.replicas).toBe(1);
    await bench.pass(7 * 60 + 5);
    expect(bench.replicas).toBe(10);
    expect(bench.told.join("\n")).toContain(
      "foresight, as the daily pattern goes: sum(jobs) from 10 to 100 within",
    );
  });

  it("does nothing where nothing repeats itself, and says so", async () => {
    await bench.declare({ autoscale });
    history((minute) => (minute % 997 < 100 ? 50 : 10));
    bench.start();
    await bench.pass(20);
    expect(bench.condition("Foresight")).toBe("False NoPattern");
  });

  it("says when too little is known", async () => {
    await bench.declare({ autoscale });
    bench.add({ __name__: "jobs" }, 10);
    bench.start();
    await bench.pass(5);
    expect(bench.condition("Foresight")).toBe("False TooLittleKnown");
    expect(bench.replicas).toBe(1);
  });
});
