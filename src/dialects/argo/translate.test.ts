import { expect, it } from "vitest";
import { recognise, translateText } from "./translate.ts";

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

it("a Workflow is a Workflow and one Run, the same one for the same file", () => {
  const text = template
    .replace("kind: WorkflowTemplate", "kind: Workflow")
    .replace("name: tools", "generateName: tools-");
  const [once, again] = [
    translateText(text, "w.yaml", { must: 1 }),
    translateText(text, "w.yaml", { must: 1 }),
  ];
  expect(once.runs).toEqual(again.runs);
  expect(once.runs).toMatchObject([{ kind: "Run", spec: { workflow: "tools", parameters: { must: 1 } } }]);
  expect(once.runs[0]?.metadata.name).toMatch(/^tools-[0-9a-f]{8}$/);
});

it("other files are not taken for manifests of Argo", () => {
  expect(recognise(template, "w.yaml")).toBe(true);
  expect(recognise("apiVersion: tutti.dev/v1\nkind: Workflow\nmetadata: { name: x }", "w.yaml")).toBe(false);
  expect(recognise("{{{", "w.yaml")).toBe(false);
});
