import { expect, test } from "vitest";
import { instantQuery } from "./engine.ts";
import { ask, askRange, MINUTE, refusal, SECOND, seriesOf } from "./fixtures/ask.ts";

const gauge = seriesOf({ 'g{host="a1", zone="x"}': [3, -1.5, 4, 4, 2] });
const NOW = 4 * MINUTE;

test.each([
  ["abs(g offset 3m)", "1.5"],
  ["ceil(g offset 3m)", "-1"],
  ["floor(g offset 3m)", "-2"],
  ["round(g offset 3m)", "-1"],
  ["round(g / 3, 0.25)", "0.75"],
  ["sgn(g offset 3m)", "-1"],
  ["sqrt(g)", String(Math.SQRT2)],
  ["exp(g)", String(Math.exp(2))],
  ["ln(g)", String(Math.LN2)],
  ["log2(g)", "1"],
  ["log10(g * 50)", "2"],
  ["clamp(g, 0, 1)", "1"],
  ["clamp_min(g, 7)", "7"],
  ["clamp_max(g, 1)", "1"],
  ["deg(g * 0 + pi())", "180"],
  ["rad(g * 90)", String(Math.PI)],
  ["timestamp(g offset 90s)", "120"],
  ["avg_over_time(g[5m1s])", "2.3"],
  ["sum_over_time(g[5m1s])", "11.5"],
  ["min_over_time(g[5m1s])", "-1.5"],
  ["max_over_time(g[5m1s])", "4"],
  ["count_over_time(g[2m])", "2"],
  ["last_over_time(g[2m])", "2"],
  ["present_over_time(g[2m])", "1"],
  ["stdvar_over_time(g[2m1s])", String(8 / 9)],
  ["quantile_over_time(0.5, g[5m1s])", "3"],
  ["changes(g[5m1s])", "3"],
  ["resets(g[5m1s])", "2"],
  ["deriv(g[2m1s])", String(-1 / 60)],
  ["predict_linear(g[2m1s], 60)", String(10 / 3 - 2)],
  ["mad_over_time(g[5m1s])", "1"],
  ["first_over_time(g[2m])", "4"],
  ["ts_of_max_over_time(g[5m1s])", "180"],
  ["ts_of_min_over_time(g[5m1s])", "60"],
  ["ts_of_first_over_time(g[2m])", "180"],
  ["ts_of_last_over_time(g[2m])", "240"],
])("%s is %s", (query, expected) => {
  const [line = "", ...rest] = ask(gauge, query, NOW, { experimental: true });
  expect(rest).toEqual([]);
  expect(Number(line.split(" ").at(-1))).toBeCloseTo(Number(expected), 12);
});

test("clamping to nothing leaves nothing", () => {
  expect(ask(gauge, "clamp(g, 2, 1)", NOW)).toEqual([]);
});

test("smoothing factors lie between 0 and 1", () => {
  expect(refusal(() => ask(gauge, "holt_winters(g[5m], 2, 0.1)", NOW)).message).toContain(
    "invalid smoothing factor",
  );
  expect(ask(gauge, "holt_winters(g[2m1s], 1, 1)", NOW)).toEqual(['{host="a1", zone="x"} 2']);
});

test.each([
  [0, "1970 1 1 4 0 0 31 1"],
  [1_582_934_399, "2020 2 28 5 23 59 29 59"],
  [-1, "1969 12 31 3 23 59 31 365"],
])("at %i seconds the calendar shows %s", (time, expected) => {
  const parts = [
    "year",
    "month",
    "day_of_month",
    "day_of_week",
    "hour",
    "minute",
    "days_in_month",
    "day_of_year",
  ];
  const shown = parts.map((part) => ask(gauge, `${part}()`, time * SECOND)[0]?.slice(3));
  expect(shown.join(" ")).toBe(expected);
  expect(ask(gauge, `year(vector(${time}))`, 0)[0]?.slice(3)).toBe(expected.split(" ")[0]);
});

