/**
 * What the references between declared resources must satisfy: that there is something at the other end, declared here
 * or live in the namespace; that it has what is read of it; and that nothing needs itself, by whatever detour.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { Graph } from "../graph/graph.ts";
import { type Edge, VALUE_ROOTS, edgesOf, isOwnExpression } from "../kinds/edges.ts";
import type { AnyKind } from "../kinds/kind.ts";
import { kindNamed } from "../kinds/registry.ts";
import { type JsonSchema, bodySchema, childSchema, statusSchema } from "../kinds/schema.ts";
import { type Reference, hasExpression, referencesIn } from "../model/expression.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { containsSealed } from "../model/sealed.ts";
import { forEachString, pathText } from "../model/walk.ts";
import type { Snapshot } from "../store/store.ts";
import { belongsTo, isTerminating } from "./ownership.ts";
import { LOCATIONS } from "./place.ts";
import { probeOf, specOfSet } from "./set-template.ts";
import { parameterNames, parameterValues, unknownParameter } from "./parameters.ts";

export interface ReferenceContext {
  readonly system: string;
  readonly namespace: string;
  readonly live: Snapshot;
  /** Addresses of what is declared too, but refused for a reason of its own: references to it are left alone. */
  readonly refused?: ReadonlySet<string>;
  /** Addresses of sets whose members are not known: a name that fits may be one of them. All of them when absent. */
  readonly openSets?: ReadonlySet<string>;
}

/** Cycles reported at once: behind the first there may be others, and a person wants to see them together. */
const MAX_CYCLES = 10;

/** `resources`: with defaults and sealed secrets, each address once; a System among them gives the parameters. */
export function checkReferences(
  resources: readonly Draft[],
  context: ReferenceContext,
): readonly Diagnostic[] {
  const declared = new Map(resources.map((resource) => [addressOf(resource), resource]));
  const diagnostics: Diagnostic[] = [];
  const edges = new Map<string, readonly Edge[]>();
  for (const [address, resource] of declared) {
    const found = edgesOf(resource);
    diagnostics.push(...found.diagnostics);
    edges.set(address, found.edges);
    for (const edge of found.edges) diagnostics.push(...checkEdge(address, edge, declared, context));
    if (resource.kind === "ResourceSet") diagnostics.push(...checkTemplate(resource, declared, context));
  }
  diagnostics.push(...checkParameterReferences(resources, context), ...cycles(edges, declared));
  return diagnostics;
}

/** What is wrong with every member that a set may come to have. */
function checkTemplate(
  set: Draft,
  declared: ReadonlyMap<string, Draft>,
  context: ReferenceContext,
): readonly Diagnostic[] {
  const { draft, placed, diagnostics } = probeOf(set);
  if (draft === undefined) return diagnostics;
  return [...diagnostics, ...checkOne(draft, declared, context).map(placed)];
}

/** What is wrong with the references of something that is not among what is declared. */
export function checkDraft(
  draft: Draft,
  resources: readonly Draft[],
  context: ReferenceContext,
): readonly Diagnostic[] {
  return checkOne(draft, new Map(resources.map((resource) => [addressOf(resource), resource])), context);
}

function checkOne(
  draft: Draft,
  declared: ReadonlyMap<string, Draft>,
  context: ReferenceContext,
): readonly Diagnostic[] {
  const { edges, diagnostics } = edgesOf(draft);
  const system = declared.get(`system/${context.system}`);
  return [
    ...diagnostics,
    ...edges.flatMap((edge) => checkEdge(addressOf(draft), edge, declared, context)),
    ...checkParameterReferences(system === undefined ? [draft] : [system, draft], context),
  ];
}

function mayBeMember(
  { kind, name }: Edge,
  declared: ReadonlyMap<string, Draft>,
  { openSets }: ReferenceContext,
): boolean {
  return [...declared.values()].some(
    (draft) =>
      draft.kind === "ResourceSet" &&
      specOfSet(draft).template.kind === kind &&
      name.startsWith(`${draft.metadata.name}-`) &&
      (openSets?.has(addressOf(draft)) ?? true),
  );
}

