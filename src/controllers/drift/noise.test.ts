/** What keeps coming back is counted, left, and forgotten. */
import { expect, it } from "vitest";
import type { SetBack } from "../../controller/drift.ts";
import { LIMIT, countOf, counted, isLeft, isNoise } from "./noise.ts";

const HOUR = 3_600_000;
const size = { path: "spec.size", expected: 1, actual: 2 };

const after = (times: number): readonly SetBack[] => {
  let all: readonly SetBack[] = [];
  for (let time = 0; time < times; time += 1) all = counted(all, [size], time);
  return all;
};

it("the same in the same place is counted, something else is counted anew", () => {
  expect(countOf(after(2), size)?.times).toBe(2);
  expect(countOf(counted(after(2), [{ ...size, actual: 3 }], 5), { ...size, actual: 3 })?.times).toBe(1);
});

it(`after ${LIMIT} times it is noise, and left for longer each time, a day at most`, () => {
  expect(isNoise(countOf(after(LIMIT - 1), size))).toBe(false);
  expect(isNoise(countOf(after(LIMIT), size))).toBe(true);
  const pauses = [LIMIT, LIMIT + 1, LIMIT + 5, LIMIT + 30].map((times) => {
    const count = countOf(after(times), size);
    return Date.parse(count?.next ?? "") - Date.parse(count?.at ?? "");
  });
  expect(pauses).toEqual([HOUR / 6, HOUR / 3, (32 * HOUR) / 6, 24 * HOUR]);
  expect(isLeft(countOf(after(LIMIT), size), HOUR / 10)).toBe(true);
  expect(isLeft(countOf(after(LIMIT), size), HOUR)).toBe(false);
});

it("what stays away for a day is forgotten", () => {
  const all = counted(after(2), [{ path: "spec.other" }], 25 * HOUR);
  expect(all.map(({ path }) => path)).toEqual(["spec.other"]);
});
