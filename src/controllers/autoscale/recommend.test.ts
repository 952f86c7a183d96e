/** The rules of kubernetes.io, "Horizontal Pod Autoscaling", Algorithm details, one row each. */
import { describe, expect, it } from "vitest";
import { cpu, instances, queue } from "./fixtures/situations.ts";
import type { InstanceState, Measurement } from "./measurement.ts";
import { recommend } from "./recommend.ts";

const tolerance = { up: 0.1, down: 0.1 };

const _ = undefined;
const ROWS: readonly (readonly [string, readonly InstanceState[], Measurement, number | undefined])[] = [
  ["twice the target doubles", instances(3), cpu([100, 100, 100], 50), 6],
  ["half the target halves", instances(4), cpu([25, 25, 25, 25], 50), 2],
  ["the quotient is rounded up", instances(3), cpu([60, 60, 60], 50), 4],
  ["the average counts, not the highest", instances(3), cpu([30, 50, 70], 30), 5],
  ["up to the tolerance above nothing is done", instances(10), cpu(Array<number>(10).fill(55), 50), 10],
  ["beyond the tolerance above it is", instances(10), cpu(Array<number>(10).fill(56), 50), 12],
  ["down to the tolerance below nothing is done", instances(10), cpu(Array<number>(10).fill(45), 50), 10],
  ["beyond the tolerance below it is", instances(10), cpu(Array<number>(10).fill(44), 50), 9],
  ["starting ones count as idle when more are wanted", instances(2, 1), cpu([50, 70], 30), 4],
  ["and never turn more into fewer", instances(1, 2), cpu([40], 30), 3],
  ["starting ones are set aside when fewer are wanted", instances(3, 2), cpu([10, 30, 50], 50), 2],
  ["unmeasured ones count as idle when more are wanted", instances(3), cpu([100, 100, _], 50), 4],
  ["and never turn more into fewer", instances(3), cpu([60, _, _], 50), 3],
  ["unmeasured ones count as full when fewer are wanted", instances(4), cpu([10, 10, 10, _], 50), 3],
  ["and never turn fewer into more", instances(4), cpu([30, 30, _, _], 50), 4],
  ["nothing measured, nothing recommended", instances(3), cpu([_, _, _], 50), undefined],
  ["only starting ones, nothing recommended", instances(0, 3), cpu([90, 90, 90], 50), undefined],
  ["a total is shared among the instances", instances(3), queue(100, 10), 10],
  ["a total within the tolerance changes nothing", instances(3), queue(32, 10), 3],
  ["a total of nothing needs nobody", instances(3), queue(0, 10), 0],
  ["a total is seen without an instance", instances(0), queue(25, 10), 3],
  ["one value for all is a ratio of those that count", instances(4), queue(30, 20, { share: "all" }), 6],
  ["one value for all counts starting ones not", instances(2, 2), queue(30, 20, { share: "all" }), 3],
  ["one value for all starts from nothing", instances(0), queue(30, 20, { share: "all" }), 2],
  ["a value that is no number recommends nothing", instances(3), queue(Number.NaN, 10), undefined],
];

const latency = (seconds: number): Measurement =>
  queue(seconds, 0.2, { name: "latency", unit: "seconds", share: "all", gradual: true, seenAtZero: false });

describe("what one measurement asks for", () => {
  it.each(ROWS)("%s", (_title, present, measurement, expected) => {
    expect(
      recommend(measurement, { replicas: present.length, instances: present }, tolerance)?.replicas,
    ).toBe(expected);
  });

  it("counts what waits at the balancers as load", () => {
    const measured = { ...cpu([100, 100], 50), pressure: 2.5 };
    expect(recommend(measured, { replicas: 2, instances: instances(2) }, tolerance)).toEqual({
      current: 250,
      replicas: 10,
    });
  });

  it("at most doubles for latency, and takes back one at a time when it is far below", () => {
    const asked = (seconds: number): number | undefined =>
      recommend(latency(seconds), { replicas: 4, instances: instances(4) }, tolerance)?.replicas;
    expect([asked(0.3), asked(9), asked(0.15), asked(0.01)]).toEqual([6, 8, 4, 3]);
  });

  it("has a tolerance for each direction", () => {
    const asked = (percent: number): number | undefined =>
      recommend(
        cpu(Array<number>(10).fill(percent), 50),
        { replicas: 10, instances: instances(10) },
        { up: 0, down: 0.5 },
      )?.replicas;
    expect([asked(51), asked(26), asked(24)]).toEqual([11, 10, 5]);
  });
});
