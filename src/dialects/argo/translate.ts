/**
 * Manifests of Argo Workflows as resources: what `tutti apply workflow.yaml` declares.
 *
 *     WorkflowTemplate, ClusterWorkflowTemplate ── with an entrypoint ──> Workflow
 *     CronWorkflow ──> Workflow and Schedule
 *     Workflow ──> Workflow and a Run (`runs`): by its name once, by its generateName each time it is applied
 *
 * Each Workflow holds what it refers to as it is in these files: a run pins all of it.
 */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Draft } from "../../model/resource.ts";
import { type DeclaredRun, type Defined, type Translation, sourceBelow } from "../../sdk/load/dialect.ts";
import type { Manifested } from "../../sdk/load/yaml.ts";
import { type Problem, problemsOf, templateManifestProblems } from "./check/check.ts";
import { shapeProblems } from "./check/shape.ts";
import { isArgo } from "./file.ts";
import { Library } from "./library.ts";
import type { ArgoDefinition, ConfigMapManifest, Manifest, Metadata, WorkflowSpec } from "./manifest.ts";
import { type CronSpec, scheduleSpec } from "./schedule.ts";

const API = "tutti.dev/v1";

/** `all`: templates among them are what it may refer to, ConfigMaps what parameters and semaphores are read from. */
export function translate(document: Manifested, all: readonly Manifested[]): Translation {
  const { value, source } = document;
  const manifest = plain(value) as Manifest;
  const name = nameOf(manifest.metadata);
  const problem = name === undefined ? unnamed : hasSpec(manifest) ? undefined : empty;
  const found =
    name === undefined || problem !== undefined
      ? { problems: [problem ?? unnamed], resources: [], runs: [] }
      : emitted({ manifest, templates: templatesIn(all), configMaps: configMapsIn(all) }, name);
  const diagnostics = found.problems.map(({ path, ...problem }): Diagnostic => {
    const address = `${manifest.kind.toLowerCase()}/${name ?? ""}`;
    return { ...problem, address, path, source: source.position(path) };
  });
  const below = sourceBelow(document, "spec.program.definition.manifest");
  return {
    resources: found.resources.map((resource) => ({ value: resource, source: below })),
    runs: found.runs,
    diagnostics,
  };
}

/** What a Workflow is to run that names a file with these manifests. */
export function definition(documents: readonly Manifested[], file: string): Defined {
  const all = documents.filter(isArgo).map((document) => translate(document, documents));
  const diagnostics = all.flatMap((one) => one.diagnostics);
  const workflows = all
    .flatMap(({ resources }) => resources.map(({ value }) => value as Draft))
    .filter(({ kind }) => kind === "Workflow");
  const [only] = workflows;
  if (hasErrors(diagnostics)) return { diagnostics };
  if (only !== undefined && workflows.length === 1) {
    const { program } = only.spec as { readonly program: { readonly definition: unknown } };
    return { definition: program.definition, diagnostics };
  }
  const wrong: Diagnostic = {
    severity: "error",
    code: "NoDefinition",
    message: `The file holds ${workflows.length === 0 ? "no workflow" : "several workflows"} of Argo's that can be run.`,
    hint: "Give it one Workflow, or one WorkflowTemplate with an entrypoint, and what they refer to.",
    source: { file },
  };
  return { diagnostics: [...diagnostics, wrong] };
}

function templatesIn(all: readonly Manifested[]): readonly Manifest[] {
  return all
    .filter(isArgo)
    .map(({ value }) => plain(value) as Manifest)
    .filter(hasSpec)
    .filter(({ kind }) => kind === "WorkflowTemplate" || kind === "ClusterWorkflowTemplate");
}

function configMapsIn(all: readonly Manifested[]): readonly ConfigMapManifest[] {
  return all
    .map(({ value }) => value)
    .filter(
      (value) => (value as { readonly kind?: unknown } | null)?.kind === "ConfigMap",
    ) as ConfigMapManifest[];
}

const empty: Problem = {
  severity: "error",
  path: "spec",
  code: "Required",
  message: "A manifest needs a spec.",
};

interface Emitted {
  readonly problems: readonly Problem[];
  readonly resources: readonly Draft[];
  readonly runs: readonly DeclaredRun[];
}

const unnamed: Problem = {
  severity: "error",
  path: "metadata",
  code: "Required",
  message: "A manifest needs a name, or a generateName.",
};

function emitted(definition: ArgoDefinition, name: string): Emitted {
  const { manifest, templates = [] } = definition;
  switch (manifest.kind) {
    case "CronWorkflow":
      return emittedCron(definition, name);
    case "Workflow": {
      const problems = problemsOf(definition);
      if (hasErrors(problems)) return { problems, resources: [], runs: [] };
      return {
        problems,
        resources: [workflowOf(definition, name)],
        runs: [runOf(definition, name)],
      };
    }
    default: {
      const problems = templateManifestProblems(manifest, templates);
      // Without an entrypoint it is only referred to.
      const isAlone = (manifest.spec?.entrypoint ?? "") !== "";
      const resources = isAlone && !hasErrors(problems) ? [workflowOf(definition, name)] : [];
      return { problems, resources, runs: [] };
    }
  }
}

