import { expect, test } from "vitest";
import { instantQuery, rangeQuery } from "./engine.ts";
import { ask, MINUTE, refusal, rising, seriesOf } from "./fixtures/ask.ts";

const series = seriesOf(
  Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`c_total{n="${at}"}`, rising(61)])),
);

test("a query that reads too many samples is refused with what to do", () => {
  const error = refusal(() =>
    instantQuery(series, "sum(rate(c_total[1h]))", 60 * MINUTE, { maxSamples: 1000 }),
  );
  expect(error.kind).toBe("execution");
  expect(error.message).toContain("query processing would load too many samples");
  expect(error.hint).toContain("more matchers");
});

test("a query that makes too many samples is refused", () => {
  const run = () => rangeQuery(series, "c_total", 0, 60 * MINUTE, 1000, { maxSamples: 10_000 });
  expect(refusal(run).message).toContain("the limit is 10000");
});

test("what is summed up on the way does not count once it is done with", () => {
  const options = { maxSamples: 4000 };
  const { value } = rangeQuery(series, "sum(rate(c_total[5m]))", 0, 60 * MINUTE, MINUTE, options);
  expect(value).toMatchObject({ series: [{ points: { length: 60 } }] });
});

test("a query says how many samples it touched", () => {
  expect(instantQuery(series, "c_total", 60 * MINUTE).samples).toBe(250);
});

test.each([
  "count_over_time(vector(1)[200y:1ms])",
  "sum_over_time(rate(c_total[1m])[290y:1s])",
  "max_over_time(c_total[290y:1ms])",
])("%s asks for more steps than there may be samples, and is refused before it makes them", (query) => {
  expect(refusal(() => ask(series, query, 60 * MINUTE)).message).toContain("would load too many samples");
});

test("so does a range of too many steps", () => {
  const run = () => rangeQuery(series, "vector(1)", 0, 1e15, 1);
  expect(refusal(run).message).toContain("would load too many samples");
});

test("the longest chain of operators that is parsed is evaluated", () => {
  expect(ask(series, `1${" + 1".repeat(1000)}`, 0)).toEqual(["1001"]);
  expect(ask(series, `${"(".repeat(150)}1${")".repeat(150)}`, 0)).toEqual(["1"]);
  expect(ask(series, `c_total${" + c_total".repeat(999)}`, 0)).toHaveLength(50);
});

test("a query that takes too long is given up", () => {
  let time = 0;
  const options = { now: () => (time += 10), deadline: 5 };
  const error = refusal(() => ask(series, "sum(c_total)", 60 * MINUTE, options));
  expect(error.kind).toBe("timeout");
  expect(error.hint).toContain("fewer series");
});

test("the clock is looked at while one series is worked on", () => {
  let time = 0;
  const options = { now: () => (time += 1), deadline: 10 };
  const run = () => instantQuery(series, "sum_over_time(sum_over_time(vector(1)[2h:1s])[2h:1s])", 0, options);
  expect(refusal(run).kind).toBe("timeout");
});

test.each([
  [
    "c_total[5m]",
    0,
    1,
    'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
  ],
  ['"text"', 0, 1, 'invalid expression type "string" for range query, must be Scalar or instant Vector'],
  ["c_total", 0, 0, "zero or negative query resolution step widths are not accepted"],
  ["c_total", 2, 1, "end timestamp must not be before start time"],
])("the range query %s from %i with a step of %i is refused: %s", (query, start, step, message) => {
  expect(refusal(() => rangeQuery(series, query, start, 1, step)).message).toBe(message);
});
