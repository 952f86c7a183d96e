/** Rule tests, each by ours and by Debian's promtool: they must agree whether it passes. */
import { expect, it } from "vitest";
import { promtool } from "./fixtures/promtool.ts";
import { type RuleTestResult, runRuleTests } from "./test-run.ts";

const RULES = `groups:
- name: alerts
  rules:
  - alert: Down
    expr: up == 0
    for: 5m
    labels: {severity: page, dc: "{{ $externalLabels.dc }}"}
    annotations: {summary: "{{ $labels.instance }} of {{ $labels.job }} is down", link: "{{ $externalURL }}"}
  - alert: Held
    expr: flapping > 0
    keep_firing_for: 3m
  - alert: Always
    expr: vector(1)
- name: sums
  rules:
  - record: job:requests:rate5m
    expr: sum by (job) (rate(requests_total[5m]))
    labels: {kind: rate}
  - record: sub
    expr: count_over_time(up[9m45s:])
  - record: ofAlerts
    expr: count by (alertname, alertstate) (ALERTS)
  - record: gone
    expr: up == 1
`;

function ours(test: string, rules = RULES): readonly RuleTestResult[] {
  const read = (pattern: string) => (pattern === "rules.yml" ? [{ file: pattern, text: rules }] : []);
  return runRuleTests([{ file: "test.yml", text: test }], { ruleFiles: read });
}

const HEAD = "rule_files: [rules.yml]\n";
/** Debian's 2.42 has no default for `interval`, and takes `0x20` for a hexadecimal number. */
const UP = `  interval: 1m
  input_series:
  - {series: 'up{job="api",instance="a:1"}', values: "1+0x2 0+0x20"}
  - {series: 'requests_total{job="api",instance="a:1"}', values: "0+60x30"}
  - {series: flapping, values: "0 1 0 0 0 0 0"}
`;

function alerts(time: string, name: string, expected: string): string {
  return `${HEAD}tests:\n- external_labels: {dc: eu}\n  external_url: http://x\n${UP}  alert_rule_test:\n  - {eval_time: ${time}, alertname: ${name}, exp_alerts: ${expected}}\n`;
}

function samples(expression: string, time: string, expected: string, head = HEAD): string {
  return `${head}tests:\n- external_labels: {dc: eu}\n${UP}  promql_expr_test:\n  - {expr: '${expression}', eval_time: ${time}, exp_samples: ${expected}}\n`;
}

const DOWN =
  '[{exp_labels: {severity: page, dc: eu, job: api, instance: "a:1"}, exp_annotations: {summary: "a:1 of api is down", link: "http://x"}}]';

