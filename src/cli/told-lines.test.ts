import { expect, it } from "vitest";
import { ToldLines } from "./told-lines.ts";

it("a step is told whenever it changed; what sums up once a second, later each tenth of the time; the last always", () => {
  const told = new ToldLines();
  const step = (state: string): boolean =>
    told.isNews({ path: "a", state, text: "", isSum: false, at: 0 }, 0, false);
  expect([step("running"), step("running"), step("failed")]).toEqual([true, false, true]);

  let count = 0;
  const sum = (now: number, isLast = false): boolean =>
    told.isNews({ path: "fan[]", state: String(count), text: "", isSum: true, at: undefined }, now, isLast);
  const times: number[] = [];
  for (let now = 0; now <= 60_000; now += 250) {
    count++;
    if (sum(now)) times.push(now);
  }
  expect(times.slice(0, 4)).toEqual([0, 1000, 2000, 3000]);
  expect(times.length).toBeLessThan(35);
  expect(sum(60_001)).toBe(false);
  expect(sum(60_001, true)).toBe(true);
  expect(sum(60_001, true)).toBe(false);
});
