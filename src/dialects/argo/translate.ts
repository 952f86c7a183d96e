/**
 * Manifests of Argo Workflows as resources: what `tutti apply workflow.yaml` declares.
 *
 *     WorkflowTemplate, ClusterWorkflowTemplate ── with an entrypoint ──> Workflow
 *     CronWorkflow ──> Workflow and Schedule
 *     Workflow ──> Workflow and one Run (`runs`), named by its content, so that the same file applied again starts nothing
 *
 * Each Workflow holds what it refers to as it is in these files: a run pins all of it.
 */
import { createHash } from "node:crypto";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { canonicalJson } from "../../model/equality.ts";
import type { Draft } from "../../model/resource.ts";
import { parseYaml } from "../../sdk/load/yaml.ts";
import type { Source } from "../../sdk/load/sources.ts";
import { type Problem, problemsOf, templateManifestProblems } from "./check/check.ts";
import { shapeProblems } from "./check/shape.ts";
import { Library } from "./library.ts";
import type {
  ArgoDefinition,
  ConfigMapManifest,
  Manifest,
  ManifestKind,
  Metadata,
  WorkflowSpec,
} from "./manifest.ts";
import { type CronSpec, scheduleSpec } from "./schedule.ts";

export interface Translated {
  readonly resources: readonly Draft[];
  /** To be created once the resources are there. */
  readonly runs: readonly Draft[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface Located {
  readonly value: unknown;
  readonly source: Source;
}

const API = "tutti.dev/v1";
const KINDS: ReadonlySet<string> = new Set<ManifestKind>([
  "Workflow",
  "CronWorkflow",
  "WorkflowTemplate",
  "ClusterWorkflowTemplate",
]);

/** Whether a resource is one of Argo's. */
export function isArgo(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { apiVersion, kind } = value as { readonly apiVersion?: unknown; readonly kind?: unknown };
  return typeof apiVersion === "string" && apiVersion.startsWith("argoproj.io/") && KINDS.has(String(kind));
}

/** Whether a file holds one of Argo's manifests. */
export function recognise(text: string, file: string): boolean {
  return parseYaml(text, file).manifests.some(({ value }) => isArgo(value));
}

/** `parameters`: of the run that a Workflow starts. */
export function translateText(
  text: string,
  file: string,
  parameters: Readonly<Record<string, unknown>> = {},
): Translated {
  const { manifests, diagnostics } = parseYaml(text, file);
  const translated = translate(manifests, parameters);
  return { ...translated, diagnostics: [...diagnostics, ...translated.diagnostics] };
}

/** Those that are Argo's; ConfigMaps among the others are what parameters and semaphores refer to. */
export function translate(
  manifests: readonly Located[],
  parameters: Readonly<Record<string, unknown>> = {},
): Translated {
  const configMaps = manifests
    .map(({ value }) => value)
    .filter(
      (value) => (value as { readonly kind?: unknown } | null)?.kind === "ConfigMap",
    ) as ConfigMapManifest[];
  const own = manifests.filter(({ value }) => isArgo(value));
  const templates = own
    .map(({ value }) => value as Manifest)
    .filter(({ kind }) => kind === "WorkflowTemplate" || kind === "ClusterWorkflowTemplate");
  const all = own.map((one) => translateOne(one, templates, configMaps, parameters));
  return {
    resources: all.flatMap(({ resources }) => resources),
    runs: all.flatMap(({ runs }) => runs),
    diagnostics: all.flatMap(({ diagnostics }) => diagnostics),
  };
}

function translateOne(
  { value, source }: Located,
  templates: readonly Manifest[],
  configMaps: readonly ConfigMapManifest[],
  parameters: Readonly<Record<string, unknown>>,
): Translated {
  const manifest = value as Manifest;
  const name = nameOf(manifest.metadata ?? {});
  const found =
    name === undefined
      ? { problems: [unnamed], resources: [], runs: [] }
      : emitted({ manifest, templates, configMaps }, name, parameters);
  const diagnostics = found.problems.map(({ path, ...problem }): Diagnostic => {
    const address = `${manifest.kind.toLowerCase()}/${name ?? ""}`;
    return { ...problem, address, path, source: source.position(path) };
  });
  return { resources: found.resources, runs: found.runs, diagnostics };
}

interface Emitted {
  readonly problems: readonly Problem[];
  readonly resources: readonly Draft[];
  readonly runs: readonly Draft[];
}

const unnamed: Problem = {
  severity: "error",
  path: "metadata",
  code: "Required",
  message: "A manifest needs a name, or a generateName.",
};

function emitted(
  definition: ArgoDefinition,
  name: string,
  parameters: Readonly<Record<string, unknown>>,
): Emitted {
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
        runs: [runOf(definition, name, parameters)],
      };
    }
    default: {
      const others = templates.filter((one) => one !== manifest);
      const problems = templateManifestProblems(manifest, templates);
      // Without an entrypoint it is only referred to.
      const isAlone = (manifest.spec?.entrypoint ?? "") !== "";
      const resources =
        isAlone && !hasErrors(problems)
          ? [workflowOf({ ...definition, templates: [...others, manifest] }, name)]
          : [];
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

const hasErrors = (problems: readonly Problem[]): boolean =>
  problems.some(({ severity }) => severity === "error");

const countOf = (value: unknown, standard: number): number =>
  Number.isInteger(Number(value)) && value !== undefined ? Number(value) : standard;

function nameOf({ name, generateName }: Metadata): string | undefined {
  const found = name ?? generateName?.replace(/-+$/, "");
  return found === undefined || found === "" ? undefined : found;
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

function runOf(
  definition: ArgoDefinition,
  name: string,
  parameters: Readonly<Record<string, unknown>>,
): Draft {
  const { manifest } = definition;
  const content = canonicalJson({ definition, parameters });
  const suffix = createHash("sha256").update(content).digest("hex").slice(0, 8);
  return {
    apiVersion: API,
    kind: "Run",
    metadata: metadataOf(manifest.metadata, manifest.metadata.name ?? `${name}-${suffix}`),
    spec: { workflow: name, parameters },
  };
}