function emittedCron(definition: ArgoDefinition, name: string): Emitted {
  const { manifest } = definition;
  const spec = manifest.spec as unknown as CronSpec;
  const shaped = shapeProblems(manifest, "CronManifest");
  if (hasErrors(shaped)) return { problems: shaped, resources: [], runs: [] };
  const { workflowMetadata } = spec;
  const inner: Manifest = {
    kind: "Workflow",
    metadata: {
      name,
      labels: { ...workflowMetadata?.labels },
      annotations: { ...workflowMetadata?.annotations },
    },
    spec: spec.workflowSpec ?? {},
  };
  const own = { ...definition, manifest: inner };
  const before = (problem: Problem): Problem => ({
    ...problem,
    path: problem.path.replace(/^spec/, "spec.workflowSpec"),
  });
  const schedule = scheduleSpec(spec, name);
  const found = problemsOf(own).filter(
    ({ code, path }) => code !== "UnknownField" || path.startsWith("spec"),
  );
  const problems = [
    ...shaped.filter(({ path }) => !path.startsWith("spec.workflowSpec")),
    ...found.map(before),
    ...schedule.problems,
  ];
  if (hasErrors(problems)) return { problems, resources: [], runs: [] };
  const workflow = workflowOf(own, name, manifest.metadata);
  const kept = {
    keep: {
      succeeded: countOf(spec.successfulJobsHistoryLimit, 3),
      failed: countOf(spec.failedJobsHistoryLimit, 1),
    },
  };
  return {
    problems,
    resources: [
      { ...workflow, spec: { ...(workflow.spec as object), ...kept } },
      {
        apiVersion: API,
        kind: "Schedule",
        metadata: metadataOf(manifest.metadata, name),
        spec: schedule.spec,
      },
    ],
    runs: [],
  };
}

const hasErrors = (problems: readonly { readonly severity: string }[]): boolean =>
  problems.some(({ severity }) => severity === "error");

const countOf = (value: unknown, standard: number): number =>
  Number.isInteger(Number(value)) && value !== undefined ? Number(value) : standard;

function nameOf(metadata: Metadata | undefined): string | undefined {
  const { name, generateName } = metadata ?? {};
  const found = name ?? (typeof generateName === "string" ? generateName.replace(/-+$/, "") : undefined);
  return typeof found === "string" && found !== "" ? found : undefined;
}

function hasSpec({ spec }: Manifest): boolean {
  return typeof spec === "object" && !Array.isArray(spec);
}

/** A member that is null is absent, as in a cluster. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, plain(member)]));
}

function metadataOf({ labels, annotations, namespace }: Metadata, name: string): Draft["metadata"] {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function workflowOf(
  definition: ArgoDefinition,
  name: string,
  metadata = definition.manifest.metadata,
): Draft {
  const { manifest, templates = [], configMaps = [] } = definition;
  const { spec } = new Library(definition);
  const priority = Number(spec.priority ?? 0);
  return {
    apiVersion: API,
    kind: "Workflow",
    metadata: metadataOf(metadata, name),
    spec: {
      steps: {},
      parameters: parametersOf(spec),
      ...(priority === 0 ? {} : { priority: Math.max(-100, Math.min(100, priority)) }),
      program: {
        dialect: "argo",
        definition: {
          manifest: { ...manifest, kind: "Workflow" },
          ...(templates.length === 0 ? {} : { templates }),
          ...(configMaps.length === 0 ? {} : { configMaps }),
        },
      },
    },
  };
}

/** JSON Schema of what a run may be given: each argument by name; those without a value must be. */
function parametersOf({ arguments: given }: WorkflowSpec): Readonly<Record<string, unknown>> {
  const all = given?.parameters ?? [];
  const properties = all.map(({ name, value, default: standard, enum: allowed }) => {
    const chosen = value ?? standard;
    return [
      name,
      {
        ...(allowed === undefined ? { type: ["string", "number", "boolean"] } : { enum: [...allowed] }),
        ...(chosen === undefined ? {} : { default: chosen }),
      },
    ];
  });
  const required = all
    .filter(({ value, default: standard, valueFrom }) => (value ?? standard ?? valueFrom) === undefined)
    .map(({ name }) => name);
  return {
    type: "object",
    properties: Object.fromEntries(properties) as unknown,
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

/** As when it is created in a cluster: a name is taken once, a generateName makes another one each time. */
function runOf({ manifest: { metadata } }: ArgoDefinition, workflow: string): DeclaredRun {
  const { name, namespace, labels, annotations } = metadata;
  return {
    workflow,
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
