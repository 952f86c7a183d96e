/** Simulated loads, a few of those of bench/autoscale.ts: what must hold whatever the seed. */
import { describe, expect, it } from "vitest";
import { type Run, type Shape, type Way, simulate, traceOf } from "./fixtures/simulation.ts";

const WAYS: readonly Way[] = ["ours", "requests"];
const MINUTES = 15 * 60;

function runs(shape: Shape, way: Way, count: number): readonly Run[] {
  return Array.from({ length: count }, (_, number) => simulate(traceOf(shape, number, MINUTES), way));
}

const total = (all: readonly Run[], of: (run: Run) => number): number =>
  all.reduce((sum, run) => sum + of(run), 0);

describe.each(WAYS)("decided by %s", (way) => {
  it("a noisy load never makes it flap: at most one turn in a window of five minutes", () => {
    for (const { turns } of [...runs("noisy", way, 20), ...runs("constant", way, 5)])
      expect(turns).toBeLessThanOrEqual(3);
  });

  it("bursts that come again and again are answered once and for all", () => {
    for (const { turns } of runs("bursts", way, 10)) expect(turns).toBeLessThanOrEqual(1);
  });

  it("no request of a step or a spike is dropped, where Kubernetes' loop drops some", () => {
    for (const shape of ["step", "spike"] as const) {
      expect(total(runs(shape, "hpa", 10), (run) => run.dropped)).toBeGreaterThan(0);
      expect(total(runs(shape, way, 10), (run) => run.dropped)).toBe(0);
    }
  });
});

it("the same seed gives the same run", () => {
  expect(simulate(traceOf("noisy", 3, 300), "ours")).toEqual(simulate(traceOf("noisy", 3, 300), "ours"));
});
