/** What nodes leave for those after them, and how those after them find it. */
import { compile } from "../expression/expression.ts";
import { textOf } from "../expression/values.ts";
import { type Artifact, type Parameter, type Template, scalarText } from "../manifest.ts";
import { nestedOf } from "../substitution.ts";
import { Scope, type Variables } from "../variables.ts";
import type { Ground } from "./ground.ts";
import { TemplateError, hasLocation } from "./inputs.ts";
import type { Node, Outputs } from "./node.ts";

type Kind = "steps" | "tasks";

/** What a template sees of itself while its children run. */
export function bodyScope(template: Template, locals: Variables): Scope {
  const scope = new Scope(locals);
  for (const { name, value } of template.inputs?.parameters ?? [])
    if (value !== undefined) scope.set(`inputs.parameters.${name}`, scalarText(value));
  for (const artifact of template.inputs?.artifacts ?? [])
    if (hasLocation(artifact)) scope.set(`inputs.artifacts.${artifact.name}`, artifact);
  return scope;
}

export function addNode(scope: Scope, kind: Kind, name: string, node: Node): void {
  const prefix = `${kind}.${name}`;
  scope.set(`${prefix}.id`, node.name);
  scope.set(`${prefix}.status`, node.phase);
  scope.set(`${prefix}.startedAt`, timestamp(node.startedAt));
  scope.set(`${prefix}.finishedAt`, timestamp(node.finishedAt));
  if (node.ip !== undefined) scope.set(`${prefix}.ip`, node.ip);
  addOutputs(scope, kind, name, node.outputs);
}

export function addOutputs(scope: Scope, kind: Kind, name: string, outputs: Outputs): void {
  const prefix = `${kind}.${name}`;
  if (outputs.result !== undefined) scope.set(`${prefix}.outputs.result`, outputs.result);
  if (outputs.exitCode !== undefined) {
    scope.set(`${prefix}.exitCode`, outputs.exitCode);
    scope.set(`${prefix}.outputs.exitCode`, outputs.exitCode);
  }
  for (const [key, value] of outputs.parameters) scope.set(`${prefix}.outputs.parameters.${key}`, value);
  for (const [key, artifact] of outputs.artifacts) scope.set(`${prefix}.outputs.artifacts.${key}`, artifact);
}

/** Of a step that did not run: its outputs are their defaults, or known to be nothing. */
export function addSkipped(scope: Scope, kind: Kind, name: string, template: Template | undefined): void {
  for (const parameter of template?.outputs?.parameters ?? []) {
    const standard = parameter.valueFrom?.default;
    scope.set(
      `${kind}.${name}.outputs.parameters.${parameter.name}`,
      standard === undefined ? null : scalarText(standard),
    );
  }
}

/** Of a loop: lists, in the order of the items, of what those gave that succeeded. */
export function addAggregate(scope: Scope, kind: Kind, name: string, children: readonly Node[]): void {
  const prefix = `${kind}.${name}.outputs`;
  const done = children.filter(({ phase }) => phase === "Succeeded");
  const results = done.flatMap(({ outputs }) =>
    outputs.result === undefined ? [] : [parsed(outputs.result)],
  );
  const maps = done
    .filter(({ outputs }) => outputs.parameters.size > 0)
    .map(({ outputs }) => outputs.parameters);
  scope.set(`${prefix}.result`, JSON.stringify(results));
  scope.set(`${prefix}.parameters`, JSON.stringify(maps.map((map) => Object.fromEntries(map))));
  const lists = new Map<string, string[]>();
  for (const map of maps) for (const [key, value] of map) lists.set(key, [...(lists.get(key) ?? []), value]);
  for (const [key, values] of lists) scope.set(`${prefix}.parameters.${key}`, jsonList(values));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Of lists and maps that are written as JSON, a list of them; else of the texts. */
function jsonList(values: readonly string[]): string {
  const structured = values.map(parsed);
  const isStructured = structured.every((one) => typeof one === "object" && one !== null);
  return JSON.stringify(isStructured ? structured : values);
}

/** Undefined when it is optional and was never made. Throws TemplateError. */
export function resolvedArtifact(ground: Ground, artifact: Artifact, scope: Variables): Artifact | undefined {
  if (artifact.from === undefined && artifact.fromExpression === undefined) return artifact;
  const found =
    artifact.fromExpression === undefined
      ? scope.get((artifact.from ?? "").replaceAll(/^\s*\{\{|\}\}\s*$/g, "").trim())
      : chosenArtifact(ground, artifact.fromExpression, scope);
  if (!isArtifact(found)) {
    if (artifact.optional === true) return undefined;
    throw new TemplateError(
      `unable to resolve references: there is no artifact ${artifact.from ?? artifact.fromExpression ?? ""}`,
    );
  }
  const { name, optional, globalName, subPath } = artifact;
  const inner = [found.subPath, subPath].filter((one) => one !== undefined).join("/");
  return {
    ...found,
    name,
    ...(optional === undefined ? {} : { optional }),
    ...(globalName === undefined ? {} : { globalName }),
    ...(inner === "" ? {} : { subPath: inner }),
  };
}

function chosenArtifact(ground: Ground, expression: string, scope: Variables): unknown {
  try {
    return compile(expression.replaceAll(/^\s*\{\{=?|\}\}\s*$/g, "")).evaluate(
      nestedOf(scope, () => true),
      ground.ambience,
    );
  } catch {
    return undefined;
  }
}

function isArtifact(value: unknown): value is Artifact {
  return typeof value === "object" && value !== null && "name" in value;
}

/** What a steps or dag template gives, from its children. Throws TemplateError. */
export function aggregatedOutputs(ground: Ground, { outputs }: Template, scope: Variables): Outputs {
  const parameters = new Map(
    (outputs?.parameters ?? []).map((one) => [one.name, aggregatedParameter(ground, one, scope)]),
  );
  const artifacts = new Map<string, Artifact>();
  for (const artifact of outputs?.artifacts ?? []) {
    const resolved = resolvedArtifact(ground, artifact, scope);
    if (resolved !== undefined && hasLocation(resolved)) artifacts.set(artifact.name, resolved);
  }
  return { parameters, artifacts };
}

function aggregatedParameter(ground: Ground, { name, valueFrom }: Parameter, scope: Variables): string {
  if (valueFrom === undefined) throw new TemplateError("output parameters must have a valueFrom specified");
  const value = fromScope(ground, valueFrom, scope) ?? valueFrom.default;
  if (value !== undefined) return scalarText(value);
  throw new TemplateError(
    `output parameter '${name}': '${valueFrom.parameter ?? valueFrom.expression ?? ""}' has no value (a skipped step without a default, or none of that name)`,
  );
}

function fromScope(
  ground: Ground,
  { parameter, expression }: { readonly parameter?: string; readonly expression?: string },
  scope: Variables,
): string | undefined {
  if (expression === undefined && parameter === undefined) return "";
  let value: unknown;
  try {
    if (expression !== undefined)
      value = compile(expression).evaluate(
        nestedOf(scope, () => true),
        ground.ambience,
      );
    else {
      const tag = (parameter ?? "").replaceAll(/^\s*\{\{|\}\}\s*$/g, "").trim();
      value = tag.startsWith("=")
        ? compile(tag.slice(1)).evaluate(nestedOf(scope), ground.ambience)
        : scope.get(tag);
    }
  } catch {
    return undefined;
  }
  if (value === null || value === undefined) return undefined;
  return typeof value === "object" ? JSON.stringify(value) : textOf(value);
}

export function timestamp(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}