test("a scalar is the only number at a step, and NaN otherwise", () => {
  const two = seriesOf({ 'x{a="1"}': [1, 1], 'x{a="2"}': ["_", 2] });
  expect(askRange(two, "scalar(x)", [0, MINUTE, MINUTE])).toEqual(["{} 0s:1 60s:NaN"]);
  expect(ask(two, "scalar(nothing)", 0)).toEqual(["NaN"]);
  expect(ask(two, "vector(3)", 0)).toEqual(["{} 3"]);
});

test.each([
  ['label_replace(g, "short", "$1", "host", "([a-z]+)[0-9]+")', 'g{host="a1", short="a", zone="x"} 2'],
  [
    'label_replace(g, "short", "${letter}-$$", "host", "(?P<letter>.).*")',
    'g{host="a1", short="a-$", zone="x"} 2',
  ],
  ['label_replace(g, "short", "$1", "host", "nothing")', 'g{host="a1", zone="x"} 2'],
  ['label_replace(g, "zone", "", "host", ".*")', 'g{host="a1"} 2'],
  ['label_replace(g, "__name__", "h", "host", ".*")', 'h{host="a1", zone="x"} 2'],
  ['label_join(g, "both", "-", "zone", "host", "missing")', 'g{both="x-a1-", host="a1", zone="x"} 2'],
])("%s", (query, expected) => {
  expect(ask(gauge, query, NOW)).toEqual([expected]);
});

test("labels that come to be the same series are refused", () => {
  const two = seriesOf({ 'x{a="1"}': [1], 'x{a="2"}': [2] });
  const error = refusal(() => ask(two, 'label_replace(x, "a", "same", "", "")', 0));
  expect(error).toMatchObject({
    kind: "execution",
    message: "vector cannot contain metrics with the same labelset",
  });
  expect(refusal(() => ask(two, 'label_replace(x, "b", "", "a", "(")', 0)).message).toContain(
    "invalid regular expression in label_replace()",
  );
  expect(refusal(() => ask(two, 'label_join(x, "\\xff", "", "a")', 0)).message).toBe(
    'invalid destination label name in label_join: "\\xff"',
  );
});

test("sorting puts NaN last, and counts digits in labels as numbers", () => {
  const series = seriesOf({ 'x{a="n10"}': [Number.NaN], 'x{a="n9"}': [2], 'x{a="n100"}': [1] });
  const order = (query: string) =>
    ask(series, query, 0, { experimental: true }).map((line) => line.split('"')[1]);
  expect(order("sort(x)")).toEqual(["n100", "n9", "n10"]);
  expect(order("sort_desc(x)")).toEqual(["n9", "n100", "n10"]);
  expect(order('sort_by_label(x, "a")')).toEqual(["n9", "n10", "n100"]);
  expect(order('sort_by_label_desc(x, "a")')).toEqual(["n100", "n10", "n9"]);
});

test("absence is 1 at the steps where nothing is, with the labels that were asked for", () => {
  expect(askRange(gauge, 'absent(g{zone="x", host=~".+"})', [NOW, NOW + 6 * MINUTE, 3 * MINUTE])).toEqual([
    '{zone="x"} 600s:1',
  ]);
  expect(ask(gauge, 'absent_over_time(h{zone="y"}[5m])', NOW)).toEqual(['{zone="y"} 1']);
  expect(ask(gauge, "absent(sum(h))", NOW)).toEqual(["{} 1"]);
});

test("a query can ask what it was asked", () => {
  const options = { experimental: true };
  const times = [MINUTE, 4 * MINUTE, 2 * MINUTE] as const;
  expect(askRange(gauge, "vector(start()) + end() / 1000 + step()", times, options)).toEqual([
    "{} 60s:180.24 180s:180.24",
  ]);
  expect(ask(gauge, "range() + step()", NOW, options)).toEqual(["0"]);
  expect(ask(gauge, "max_of(1, min_of(5, 3))", NOW, options)).toEqual(["3"]);
});

test("text is answered as it is", () => {
  expect(instantQuery(gauge, '("a\\tb")', 5).value).toEqual({ type: "string", time: 5, value: "a\tb" });
});
