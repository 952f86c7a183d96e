/**
 * From a declaration to what is wanted right now: every expression evaluated against the current state.
 *
 * What is made from a secret is sealed again as a whole, so that it can be stored and compared but not read (I10). A
 * reference to something that is not there or not ready gives no value but a reason to wait; nothing is guessed.
 */
import { DiagnosticError } from "../diagnostics/diagnostic.ts";
import { edgesOf, isSecretReference } from "../kinds/edges.ts";
import { kindNamed, kindOfRoot } from "../kinds/registry.ts";
import { isReady } from "../model/condition.ts";
import { type Reference, evaluateTemplate, hasExpression, parseTemplate } from "../model/expression.ts";
import { type Draft, LABELS, type Resource, addressOf } from "../model/resource.ts";
import { type Keyring, containsSealed } from "../model/sealed.ts";
import { type Path, mapStrings, pathText, valueAt } from "../model/walk.ts";
import { TerminalError } from "../provider/provider.ts";
import type { Store } from "../store/store.ts";
import { targetKey } from "./view.ts";

export interface Wait {
  /** `database/orders`. */
  readonly address: string;
  /** `is not ready`, `does not exist`. */
  readonly reason: string;
}

export interface Resolved {
  /** The spec (or body) with values in place of expressions; secrets sealed. Only complete when nothing is waited for. */
  readonly spec: unknown;
  readonly waits: readonly Wait[];
}

export interface Resolver {
  readonly store: Pick<Store, "get">;
  readonly keyring: Keyring;
}

/** Kinds that are there or not there; nothing makes them ready. */
const PASSIVE: ReadonlySet<string> = new Set(["ConfigMap", "Secret", "Namespace", "Location", "System"]);

/** Refuses with TerminalError when an expression fails although all it refers to is there. */
export function resolve(resource: Resource, resolver: Resolver): Resolved {
  const waits = new Map<string, Wait>();
  for (const edge of edgesOf(resource as Draft).edges) {
    if (edge.weak) continue;
    const wait = waitFor(resource, edge, resolver);
    if (wait !== undefined) waits.set(wait.address, wait);
  }
  if (waits.size > 0) return { spec: resource.spec, waits: [...waits.values()] };
  return {
    spec: mapStrings(
      resource.spec,
      (text, path) => (hasExpression(text) ? evaluate(resource, text, path, resolver) : text),
      ["spec"],
    ),
    waits: [],
  };
}

export function waitsText(waits: readonly Wait[]): string {
  return `Waiting for ${waits.map((wait) => `${wait.address}, which ${wait.reason}`).join("; ")}.`;
}

function waitFor(
  from: Resource,
  edge: { readonly kind: string; readonly name: string; readonly to: string; readonly reference?: Reference },
  resolver: Resolver,
): Wait | undefined {
  const target = resolver.store.get(targetKey(edge, from));
  if (target === undefined) return { address: edge.to, reason: "does not exist" };
  if (target.metadata.deletionTimestamp !== undefined)
    return { address: edge.to, reason: "is being deleted" };
  const first = edge.reference?.path[0];
  if (edge.kind === "System" && first === "status")
    return unsaid(edge.to, edge.reference?.path ?? [], target);
  if (PASSIVE.has(edge.kind) || first === "metadata" || first === "spec") return undefined;
  return isReady(target) ? undefined : { address: edge.to, reason: "is not ready" };
}

/** A System is asked for what it puts out, whether all of it is ready or not. */
function unsaid(address: string, path: readonly string[], target: Resource): Wait | undefined {
  const name = path[1] === "outputs" ? "output " : "";
  return valueAt(target, path) === undefined
    ? { address, reason: `has no ${name}'${path.at(-1) ?? ""}' yet` }
    : undefined;
}