function checkEdge(
  address: string,
  edge: Edge,
  declared: ReadonlyMap<string, Draft>,
  context: ReferenceContext,
): readonly Diagnostic[] {
  const path = pathText(edge.path);
  const target = declared.get(edge.to) ?? liveTarget(edge, context);
  if (target !== undefined) {
    if (edge.reference === undefined) return [];
    const output = edge.kind === "System" ? outputProblem(edge, target, context) : undefined;
    return output === undefined
      ? checkRead(address, path, edge.reference, edge.kind, target)
      : [{ severity: "error", address, path, ...output }];
  }
  const isThere = edge.kind === "Location" && LOCATIONS.has(edge.name);
  if (isThere || context.refused?.has(edge.to) === true || mayBeMember(edge, declared, context)) return [];
  return [missing(address, path, edge, declared, context)];
}

function liveTarget(edge: Edge, { live, namespace, system }: ReferenceContext): Draft | undefined {
  const found = live.get(keyOfEdge(edge, namespace));
  if (found === undefined || isTerminating(found)) return undefined;
  // What this System holds but no longer declares goes with this very plan; what its controllers made stays.
  const pruned = belongsTo(found, system, namespace) && kindNamed(edge.kind)?.declarable === true;
  return pruned ? undefined : found;
}

function keyOfEdge(edge: Edge, namespace: string): { kind: string; namespace: string; name: string } {
  return {
    kind: edge.kind,
    namespace: kindNamed(edge.kind)?.namespaced === false ? "" : namespace,
    name: edge.name,
  };
}

function missing(
  address: string,
  path: string,
  edge: Edge,
  declared: ReadonlyMap<string, Draft>,
  { live, namespace }: ReferenceContext,
): Diagnostic {
  const base = { severity: "error", code: "MissingReference", address, path } as const;
  const was = live.get(keyOfEdge(edge, namespace));
  if (was !== undefined) {
    return isTerminating(was)
      ? {
          ...base,
          message: `${edge.to} is being deleted.`,
          hint: "Wait until it is gone, then declare it again.",
        }
      : {
          ...base,
          message: `${edge.to} exists, but is no longer declared and would be deleted.`,
          hint: "Declare it, or take the reference away.",
        };
  }
  return {
    ...base,
    message: `There is no ${edge.to.slice(0, 120)}.`,
    hint: suggestion(edge, declared, live, namespace) ?? `Declare a ${edge.kind} of that name.`,
  };
}

function suggestion(
  edge: Edge,
  declared: ReadonlyMap<string, Draft>,
  live: Snapshot,
  namespace: string,
): string | undefined {
  const names = [...declared.values()]
    .filter((resource) => resource.kind === edge.kind)
    .map((resource) => resource.metadata.name);
  const key = keyOfEdge(edge, namespace);
  const others = live.list(key.namespace === "" ? { kind: edge.kind } : { kind: edge.kind, namespace }).items;
  const near = didYouMean(edge.name, [...names, ...others.map((resource) => resource.metadata.name)]);
  if (near !== undefined) return near;
  const other = [...declared.values()].find((resource) => resource.metadata.name === edge.name);
  return other === undefined ? undefined : `Did you mean the ${other.kind} '${edge.name}'?`;
}

/** What is read of a resource that exists: an output, a member of its spec, a key of its data. */
function checkRead(
  address: string,
  path: string,
  reference: Reference,
  kindName: string,
  target: Draft,
): readonly Diagnostic[] {
  const kind = kindNamed(kindName);
  if (kind === undefined || reference.path[0] === "metadata") return [];
  const found = isData(kindName) ? unknownKey(reference, target) : unknownRead(reference, kind);
  return found === undefined ? [] : [{ severity: "error", address, path, ...found }];
}

