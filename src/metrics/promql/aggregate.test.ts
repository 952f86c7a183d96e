import { expect, test } from "vitest";
import { instantQuery } from "./engine.ts";
import { ask, askRange, MINUTE, refusal, seriesOf } from "./fixtures/ask.ts";

const load = seriesOf({
  'load{job="api", host="a"}': [1, 10],
  'load{job="api", host="b"}': [3, Number.NaN],
  'load{job="db", host="a"}': [5, 30],
});

test.each([
  ["sum(load)", ["{} 9"]],
  ["sum by (job) (load)", ['{job="api"} 4', '{job="db"} 5']],
  ["sum without (host) (load)", ['{job="api"} 4', '{job="db"} 5']],
  ["avg by (host) (load)", ['{host="a"} 3', '{host="b"} 3']],
  ["min(load)", ["{} 1"]],
  ["max by (nothing) (load)", ["{} 5"]],
  ["count by (job) (load)", ['{job="api"} 2', '{job="db"} 1']],
  ["group(load)", ["{} 1"]],
  ["stdvar by (job) (load)", ['{job="api"} 1', '{job="db"} 0']],
  ["stddev(load)", [`{} ${Math.sqrt(8 / 3)}`]],
  ["quantile(0.5, load)", ["{} 3"]],
  ["quantile by (job) (0.25, load)", ['{job="api"} 1.5', '{job="db"} 5']],
  ["topk(2, load)", ['load{host="a", job="db"} 5', 'load{host="b", job="api"} 3']],
  ["bottomk by (job) (1, load)", ['load{host="a", job="api"} 1', 'load{host="a", job="db"} 5']],
  ["count_values('v', load > 2)", ['{v="3"} 1', '{v="5"} 1']],
  ["sum(nothing)", []],
])("%s", (query, expected) => {
  expect(ask(load, query, 0)).toEqual(expected);
});

test("each step has its own sums and its own best", () => {
  expect(askRange(load, "sum by (job) (load)", [0, MINUTE, MINUTE])).toEqual([
    '{job="api"} 0s:4 60s:NaN',
    '{job="db"} 0s:5 60s:30',
  ]);
  const swap = seriesOf({ 'x{a="1"}': [1, 9], 'x{a="2"}': [5, 5] });
  expect(askRange(swap, "topk(1, x)", [0, MINUTE, MINUTE])).toEqual(['x{a="1"} 60s:9', 'x{a="2"} 0s:5']);
});

test("NaN is neither the least nor the greatest, unless there is nothing else", () => {
  expect(ask(load, "min by (host) (load)", MINUTE)).toEqual(['{host="a"} 10', '{host="b"} NaN']);
  expect(ask(load, "topk(3, load)", MINUTE).at(-1)).toBe('load{host="b", job="api"} NaN');
});

test("labels settle ties, so that the same rows are chosen at every step", () => {
  const ties = seriesOf({ 'x{a="2"}': [1, 1], 'x{a="1"}': [1, 1], 'x{a="3"}': [1, 1] });
  expect(askRange(ties, "topk(2, x)", [0, MINUTE, MINUTE])).toEqual([
    'x{a="1"} 0s:1 60s:1',
    'x{a="2"} 0s:1 60s:1',
  ]);
});

test("sums keep what is small beside what cancels out", () => {
  const large = seriesOf({ 'x{a="1"}': [1], 'x{a="2"}': [1e100], 'x{a="3"}': [1], 'x{a="4"}': [-1e100] });
  expect(ask(large, "sum(x)", 0)).toEqual(["{} 2"]);
  expect(ask(large, "avg(x)", 0)).toEqual(["{} 0.5"]);
});

test("a mean of values whose sum is too large is right", () => {
  const huge = seriesOf({ 'x{a="1"}': [1.5e308], 'x{a="2"}': [1.5e308] });
  expect(ask(huge, "avg(x)", 0)).toEqual(["{} 1.5e+308"]);
});

test("many series are summed in blocks to the same result", () => {
  const many = seriesOf(
    Object.fromEntries(
      Array.from({ length: 1000 }, (_, at) => [`c_total{n="${at}", m="${at % 3}"}`, [0, 60 * (at + 1)]]),
    ),
  );
  expect(ask(many, "sum(increase(c_total[1m1ms]))", MINUTE)).toEqual([`{} ${30_030_000}`]);
  expect(ask(many, "count by (m) (rate(c_total[2m]))", MINUTE)).toEqual([
    '{m="0"} 334',
    '{m="1"} 333',
    '{m="2"} 333',
  ]);
});

test("a parameter that is no number of rows is refused", () => {
  expect(refusal(() => ask(load, "topk(NaN, load)", 0))).toMatchObject({
    kind: "execution",
    message: "Parameter value is NaN",
  });
  expect(ask(load, "topk(0, load)", 0)).toEqual([]);
});

test("a quantile outside 0 to 1 is infinite, with a warning", () => {
  const { value, warnings } = instantQuery(load, "quantile(2, load)", 0);
  expect(value).toMatchObject({ samples: [{ value: Number.POSITIVE_INFINITY }] });
  expect(warnings).toEqual(["PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"]);
});
