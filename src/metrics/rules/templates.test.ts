/** What templates in rules give, beside Debian's promtool: the annotations of one alert, hundreds of them. */
import { stringify } from "yaml";
import { expect, it } from "vitest";
import { promtool } from "./fixtures/promtool.ts";
import { templates } from "./fixtures/templates.ts";
import { runRuleTests } from "./test-run.ts";

const names = templates.map((_, index) => `a${String(index).padStart(3, "0")}`);
const annotations = Object.fromEntries(templates.map((text, index) => [names[index], text]));
const rules = stringify({
  groups: [{ name: "templates", rules: [{ alert: "A", expr: 'm{job="a"}', annotations }] }],
});

function testOf(expected: Readonly<Record<string, string>>): string {
  const series = (job: string, instance: string, values: string) => ({
    series: `m{job="${job}",instance="${instance}"}`,
    values,
  });
  const labels = { job: "a", instance: "host.example.org:9100" };
  const alerts = [{ exp_labels: labels, exp_annotations: expected }];
  return stringify({
    rule_files: ["rules.yml"],
    tests: [
      {
        external_labels: { dc: "eu" },
        external_url: "http://x.example/pre/",
        input_series: [
          series("a", "host.example.org:9100", "3.5x5"),
          series("b", "b:1", "1234567.891x5"),
          series("c", "c:1", "12x5"),
        ],
        alert_rule_test: [{ eval_time: "2m", alertname: "A", exp_alerts: alerts }],
      },
    ],
  });
}

/** The annotations that ours gives, from the difference to an alert without any. */
function ours(): Record<string, string> {
  const files = [{ file: "test.yml", text: testOf({}) }];
  const [result] = runRuleTests(files, { ruleFiles: () => [{ file: "rules.yml", text: rules }] });
  const shown = [...(result?.problems.join("\n") ?? "").matchAll(/^ {6}(a\d+): (".*")$/gm)];
  return Object.fromEntries(shown.map(([, name = "", text = ""]) => [name, JSON.parse(text) as string]));
}

/** Messages of failures are our own. */
function withoutReasons(texts: Readonly<Record<string, string>>): Record<string, string> {
  const failed = /<error expanding template: [^]*$/;
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => [name, text.replace(failed, "<error>")]),
  );
}

it("every template of the list gives what it gives in promtool", { timeout: 60_000 }, async () => {
  const rendered = ours();
  expect(Object.keys(rendered)).toEqual(names);
  const { output } = await promtool(
    { "rules.yml": rules, "test.yml": testOf({}) },
    "test",
    "rules",
    "test.yml",
  );
  const theirs = [...output.slice(output.indexOf("got:[")).matchAll(/(a\d{3})=("(?:[^"\\]|\\.)*")/g)].map(
    ([, name = "", text = ""]) => [name, goText(text)] as const,
  );
  const [mine, reference] = [withoutReasons(rendered), withoutReasons(Object.fromEntries(theirs))];
  const byTemplate = (texts: Readonly<Record<string, string>>) =>
    Object.fromEntries(names.map((name, index) => [templates[index], texts[name]]));
  expect(byTemplate(mine)).toEqual(byTemplate(reference));
});

/** A literal of Go. */
function goText(literal: string): string {
  const json = literal
    .replace(/\\x(..)/g, "\\u00$1")
    .replaceAll("\\a", "\\u0007")
    .replaceAll("\\v", "\\u000b");
  return JSON.parse(json) as string;
}