type Found = Pick<Diagnostic, "code" | "message" | "hint">;

/** Of a reference to an output of a System: of another one, which has it. */
function outputProblem(
  { reference, maySecret, name }: Edge,
  target: Draft,
  { system }: ReferenceContext,
): Found | undefined {
  const [status, outputs, output] = reference?.path ?? [];
  if (status !== "status" || outputs !== "outputs") return undefined;
  if (name === system)
    return {
      code: "OwnOutput",
      message: "A resource cannot refer to an output of its own system.",
      hint: "Refer to what the output is made of.",
    };
  const declared = declaredOutputs(target);
  if (output !== undefined && !declared.includes(output))
    return unknownOutput({ root: "system", name, path: [] }, output, declared, "Its outputs");
  if (maySecret === true || !isSecretOutput(target, output)) return undefined;
  return {
    code: "SecretInTheOpen",
    message: `\${system.${name}.status.outputs.${output ?? ""}} is a secret, and what stands here is printed.`,
    hint: "Pass it to the program through 'env', where it stays hidden.",
  };
}

function declaredOutputs({ spec }: Draft): readonly string[] {
  return Object.keys((spec as { readonly outputs?: object } | undefined)?.outputs ?? {});
}

/** Of one output, or of any. */
function isSecretOutput(system: Draft, output: string | undefined): boolean {
  const { status } = system as Draft & {
    readonly status?: { readonly outputs?: Readonly<Record<string, unknown>> };
  };
  return containsSealed(output === undefined ? status?.outputs : status?.outputs?.[output]);
}

function isData(kind: string): boolean {
  return kind === "Secret" || kind === "ConfigMap";
}

function unknownOutput(reference: Reference, word: string, known: readonly string[], intro: string): Found {
  return {
    code: "UnknownOutput",
    message: `${reference.root}/${reference.name} has no '${word.slice(0, 80)}' to refer to.`,
    hint:
      didYouMean(word, known) ??
      (known.length === 0 ? "Remove the reference." : `${intro}: ${known.join(", ")}.`),
  };
}

function unknownKey(reference: Reference, target: Draft): Found | undefined {
  const keys = dataKeys(target);
  const [first, second] = reference.path;
  const key = first === "data" && !keys.includes("data") ? second : first;
  return key === undefined || keys.includes(key)
    ? undefined
    : unknownOutput(reference, key, keys, "Its keys");
}

function unknownRead(reference: Reference, kind: AnyKind): Found | undefined {
  const [first, second] = reference.path;
  const source = `${reference.root}.${reference.name}`;
  const outputs = outputNames(kind);
  if (first === undefined) {
    const example = outputs[0] === undefined ? "spec.<field>" : `status.${outputs[0]}`;
    return {
      code: "IncompleteReference",
      message: `\${${source}} does not say what of it is meant.`,
      hint: `Write \${${source}.${example}}.`,
    };
  }
  if (first === "status") {
    const known = Object.keys(statusSchema(kind).properties ?? {});
    if (second === undefined || known.includes(second)) return undefined;
    return unknownOutput(reference, second, nearestFirst(kind, second, known), "Its outputs");
  }
  const unknown = unknownMember(bodySchema(kind), reference.path);
  if (unknown === undefined) return undefined;
  const found = unknownOutput(reference, unknown.step, unknown.known, "There is");
  return outputs.includes(first) ? { ...found, hint: `Write \${${source}.status.${first}}.` } : found;
}

function outputNames(kind: AnyKind): readonly string[] {
  return Object.values(kind.outputs).map((output) => output.path.slice(1).join("."));
}

/** Outputs are what people mean; other status fields count only when the word is near none of the outputs. */
function nearestFirst(kind: AnyKind, word: string, all: readonly string[]): readonly string[] {
  const outputs = outputNames(kind);
  return outputs.length > 0 &&
    (didYouMean(word, outputs) !== undefined || didYouMean(word, all) === undefined)
    ? outputs
    : all;
}

