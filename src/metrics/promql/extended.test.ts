import { expect, test } from "vitest";
import { ask, refusal, SECOND, seriesOf } from "./fixtures/ask.ts";

const counter = seriesOf({ c_total: [1, 2, 3, 4, 5, 9, 10, 11, 12, 13] }, 15 * SECOND);
const options = { experimental: true };

test.each([
  ["increase(c_total[1m] anchored)", 50, "{} 3"],
  ["increase(c_total[1m] anchored)", 80, "{} 7"],
  ["rate(c_total[1m] anchored)", 65, `{} ${4 / 60}`],
  ["increase(c_total[1m] smoothed)", 65, "{} 5"],
  ["increase(c_total[30s] smoothed)", 40, "{} 2"],
  ["changes(c_total[30s] anchored)", 45, "{} 2"],
  ["resets(c_total[30s] anchored)", 45, "{} 0"],
  ["c_total smoothed", 40, `c_total ${3 + 10 / 15}`],
])("%s at %i s is %s", (query, time, expected) => {
  const [line = ""] = ask(counter, query, time * SECOND, options);
  expect(line.slice(0, line.indexOf(" "))).toBe(expected.slice(0, expected.indexOf(" ")));
  expect(Number(line.split(" ").at(-1))).toBeCloseTo(Number(expected.split(" ").at(-1)), 10);
});

test("other functions know neither", () => {
  expect(refusal(() => ask(counter, "deriv(c_total[1m] anchored)", 0, options)).message).toBe(
    "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with deriv",
  );
});
