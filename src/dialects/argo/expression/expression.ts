/**
 * Expressions of expr-lang as Argo Workflows uses them: `{{= }}`, `depends`, hooks, retries, outputs.
 *
 * An expression is compiled once. What it reads is known without running it, so that one whose variables are not there yet
 * can be left for later. A run of it is bounded, and depends on its values, `now` and `random` alone.
 */
import { JSONPathEnvironment, type JSONValue } from "json-p3";
import { builtins, fromJson } from "./builtins.ts";
import { evaluate } from "./evaluate.ts";
import { parse } from "./parser.ts";
import { sprig } from "./sprig.ts";
import { type Expression, ExpressionError } from "./syntax.ts";
import { type Callable, type Mapping, textOf } from "./values.ts";

export interface Ambience {
  /** The time by which the run goes. */
  readonly now: Date;
  /** In [0, 1), the same in every replay. */
  random(): number;
}

export interface Compiled {
  /** Dotted paths that are read, but for those below `??` and `?.`: `inputs`, `inputs.parameters.a`. */
  readonly reads: readonly string[];
  /** Throws ExpressionError. `names` are nested: `{ inputs: { parameters: { a } } }`. */
  evaluate(names: Mapping, ambience: Ambience): unknown;
}

const COMPILED_KEPT = 2_000;
const compiled = new Map<string, Compiled>();

/** Throws ExpressionError when it is none. */
export function compile(text: string): Compiled {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const tree = parse(text);
  const reads = new Set<string>();
  collect(tree, new Set(), { reads, isGuarded: false });
  const names = [...reads].filter((path) => !path.includes("."));
  const made: Compiled = {
    reads: [...reads],
    evaluate: (given, ambience) => {
      const functions = functionsOf(ambience);
      const all = { ...given, sprig: sprig(ambience.now, () => ambience.random()) };
      const unknown = names.find((name) => !Object.hasOwn(all, name) && !Object.hasOwn(functions, name));
      if (unknown !== undefined) throw new ExpressionError(`The name '${unknown}' is not known.`);
      return evaluate(tree, { names: all, functions });
    },
  };
  if (compiled.size >= COMPILED_KEPT) compiled.clear();
  compiled.set(text, made);
  return made;
}

/** A condition; whatever it gives that is not true or false is an error. */
export function holds(text: string, names: Mapping, ambience: Ambience): boolean {
  const value = compile(text).evaluate(names, ambience);
  if (typeof value === "boolean") return value;
  throw new ExpressionError(`The expression '${text}' must be true or false, not '${textOf(value)}'.`);
}

// The depth is bounded so that no document overflows the stack.
const paths = new JSONPathEnvironment({ maxRecursionDepth: 2_000 });

/** One value where the path names one place, else the list of what it selects. */
export function jsonPath(document: unknown, path: string): unknown {
  try {
    const query = paths.compile(path);
    const values = query.query(document as JSONValue).values() as unknown[];
    if (!query.singularQuery()) return values;
    if (values.length > 0) return values[0];
  } catch (error) {
    throw new ExpressionError(error instanceof Error ? error.message : String(error));
  }
  throw new ExpressionError(`There is nothing at '${path}'.`);
}

function functionsOf({ now }: Ambience): Readonly<Record<string, Callable>> {
  return {
    ...builtins(now),
    jsonpath: (text, path) => jsonPath(fromJson(textOf(text)), textOf(path)),
  };
}

interface Reading {
  readonly reads: Set<string>;
  readonly isGuarded: boolean;
}

/** `local`: names that `let` binds. */
function collect(node: Expression, local: ReadonlySet<string>, reading: Reading): void {
  note(node, local, reading);
  const guarded = { reads: reading.reads, isGuarded: true };
  if (node.is === "let") {
    collect(node.value, local, reading);
    collect(node.body, new Set([...local, node.name]), reading);
  } else if (node.is === "binary" && node.operator === "??") {
    collect(node.left, local, guarded);
    collect(node.right, local, reading);
  } else {
    const inner = node.is === "member" && node.optional ? guarded : reading;
    for (const child of childrenOf(node)) collect(child, local, inner);
  }
}

function note(node: Expression, local: ReadonlySet<string>, { reads, isGuarded }: Reading): void {
  if (node.is === "name" && !local.has(node.name)) reads.add(node.name);
  if (node.is !== "member" || isGuarded) return;
  const path = pathOf(node);
  if (path !== undefined && !local.has(path.split(".")[0] ?? "")) reads.add(path);
}

function pathOf(node: Expression): string | undefined {
  if (node.is === "name") return node.name;
  if (node.is !== "member" || node.optional || node.property.is !== "literal") return undefined;
  const of = pathOf(node.of);
  return of === undefined || typeof node.property.value !== "string"
    ? undefined
    : `${of}.${node.property.value}`;
}

function childrenOf(node: Expression): readonly Expression[] {
  switch (node.is) {
    case "member":
      return [node.of, node.property];
    case "slice":
      return [node.of, node.from, node.to].filter((one) => one !== undefined);
    case "call":
      return [node.callee, ...node.values];
    case "unary":
      return [node.operand];
    case "binary":
      return [node.left, node.right];
    case "conditional":
      return [node.test, node.yes, node.no];
    case "list":
      return node.items;
    case "map":
      return node.entries.flat();
    case "predicate":
      return [node.body];
    case "let":
      return [node.value, node.body];
    default:
      return [];
  }
}
