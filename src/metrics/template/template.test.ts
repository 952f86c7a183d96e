import { expect, it } from "vitest";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { parseDefinitions, parseTemplate, type TemplateOptions } from "./template.ts";
import { Composite, SAFE_HTML, templateFunction, type Value } from "./value.ts";

function rendered(text: string, data: Value = null, options: TemplateOptions = {}): string {
  return parseTemplate(text, options).render(data);
}

/** Code, place and message of what is wrong. */
function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    const [{ code, source, message } = { code: "", source: undefined, message: "" }] = error.diagnostics;
    return `${code} ${source?.line}:${source?.column} ${message}`;
  }
  return "nothing is wrong";
}

const alert = (status: string, name: string): Composite =>
  Composite.struct("template.Alert", { Status: status, Labels: new Map([["alertname", name]]) });

/** As notifications have them: lists and maps with methods of their own. */
const notification = Composite.struct("template.Data", {
  Alerts: Composite.list("template.Alerts", [alert("firing", "A"), alert("resolved", "B")], {
    Firing: templateFunction([], () => [alert("firing", "A")]),
  }),
  CommonLabels: Composite.map("template.KV", new Map([["job", "api"]]), {
    SortedPairs: templateFunction([], () => [
      Composite.struct("template.Pair", { Name: "job", Value: "api" }),
    ]),
    Remove: templateFunction(["list"], ([names]) => BigInt((names as readonly Value[]).length)),
  }),
});

it("text without actions is its own result", () => {
  expect(rendered("plain { text }\n")).toBe("plain { text }\n");
});

it("values of named types have fields, entries and methods", () => {
  expect(rendered("{{ range .Alerts }}{{ .Status }}:{{ .Labels.alertname }} {{ end }}", notification)).toBe(
    "firing:A resolved:B ",
  );
  expect(rendered("{{ len .Alerts.Firing }} of {{ len .Alerts }}", notification)).toBe("1 of 2");
  expect(
    rendered("{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }}{{ end }}", notification),
  ).toBe("job=api");
  expect(rendered("{{ .CommonLabels.job }}{{ .CommonLabels.nothing }}", notification)).toBe("api");
});

it("methods take arguments, from a pipeline as well", () => {
  const options = { functions: { list: templateFunction([], (args) => args, "any") } };
  expect(rendered('{{ .CommonLabels.Remove (list "a" "b") }}', notification, options)).toBe("2");
  expect(rendered('{{ list "a" | .CommonLabels.Remove }}', notification, options)).toBe("1");
});

it("definitions come from the text and from elsewhere, the later not empty one counts", () => {
  const definitions = parseDefinitions([
    {
      name: "a.tmpl",
      text: '{{ define "title" }}[{{ .Alerts | len }}]{{ end }}{{ define "other" }}one{{ end }}',
    },
    { name: "b.tmpl", text: '{{ define "title" }} {{ end }}{{ define "other" }}two{{ end }}' },
  ]);
  expect(rendered('{{ template "title" . }} {{ template "other" . }}', notification, { definitions })).toBe(
    "[2] two",
  );
  const own = '{{ define "other" }}three{{ end }}{{ template "other" . }}';
  expect(rendered(own, notification, { definitions })).toBe("three");
});

it("functions can run templates by name", () => {
  const include = templateFunction(["string", "any"], ([name, data = null], context) =>
    context.include(String(name), data),
  );
  const text = '{{ define "t" }}<{{ . }}>{{ end }}{{ include "t" 5 }}';
  expect(rendered(text, null, { functions: { include } })).toBe("<5>");
});

it("variables are declared by whoever parses, and given when it is rendered", () => {
  const template = parseTemplate("{{ $labels.job }}", { variables: ["labels"] });
  expect(template.render(null, { labels: new Map([["job", "api"]]) })).toBe("api");
  expect(template.render(null, { labels: new Map([["job", "web"]]) })).toBe("web");
});

it("with `escape: html` what is printed is escaped, unless it is said to be safe", () => {
  const functions = {
    safe: templateFunction(["string"], ([text]) => Composite.text(SAFE_HTML, String(text))),
  };
  const text = "<b>{{ . }}</b>{{ safe . }}";
  expect(rendered(text, "<i>", { functions, escape: "html" })).toBe("<b>&lt;i&gt;</b><i>");
});

it("range counts, breaks off and goes on", () => {
  expect(rendered("{{ range 3 }}{{ . }}{{ end }}")).toBe("012");
  expect(
    rendered("{{ range $i, $x := . }}{{ if eq $i 1 }}{{ continue }}{{ end }}{{ $x }}{{ end }}", [
      "a",
      "b",
      "c",
    ]),
  ).toBe("ac");
  expect(rendered("{{ range . }}{{ . }}{{ break }}{{ else }}none{{ end }}", ["a", "b"])).toBe("a");
});

