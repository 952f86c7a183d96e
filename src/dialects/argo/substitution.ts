/**
 * `{{...}}` in the texts of a definition. A tag is a variable (`{{inputs.parameters.a}}`) or, with `=`, an expression.
 *
 * Values are put in at several moments: those of the workflow and the inputs when a template begins, outputs of others before
 * a step begins, items when it is spread. A tag whose variables are not there yet therefore stays, unless `strict` says that
 * now is the last moment for it.
 */
import { type Ambience, compile } from "./expression/expression.ts";
import { ExpressionError } from "./expression/syntax.ts";
import { type Mapping, jsonOf } from "./expression/values.ts";
import type { Variables } from "./variables.ts";

/** What a tag must be resolved for: everything, nothing, or names that begin with one of these. */
export type Strictness = "all" | "none" | readonly string[];

/** A tag that should have been replaced was not: a sentence for people. */
export class SubstitutionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SubstitutionError";
  }
}

/** Variables that are known late: an expression that names one waits for it, even where it could do without. */
const LATE: ReadonlySet<string> = new Set([
  "item",
  "retries",
  "lastRetry.exitCode",
  "lastRetry.status",
  "lastRetry.duration",
  "lastRetry.message",
  "workflow.status",
  "workflow.failures",
]);
const FUNCTIONS_OF_NAMES: ReadonlySet<string> = new Set(["sprig"]);

export class Substitution {
  readonly #variables: Variables;
  readonly #ambience: Ambience;
  #nested: Mapping | undefined;

  constructor(variables: Variables, ambience: Ambience) {
    this.#variables = variables;
    this.#ambience = ambience;
  }

  /** The variables as expressions see them: `{ inputs: { parameters: { a } } }`. */
  get nested(): Mapping {
    this.#nested ??= nestedOf(this.#variables);
    return this.#nested;
  }

  /** A copy in which every text is replaced, keys of maps as well. Throws SubstitutionError. */
  value<Value>(value: Value, strict: Strictness): Value {
    return this.#value(value, strict) as Value;
  }

  text(text: string, strict: Strictness): string {
    let result = "";
    let at = 0;
    for (;;) {
      const open = text.indexOf("{{", at);
      const close = open < 0 ? -1 : text.indexOf("}}", open + 2);
      if (close < 0) return result + text.slice(at);
      result += text.slice(at, open) + this.#tag(text.slice(open + 2, close), strict);
      at = close + 2;
    }
  }

  #value(value: unknown, strict: Strictness): unknown {
    if (typeof value === "string") return value.includes("{{") ? this.text(value, strict) : value;
    if (Array.isArray(value)) return value.map((one) => this.#value(one, strict));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key.includes("{{") ? this.text(key, strict) : key,
        this.#value(one, strict),
      ]),
    );
  }

  #tag(tag: string, strict: Strictness): string {
    const trimmed = tag.trim();
    return trimmed.startsWith("=")
      ? this.#expression(tag, trimmed.slice(1), strict)
      : this.#variable(tag, strict);
  }

  #variable(tag: string, strict: Strictness): string {
    const name = tag.trim();
    if (this.#has(name)) return this.#known(name, tag);
    // `{{inputs.parameters.{{item}}}}`: the inner tag first, the outer one in the next pass.
    const inner = tag.lastIndexOf("{{");
    if (inner > 0 && this.#has(tag.slice(inner + 2).trim()))
      return `{{${tag.slice(0, inner)}${this.#known(tag.slice(inner + 2).trim(), tag)}`;
    if (isStrict(name, strict) && (strict === "all" || !name.includes(".outputs.artifacts.")))
      throw new SubstitutionError(`failed to resolve {{${tag}}}`);
    return `{{${tag}}}`;
  }

  #known(name: string, tag: string): string {
    const value = this.#variables.get(name);
    if (typeof value === "string") return value;
    throw new SubstitutionError(
      value === null
        ? `unable to substitute {{${tag}}}: output is an absent optional (skipped/omitted node with no default)`
        : `failed to resolve {{${tag}}} to string`,
    );
  }

  #expression(tag: string, text: string, strict: Strictness): string {
    const missing = readsOf(text).filter((path) => !this.#isThere(path) && !isFunctionName(path));
    const needed = missing.find((path) => isStrict(path, strict));
    if (needed !== undefined)
      throw new SubstitutionError(`failed to evaluate expression: ${needed} is missing`);
    const mayWait = missing.length > 0 || strict === "none";
    if (missing.some((path) => LATE.has(path))) return `{{${tag}}}`;
    try {
      const value = compile(text).evaluate(this.nested, this.#ambience);
      if (value == null) throw new ExpressionError(`'${text.trim()}' has no value.`);
      return typeof value === "string" ? value : jsonOf(value);
    } catch (error) {
      if (mayWait || this.#hasPlaceholder()) return `{{${tag}}}`;
      throw new SubstitutionError(`failed to evaluate expression: ${messageOf(error)}`);
    }
  }

  /** A value that is itself not resolved yet. */
  #hasPlaceholder(): boolean {
    for (const [, value] of this.#variables.entries())
      if (typeof value === "string" && /^\{\{[^]*\}\}$/.test(value)) return true;
    return false;
  }

  /** Artifacts are variables as well, but no texts: what takes one from elsewhere resolves it (run/references.ts). */
  #has(name: string): boolean {
    return this.#variables.has(name) && isTextual(this.#variables.get(name));
  }

  #isThere(path: string): boolean {
    if (this.#has(path)) return true;
    let at: unknown = this.nested;
    for (const part of path.split(".")) {
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return false;
      at = (at as Mapping)[part];
    }
    return true;
  }
}

function readsOf(expression: string): readonly string[] {
  try {
    return compile(expression).reads;
  } catch (error) {
    throw new SubstitutionError(`failed to evaluate expression: ${messageOf(error)}`);
  }
}

function isFunctionName(path: string): boolean {
  if (FUNCTIONS_OF_NAMES.has(path.split(".")[0] ?? "")) return true;
  return !path.includes(".") && !ROOTS.has(path);
}

/** What variables begin with; any other bare name in an expression is a function of the language. */
const ROOTS: ReadonlySet<string> = new Set([
  "inputs",
  "outputs",
  "workflow",
  "steps",
  "tasks",
  "item",
  "retries",
  "lastRetry",
  "pod",
  "node",
  "cronworkflow",
]);

function isStrict(name: string, strict: Strictness): boolean {
  if (typeof strict === "string") return strict === "all";
  return strict.some((prefix) => name === prefix || name.startsWith(`${prefix}.`));
}

/** Of two names where one begins the other, the longer stays: `steps.a.outputs.parameters` and what is below it. */
export function nestedOf(variables: Variables, isSeen = isTextual): Mapping {
  const root = Object.create(null) as Record<string, unknown>;
  const byLength = [...new Map(variables.entries())].toSorted(([one], [other]) => one.length - other.length);
  for (const [name, value] of byLength) {
    if (!isSeen(value)) continue;
    const parts = name.split(".");
    const last = parts.pop() ?? "";
    let at = root;
    for (const part of parts) {
      const next = at[part];
      if (next instanceof Branch) at = next as unknown as Record<string, unknown>;
      else at = at[part] = new Branch() as unknown as Record<string, unknown>;
    }
    at[last] = value ?? null;
  }
  return root;
}

function isTextual(value: unknown): boolean {
  return typeof value === "string" || value === null;
}

/** Made by names alone, as opposed to a value that happens to be a map. */
class Branch {}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
