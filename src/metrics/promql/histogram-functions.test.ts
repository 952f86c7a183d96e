import { expect, test } from "vitest";
import { parseHistogram } from "../native-histogram/notation.ts";
import { instantQuery } from "./engine.ts";
import { ask, MINUTE, refusal, seriesOf } from "./fixtures/ask.ts";

const classic = seriesOf({
  'lat_bucket{job="a", le="0.1"}': [10],
  'lat_bucket{job="a", le="0.5"}': [60],
  'lat_bucket{job="a", le="1.0"}': [90],
  'lat_bucket{job="a", le="+Inf"}': [100],
  'lat_bucket{job="b", le="0.1"}': [0],
  'lat_bucket{job="b", le="+Inf"}': [0],
});

test.each([
  ["histogram_quantile(0.5, lat_bucket)", ['{job="a"} 0.42000000000000004', '{job="b"} NaN']],
  ["histogram_quantile(0, lat_bucket{job='a'})", ['{job="a"} 0']],
  ["histogram_quantile(1, lat_bucket{job='a'})", ['{job="a"} 1']],
  ["histogram_quantile(0.05, sum by (le) (lat_bucket{job='a'}))", ["{} 0.05"]],
  ["histogram_quantile(-1, lat_bucket{job='a'})", ['{job="a"} -Inf']],
  ["histogram_quantile(2, lat_bucket{job='a'})", ['{job="a"} +Inf']],
  ["histogram_quantile(0.5, lat_bucket{le!='+Inf'})", ['{job="a"} NaN', '{job="b"} NaN']],
  ["histogram_fraction(0, 0.3, lat_bucket{job='a'})", ['{job="a"} 0.35']],
  ["histogram_fraction(-Inf, +Inf, lat_bucket{job='a'})", ['{job="a"} 1']],
])("%s", (query, expected) => {
  expect(ask(classic, query, 0)).toEqual(expected);
});

test("several quantiles at once are told apart by a label", () => {
  const lines = ask(classic, "histogram_quantiles(lat_bucket{job='a'}, 'q', 0, 0.5, 1)", 0, {
    experimental: true,
  });
  expect(lines).toEqual([
    '{job="a", q="0.0"} 0',
    '{job="a", q="0.5"} 0.42000000000000004',
    '{job="a", q="1.0"} 1',
  ]);
  const same = () => ask(classic, "histogram_quantiles(lat_bucket, 'job', 0.5)", 0, { experimental: true });
  expect(refusal(same).message).toBe("vector cannot contain metrics with the same labelset");
});

test("counts that fall from bucket to bucket are mended, with an info", () => {
  const broken = seriesOf({
    'x_bucket{le="1"}': [10],
    'x_bucket{le="2"}': [5],
    'x_bucket{le="3"}': [20],
    'x_bucket{le="+Inf"}': [20],
  });
  const { value, infos } = instantQuery(broken, "histogram_quantile(0.75, x_bucket)", 0);
  expect(value).toMatchObject({ samples: [{ value: 2.5 }] });
  expect(infos).toEqual([
    expect.stringMatching(
      /^PromQL info: input to histogram_quantile needed to be fixed for monotonicity .* \(1:26\)$/,
    ),
  ]);
});

test("a bucket without a bound is left out, with a warning", () => {
  const odd = seriesOf({ 'x{le="much"}': [1] });
  expect(instantQuery(odd, "histogram_quantile(0.5, x)", 0)).toMatchObject({
    value: { samples: [] },
    warnings: [
      'PromQL warning: bucket label "le" is missing or has a malformed value of "much" for metric name "x" (1:25)',
    ],
  });
});

const { histogram } = parseHistogram("{{schema:0 sum:30 count:12 buckets:[4 8]}}");
const twice = parseHistogram("{{schema:0 sum:60 count:24 buckets:[8 16]}}").histogram;
const native = seriesOf({
  'h{job="a"}': [histogram, twice],
  'h{job="b"}': [histogram, 7],
  'f{job="a"}': [3, 3],
});

test.each([
  ["histogram_count(h)", ['{job="a"} 12', '{job="b"} 12']],
  ["histogram_sum(h)", ['{job="a"} 30', '{job="b"} 30']],
  ["histogram_avg(sum(h))", ["{} 2.5"]],
  ["histogram_count(sum by (job) (h) * 2)", ['{job="a"} 24', '{job="b"} 24']],
  ["histogram_quantile(1, h{job='a'})", ['{job="a"} 2']],
  ["histogram_fraction(1, 2, h{job='a'})", ['{job="a"} 0.6666666666666666']],
  ["histogram_count(h - h)", ['{job="a"} 0', '{job="b"} 0']],
  ["abs(h)", []],
  ["histogram_count(f)", []],
  ["count(h)", ["{} 2"]],
  ["h == h", ['h{job="a"}', 'h{job="b"}']],
])("of native histograms, %s", (query, expected) => {
  const lines = ask(native, query, 0);
  expect(
    lines.map((line, at) =>
      expected[at]?.endsWith("}") === true ? line.slice(0, line.indexOf(" {{")) : line,
    ),
  ).toEqual(expected);
});

test("the rate of a native histogram is one", () => {
  expect(ask(native, "round(histogram_count(increase(h{job='a'}[1m1ms])))", MINUTE)).toEqual([
    '{job="a"} 12',
  ]);
});

test("floats beside histograms are told of, not mixed", () => {
  expect(instantQuery(native, "sum(h)", MINUTE)).toMatchObject({
    value: { samples: [] },
    warnings: ["PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)"],
  });
  expect(instantQuery(native, "rate(h{job='b'}[2m])", MINUTE).warnings).toEqual([
    'PromQL warning: encountered a mix of histograms and floats for metric name "h" (1:6)',
  ]);
  expect(instantQuery(native, "h + f", 0).infos).toEqual([
    'PromQL info: incompatible sample types encountered for binary operator "+": histogram + float (1:1)',
  ]);
});
