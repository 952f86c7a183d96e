import { expect, it } from "vitest";
import { formatDiagnostic } from "../../diagnostics/diagnostic.ts";
import { promtool } from "./fixtures/promtool.ts";
import { type LoadOptions, loadRules } from "./load.ts";

/** A file with one group of one rule. */
function fileOf(rule: string, group = ""): string {
  const lines = rule.split("\n").map((line, index) => `${index === 0 ? "  - " : "    "}${line}`);
  return `groups:\n- name: g\n${group === "" ? "" : `  ${group}\n`}  rules:\n${lines.join("\n")}\n`;
}

function problems(text: string, options?: LoadOptions): readonly string[] {
  return loadRules(text, "r.yml", options).diagnostics.map(formatDiagnostic);
}

it("a rule file becomes groups with all defaults filled in", () => {
  const { groups, diagnostics } = loadRules(
    `groups:
- name: api
  interval: 30s
  limit: 5
  query_offset: 10s
  labels: {team: web, severity: none}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: Down
    expr: |
      up == 0
    for: 5m
    keep_firing_for: 1h30m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.job }} is down"}
`,
    "r.yml",
  );
  expect(diagnostics).toEqual([]);
  expect(groups).toMatchObject([
    {
      name: "api",
      file: "r.yml",
      interval: 30_000,
      limit: 5,
      queryOffset: 10_000,
      rules: [
        { kind: "recording", name: "job:up:sum", expression: "sum by (job) (up)", labels: { team: "web" } },
        {
          kind: "alerting",
          name: "Down",
          expression: "up == 0",
          for: 300_000,
          keepFiringFor: 5_400_000,
          labels: { team: "web", severity: "page" },
          annotations: { summary: "{{ $labels.job }} is down" },
          source: { file: "r.yml", line: 10, column: 5 },
        },
      ],
    },
  ]);
});

it("scalars are read as they are written", () => {
  const { groups } = loadRules(
    fileOf("alert: 5\nexpr: 1\nlabels: {a: yes, b: 1e3, c: 0x10, d: ~}\nfor: 0"),
    "r.yml",
  );
  expect(groups[0]?.rules[0]).toMatchObject({
    name: "5",
    expression: "1",
    for: 0,
    labels: { a: "yes", b: "1e3", c: "0x10", d: "" },
  });
});

it("anchors, aliases and merged maps are understood", () => {
  const text = `groups:
- name: g
  rules:
  - &base {alert: &name A, expr: &expr "up == 0", labels: {a: b}}
  - {alert: B, expr: *expr}
  - {<<: *base, alert: C}
  - {<<: [*base], for: 1m, labels: {}}
`;
  expect(loadRules(text, "r.yml").groups[0]?.rules).toMatchObject([
    { name: "A", expression: "up == 0", labels: { a: "b" } },
    { name: "B", expression: "up == 0", labels: {} },
    { name: "C", expression: "up == 0", labels: { a: "b" } },
    { name: "A", expression: "up == 0", labels: {}, for: 60_000 },
  ]);
});

it("a place inside an expression or a template is a place in the file", () => {
  expect(problems(fileOf("record: x\nexpr: sum(up"))[0]).toContain("(r.yml:5:17)");
  expect(problems(fileOf('record: x\nexpr: "sum(up"'))[0]).toContain("(r.yml:5:18)");
  expect(problems(fileOf("record: x\nexpr: |\n  up +\n    sum(1 2)"))[0]).toContain("(r.yml:7:15)");
  expect(problems(fileOf("alert: x\nexpr: up\nannotations:\n  s: ab {{ nope }}"))[0]).toBe(
    "InvalidTemplate: The template of annotation 's' is not valid: There is no function 'nope'. (r.yml:7:16)",
  );
});

