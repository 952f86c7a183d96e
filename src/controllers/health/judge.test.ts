import { expect, test } from "vitest";
import type { Probes } from "../../controller/probes.ts";
import { due, healthAtStart, judge } from "./judge.ts";

const probes: Probes = {
  readiness: {
    check: { type: "tcp", port: 1 },
    period: 5_000,
    timeout: 1_000,
    failureThreshold: 3,
    successThreshold: 1,
  },
};

test("a check that fell due while the last verdict was being recorded is due at once, not never", () => {
  const health = judge(healthAtStart(probes, 0, false), probes, "readiness", "Nothing listens yet.", 0);
  expect(due(health, probes, 60_000)).toEqual({ now: ["readiness"], next: 0 });
});

test("checks of a starting instance follow each other fast, then slower, at most 100 ms apart", () => {
  let health = healthAtStart(probes, 0, false);
  const waits = Array.from({ length: 8 }, () => {
    health = judge(health, probes, "readiness", "Nothing listens yet.", 0);
    return due(health, probes, 0).next;
  });
  expect(waits).toEqual([4, 8, 16, 32, 64, 100, 100, 100]);
});
