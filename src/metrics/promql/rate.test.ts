import { expect, test } from "vitest";
import { instantQuery } from "./engine.ts";
import { ask, askRange, MINUTE, rising, SECOND, seriesOf } from "./fixtures/ask.ts";

const steady = seriesOf({ 'c_total{a="x"}': rising(241, 5) }, 15 * SECOND);

test("a counter that rises steadily has the same rate over any range", () => {
  for (const range of ["1m", "5m", "17m"])
    expect(ask(steady, `round(rate(c_total[${range}]), 0.0001)`, 40 * MINUTE)).toEqual(['{a="x"} 0.3333']);
});

test("an increase is the rate times the range, extrapolated to its ends", () => {
  expect(ask(steady, "increase(c_total[5m])", 40 * MINUTE)).toEqual(['{a="x"} 100']);
});

test("what a counter lost in a reset is added", () => {
  const reset = seriesOf({ c_total: [0, 10, 20, 5, 15] });
  expect(ask(reset, "increase(c_total[4m1ms])", 4 * MINUTE)).toEqual(["{} 35"]);
});

test("extrapolation stops at half a distance where samples end early, and at zero for counters", () => {
  const late = seriesOf({
    'c_total{a="late"}': ["_", "_", "_", "_", "_", "_", 100, 110, 120],
    'c_total{a="new"}': ["_", "_", "_", "_", "_", "_", 0, 10, 20],
  });
  expect(ask(late, "increase(c_total[8m])", 8 * MINUTE)).toEqual(['{a="late"} 25', '{a="new"} 20']);
});

test("a gauge's delta may fall", () => {
  const gauge = seriesOf({ g: [10, 8, 6, 4, 2, 0] });
  expect(ask(gauge, "delta(g[5m])", 5 * MINUTE)).toEqual(["{} -10"]);
  expect(ask(gauge, "idelta(g[5m])", 5 * MINUTE)).toEqual(["{} -2"]);
});

test("one sample has no rate", () => {
  expect(ask(steady, "rate(c_total[15s])", 40 * MINUTE)).toEqual([]);
});

test("the last two samples make an irate, also after a reset", () => {
  const reset = seriesOf({ c_total: [0, 100, 30] });
  expect(ask(reset, "irate(c_total[5m])", 2 * MINUTE)).toEqual(["{} 0.5"]);
});

test("every step of a range query has its own window", () => {
  const jump = seriesOf({ c_total: [0, 0, 0, 60, 60, 60] });
  expect(askRange(jump, "increase(c_total[1m1s]) > 0", [0, 5 * MINUTE, MINUTE])).toEqual(["{} 180s:60"]);
});

test("a rate of what is not named as a counter is noted once", () => {
  const odd = seriesOf({ 'odd{a="x"}': rising(5), 'odd{a="y"}': rising(5) });
  const { infos, warnings } = instantQuery(odd, "sum(rate(odd[4m]))", 4 * MINUTE);
  expect(warnings).toEqual([]);
  expect(infos).toEqual([
    'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "odd" (1:10)',
  ]);
});
