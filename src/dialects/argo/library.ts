/** Finds the templates that steps and tasks refer to, in the workflow and in what it refers to. */
import {
  type Arguments,
  type ArgoDefinition,
  type Manifest,
  type Template,
  type TemplateReference,
  type WorkflowSpec,
  typeOf,
} from "./manifest.ts";

/** Where a bare template name is looked for. */
export type Origin =
  | { readonly is: "workflow" }
  | { readonly is: "template"; readonly name: string; readonly isCluster: boolean };

export interface Found {
  readonly template: Template;
  readonly origin: Origin;
}

const OWN: Origin = { is: "workflow" };

export class Library {
  /** What is executed: of a workflow that refers to a template, both together. */
  readonly spec: WorkflowSpec;
  readonly own: Origin = OWN;
  readonly #byOrigin = new Map<string, ReadonlyMap<string, Template>>();

  constructor({ manifest, templates = [] }: ArgoDefinition) {
    for (const one of templates) this.#byOrigin.set(keyOf(originOf(one)), byName(one.spec.templates));
    const reference = manifest.spec.workflowTemplateRef;
    const base = templates.find(
      (one) =>
        one.metadata.name === reference?.name &&
        (one.kind === "ClusterWorkflowTemplate") === (reference?.clusterScope === true),
    );
    this.spec = base === undefined ? manifest.spec : merged(manifest.spec, base.spec);
    this.#byOrigin.set(keyOf(OWN), byName(this.spec.templates));
  }

  /** Undefined when there is none: `nameOf` says which. */
  find(reference: TemplateReference, origin: Origin): Found | undefined {
    if (reference.inline !== undefined) return this.#withDefaults(reference.inline, origin);
    const { templateRef } = reference;
    if (templateRef !== undefined) {
      const there: Origin = {
        is: "template",
        name: templateRef.name,
        isCluster: templateRef.clusterScope === true,
      };
      return this.#withDefaults(this.#byOrigin.get(keyOf(there))?.get(templateRef.template), there);
    }
    return this.#withDefaults(this.#byOrigin.get(keyOf(origin))?.get(reference.template ?? ""), origin);
  }

  #withDefaults(template: Template | undefined, origin: Origin): Found | undefined {
    if (template === undefined) return undefined;
    const { templateDefaults } = this.spec;
    if (templateDefaults === undefined) return { template, origin };
    const type = typeOf(template);
    const { container, script, containerSet, steps, dag, suspend, http, data, resource, plugin, ...common } =
      templateDefaults;
    const typed = { container, script, containerSet, steps, dag, suspend, http, data, resource, plugin };
    const applicable = type === undefined ? common : { ...common, [type]: typed[type] };
    return { template: overlaid(applicable, template) as Template, origin };
  }
}

export function nameOf({ template, templateRef, inline }: TemplateReference): string {
  if (inline !== undefined) return inline.name ?? "inline";
  return templateRef === undefined ? (template ?? "") : `${templateRef.name}/${templateRef.template}`;
}

function originOf({ kind, metadata }: Manifest): Origin {
  return { is: "template", name: metadata.name ?? "", isCluster: kind === "ClusterWorkflowTemplate" };
}

function keyOf(origin: Origin): string {
  return origin.is === "workflow" ? "" : `${origin.isCluster ? "cluster" : "namespace"}/${origin.name}`;
}

function byName(templates: readonly Template[] = []): ReadonlyMap<string, Template> {
  return new Map(templates.map((one) => [one.name ?? "", one]));
}

/** What the workflow says counts; arguments and hooks are put together by name. */
function merged(own: WorkflowSpec, base: WorkflowSpec): WorkflowSpec {
  const { workflowTemplateRef: _reference, ...given } = own;
  return {
    ...base,
    ...given,
    arguments: mergedArguments(own.arguments, base.arguments),
    ...(base.hooks === undefined && own.hooks === undefined
      ? {}
      : { hooks: { ...base.hooks, ...own.hooks } }),
    ...(base.volumes === undefined ? {} : { volumes: namedOver(own.volumes, base.volumes) }),
  };
}

export function mergedArguments(own: Arguments = {}, base: Arguments = {}): Arguments {
  return {
    parameters: namedOver(own.parameters, base.parameters),
    artifacts: namedOver(own.artifacts, base.artifacts),
  };
}

function namedOver<One extends { readonly name: string }>(
  own: readonly One[] = [],
  base: readonly One[] = [],
): One[] {
  const given = new Map(own.map((one) => [one.name, one]));
  return [
    ...base.map((one) => ({ ...one, ...given.get(one.name) })),
    ...own.filter((one) => !base.some(({ name }) => name === one.name)),
  ];
}

/** Maps are put together; of everything else the template's own counts. */
function overlaid(base: unknown, own: unknown): unknown {
  if (own === undefined || own === null) return base;
  if (!isPlain(base) || !isPlain(own)) return own;
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(own)) result[key] = overlaid(base[key], value);
  return result;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