const cases: readonly (readonly [title: string, passes: boolean, test: string, rules?: string])[] = [
  ["an alert that fires as expected", true, alerts("10m", "Down", DOWN)],
  ["an alert that is pending is none", true, alerts("7m59s", "Down", "[]")],
  ["an alert at the very moment it fires", true, alerts("8m", "Down", DOWN)],
  ["an alert between two evaluations is that of the one before", true, alerts("8m59s", "Down", DOWN)],
  ["an alert that does not fire", false, alerts("5m", "Down", DOWN)],
  ["an alert nobody expects", false, alerts("10m", "Down", "[]")],
  ["an alert with another label", false, alerts("10m", "Down", DOWN.replace("page", "warn"))],
  ["an alert with another annotation", false, alerts("10m", "Down", DOWN.replace("is down", "is up"))],
  [
    "an alert with an annotation too few",
    false,
    alerts("10m", "Down", DOWN.replace(', link: "http://x"', "")),
  ],
  [
    "an alert with a label that is expected to be empty",
    false,
    alerts("10m", "Down", DOWN.replace("{severity", '{none: "", severity')),
  ],
  ["an alert without labels", true, alerts("0", "Always", "[{}]")],
  ["two alerts where there is one", false, alerts("0", "Always", "[{}, {}]")],
  ["an alert that no rule has", true, alerts("1m", "Nothing", "[]")],
  ["an alert that no rule has, expected", false, alerts("1m", "Nothing", "[{}]")],
  ["an alert test without a name", false, alerts("1m", '""', "[]")],
  ["an alert that is kept firing", true, alerts("4m", "Held", "[{}]")],
  ["an alert that is kept firing no longer", true, alerts("5m", "Held", "[]")],
  [
    "a recorded series",
    true,
    samples(
      "job:requests:rate5m",
      "10m",
      '[{labels: \'job:requests:rate5m{job="api",kind="rate"}\', value: 1}]',
    ),
  ],
  [
    "a recorded series with another value",
    false,
    samples(
      "job:requests:rate5m",
      "10m",
      '[{labels: \'job:requests:rate5m{job="api",kind="rate"}\', value: 2}]',
    ),
  ],
  [
    "a recorded series without its name",
    false,
    samples("job:requests:rate5m", "10m", '[{labels: \'{job="api",kind="rate"}\', value: 1}]'),
  ],
  ["a recorded series that has ended", true, samples("gone", "3m", "[]")],
  [
    "a recorded series that is looked up before it ends",
    true,
    samples("gone", "2m30s", '[{labels: \'gone{job="api",instance="a:1"}\', value: 1}]'),
  ],
  ["a scalar", true, samples("1 + 1", "0", "[{value: 2}]")],
  ["a scalar with empty labels", true, samples("1 + 1", "0", "[{labels: '{}', value: 2}]")],
  ["a text", false, samples('"x"', "0", "[]")],
  ["a range", false, samples("up[5m]", "5m", "[]")],
  ["an expression that is none", false, samples("sum(up", "5m", "[]")],
  ["NaN, which equals nothing", false, samples("vector(NaN)", "0", "[{value: .nan}]")],
  ["infinity", true, samples("vector(1) / 0", "0", "[{value: .inf}]")],
  [
    "samples in another order",
    true,
    samples(
      "up or on(__name__) requests_total",
      "1m",
      `[{labels: 'requests_total{job="api",instance="a:1"}', value: 60}, {labels: 'up{job="api",instance="a:1"}', value: 1}]`,
    ),
  ],
  [
    "a sample twice",
    false,
    samples(
      "up",
      "1m",
      `[{labels: 'up{job="api",instance="a:1"}', value: 1}, {labels: 'up{job="api",instance="a:1"}', value: 1}]`,
    ),
  ],
  [
    "alerts as series",
    true,
    samples(
      'ALERTS{alertname="Down"}',
      "3m",
      `[{labels: 'ALERTS{alertname="Down",alertstate="pending",dc="eu",instance="a:1",job="api",severity="page"}', value: 1}]`,
    ),
  ],
  [
    "what is computed of alerts in the same evaluation",
    true,
    samples(
      'ofAlerts{alertname="Always"}',
      "3m",
      `[{labels: 'ofAlerts{alertname="Always",alertstate="firing"}', value: 1}]`,
    ),
  ],
  [
    "when an alert became active",
    true,
    samples(
      'ALERTS_FOR_STATE{alertname="Down"}',
      "9m",
      `[{labels: 'ALERTS_FOR_STATE{alertname="Down",dc="eu",instance="a:1",job="api",severity="page"}', value: 180}]`,
    ),
  ],
  [
    "a subquery's step is the evaluation interval",
    true,
    samples(
      "sub",
      "10m",
      `[{labels: 'sub{job="api",instance="a:1"}', value: 20}]`,
      `${HEAD}evaluation_interval: 30s\n`,
    ),
  ],
  [
    "samples after the last evaluation are not there",
    true,
    samples("up", "2m30s", `[{labels: 'up{job="api",instance="a:1"}', value: 1}]`)
      .replace("interval: 1m", "interval: 1s")
      .replace("1+0x2 0+0x20", "1+0x120 0+0x60"),
  ],
  [
    "a rule that fails",
    false,
    `${HEAD}tests:\n- interval: 1m\n  input_series: [{series: 'l{a="1"}', values: 1}, {series: 'r{a="1",b="1"}', values: 1}, {series: 'r{a="1",b="2"}', values: 1}]\n`,
    "groups:\n- name: g\n  rules: [{record: x, expr: l + on(a) r}]\n",
  ],
  [
    "a rule file that is none",
    false,
    `${HEAD}tests: [{}]\n`,
    "groups:\n- name: g\n  rules: [{record: x, expr: sum(}]\n",
  ],
  [
    "a rule file that is not there",
    true,
    "rule_files: [nothing.yml]\ntests:\n- promql_expr_test: [{expr: vector(1), eval_time: 0, exp_samples: [{value: 1}]}]\n",
  ],
  [
    "groups in an order",
    true,
    `${HEAD}group_eval_order: [first, second]\ntests:\n- promql_expr_test: [{expr: b, eval_time: 0, exp_samples: [{labels: b, value: 1}]}]\n`,
    "groups:\n- {name: second, rules: [{record: b, expr: a}]}\n- {name: first, rules: [{record: a, expr: vector(1)}]}\n",
  ],
  [
    "groups in another order",
    true,
    `${HEAD}group_eval_order: [second, first]\ntests:\n- promql_expr_test: [{expr: b, eval_time: 0, exp_samples: []}]\n`,
    "groups:\n- {name: second, rules: [{record: b, expr: a}]}\n- {name: first, rules: [{record: a, expr: vector(1)}]}\n",
  ],
  ["a group twice in the order", false, `${HEAD}group_eval_order: [alerts, alerts]\ntests: [{}]\n`],
  ["an unknown field of the file", false, `${HEAD}test: []\n`],
  ["an unknown field of a test", false, `${HEAD}tests: [{intervall: 1m}]\n`],
  ["a series that is none", false, "tests: [{input_series: [{series: 'up{', values: 1}]}]\n"],
  ["a series without labels", false, "tests: [{input_series: [{series: '{}', values: 1}]}]\n"],
  ["samples that are none", false, "tests: [{input_series: [{series: up, values: '1+1'}]}]\n"],
  ["a value that is none", false, samples("up", "0", "[{labels: up, value: many}]")],
  ["a time that is none", false, samples("up", "5x", "[]")],
  [
    "gaps and ends",
    true,
    "tests:\n- interval: 1m\n  input_series: [{series: x, values: '1 _x3 2 stale _ 3'}]\n  promql_expr_test:\n  - {expr: x, eval_time: 3m, exp_samples: [{labels: x, value: 1}]}\n  - {expr: x, eval_time: 5m, exp_samples: []}\n  - {expr: 'count_over_time(x[10m])', eval_time: 7m, exp_samples: [{value: 3}]}\n",
  ],
  ["nothing at all", true, "tests: []\n"],
];

