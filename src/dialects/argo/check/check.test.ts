import { expect, it } from "vitest";
import { workflow } from "../fixtures/running.ts";
import { translateText } from "../fixtures/translated.ts";

function problems(text: string, severity = "error"): string[] {
  return translateText(text, "w.yaml")
    .diagnostics.filter((one) => one.severity === severity)
    .map(({ code, path, source }) => `${code} ${path ?? ""} ${source?.line ?? 0}`);
}

const run = 'container: { image: busybox, command: ["true"] }';

it("every problem of a manifest is told at once, with its line", () => {
  const text = workflow(
    `- name: main
  dag:
    tasks:
    - { name: A, template: nothing }
    - { name: B, template: run, depends: "C.Succeded && D" }
    - { name: C, template: run, dependencies: [B] }
    - { name: E, template: needs, when: "a ==" }
    - { name: F, template: run, arguments: { parameters: [{ name: x, value: "{{tasks.A.outputs.result}}" }] } }
- { name: run, ${run} }
- { name: needs, inputs: { parameters: [{ name: x }] }, ${run} }
- { name: both, ${run}, suspend: {} }
- { name: none }
- { name: k8s, resource: { action: create } }
- { name: odd, ${run}, retryStrategy: { expression: "1 +" } }
- { name: tag, container: { image: busybox, command: ["{{=1 +}}"] } }`,
    "onExit: gone",
  );
  expect(problems(text)).toEqual([
    "NotSupported spec.templates[5].resource 21",
    "UnknownTemplate spec.onExit 7",
    "UnknownTemplate spec.templates[0].dag.tasks[0] 12",
    "UnknownReference spec.templates[0].dag.tasks[1].depends 13",
    "UnknownReference spec.templates[0].dag.tasks[1].depends 13",
    "InvalidExpression spec.templates[0].dag.tasks[3].when 15",
    "MissingArgument spec.templates[0].dag.tasks[3] 15",
    "Cycle spec.templates[0].dag 10",
    "InvalidField spec.templates[3] 19",
    "Required spec.templates[4] 20",
    "InvalidExpression spec.templates[6].retryStrategy.expression 22",
    "InvalidExpression spec.templates[7] 23",
  ]);
});

it("a field that is not known, or has no effect here, is a warning", () => {
  const text = workflow(`- { name: main, ${run}, tolerations: [], retryStrtegy: {} }`, "podGC: {}");
  expect(problems(text)).toEqual([]);
  expect(problems(text, "warning")).toEqual([
    "NoEffect spec.podGC 7",
    "NoEffect spec.templates[0].tolerations 9",
    "UnknownField spec.templates[0].retryStrtegy 9",
  ]);
});

it("values of a wrong type are told before anything else is looked at", () => {
  expect(problems(workflow("- { name: main, steps: {}, container: 5 }"))).toEqual([
    "InvalidField spec.templates[0].steps 9",
    "InvalidField spec.templates[0].container 9",
  ]);
});

it.each([
  "",
  "kind: Workflow",
  "apiVersion: argoproj.io/v1alpha1\nkind: Workflow",
  "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: 5\nspec: 7",
  "{",
])("%j is no manifest, and fails nothing", (text) => {
  expect(translateText(text, "w.yaml").resources).toEqual([]);
});