it.each([
  ["{{ if }}x{{ end }}", "1:1 A value is missing here."],
  ["a\n  {{ nope 1 }}", "2:6 There is no function 'nope'."],
  ["{{ $x }}", "1:4 There is no variable '$x'."],
  ["{{ if 1 }}x", "1:1 The structure that begins here has no {{end}}."],
  ["{{ end }}", "1:1 There is nothing open that {{end}} could belong to."],
  ["x {{ 1 ", "1:3 The action that begins here does not end with '}}'."],
  ["{{/* x", "1:1 The comment does not end with '*/}}'."],
  ['{{ "x }}', "1:4 The text that begins here does not end."],
  ["{{ (1 }}", "1:4 The parenthesis that opens here is not closed."],
  ["{{ break }}", "1:1 {{break}} stands outside of {{range}}."],
  ["{{ 1 | 2 }}", "1:8 Only functions and methods can stand after '|'."],
  ["{{ if 1 }}{{ else }}{{ else }}{{ end }}", "1:21 A structure has one {{else}} only."],
  [
    '{{ if 1 }}{{ define "x" }}{{ end }}{{ end }}',
    "1:11 {{define}} must not stand within another structure.",
  ],
  ["{{ print 1,2 }}", "1:11 Unexpected ',': a space is missing."],
])("%s does not parse, and the message says where and why", (text, message) => {
  expect(refusal(() => parseTemplate(text))).toBe(`InvalidTemplate ${message}`);
});

it.each([
  ["{{ .Nope }}", "There is no field or method 'Nope' in a value of type template.Data."],
  ['{{ template "nope" }}', 'The template failed: there is no template "nope".'],
  ["{{ lt 1 1.5 }}", "'lt' failed: int and float64 cannot be compared; write 1.0 instead of 1."],
  ["{{ index .Alerts 5 }}", "'index' failed: the index 5 is out of range."],
  ["{{ slice 5 }}", "'slice' failed: int cannot be sliced."],
  ["{{ len }}", "'len' takes 1 arguments, not 0."],
  ["{{ printf 5 }}", "Argument 1 of 'printf' is int; a string is needed."],
  ["{{ .Alerts 1 }}", "'Alerts' is no method and takes no arguments."],
])("%s fails when it is rendered, and the message says why", (text, message) => {
  expect(refusal(() => rendered(text, notification))).toMatch(/^TemplateFailed 1:\d+ /);
  expect(refusal(() => rendered(text, notification)).replace(/^\S+ \S+ /, "")).toBe(message);
});

it("what fails in a template from elsewhere is named by its own file", () => {
  const definitions = parseDefinitions([{ name: "a.tmpl", text: '\n{{ define "t" }}{{ .x }}{{ end }}' }]);
  try {
    rendered('{{ template "t" 1 }}', null, { definitions });
    expect.unreachable();
  } catch (error) {
    expect((error as DiagnosticError).diagnostics[0]?.source).toEqual({
      file: "a.tmpl",
      line: 2,
      column: 20,
    });
  }
});

it("rendering ends: output, steps and templates in templates are bounded", () => {
  const endless = "{{ range 1000000000000 }}{{ end }}";
  expect(refusal(() => rendered(endless, null, { limits: { steps: 1000 } }))).toContain(
    "more than 1000 steps",
  );
  const long = '{{ range 1000 }}{{ printf "%1000d" . }}{{ end }}';
  expect(refusal(() => rendered(long, null, { limits: { output: 5000 } }))).toContain(
    "more than 5000 characters",
  );
  const recursive = '{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}';
  expect(refusal(() => rendered(recursive))).toContain("more than 100 levels");
  const wide = '{{ define "t" }}{{ range 99 }}{{ template "t" }}{{ end }}{{ end }}{{ template "t" }}';
  expect(refusal(() => rendered(wide))).toContain("levels deep");
  expect(refusal(() => parseTemplate("{{ if 1 }}".repeat(5000)))).toContain("nested more than 100 levels");
  expect(refusal(() => parseTemplate(`{{ ${"(".repeat(50_000)} }}`))).toContain(
    "nested more than 100 levels",
  );
});

it("names of objects are no functions, no fields and no entries", () => {
  expect(refusal(() => parseTemplate("{{ constructor }}"))).toContain("There is no function 'constructor'");
  expect(refusal(() => parseTemplate("{{ __proto__ }}"))).toContain("There is no function '__proto__'");
  expect(refusal(() => rendered("{{ .constructor }}", notification))).toContain("no field or method");
  expect(rendered("[{{ .constructor }}]", new Map())).toBe("[]");
});
