/**
 * Text with CEL in `${...}`: `${database.orders.status.url}`, `http://${service.api.status.host}:80`, `${param.n * 2}`.
 * A text that is one expression keeps the expression's type; else results are put into the text. `$${` writes `${`.
 *
 * A resource name may hold dashes although CEL would read them as minus signs: directly behind a root name
 * (`secret.stripe-api.key`) a dash without spaces belongs to the name.
 */
import { Environment, Optional, type ParseResult } from "@marcbachmann/cel-js";
import { refuse } from "../diagnostics/diagnostic.ts";

export interface Reference {
  /** `database`, `param`. */
  readonly root: string;
  /** The resource's or parameter's name. */
  readonly name: string;
  /** What is read of it: `["status", "url"]`. */
  readonly path: readonly string[];
}

export interface Expression {
  readonly source: string;
  readonly references: readonly Reference[];
  /** `context`: a value for each root name. Throws CEL's evaluation error, whose text may quote the source but no value. */
  evaluate(context: Readonly<Record<string, unknown>>): unknown;
}

export interface Template {
  readonly parts: readonly (string | Expression)[];
}

const environment = new Environment({
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
  enableOptionalTypes: true,
  limits: { maxAstNodes: 2000, maxDepth: 64 },
});

const templates = new Map<string, Template>();
const CACHE_LIMIT = 10_000;

export function hasExpression(text: string): boolean {
  return text.includes("${");
}

/** True when the text is one single expression, which may give a value of any type. False for one that cannot be parsed. */
export function isWholeExpression(value: unknown): value is string {
  if (typeof value !== "string" || !value.startsWith("${") || !value.endsWith("}")) return false;
  try {
    const { parts } = parseTemplate(value);
    return parts.length === 1 && typeof parts[0] !== "string";
  } catch {
    return false; // admission reports what is wrong with it
  }
}

/** Refuses with InvalidExpression. */
export function parseTemplate(text: string): Template {
  const known = templates.get(text);
  if (known !== undefined) return known;
  const template = { parts: split(text) };
  if (templates.size >= CACHE_LIMIT) templates.clear();
  templates.set(text, template);
  return template;
}

export function referencesIn(text: string): readonly Reference[] {
  return hasExpression(text)
    ? parseTemplate(text).parts.flatMap((part) => (typeof part === "string" ? [] : part.references))
    : [];
}

export function evaluateTemplate(template: Template, context: Readonly<Record<string, unknown>>): unknown {
  const [first] = template.parts;
  if (template.parts.length === 1 && first !== undefined && typeof first !== "string")
    return first.evaluate(context);
  return template.parts
    .map((part) => (typeof part === "string" ? part : inText(part.evaluate(context))))
    .join("");
}

function inText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function split(text: string): readonly (string | Expression)[] {
  const parts: (string | Expression)[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    if (text.startsWith("$${", at)) {
      literal += "${";
      at += 3;
    } else if (text.startsWith("${", at)) {
      const end = closingBrace(text, at + 2);
      if (literal !== "") parts.push(literal);
      literal = "";
      parts.push(parseExpression(text.slice(at + 2, end)));
      at = end + 1;
    } else {
      literal += text[at];
      at += 1;
    }
  }
  if (literal !== "" || parts.length === 0) parts.push(literal);
  return parts;
}

