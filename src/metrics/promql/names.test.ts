import { expect, test } from "vitest";
import { ask, askRange, MINUTE, refusal, seriesOf } from "./fixtures/ask.ts";

const series = seriesOf({
  'a_total{x="1", __type__="counter", __unit__="s"}': [1, 2],
  'b_total{x="1", __type__="counter", __unit__="s"}': [3, 4],
});
const delayed = { delayedNameRemoval: true };

test("names go where a result is no longer that metric, and stay where it is", () => {
  for (const query of ["-a_total", "a_total + 1", "abs(a_total)", "rate(a_total[2m])", "a_total > bool 0"])
    for (const options of [{}, delayed]) expect(ask(series, query, MINUTE, options)[0]).toMatch(/^\{/);
  for (const query of [
    "a_total > 0",
    "last_over_time(a_total[2m])",
    "topk(1, a_total)",
    "a_total and a_total",
    "sort(a_total)",
  ])
    for (const options of [{}, delayed]) expect(ask(series, query, MINUTE, options)[0]).toMatch(/^a_total\{/);
});

test("series of several metrics that become the same are refused", () => {
  const run = () => ask(series, '-{__name__=~"._total"}', MINUTE);
  expect(refusal(run).message).toBe("vector cannot contain metrics with the same labelset");
  expect(refusal(() => ask(series, '-{__name__=~"._total"}', MINUTE, delayed)).message).toBe(
    "vector cannot contain metrics with the same labelset",
  );
});

test("those that take turns become one series", () => {
  const turns = seriesOf({ a: [1, "stale"], b: ["_", 2] });
  for (const options of [{}, delayed])
    expect(askRange(turns, '-{__name__=~"a|b"}', [0, MINUTE, MINUTE], options)).toEqual(["{} 0s:-1 60s:-2"]);
});

test("with delayed removal an aggregation can still group by the name", () => {
  const query = 'sum by (__name__) (rate({__name__=~"._total"}[2m]))';
  expect(refusal(() => ask(series, query, MINUTE)).kind).toBe("execution");
  expect(refusal(() => ask(series, query, MINUTE, delayed)).kind).toBe("execution");
  const kept = 'label_replace(rate({__name__=~"._total"}[2m]), "name", "$1", "__name__", "(.*)")';
  expect(ask(series, kept, MINUTE, delayed)).toHaveLength(2);
});

test("type and unit go with the name when they are its labels", () => {
  expect(ask(series, "a_total * 2", 0)).toEqual(['{__type__="counter", __unit__="s", x="1"} 2']);
  expect(ask(series, "a_total * 2", 0, { typeAndUnitLabels: true })).toEqual(['{x="1"} 2']);
});
