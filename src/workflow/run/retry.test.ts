import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { failed } from "./events.ts";
import { type RetryRule, pauseAfter } from "./retry.ts";

const rule: RetryRule = { errors: ["*"], attempts: 5, interval: 1000, rate: 2, maximum: 3000, jitter: false };
const broken = failed("Retryable", "Broken", "");

describe("the pause before another attempt", () => {
  it("grows by the rate up to the maximum, and ends with the attempts", () => {
    expect([1, 2, 3, 4, 5].map((counted) => pauseAfter([rule], broken, counted, "s"))).toEqual([
      1000,
      2000,
      3000,
      3000,
      undefined,
    ]);
  });

  it("with jitter is anywhere below its full length, the same for the same seed, and differs between seeds", () => {
    const jittered = { ...rule, jitter: true };
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 4 }), (seed, counted) => {
        const full = pauseAfter([rule], broken, counted, seed) ?? 0;
        const pause = pauseAfter([jittered], broken, counted, seed) ?? -1;
        expect(pause).toBeGreaterThanOrEqual(0);
        expect(pause).toBeLessThan(full);
        expect(pauseAfter([jittered], broken, counted, seed)).toBe(pause);
      }),
    );
    const pauses = Array.from(
      { length: 1000 },
      (_, seed) => pauseAfter([jittered], broken, 1, String(seed)) ?? 0,
    );
    expect(new Set(pauses).size).toBeGreaterThan(500);
    expect(pauses.reduce((sum, pause) => sum + pause) / 1000).toBeCloseTo(500, -2);
  });

  it("is that of the first rule that matches the error's name or class", () => {
    const rules = [
      { ...rule, errors: ["Busy"], interval: 7 },
      { ...rule, errors: ["Timeout"], interval: 8 },
    ];
    expect(pauseAfter(rules, failed("Retryable", "Busy", ""), 1, "")).toBe(7);
    expect(pauseAfter(rules, failed("Timeout", "Timeout", ""), 1, "")).toBe(8);
    expect(pauseAfter(rules, broken, 1, "")).toBeUndefined();
  });

  it("is as long as whoever failed asked for, within the maximum", () => {
    const asks = (retryAfter: unknown): typeof broken => ({ ...broken, details: { retryAfter } });
    const short = { ...rule, interval: 10, maximum: 5_000, jitter: false };
    expect(pauseAfter([short], asks(2_000), 1, "")).toBe(2_000);
    expect(pauseAfter([short], asks(60_000), 1, "")).toBe(5_000);
    expect(pauseAfter([short], asks(1), 1, "")).toBe(10);
    expect(pauseAfter([short], asks("soon"), 1, "")).toBe(10);
  });

  it("does not exist for what is terminal or was cancelled", () => {
    expect(pauseAfter([rule], failed("Terminal", "Broken", ""), 1, "")).toBeUndefined();
    expect(pauseAfter([rule], failed("Cancelled", "Cancelled", ""), 1, "")).toBeUndefined();
  });
});
