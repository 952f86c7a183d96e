import { expect, test } from "vitest";
import { ask, askRange, MINUTE, refusal, seriesOf } from "./fixtures/ask.ts";

const options = { experimental: true };
const series = seriesOf({
  'm{instance="a", job="1"}': [1, 2, 3],
  'm{instance="b", job="1"}': [4, 5, 6],
  'target_info{instance="a", job="1", version="1", os="linux"}': [1, 1, "stale"],
  'target_info{instance="a", job="1", version="2", os="linux"}': ["_", "_", 1],
  'build_info{instance="a", job="1", os="windows"}': [1, 1, 1],
});

test("series get the labels that target_info has for them at the time", () => {
  expect(askRange(series, "info(m)", [0, 2 * MINUTE, MINUTE], options)).toEqual([
    'm{instance="a", job="1", os="linux", version="1"} 0s:1 60s:2',
    'm{instance="a", job="1", os="linux", version="2"} 120s:3',
    'm{instance="b", job="1"} 0s:4 60s:5 120s:6',
  ]);
});

test("the labels wanted can be listed, and required", () => {
  expect(ask(series, 'info(m, {version=~".+"})', 0, options)).toEqual([
    'm{instance="a", job="1", version="1"} 1',
  ]);
});

test("info metrics that say different things of one label are refused", () => {
  expect(refusal(() => ask(series, 'info(m, {__name__=~".+_info"})', 0, options)).message).toContain(
    "conflicting label",
  );
});
