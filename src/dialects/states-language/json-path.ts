/**
 * JSONPath (RFC 9535) and what the States Language adds: `$$` is the context object, `$name` a variable, and a Reference Path names one
 * place, so that a value can be written there.
 */
import { JSONPathEnvironment, type JSONPathQuery, type JSONValue } from "json-p3";
import type { Json, JsonObject } from "../../model/resource.ts";

// The depth is bounded so that no document overflows the stack.
const environment = new JSONPathEnvironment({ maxRecursionDepth: 2_000 });
const COMPILED_KEPT = 2_000;
const compiled = new Map<string, JSONPathQuery>();

/** What a path's first sign can stand for. */
export interface PathRoots {
  readonly input: Json | undefined;
  readonly context: Json;
  readonly variables: Readonly<Record<string, Json>>;
}

/** Compiles a query; throws an Error that says what is wrong with it. */
export function compileJsonPath(query: string): JSONPathQuery {
  const known = compiled.get(query);
  if (known !== undefined) return known;
  const made = environment.compile(query);
  if (compiled.size >= COMPILED_KEPT) compiled.clear();
  compiled.set(query, made);
  return made;
}

/** Every value a query selects, in document order. */
export function queryJsonPath(query: string, document: Json): Json[] {
  return compileJsonPath(query)
    .query(document as JSONValue)
    .values() as Json[];
}

interface ParsedPath {
  readonly root: "input" | "context" | { readonly variable: string };
  /** The rest as a query of its own: `$.a.b`. */
  readonly query: string;
}

/** To the service a backslash before a quotation mark of the other kind is a sign of the name; RFC 9535 refuses it. */
function withNeedlessBackslashes(path: string): string {
  return path.replaceAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, (name) => {
    const other = name.startsWith("'") ? '"' : "'";
    return name.replaceAll(/\\(.)/g, (escaped: string, sign: string) =>
      sign === other ? `\\\\${sign}` : escaped,
    );
  });
}

function parsePath(text: string): ParsedPath {
  const path = text.includes("\\") ? withNeedlessBackslashes(text) : text;
  if (path.startsWith("$$")) return { root: "context", query: path.slice(1) };
  const variable = /^\$([\p{L}_][\p{L}\p{N}_]*)/u.exec(path)?.[1];
  if (variable === undefined) return { root: "input", query: path };
  return { root: { variable }, query: `$${path.slice(variable.length + 1)}` };
}

/** Why this is no path, or undefined. */
export function wrongPath(path: string): string | undefined {
  try {
    compileJsonPath(parsePath(path).query);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

export function variableOf(path: string): string | undefined {
  const { root } = parsePath(path);
  return typeof root === "string" ? undefined : root.variable;
}

/** The value at a path: of a path that may select several, their list; of one that names a place, the value there or undefined. */
export function readPath(path: string, roots: PathRoots): Json | undefined {
  const { root, query } = parsePath(path);
  const from = typeof root === "string" ? roots[root] : own(roots.variables, root.variable);
  const parsed = compileJsonPath(query);
  if (from === undefined) return undefined;
  const values = parsed.query(from as JSONValue).values() as Json[];
  return parsed.singularQuery() ? values[0] : values;
}

function own(record: Readonly<Record<string, Json>>, name: string): Json | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

const step = /\.([\p{L}_][\p{L}\p{N}_-]*)|\[(-?\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/uy;

/** The keys and indexes of a Reference Path below the root, or undefined where it is none. */
export function referenceSteps(path: string): readonly (string | number)[] | undefined {
  if (!path.startsWith("$")) return undefined;
  const steps: (string | number)[] = [];
  step.lastIndex = 1;
  while (step.lastIndex < path.length) {
    const found = step.exec(path);
    if (found === null) return undefined;
    const [, name, index, single, double] = found;
    if (index !== undefined) steps.push(Number(index));
    else steps.push(name ?? (single ?? double ?? "").replaceAll(/\\(.)/g, "$1"));
  }
  return steps;
}

/** A copy of `document` with `value` at a Reference Path; objects on the way are made. Undefined where an index is past the end or
 *  a step meets a value that has no such place. */
export function writePath(path: string, document: Json, value: Json): Json | undefined {
  const steps = referenceSteps(path);
  return steps === undefined ? undefined : write(document, steps, 0, value);
}

function write(
  document: Json | undefined,
  steps: readonly (string | number)[],
  at: number,
  value: Json,
): Json | undefined {
  const place = steps[at];
  if (place === undefined) return value;
  if (typeof place === "number") return writeIndex(document, steps, at, value);
  if (document !== undefined && !isObject(document) && document !== null) return undefined;
  const object: JsonObject = isObject(document) ? document : {};
  const below = write(own(object, place), steps, at + 1, value);
  if (below === undefined) return undefined;
  return Object.fromEntries([...Object.entries(object).filter(([key]) => key !== place), [place, below]]);
}

function writeIndex(
  document: Json | undefined,
  steps: readonly (string | number)[],
  at: number,
  value: Json,
): Json | undefined {
  const index = Number(steps[at]);
  if (!Array.isArray(document) || index < 0 || index >= document.length) return undefined;
  const list = document as readonly Json[];
  const below = write(list[index], steps, at + 1, value);
  return below === undefined ? undefined : list.with(index, below);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
