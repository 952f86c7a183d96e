import fc from "fast-check";
import { expect, it } from "vitest";
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { formatDuration, parseDuration } from "./duration.ts";

it("durations are read in the spelling of Prometheus and Go", () => {
  expect(["500ms", "1.5s", "1h30m", "2d", "1w", "0"].map(parseDuration)).toEqual([
    500, 1500, 5_400_000, 172_800_000, 604_800_000, 0,
  ]);
});

it.each(["", " ", "5", "5 m", "m", "-5s", "1h-3m", "1e3s", "5x"])("'%s' is refused as a duration", (text) => {
  expect(() => parseDuration(text)).toThrow(DiagnosticError);
});

it("durations are written with two units at most", () => {
  expect(
    [0, 999, 1000, 59_999, 192_000, 600_000, 7_500_000, 86_400_000, 345_600_000].map(formatDuration),
  ).toEqual(["0ms", "999ms", "1s", "59s", "3m12s", "10m", "2h5m", "24h", "4d"]);
});

it("what is written can be read again, no more than a unit too short", () => {
  fc.assert(
    fc.property(fc.nat(10 ** 10), (milliseconds) => {
      const again = parseDuration(formatDuration(milliseconds));
      expect(again).toBeLessThanOrEqual(milliseconds);
      expect(again).toBeGreaterThan(milliseconds * 0.5 - 1);
    }),
  );
});
