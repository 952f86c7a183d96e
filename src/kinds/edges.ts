/**
 * The graph of a set of resources: what each refers to, by expressions, by fields that name another resource, and by
 * `dependsOn`. Also what is wrong with the references themselves.
 */
import { DiagnosticError, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { type Reference, hasExpression, referencesIn } from "../model/expression.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { forEachString, pathText, type Path } from "../model/walk.ts";
import { findKind, kindNamed, kindOfRoot, kinds } from "./registry.ts";
import type { AnyKind } from "./kind.ts";
import { type JsonSchema, bodySchema, childSchema } from "./schema.ts";

export interface Edge {
  /** Address of what is referred to: `database/orders`. */
  readonly to: string;
  readonly kind: string;
  readonly name: string;
  readonly path: Path;
  /** Must exist, but need not be ready first. */
  readonly weak: boolean;
  /** The expression's reference, when it is one. */
  readonly reference?: Reference;
  /** What the expression gives may be a secret: it is not printed where it stands. */
  readonly maySecret?: boolean;
}

/** Roots that are values, not resources. */
export const VALUE_ROOTS: ReadonlySet<string> = new Set(["param", "env"]);

/** Whether expressions at the place within a resource are its own, and nobody else's concern. */
export function isOwnExpression(kindName: string, path: Path): boolean {
  const kind = kindNamed(kindName);
  if (kind === undefined) return false;
  let schema: JsonSchema | undefined = bodySchema(kind);
  for (const step of path) {
    schema = childSchema(schema, step);
    if (schema === undefined || schema.ownExpressions === true) break;
  }
  return schema?.ownExpressions === true;
}

export interface EdgesFound {
  readonly edges: readonly Edge[];
  readonly diagnostics: readonly Diagnostic[];
}

interface Remembered {
  /** An own kind may have another schema by now. */
  readonly kind: AnyKind | undefined;
  readonly name: string;
  readonly found: EdgesFound;
}

/** By spec. What is stored or admitted is frozen and shared by all its versions, and asked again with every status. */
const remembered = new WeakMap<object, Remembered>();

export function edgesOf(resource: Draft): EdgesFound {
  const { spec, metadata } = resource;
  if (typeof spec !== "object" || spec === null || !Object.isFrozen(spec)) return foundIn(resource);
  // What they refer to is not allowed, but for parameters: nearly none has an expression.
  if (hasExpressionIn(metadata.labels) || hasExpressionIn(metadata.annotations)) return foundIn(resource);
  const kind = kindNamed(resource.kind);
  const { name } = metadata;
  const known = remembered.get(spec);
  if (known !== undefined && known.kind === kind && known.name === name) return known.found;
  const found = foundIn(resource);
  // Of a kind that has other members too, the spec does not say all.
  if (kind !== undefined && Object.keys(resource).every((member) => SPEC_ONLY.has(member)))
    remembered.set(spec, { kind, name, found });
  return found;
}

function hasExpressionIn(texts: Readonly<Record<string, unknown>> | undefined): boolean {
  for (const name in texts) {
    const text = texts[name];
    if (typeof text !== "string" || hasExpression(text)) return true;
  }
  return false;
}

const SPEC_ONLY: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata", "spec", "status"]);

function foundIn(resource: Draft): EdgesFound {
  const kind = kindNamed(resource.kind);
  const edges: Edge[] = [];
  const diagnostics: Diagnostic[] = [];
  if (kind === undefined) return { edges, diagnostics };
  if (kind.definition !== undefined) edges.push(definitionEdge(kind.definition));
  const address = addressOf(resource);
  const {
    apiVersion: _apiVersion,
    kind: _kind,
    metadata,
    status: _status,
    ...body
  } = resource as Draft & { readonly status?: unknown };
  const report = (path: Path, found: Omit<Diagnostic, "severity" | "address" | "path">): void =>
    void diagnostics.push({ severity: "error", address, path: pathText(path), ...found });
  walk(body, bodySchema(kind), [], (text, schema, path) => {
    if (hasExpression(text)) {
      const maySecret = schema?.secret === true || schema?.mayHoldSecrets === true;
      for (const reference of references(text, path, report))
        edges.push(...expressionEdge(reference, path, maySecret, report));
    } else if (schema?.references !== undefined) edges.push(...namedEdge(schema, text, path, report));
  });
  forEachString(
    { labels: metadata.labels, annotations: metadata.annotations },
    (text, place) => {
      if (!hasExpression(text)) return;
      const path = [...place];
      if (references(text, path, report).some((reference) => !VALUE_ROOTS.has(reference.root))) {
        report(path, {
          code: "ReferenceNotAllowed",
          message: "Labels and annotations may refer to parameters only.",
          hint: "Write the text itself.",
        });
      }
    },
    ["metadata"],
  );
  return { edges, diagnostics };
}

/** There is such a kind as long as its definition is there. */
function definitionEdge(name: string): Edge {
  const kind = "CustomResourceDefinition";
  return { to: addressOf({ kind, name, namespace: "" }), kind, name, path: ["kind"], weak: true };
}

type Report = (path: Path, found: Omit<Diagnostic, "severity" | "address" | "path">) => void;

function references(text: string, path: Path, report: Report): readonly Reference[] {
  try {
    return referencesIn(text);
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    for (const { code, message, hint } of error.diagnostics)
      report(path, { code, message, ...(hint === undefined ? {} : { hint }) });
    return [];
  }
}

type Visit = (text: string, schema: JsonSchema | undefined, path: Path) => void;

/** Visits the strings that can be a reference, with a path that may be kept. One array serves the whole way down. */
function walk(value: unknown, schema: JsonSchema | undefined, path: (string | number)[], visit: Visit): void {
  if (schema?.ownExpressions === true) return;
  if (typeof value === "string") {
    if (schema?.references !== undefined || hasExpression(value)) visit(value, schema, [...path]);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const steps: readonly (string | number)[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  for (const step of steps) {
    path.push(step);
    walk((value as Record<string | number, unknown>)[step], childSchema(schema, step), path, visit);
    path.pop();
  }
}

function expressionEdge(
  reference: Reference,
  path: Path,
  maySecret: boolean,
  report: Report,
): readonly Edge[] {
  if (VALUE_ROOTS.has(reference.root)) return [];
  const kind = kindOfRoot(reference.root);
  if (kind === undefined) {
    const roots = [...kinds.map((known) => known.root), ...VALUE_ROOTS];
    report(path, {
      code: "UnknownReference",
      message: `There is nothing called '${reference.root}' to refer to.`,
      hint:
        didYouMean(reference.root, roots) ??
        `Write $${reference.root} for a shell variable; expressions begin with a kind, as in \${database.orders.status.url}.`,
    });
    return [];
  }
  if (reference.name === "") {
    report(path, {
      code: "UnknownReference",
      message: `'${reference.root}' needs the name of a ${kind.kind} behind it.`,
      hint: `Write \${${reference.root}.<name>...}.`,
    });
    return [];
  }
  if (isSecretReference(reference) && !maySecret) {
    report(path, {
      code: "SecretInTheOpen",
      message: `\${${reference.root}.${reference.name}} is a secret, and what stands here is printed.`,
      hint: "Pass it to the program through 'env', where it stays hidden.",
    });
  }
  return [
    {
      to: `${kind.root}/${reference.name}`,
      kind: kind.kind,
      name: reference.name,
      path,
      weak: false,
      reference,
      ...(maySecret ? { maySecret } : {}),
    },
  ];
}

function namedEdge(schema: JsonSchema, text: string, path: Path, report: Report): readonly Edge[] {
  const weak = schema.weak === true;
  if (schema.addressable === true && text.includes("/")) return [];
  if (schema.references !== "*") {
    const kind = kindNamed(schema.references ?? "");
    return kind === undefined
      ? []
      : [{ to: `${kind.root}/${text}`, kind: kind.kind, name: text, path, weak }];
  }
  const [word = "", name = ""] = text.split("/");
  const kind = findKind(word) ?? kindOfRoot(word);
  if (kind === undefined || name === "") {
    report(path, {
      code: "InvalidAddress",
      message: `'${text.slice(0, 80)}' is not an address.`,
      hint: "Write <kind>/<name>, for example database/orders.",
    });
    return [];
  }
  return [{ to: `${kind.root}/${name}`, kind: kind.kind, name, path, weak }];
}

/** Whether evaluating the reference gives a secret: data of a Secret, or an output marked so. */
export function isSecretReference(reference: Reference): boolean {
  if (reference.root === "secret") return reference.path[0] !== "metadata";
  const kind = kindOfRoot(reference.root);
  if (kind === undefined) return false;
  return Object.values(kind.outputs).some(
    (output) =>
      output.secret &&
      output.path.every(
        (step, index) => reference.path[index] === undefined || reference.path[index] === step,
      ),
  );
}