/** What promtool refuses as well, unless it says otherwise. */
const refused: readonly (readonly [title: string, text: string, problem: string])[] = [
  [
    "an unknown field of the file",
    "groups: []\nrules: []",
    "UnknownField: There is no field 'rules' in a rule file.",
  ],
  ["an unknown field of a group", fileOf("record: x\nexpr: up", "intervall: 5s"), "Did you mean 'interval'?"],
  ["an unknown field of a rule", fileOf("alert: x\nexpr: up\nannotation: {}"), "Did you mean 'annotations'?"],
  ["a group without a name", "groups:\n- rules: []", "MissingField: A group must have a name."],
  ["a group name twice", "groups:\n- name: a\n- name: a", "DuplicateGroup: The group name 'a' is repeated"],
  [
    "a rule without a name",
    fileOf("expr: up"),
    "InvalidRule: A rule has either 'record' or 'alert'; this has neither.",
  ],
  [
    "a rule with two names",
    fileOf("record: a\nalert: b\nexpr: up"),
    "InvalidRule: A rule has either 'record' or 'alert', not both.",
  ],
  ["a rule without an expression", fileOf("record: a"), "MissingField: A rule must have an expression."],
  [
    "an expression that is none",
    fileOf("record: a\nexpr: rate(up)"),
    "InvalidExpression: The expression is not valid PromQL:",
  ],
  [
    "`for` in a recording rule",
    fileOf("record: a\nexpr: up\nfor: 1m"),
    "InvalidRule: A recording rule has no 'for'.",
  ],
  [
    "annotations in a recording rule",
    fileOf("record: a\nexpr: up\nannotations: {a: b}"),
    "A recording rule has no 'annotations'.",
  ],
  [
    "a metric name with braces",
    fileOf('record: a{b="c"}\nexpr: up'),
    "InvalidName: The name 'a{b=\"c\"}' of a recording rule holds braces.",
  ],
  [
    "the name of the metric among the labels",
    fileOf("record: a\nexpr: up\nlabels: {__name__: b}"),
    "InvalidName: '__name__' cannot be a name in 'labels'.",
  ],
  [
    "a duration that is none",
    fileOf("alert: a\nexpr: up\nfor: 1.5h"),
    "InvalidDuration: '1.5h' is not a duration.",
  ],
  [
    "a duration with units in the wrong order",
    fileOf("alert: a\nexpr: up\nfor: 5s1m"),
    "InvalidDuration: '5s1m' is not a duration.",
  ],
  [
    "a limit that is no number",
    fileOf("record: a\nexpr: up", "limit: many"),
    "WrongType: A number was expected for limit, not 'many'.",
  ],
  [
    "a template that does not parse",
    fileOf("alert: a\nexpr: up\nlabels: {a: '{{ $label.x }}'}"),
    "InvalidTemplate: The template of label 'a' is not valid: There is no variable '$label'.",
  ],
  [
    "a template with a function of consoles",
    fileOf("alert: a\nexpr: up\nlabels: {a: '{{ tmpl `x` 1 }}'}"),
    "There is no function 'tmpl'.",
  ],
  [
    "a list where a map is expected",
    "- groups: []",
    "WrongType: A map was expected for a rule file, not a list.",
  ],
  [
    "a map where a text is expected",
    fileOf("record: {a: b}\nexpr: up"),
    "WrongType: A text was expected for 'record', not a map.",
  ],
  [
    "a map where a list is expected",
    "groups: {name: a}",
    "WrongType: A list was expected for groups, not a map.",
  ],
  ["a field twice", fileOf("record: a\nexpr: up\nexpr: down"), "DuplicateKey: 'expr' stands here twice."],
  [
    "an alias of nothing",
    fileOf("record: a\nexpr: *nothing"),
    "UnknownAlias: There is no anchor &nothing before this alias.",
  ],
  ["what is no YAML", "groups: [", "InvalidYaml:"],
];

it.each(refused)("%s is refused", { timeout: 60_000 }, async (_title, text, problem) => {
  const { groups, diagnostics } = loadRules(text, "r.yml");
  expect(groups).toEqual([]);
  expect(diagnostics.map(formatDiagnostic).join("\n")).toContain(problem);
  const [first] = diagnostics;
  expect(first?.source?.line).toBeGreaterThan(0);
  expect(first?.source?.column).toBeGreaterThan(0);
  expect(await promtool({ "r.yml": text }, "check", "rules", "r.yml")).toMatchObject({ passed: false });
});