function dataKeys(target: Draft): readonly string[] {
  const members = target as unknown as Readonly<Record<string, object | undefined>>;
  return ["data", "binaryData", "generate"].flatMap((member) => Object.keys(members[member] ?? {}));
}

/** The first step of the path that the schema rules out; undefined when it allows all, or does not say. */
function unknownMember(
  schema: JsonSchema,
  path: readonly string[],
): { readonly step: string; readonly known: readonly string[] } | undefined {
  let current: JsonSchema | undefined = schema;
  for (const [depth, step] of path.entries()) {
    if (current === undefined) return undefined;
    const child = childSchema(current, step);
    if (child === undefined && current.properties !== undefined && current.additionalProperties === false) {
      return {
        step,
        known: [...Object.keys(current.properties), ...(depth === 0 ? ["status", "metadata"] : [])],
      };
    }
    current = child;
  }
  return undefined;
}

function checkParameterReferences(
  resources: readonly Draft[],
  context: ReferenceContext,
): readonly Diagnostic[] {
  if (context.refused?.has(`system/${context.system}`) === true) return [];
  const system = resources.find((resource) => resource.kind === "System");
  const names = new Set(parameterNames(system));
  const values = parameterValues(system);
  const diagnostics: Diagnostic[] = [];
  for (const resource of resources) {
    const { apiVersion: _apiVersion, kind: _kind, metadata, ...body } = resource;
    const texts = { metadata: { labels: metadata.labels, annotations: metadata.annotations }, ...body };
    forEachString(texts, (text, path) => {
      if (hasExpression(text) && isOwnExpression(resource.kind, path)) return;
      for (const name of parametersIn(text)) {
        const place = { address: addressOf(resource), path: pathText(path) };
        if (!names.has(name)) diagnostics.push(unknownParameter(place.address, place.path, name, [...names]));
        else if (!values.has(name)) {
          const message = `The parameter '${name}' has no value.`;
          const hint = "Give it a value or a default.";
          diagnostics.push({ severity: "error", code: "MissingValue", ...place, message, hint });
        }
      }
    });
  }
  return diagnostics;
}

export function parametersIn(text: string): readonly string[] {
  if (!hasExpression(text)) return [];
  try {
    return referencesIn(text).flatMap(({ root, name }) =>
      root === "param" && VALUE_ROOTS.has(root) ? [name] : [],
    );
  } catch {
    return []; // edgesOf has said what is wrong with it
  }
}

/** One diagnostic for each cycle; a resource is part of one reported cycle at most. */
function cycles(
  edges: ReadonlyMap<string, readonly Edge[]>,
  declared: ReadonlyMap<string, Draft>,
): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const reported = new Set<string>();
  while (diagnostics.length < MAX_CYCLES) {
    const graph = new Graph();
    for (const [address, found] of edges) {
      if (reported.has(address)) continue;
      const needs = found.filter((edge) => !edge.weak && declared.has(edge.to) && !reported.has(edge.to));
      if (needs.length === 0) continue;
      graph.add(
        address,
        needs.map((edge) => edge.to),
      );
    }
    const cycle = graph.cycle();
    if (cycle === undefined) break;
    for (const address of cycle) reported.add(address);
    const [first = "", second = ""] = cycle;
    const edge = edges.get(first)?.find((candidate) => candidate.to === second && !candidate.weak);
    diagnostics.push({
      severity: "error",
      code: "ReferenceCycle",
      address: first,
      ...(edge === undefined ? {} : { path: pathText(edge.path) }),
      message:
        cycle.length === 2
          ? `${first} refers to itself.`
          : `These wait for each other: ${cycle.join(" -> ")}.`,
      hint: "Take one of these references away.",
    });
  }
  return diagnostics;
}
