/**
 * Runs the corpus of PromQL test scripts where it is: in `promql/` of the folder that TUTTI_CORPORA names, beside the
 * repository otherwise. It is no part of the repository, so without it only the runner is tested.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { run, runScript } from "./promql.ts";

const corpora = process.env["TUTTI_CORPORA"] ?? join(import.meta.dirname, "../../../shared/corpora");
const corpus = join(corpora, "promql");

test.skipIf(!existsSync(corpus))(
  `every evaluation of the corpus answers what it should (skipped where there is no ${corpus})`,
  async () => {
    const problems: string[] = [];
    let passed = 0;
    for await (const suite of run(corpus)) {
      passed += suite.passed;
      problems.push(...suite.problems);
    }
    expect(problems).toEqual([]);
    expect(passed).toBeGreaterThan(2000);
  },
  120_000,
);

const DATA = `
load 1m
  requests_total{job="a"} 0+60x10
  requests_total{job="b"} 0 120 _ stale 10
  size {{schema:0 count:2 sum:3 buckets:[1 1]}}x10

`;

/** The first thing that is wrong with an evaluation of the data. */
function problemOf(evaluation: string): string {
  const { passed, failed, problems } = runScript("script", `${DATA}${evaluation}`);
  expect(passed + failed).toBe(1);
  return problems[0] ?? "";
}

describe("the runner", () => {
  test.each([
    `eval instant at 10m rate(requests_total{job="a"}[5m])\n {job="a"} 1`,
    `eval range from 0 to 4m step 1m requests_total{job="b"}\n requests_total{job="b"} 0 120 120 _ 10`,
    `eval instant at 2m size\n expect no_warn\n size {{count:2 sum:3 buckets:[1 1]}}`,
    `eval instant at 2m size\n size {{count:2 sum:3 buckets:[1 1] counter_reset_hint:not_reset}}`,
    `eval instant at 2m 1 + 1\n 2`,
    `eval instant at 2m "word"\n expect string "word"`,
    `eval instant at 2m requests_total{job="a"}[2m]\n expect range vector from 1m to 2m step 1m\n requests_total{job="a"} 60 120`,
    `eval instant at 2m sort(requests_total)\n expect ordered\n requests_total{job="a"} 120\n requests_total{job="b"} 120`,
    `eval instant at 2m quantile(2, requests_total)\n expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)\n {} Inf`,
    `eval instant at 2m quantile(2, requests_total)\n expect warn regex: between \\d and \\d\n {} Inf`,
    `eval instant at 2m requests_total offset\n expect fail`,
    `eval_fail instant at 2m rate(requests_total)`,
    `eval instant at 2m absent_metric`,
    `eval instant at 2m time()\n 120`,
  ])("passes what is right: %s", (evaluation) => {
    expect(problemOf(evaluation)).toBe("");
  });

  test.each([
    [`eval instant at 2m requests_total{job="a"}\n requests_total{job="a"} 121`, "120 instead of 121"],
    [`eval instant at 2m requests_total\n requests_total{job="a"} 120`, "not expected"],
    [`eval instant at 2m requests_total\n requests_total{job="c"} 120`, "is missing"],
    [
      `eval range from 0 to 2m step 1m requests_total{job="a"}\n requests_total{job="a"} 0 60`,
      "instead of nothing",
    ],
    [
      `eval range from 0 to 2m step 1m requests_total{job="a"}\n requests_total{job="a"} 0 60 120 180`,
      "nothing instead of 180",
    ],
    [`eval instant at 2m size\n size {{count:2 sum:3 buckets:[2]}}`, "instead of {{count:2"],
    [
      `eval instant at 2m size\n size {{count:2 sum:3 buckets:[1 1] counter_reset_hint:gauge}}`,
      "counter_reset_hint:gauge",
    ],
    [`eval instant at 2m quantile(2, requests_total)\n expect no_warn\n {} Inf`, "There is an annotation"],
    [
      `eval instant at 2m requests_total{job="a"}\n expect info\n requests_total{job="a"} 120`,
      "No info says",
    ],
    [
      `eval instant at 2m quantile(2, requests_total)\n expect warn msg: other\n {} Inf`,
      "No warn says other",
    ],
    [`eval instant at 2m requests_total{job="a"}\n expect fail`, "does not fail"],
    [`eval instant at 2m requests_total{\n expect fail msg: other`, "instead of 'other'"],
    [
      `eval instant at 2m sort_desc(requests_total)\n expect ordered\n requests_total{job="b"} 120\n requests_total{job="a"} 120`,
      "at place",
    ],
  ])("says what is wrong: %s", (evaluation, problem) => {
    expect(problemOf(evaluation)).toContain(problem);
  });

  test("a script that cannot be read is a failure, not a pass of nothing", () => {
    expect(runScript("script", "load 1m\n  metric 1 what")).toMatchObject({ passed: 0, failed: 1 });
    expect(runScript("script", "evaluate something")).toMatchObject({ passed: 0, failed: 1 });
  });

  test("evaluations that need experimental features are counted apart as well", () => {
    const { passed, experimental } = runScript(
      "script",
      `${DATA}eval instant at 2m count(limitk(1, requests_total))\n {} 1`,
    );
    expect(passed).toBe(1);
    expect(experimental).toEqual({ passed: 1, failed: 0 });
  });

  test("classic histograms are loaded as native ones too when asked to", () => {
    const script = `load_with_nhcb 1m
  latency_bucket{le="1"} 1 2
  latency_bucket{le="+Inf"} 3 5
  latency_count 3 5
  latency_sum 4 6

eval instant at 1m latency
  latency {{schema:-53 count:5 sum:6 custom_values:[1] buckets:[2 3]}}
`;
    expect(runScript("script", script)).toMatchObject({ passed: 1, failed: 0, problems: [] });
  });

  test("start times of samples are relative to them", () => {
    const script = `load 1m
  requests_total@st _ -30s-1mx1
  requests_total _ 5 9

eval range from 1m to 2m step 1m start_timestamp(requests_total)
  {} 30 30
`;
    expect(runScript("script", script)).toMatchObject({ passed: 1, failed: 0, problems: [] });
  });
});
