/** The template of a ResourceSet, and what can be said of it before its members are known. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { kindNamed, kinds } from "../kinds/registry.ts";
import { bodySchema, schemaAt } from "../kinds/schema.ts";
import { validate } from "../kinds/validate.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { substituted } from "../model/substitution.ts";
import { mapStrings } from "../model/walk.ts";

export interface Template {
  readonly kind: string;
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
}

export interface SetSpec {
  readonly forEach: unknown;
  readonly template: Template;
}

/** Systems within Systems, sets within sets: what they would stand for is told by no plan. */
const NOT_IN_SETS: ReadonlySet<string> = new Set(["System", "ResourceSet", "Namespace"]);

export function specOfSet(set: Draft): SetSpec {
  return set.spec as SetSpec;
}

/** Kinds without a spec have their members (data of a ConfigMap) in its place. What the set goes over comes first. */
export function bodyOfMember(kindName: string, spec: unknown, needs: readonly string[]): object {
  const kind = kindNamed(kindName);
  if (kind === undefined || typeof spec !== "object" || spec === null) return { spec };
  if (!("spec" in kind.body.shape)) return spec;
  const ordered = needs.length > 0 && schemaAt(bodySchema(kind), ["spec", "dependsOn"]) !== undefined;
  if (!ordered) return { spec };
  const { dependsOn = [] } = spec as { readonly dependsOn?: unknown };
  return Array.isArray(dependsOn)
    ? { spec: { ...spec, dependsOn: [...new Set([...(dependsOn as readonly unknown[]), ...needs])] } }
    : { spec };
}

export interface Probe {
  /** One member whose own values are open; absent when something is wrong. */
  readonly draft?: Draft;
  /** Of what is wrong in the draft: the set's own address and path. */
  readonly placed: (diagnostic: Diagnostic) => Diagnostic;
  readonly diagnostics: readonly Diagnostic[];
}

/** What can be said of a set before its members are known: whether what it makes is a resource, and what that refers to. */
export function probeOf(set: Draft): Probe {
  const address = addressOf(set);
  const { template } = specOfSet(set);
  const problem = problemOf(template);
  const kind = kindNamed(template.kind);
  const within = kind === undefined || "spec" in kind.body.shape ? "spec.template" : "spec.template.spec";
  const placed = (diagnostic: Diagnostic): Diagnostic => ({
    ...diagnostic,
    address,
    ...(diagnostic.path === undefined ? {} : { path: `${within}.${diagnostic.path}` }),
  });
  if (problem !== undefined) return { placed, diagnostics: [{ severity: "error", address, ...problem }] };
  const { metadata: { annotations } = {}, spec = {} } = mapStrings(template, withoutEach) as Template;
  const { resource, diagnostics } = validate({
    kind: template.kind,
    metadata: { name: `${set.metadata.name}-each`, ...(annotations === undefined ? {} : { annotations }) },
    ...bodyOfMember(template.kind, spec, []),
  });
  const found = diagnostics.map(placed);
  return resource === undefined
    ? { placed, diagnostics: found }
    : { draft: resource, placed, diagnostics: found };
}

function problemOf(template: Template): Omit<Diagnostic, "severity" | "address"> | undefined {
  const kind = kindNamed(template.kind);
  const known = kinds.filter((other) => other.declarable && !NOT_IN_SETS.has(other.kind));
  if (kind === undefined || !known.includes(kind)) {
    const names = known.map((other) => other.kind);
    return {
      code: kind === undefined ? "UnknownKind" : "NotInSets",
      path: "spec.template.kind",
      message:
        kind === undefined
          ? `There is no kind '${template.kind.slice(0, 80)}'.`
          : `A set cannot have members of the kind ${kind.kind}.`,
      hint: didYouMean(template.kind, names) ?? `There is: ${names.join(", ")}.`,
    };
  }
  if (kind.kind !== "Secret" || !hasPlainData(template.spec)) return undefined;
  return {
    code: "SecretInTheOpen",
    path: "spec.template.spec",
    message: "The data of a Secret would stand in the open in the set.",
    hint: "Let them be made up with 'generate', or declare the Secrets themselves.",
  };
}

/** With a root in place of `each` that refers to nothing declared and may have any value. */
function withoutEach(text: string): unknown {
  try {
    return substituted(text, ({ root }) => (root === "each" ? { root: "env", name: "each" } : undefined));
  } catch {
    return text; // what is wrong with it is said of its edges
  }
}

function hasPlainData(spec: unknown): boolean {
  return typeof spec === "object" && spec !== null && ("data" in spec || "stringData" in spec);
}
