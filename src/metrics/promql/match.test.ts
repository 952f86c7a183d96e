import { expect, test } from "vitest";
import { ask, askRange, MINUTE, refusal, seriesOf } from "./fixtures/ask.ts";

const series = seriesOf({
  'errors{method="get", code="500"}': [24],
  'errors{method="get", code="404"}': [30],
  'errors{method="post", code="500"}': [6],
  'requests{method="get", team="x"}': [600],
  'requests{method="del", team="y"}': [34],
  'requests{method="post", team="z"}': [120],
});

test.each([
  ['errors{code="500"} / ignoring (code, team) requests', ['{method="get"} 0.04', '{method="post"} 0.05']],
  ['errors{code="500"} / on (method) requests', ['{method="get"} 0.04', '{method="post"} 0.05']],
  [
    "errors / on (method) group_left (team) requests",
    [
      '{code="500", method="get", team="x"} 0.04',
      '{code="404", method="get", team="x"} 0.05',
      '{code="500", method="post", team="z"} 0.05',
    ],
  ],
  [
    "requests - on (method) group_right errors > 500",
    ['{code="500", method="get"} 576', '{code="404", method="get"} 570'],
  ],
  ["errors > 10 < 30", ['errors{code="500", method="get"} 24']],
  [
    "errors > bool 10",
    ['{code="500", method="get"} 1', '{code="404", method="get"} 1', '{code="500", method="post"} 0'],
  ],
  ["100 / requests{method='del'}", [`{method="del", team="y"} ${100 / 34}`]],
  ["20 < errors", ['errors{code="500", method="get"} 24', 'errors{code="404", method="get"} 30']],
  [
    "requests and on (method) errors",
    ['requests{method="get", team="x"} 600', 'requests{method="post", team="z"} 120'],
  ],
  ["requests unless on (method) errors", ['requests{method="del", team="y"} 34']],
  [
    "errors{code='404'} or on (method) errors",
    ['errors{code="404", method="get"} 30', 'errors{code="500", method="post"} 6'],
  ],
  ["requests + errors", []],
  ["-errors{code='404'}", ['{code="404", method="get"} -30']],
  ["2 ^ 3 ^ 2", ["512"]],
  ["-1 ^ 2", ["-1"]],
  ["-7 % 4", ["-3"]],
  ["1 / 0 - 1", ["Infinity"]],
  ["1 == bool 1", ["1"]],
])("%s", (query, expected) => {
  expect(ask(series, query, 0)).toEqual(expected);
});

test("a comparison between vectors keeps the left sample, with its name", () => {
  expect(ask(series, "errors == errors", 0)).toHaveLength(3);
  expect(ask(series, "errors{code='404'} < on (method) group_left requests", 0)).toEqual([
    'errors{code="404", method="get"} 30',
  ]);
});

test("two samples of the one side are refused by name", () => {
  const error = refusal(() => ask(series, "requests / on (method) errors", 0));
  expect(error.kind).toBe("execution");
  expect(error.message).toBe(
    'found duplicate series for the match group {method="get"} on the right hand-side of the operation: ' +
      '[{__name__="errors", code="404", method="get"}, {__name__="errors", code="500", method="get"}];' +
      "many-to-many matching not allowed: matching labels must be unique on one side",
  );
  expect(error.hint).toContain("Aggregate that side");
});

test("two samples that meet the same one are refused unless grouping is asked for", () => {
  expect(refusal(() => ask(series, "errors / on (method) requests", 0)).message).toBe(
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
  );
  expect(refusal(() => ask(series, "errors > on (method) requests", 0)).message).toContain("many-to-one");
});

test("results that would be the same series are refused", () => {
  expect(
    refusal(() => ask(series, "errors * on (method) group_left (code) (requests * 0 + 1)", 0)).message,
  ).toBe("multiple matches for labels: grouping labels must ensure unique matches");
});

test("series that take turns in a group are matched step by step", () => {
  const turns = seriesOf({
    'a{k="1"}': [1, 2, 3],
    'b{k="1", v="old"}': [10, "stale"],
    'b{k="1", v="new"}': ["_", 20, 30],
  });
  const times = [0, 2 * MINUTE, MINUTE] as const;
  expect(askRange(turns, "a * on (k) b", times)).toEqual(['{k="1"} 0s:10 60s:40 120s:90']);
  expect(askRange(turns, "a * on (k) group_left (v) b", times)).toEqual([
    '{k="1", v="new"} 60s:40 120s:90',
    '{k="1", v="old"} 0s:10',
  ]);
});

test("a missing side is filled where that is asked for", () => {
  const gaps = seriesOf({ 'l{a="1"}': [1], 'l{a="2"}': [2], 'r{a="2"}': [20], 'r{a="3"}': [30] });
  const options = { experimental: true };
  expect(ask(gaps, "l + fill(0) r", 0, options)).toEqual(['{a="1"} 1', '{a="2"} 22', '{a="3"} 30']);
  expect(ask(gaps, "l + fill_right(5) r", 0, options)).toEqual(['{a="1"} 6', '{a="2"} 22']);
});

test("operators work on NaN and infinity as floats do", () => {
  const odd = seriesOf({
    'x{a="nan"}': [Number.NaN],
    'x{a="inf"}': [Number.POSITIVE_INFINITY],
    'x{a="one"}': [1],
  });
  expect(ask(odd, "x == x", 0)).toEqual(['x{a="inf"} +Inf', 'x{a="one"} 1']);
  expect(ask(odd, "1 ^ x", 0)).toEqual(['{a="nan"} 1', '{a="inf"} 1', '{a="one"} 1']);
});
