import { expect, it } from "vitest";
import { isArgo } from "./file.ts";
import { translateText } from "./fixtures/translated.ts";
import { definition } from "./translate.ts";
import { parseYaml } from "../../sdk/load/yaml.ts";

const template = `
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: { name: tools, labels: { team: a } }
spec:
  arguments: { parameters: [{ name: who, default: you }, { name: size, enum: [s, l], value: s }, { name: must }] }
  entrypoint: hello
  templates: [{ name: hello, container: { image: busybox, command: [echo, hello] } }]
`;
const cron = `
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata: { name: nightly }
spec:
  schedules: ["0 3 * * *", "CRON_TZ=Europe/Berlin 0 4 * * *"]
  timezone: Europe/Berlin
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 600
  suspend: true
  failedJobsHistoryLimit: 7
  workflowSpec: { entrypoint: main, templates: [{ name: main, steps: [[{ name: a, templateRef: { name: tools, template: hello } }]] }] }
`;

it("a WorkflowTemplate is a Workflow, with its parameters and labels", () => {
  const { resources, runs, diagnostics } = translateText(template, "w.yaml");
  expect([runs, diagnostics]).toEqual([[], []]);
  expect(resources).toMatchObject([
    {
      kind: "Workflow",
      metadata: { name: "tools", labels: { team: "a" } },
      spec: {
        parameters: {
          required: ["must"],
          properties: { who: { default: "you" }, size: { enum: ["s", "l"], default: "s" } },
        },
        program: { dialect: "argo" },
      },
    },
  ]);
});

it("a CronWorkflow is a Workflow that keeps what it refers to, and a Schedule", () => {
  const { resources, diagnostics } = translateText(`${template}---${cron}`, "w.yaml");
  expect(diagnostics).toEqual([]);
  expect(resources.slice(1)).toMatchObject([
    {
      kind: "Workflow",
      metadata: { name: "nightly" },
      spec: {
        keep: { succeeded: 3, failed: 7 },
        program: { definition: { templates: [{ metadata: { name: "tools" } }] } },
      },
    },
    {
      kind: "Schedule",
      metadata: { name: "nightly" },
      spec: {
        workflow: "nightly",
        rules: [{ cron: "0 3 * * *" }, { cron: "0 4 * * *" }],
        timeZone: "Europe/Berlin",
        concurrency: { policy: "skip", room: 1 },
        suspend: true,
        missed: { run: "last", notOlderThan: "600s" },
      },
    },
  ]);
});

it("what a Schedule cannot say is refused at its line", () => {
  const odd = cron
    .replace("suspend: true", "when: '{{= cronworkflow.failed < 2 }}'")
    .replace("Forbid", "Sometimes");
  const found = translateText(`${template}---${odd}`, "w.yaml");
  expect(found.resources.map(({ kind }) => kind)).toEqual(["Workflow"]);
  expect(found.diagnostics.map(({ code, path, source }) => [code, path, source?.line])).toEqual([
    ["NotSupported", "spec.when", 18],
  ]);
});

it("a Workflow is a Workflow and a run: of its name, or without one, which begins each time", () => {
  const named = template.replace("kind: WorkflowTemplate", "kind: Workflow");
  const nameless = named.replace("name: tools", "generateName: tools-");
  const labels = { team: "a" };
  expect(translateText(named, "w.yaml").runs).toEqual([{ workflow: "tools", name: "tools", labels }]);
  expect(translateText(nameless, "w.yaml").runs).toEqual([{ workflow: "tools", labels }]);
});

it("a file that a Workflow names holds one that can be run, with what it refers to", () => {
  const documents = parseYaml(`${template}---${cron}`, "w.yaml").manifests;
  expect(definition(documents.slice(0, 1), "w.yaml")).toMatchObject({
    definition: { manifest: { kind: "Workflow", metadata: { name: "tools" } } },
    diagnostics: [],
  });
  expect(definition(documents, "w.yaml").diagnostics).toMatchObject([{ code: "NoDefinition" }]);
});

it("other files are not taken for manifests of Argo", () => {
  const recognised = (text: string): boolean[] => parseYaml(text, "w.yaml").manifests.map(isArgo);
  expect(recognised(template)).toEqual([true]);
  expect(recognised("apiVersion: tutti.dev/v1\nkind: Workflow\nmetadata: { name: x }")).toEqual([false]);
  expect(recognised("just a text")).toEqual([false]);
});

it("whatever stands in a manifest is a resource or a problem with its line", () => {
  for (const odd of ["null", "3", "[]", "[null]", "text", "{}", "{ a: 1 }", "[[1]]"])
    for (const rest of [
      `metadata: ${odd}`,
      `metadata: { name: ${odd} }`,
      `metadata: { name: x }\nspec: ${odd}`,
      `metadata: { name: x }\nspec: { entrypoint: ${odd}, templates: ${odd} }`,
      `metadata: { name: x }\nspec: { entrypoint: a, arguments: ${odd}, templates: [{ name: a, dag: ${odd} }] }`,
      `metadata: { name: x }\nspec: { schedules: [${odd}], workflowSpec: { entrypoint: a, templates: [{ name: a, container: ${odd} }] } }`,
      `metadata: { name: x }\nspec: { entrypoint: a, workflowTemplateRef: ${odd}, templates: [{ name: a, script: ${odd} }] }`,
    ])
      for (const kind of ["Workflow", "CronWorkflow", "WorkflowTemplate"]) {
        const text = `apiVersion: argoproj.io/v1alpha1\nkind: ${kind}\n${rest}\n`;
        const { resources, diagnostics } = translateText(text, "w.yaml");
        const isTold = diagnostics.every(({ source }) => source?.line !== undefined);
        expect(
          isTold && (kind === "WorkflowTemplate" || resources.length + diagnostics.length > 0),
          text,
        ).toBe(true);
      }
});