function evaluate(resource: Resource, text: string, path: Path, resolver: Resolver): unknown {
  const template = parseTemplate(text);
  const context: Record<string, Record<string, unknown>> = {};
  let secret = false;
  for (const part of template.parts) {
    if (typeof part === "string") continue;
    for (const reference of part.references) {
      const root = (context[reference.root] ??= {});
      if (reference.root === "param") {
        root[reference.name] = parameter(resource, reference.name, resolver);
        continue;
      }
      const seen = viewOf(resource, reference, resolver);
      root[reference.name] ??= opened(seen, resource, path, resolver);
      // Declared secret, or sealed where it stands: both taint what is made from them.
      secret ||= isSecretReference(reference) || containsSealed(valueAt(seen, reference.path));
    }
  }
  const value = attempt(() => evaluateTemplate(template, context), { resource, path, text, secret });
  return secret ? resolver.keyring.seal(typeof value === "string" ? value : JSON.stringify(value)) : value;
}

/** A key that does not fit is nothing that trying again would mend. */
function opened(value: unknown, resource: Resource, path: Path, { keyring }: Resolver): unknown {
  try {
    return keyring.openAll(value);
  } catch (error) {
    const diagnostic = error instanceof DiagnosticError ? error.diagnostics[0] : undefined;
    if (diagnostic === undefined) throw error;
    throw new TerminalError({ ...diagnostic, address: addressOf(resource), path: pathText(path) });
  }
}

interface Place {
  readonly resource: Resource;
  readonly path: Path;
  readonly text: string;
  /** Whether a secret is among the values. */
  readonly secret: boolean;
}

function attempt(evaluation: () => unknown, { resource, path, text, secret }: Place): unknown {
  let value: unknown;
  let problem = "it gives nothing";
  try {
    value = evaluation();
  } catch (error) {
    problem = secret ? "its secret value is not what the expression needs" : problemOf(error);
  }
  if (value !== undefined && value !== null) return value;
  throw new TerminalError({
    code: "ExpressionFailed",
    address: addressOf(resource),
    path: pathText(path),
    message: `${text.slice(0, 120)} cannot be evaluated: ${problem}.`,
    hint: "Check the name behind the last dot.",
  });
}

/** CEL's first line. It may quote what it could not convert (`bool("x")`), so it is not for expressions with a secret (I10). */
function problemOf(error: unknown): string {
  const line = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  return line.replace(/^\w*Error: /, "");
}

/** Its value in this use of the System, or its default. */
function parameter(resource: Resource, parameterName: string, resolver: Resolver): unknown {
  const name = resource.metadata.labels?.[LABELS.system];
  if (name === undefined) return undefined;
  const system = resolver.store.get({
    kind: "System",
    namespace: resource.metadata.namespace ?? "default",
    name,
  });
  const { values = {}, parameters = {} } = (system?.spec ?? {}) as {
    readonly values?: Readonly<Record<string, unknown>>;
    readonly parameters?: Readonly<Record<string, { readonly default?: unknown }>>;
  };
  return Object.hasOwn(values, parameterName) ? values[parameterName] : parameters[parameterName]?.default;
}

/** What an expression sees of a resource: its members; of Secrets and ConfigMaps also the data itself. Sealed still. */
function viewOf(from: Resource, reference: Reference, resolver: Resolver): unknown {
  const kind = kindOfRoot(reference.root)?.kind ?? "";
  const target = resolver.store.get(targetKey({ kind, name: reference.name }, from));
  if (target === undefined) return undefined;
  const { data } = target as Resource & { readonly data?: Readonly<Record<string, string>> };
  if (kind === "Secret" || kind === "ConfigMap") return { ...data, data, metadata: target.metadata };
  return { metadata: target.metadata, spec: target.spec, status: target.status };
}

/** Validates resolved values against the kind, since an expression may give anything. Refuses with TerminalError. */
export function checkResolved(resource: Resource, spec: unknown): void {
  const kind = kindNamed(resource.kind);
  const result = kind?.body.safeParse({ spec });
  if (result === undefined || result.success) return;
  const issue = result.error.issues[0];
  throw new TerminalError({
    code: "InvalidValue",
    address: addressOf(resource),
    path: pathText((issue?.path ?? []) as Path),
    message: `The value that an expression gave is not valid: ${issue?.message ?? ""}.`,
    hint: "Check what the expression refers to.",
  });
}