const taken: readonly (readonly [title: string, text: string])[] = [
  ["an empty file", ""],
  ["a file of comments", "# nothing\n"],
  ["no groups", "groups:\n"],
  ["a group without rules", "groups:\n- name: a\n"],
  ["a zero `for` in a recording rule", fileOf("record: a\nexpr: up\nfor: 0s")],
  ["an alert with any name", fileOf("alert: not a metric name!\nexpr: up")],
  ["a label that is empty", fileOf("alert: a\nexpr: up\nlabels: {a: ''}")],
  ["an expression over several lines", fileOf("record: a\nexpr: >\n  sum(\n    up\n  )")],
];

it.each(taken)("%s is taken", { timeout: 60_000 }, async (_title, text) => {
  expect(problems(text)).toEqual([]);
  expect(await promtool({ "r.yml": text }, "check", "rules", "r.yml")).toMatchObject({ passed: true });
});

/** Debian's 2.42 knows neither UTF-8 names nor these fields. */
it("what Prometheus 3 has beyond 2.42 is taken", () => {
  expect(problems(fileOf("record: http.requests\nexpr: up\nlabels: {service.name: a}"))).toEqual([]);
  expect(problems(fileOf("alert: a\nexpr: up\nannotations: {run-book: a}"))).toEqual([]);
  expect(problems(fileOf("record: a\nexpr: up", "query_offset: 1m"))).toEqual([]);
  expect(problems(fileOf("record: a\nexpr: up", "labels: {a: b}"))).toEqual([]);
});

it("names of before Prometheus 3 can be demanded", () => {
  const text = fileOf("record: http.requests\nexpr: up\nlabels: {service.name: a}");
  expect(problems(text, { names: "legacy" })).toHaveLength(2);
});

it("the same rule twice in a group is taken, with a warning", () => {
  const text = "groups:\n- name: g\n  rules:\n  - {record: a, expr: up}\n  - {record: a, expr: down}\n";
  const { groups, diagnostics } = loadRules(text, "r.yml");
  expect(groups[0]?.rules).toHaveLength(2);
  expect(diagnostics).toMatchObject([
    { severity: "warning", code: "DuplicateRule", source: { line: 5, column: 5 } },
  ]);
});

it("of several documents the first is read, with a warning", () => {
  const { groups, diagnostics } = loadRules("groups:\n- name: a\n---\ngroups:\n- name: b\n", "r.yml");
  expect(groups.map(({ name }) => name)).toEqual(["a"]);
  expect(diagnostics).toMatchObject([{ severity: "warning", code: "SeveralDocuments", source: { line: 4 } }]);
});

it("one error keeps the whole file out, and all errors are told at once", () => {
  const text = "groups:\n- name: g\n  rules:\n  - {record: a, expr: up}\n  - {record: b}\n  - {expr: up}\n";
  const { groups, diagnostics } = loadRules(text, "r.yml");
  expect(groups).toEqual([]);
  expect(diagnostics.map(({ code }) => code)).toEqual(["MissingField", "InvalidRule"]);
});

it("files that multiply by aliases, nest without end or are far too long are refused in no time", () => {
  const rows = Array.from({ length: 1000 }, () => "*r").join(", ");
  const groups = Array.from({ length: 1000 }, (_, index) => `- {name: g${index}, rules: *l}`).join("\n");
  const bomb = `x: &r {record: a, expr: up}\ny: &l [${rows}]\ngroups:\n${groups}\n`;
  expect(problems(bomb, { ignoresUnknownFields: true }).join("\n")).toContain("TooLarge");
  expect(problems(`groups: ${"[".repeat(100_000)}`)[0]).toContain("TooLarge");
  expect(problems("groups: &a [*a]")[0]).toContain("WrongType");
  expect(problems("groups:\n- &a {name: x, <<: *a}").join("\n")).toContain("WrongType");
  expect(problems(`groups:\n${"- {}\n".repeat(1000)}`)).toHaveLength(50);
});