function closingBrace(text: string, from: number): number {
  let depth = 1;
  let quote = "";
  for (let at = from; at < text.length; at += 1) {
    const char = text[at] as string;
    if (quote !== "") {
      if (char === "\\") at += 1;
      else if (char === quote) quote = "";
    } else if (char === '"' || char === "'") quote = char;
    else if (char === "{") depth += 1;
    else if (char === "}") {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return refuse({
    code: "InvalidExpression",
    message: `'${excerpt(text)}' opens an expression with \${ that is never closed.`,
    hint: "Close it with }, or write $${ for a literal ${.",
  });
}

function excerpt(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** A text literal, which stays as it is, or a root name and a name with dashes. */
const DASHED =
  /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?<![\w."'])([a-z][A-Za-z]*)\.([a-z0-9]+(?:-[a-z0-9]+)+)(?=\.|\[|$|[^\w-])/g;

function celOf(source: string): string {
  return source.replace(DASHED, (all, root?: string, name?: string) =>
    root === undefined || name === undefined ? all : `${root}["${name}"]`,
  );
}

type Types = Readonly<Record<string, Readonly<Record<string, string>>>>;

const typed = new WeakMap<Types, Environment>();

function environmentOf(types: Types): Environment {
  const known = typed.get(types);
  if (known !== undefined) return known;
  const made = environment.clone();
  for (const [root, schema] of Object.entries(types)) made.registerVariable(root, { schema });
  typed.set(types, made);
  return made;
}

/**
 * The type that an expression has whatever the values are, `dyn` when that depends on them; or why it can be worked out
 * with none. `types`: what members of roots are known to be, in CEL's words; a root that is named has no others.
 */
export function expressionType(
  source: string,
  types?: Types,
): { readonly type?: string; readonly problem?: string } {
  const checked = (types === undefined ? environment : environmentOf(types)).check(celOf(source));
  return checked.error === undefined
    ? { type: checked.type ?? "dyn" }
    : { problem: firstLine(checked.error) };
}

export function parseExpression(source: string): Expression {
  const parsed = parsedAs(celOf(source), source);
  const chains: Chain[] = [];
  collect(parsed.ast as unknown as Node, chains, new Set());
  return {
    source,
    references: chains.map(({ reference }) => reference),
    evaluate: (context) => fromCel(parsed(toCel(context) as Record<string, unknown>)),
  };
}

function parsedAs(cel: string, source: string): ParseResult {
  try {
    return environment.parse(cel);
  } catch (error) {
    return refuse({
      code: "InvalidExpression",
      message: `'${excerpt(source)}' is not a CEL expression: ${firstLine(error)}.`,
      hint: "Write for example ${database.orders.status.url}; write $NAME for a shell variable, or $${ for a literal ${.",
    });
  }
}

/** Where a reference stands in CEL's own text: all of it, and its first two steps, `root.name`. */
export interface Occurrence {
  readonly reference: Reference;
  readonly all: readonly [from: number, to: number];
  readonly head: readonly [from: number, to: number];
}

/** The expression in CEL's own writing, with the places of its references, first to last. Refuses with InvalidExpression. */
export function occurrencesIn(source: string): {
  readonly cel: string;
  readonly occurrences: readonly Occurrence[];
} {
  const cel = celOf(source);
  const chains: Chain[] = [];
  collect(parsedAs(cel, source).ast as unknown as Node, chains, new Set());
  const occurrences = chains.map(({ reference, node }): Occurrence => {
    let head = node;
    for (let [inner] = head.args as [Node]; isNode(inner) && inner.op !== "id"; [inner] = head.args as [Node])
      head = inner;
    return { reference, all: [node.start, node.end], head: [head.start, head.end] };
  });
  return { cel, occurrences: occurrences.toSorted((a, b) => a.all[0] - b.all[0]) };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}

interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly start: number;
  readonly end: number;
}

interface Chain {
  readonly reference: Reference;
  readonly node: Node;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

/** Finds the chains `root.name.path...` (dots and constant indexes); what is behind them may hold further ones. */
function collect(node: Node, into: Chain[], bound: ReadonlySet<string>): void {
  const chain = chainOf(node);
  if (chain !== undefined) {
    const [root = "", name = "", ...path] = chain;
    if (!bound.has(root)) into.push({ reference: { root, name, path }, node });
    return;
  }
  const binding = bindingOf(node);
  if (binding === undefined) {
    for (const child of childrenOf(node.args)) collect(child, into, bound);
    return;
  }
  if (binding.receiver !== undefined) collect(binding.receiver, into, bound);
  const inner = new Set([...bound, ...binding.variables]);
  for (const child of binding.body) collect(child, into, inner);
}

/** Macros whose first arguments name variables, good in the arguments after them: `list.exists(x, x > 1)`. */
const BINDING: ReadonlySet<string> = new Set([
  "all",
  "exists",
  "exists_one",
  "existsOne",
  "map",
  "filter",
  "bind",
]);

interface Binding {
  readonly receiver: Node | undefined;
  readonly variables: readonly string[];
  readonly body: readonly Node[];
}

function bindingOf(node: Node): Binding | undefined {
  if (node.op !== "rcall" || !Array.isArray(node.args)) return undefined;
  const [method, receiver, given] = node.args as [unknown, unknown, unknown];
  if (typeof method !== "string" || !BINDING.has(method) || !isNode(receiver)) return undefined;
  const args = childrenOf(given);
  const first = args.slice(0, -1).findIndex((arg) => arg.op !== "id");
  const count = first === -1 ? args.length - 1 : first;
  const isNamespace = method === "bind" && receiver.op === "id";
  return {
    receiver: isNamespace ? undefined : receiver,
    variables: args.slice(0, count).map((arg) => String(arg.args)),
    body: args.slice(count),
  };
}

function childrenOf(args: unknown): readonly Node[] {
  if (isNode(args)) return [args];
  return Array.isArray(args) ? args.flatMap(childrenOf) : [];
}

const STEPS: ReadonlySet<string> = new Set([".", ".?", "[]", "[?]"]);

function chainOf(node: Node): readonly string[] | undefined {
  if (node.op === "id") return [String(node.args)];
  if (!STEPS.has(node.op) || !Array.isArray(node.args)) return undefined;
  const [object, step] = node.args as [unknown, unknown];
  const before = isNode(object) ? chainOf(object) : undefined;
  if (before === undefined) return undefined;
  if (typeof step === "string") return [...before, step];
  return isNode(step) && step.op === "value" ? [...before, String(step.args)] : undefined;
}

/** CEL tells integers (BigInt) from doubles; JSON does not: whole numbers go in as integers and come back as numbers. */
function toCel(value: unknown): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(toCel);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toCel(member)]));
}

/** What CEL has and JSON has not is written as the JSON mapping of Protocol Buffers does. */
function fromCel(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(fromCel);
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, member]) => [String(name), fromCel(member)]));
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof Optional) return value.hasValue() ? fromCel(value.value()) : null;
  if ("extendTimestamp" in value)
    return durationText(value as unknown as { readonly seconds: bigint; readonly nanos: number });
  const primitive: unknown = value.valueOf();
  if (typeof primitive === "bigint") return Number(primitive);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fromCel(member)]));
}

/** CEL's durations, whose class the library does not export: it alone has a method `extendTimestamp`. */
function durationText({ seconds, nanos }: { readonly seconds: bigint; readonly nanos: number }): string {
  return `${Number(seconds) + nanos / 1e9}s`;
}