const all = cases.map(([title, passes, test, rules = RULES]) => [title, passes, test, rules] as const);

it.each(all)(
  "%s: passes is %s, here and in promtool",
  { timeout: 60_000 },
  async (_title, passes, test, rules) => {
    const theirs = await promtool({ "test.yml": test, "rules.yml": rules }, "test", "rules", "test.yml");
    const results = ours(test, rules);
    expect({
      ours: results.flatMap(({ problems }) => problems),
      theirs: theirs.passed ? "" : theirs.output,
    }).toEqual(
      passes
        ? { ours: [], theirs: "" }
        : { ours: [expect.any(String)], theirs: expect.stringContaining("FAILED") },
    );
    expect(results.every(({ passed }) => passed)).toBe(passes);
  },
);

it("a difference can be read", () => {
  const test = `${HEAD}tests:
- name: all wrong
  input_series: [{series: 'up{job="api",instance="a:1"}', values: 0+0x20}]
  alert_rule_test:
  - {eval_time: 10m, alertname: Down, exp_alerts: [{exp_labels: {job: api}, exp_annotations: {summary: "it is\\n down"}}]}
  promql_expr_test:
  - {expr: up, eval_time: 1m30s, exp_samples: [{labels: 'up{job="api"}', value: 1}]}
`;
  expect(ours(test)).toEqual([
    {
      name: "test.yml: all wrong",
      passed: false,
      problems: [
        `Alerts 'Down' at 10m:
  expected, but not there: {alertname="Down", job="api"}
      summary: "it is\\n down"
  there, but not expected: {alertname="Down", instance="a:1", job="api", severity="page"}
      link: ""
      summary: "a:1 of api is down"`,
        `The expression 'up' at 1m30s:
  expected, but not there: up{job="api"} 1
  there, but not expected: up{instance="a:1", job="api"} 0`,
      ],
    },
  ]);
});

it("what is wrong with a file is told with its place", () => {
  expect(ours("tests:\n- input_series:\n  - {series: 'up{', values: 1}\n")).toEqual([
    {
      name: "test.yml",
      passed: false,
      problems: [expect.stringMatching(/^InvalidSeries: .*\(test\.yml:3:\d+\)/)],
    },
  ]);
});

/** Debian's 2.42 has neither of these. */
it("a start, histograms and neighbours of numbers, as in Prometheus 3", () => {
  const test = `fuzzy_compare: true
tests:
- start_timestamp: "2024-01-01T00:00:00Z"
  input_series:
  - {series: h, values: "{{sum:3 count:2 buckets:[2]}}+{{sum:1.3 count:1 buckets:[1]}}x2"}
  - {series: x, values: 2.9999999999999996}
  promql_expr_test:
  - {expr: time(), eval_time: 5m, exp_samples: [{value: 1704067500}]}
  - {expr: h, eval_time: 2m, exp_samples: [{labels: h, histogram: "{{count:4 sum:5.6 counter_reset_hint:not_reset buckets:[4]}}"}]}
  - {expr: x, eval_time: 0, exp_samples: [{labels: x, value: 3}]}
- start_timestamp: 60
  promql_expr_test:
  - {expr: time(), eval_time: 5m, exp_samples: [{value: 360}]}
`;
  expect(ours(test).flatMap(({ problems }) => problems)).toEqual([]);
  expect(ours(test.replace("fuzzy_compare: true", ""))[0]?.problems).toHaveLength(1);
});

it("only wanted tests run", () => {
  const test = "tests:\n- name: a\n- name: b\n";
  const options = { ruleFiles: () => [], isWanted: (name: string) => name === "b" };
  expect(runRuleTests([{ file: "t.yml", text: test }], options).map(({ name }) => name)).toEqual([
    "t.yml: b",
  ]);
});

it("a test that would take for ever is refused", () => {
  const test = "evaluation_interval: 1ms\ntests:\n- promql_expr_test: [{expr: vector(1), eval_time: 100d}]\n";
  expect(ours(test)[0]?.problems).toEqual([expect.stringContaining("more than 1000000 evaluations")]);
});
