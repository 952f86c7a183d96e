import { expect, test } from "vitest";
import { ask, askRange, MINUTE, rising, SECOND, seriesOf } from "./fixtures/ask.ts";

const up = seriesOf({ up: [1, 2, "stale", 4] });

test.each([
  [0, ["up{} 1"]],
  [59, ["up{} 1"]],
  [60, ["up{} 2"]],
  [120, []],
  [150, []],
  [180, ["up{} 4"]],
  [479.999, ["up{} 4"]],
  [480, []],
])(
  "at %i s the last sample of at most five minutes is seen, exclusively, up to a mark of staleness",
  (at, expected) => {
    expect(ask(up, "up", at * SECOND)).toEqual(expected.map((line) => line.replace("{}", "")));
  },
);

test("the lookback is an option", () => {
  expect(ask(up, "up", 240 * SECOND, { lookback: MINUTE })).toEqual([]);
  expect(ask(up, "up", 239 * SECOND, { lookback: MINUTE })).toEqual(["up 4"]);
});

test("a range is open on the left, and leaves marks of staleness out", () => {
  expect(ask(up, "up[3m]", 180 * SECOND)).toEqual(["up 60s:2 180s:4"]);
  expect(ask(up, "count_over_time(up[3m])", 180 * SECOND)).toEqual(["{} 2"]);
  expect(ask(up, "count_over_time(up[181s])", 180 * SECOND)).toEqual(["{} 3"]);
});

const counter = seriesOf({ 'c{a="x"}': rising(61) });

test("offset looks back, and ahead when negative", () => {
  expect(ask(counter, "c offset 5m", 10 * MINUTE)).toEqual(['c{a="x"} 5']);
  expect(ask(counter, "c offset -5m", 10 * MINUTE)).toEqual(['c{a="x"} 15']);
});

test("@ looks at one time, whatever the step", () => {
  const times = [0, 2 * MINUTE, MINUTE] as const;
  expect(askRange(counter, "c @ 600", times)).toEqual(['c{a="x"} 0s:10 60s:10 120s:10']);
  expect(askRange(counter, "c @ end() - c @ start()", times)).toEqual(['{a="x"} 0s:2 60s:2 120s:2']);
  expect(askRange(counter, "c @ 600 offset 1m", times)).toEqual(['c{a="x"} 0s:9 60s:9 120s:9']);
});

test("the end of a query is the one asked for, also when no step falls on it", () => {
  expect(askRange(counter, "c @ end()", [0, 3 * MINUTE, 2 * MINUTE])).toEqual(['c{a="x"} 0s:3 120s:3']);
});

test("steps of a subquery are multiples of its step, and its range is open on the left", () => {
  expect(ask(counter, "c[3m:1m]", 10 * MINUTE + 30 * SECOND)).toEqual(['c{a="x"} 480s:8 540s:9 600s:10']);
  expect(ask(counter, "c[3m:1m]", 10 * MINUTE)).toEqual(['c{a="x"} 480s:8 540s:9 600s:10']);
  expect(ask(counter, "c[3m:]", 10 * MINUTE)).toEqual(['c{a="x"} 480s:8 540s:9 600s:10']);
});

test("a subquery evaluates what is in it at its own steps", () => {
  expect(ask(counter, "max_over_time((c % 7)[10m:1m])", 20 * MINUTE)).toEqual(['{a="x"} 6']);
  expect(ask(counter, "sum_over_time(sum(c)[2m:1m] offset 5m)", 20 * MINUTE)).toEqual(["{} 29"]);
});

test("series of a metric that is not there are none", () => {
  expect(ask(counter, "nothing", 0)).toEqual([]);
  expect(ask(counter, 'absent(nothing{a="x", b=~"y"})', 0)).toEqual(['{a="x"} 1']);
  expect(ask(counter, "absent(c)", 0)).toEqual([]);
});
