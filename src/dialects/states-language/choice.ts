/** The data tests of a Choice state in JSONPath mode (States Language, "Data Test Expression"). */
import type { Json } from "../../model/resource.ts";
import type { ChoiceRule } from "./definition.ts";
import { type PathScope, evaluatePath } from "./path-expression.ts";
import { readPath } from "./json-path.ts";
import { parseTimestamp } from "./timestamp.ts";

type Relation = (order: number) => boolean;

const relations: Readonly<Record<string, Relation>> = {
  Equals: (order) => order === 0,
  LessThan: (order) => order < 0,
  LessThanEquals: (order) => order <= 0,
  GreaterThan: (order) => order > 0,
  GreaterThanEquals: (order) => order >= 0,
};

/** How two values of a type stand to each other; undefined where one is not of the type: then no test holds. */
const orders: Readonly<Record<string, (one: Json, other: Json) => number | undefined>> = {
  String: (one, other) =>
    typeof one === "string" && typeof other === "string" ? compare(one, other) : undefined,
  Numeric: (one, other) =>
    typeof one === "number" && typeof other === "number" ? compare(one, other) : undefined,
  Boolean: (one, other) =>
    typeof one === "boolean" && typeof other === "boolean" ? compare(Number(one), Number(other)) : undefined,
  Timestamp: (one, other) => {
    const first = timestamp(one);
    const second = timestamp(other);
    return first === undefined || second === undefined ? undefined : compare(first, second);
  },
};

const types: Readonly<Record<string, (value: Json) => boolean>> = {
  IsNull: (value) => value === null,
  IsString: (value) => typeof value === "string",
  IsNumeric: (value) => typeof value === "number",
  IsBoolean: (value) => typeof value === "boolean",
  IsTimestamp: (value) => timestamp(value) !== undefined,
};

function compare<T extends string | number>(one: T, other: T): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

function timestamp(value: Json): number | undefined {
  return typeof value === "string" ? parseTimestamp(value) : undefined;
}

interface Operator {
  readonly type: string;
  readonly relation: string;
}

function comparison(name: string): Operator | undefined {
  const found =
    /^(String|Numeric|Boolean|Timestamp)(Equals|LessThan|LessThanEquals|GreaterThan|GreaterThanEquals)$/.exec(
      name.replace(/Path$/, ""),
    );
  const [, type = "", relation = ""] = found ?? [];
  if (found === null || (type === "Boolean" && relation !== "Equals")) return undefined;
  return { type, relation };
}

/** What a data test's operand must be, or undefined where there is no such test. */
export function operandOf(name: string): "path" | "boolean" | "string" | "number" | "timestamp" | undefined {
  if (name in types || name === "IsPresent") return "boolean";
  if (name === "StringMatches") return "string";
  const found = comparison(name);
  if (found === undefined) return undefined;
  if (name.endsWith("Path")) return "path";
  const operands = {
    String: "string",
    Numeric: "number",
    Boolean: "boolean",
    Timestamp: "timestamp",
  } as const;
  return operands[found.type as keyof typeof operands];
}

/** Whether a rule holds. Throws States.Runtime where a path of it finds nothing. */
export function holds(rule: ChoiceRule, scope: PathScope): boolean {
  if (rule.And !== undefined) return rule.And.every((one) => holds(one, scope));
  if (rule.Or !== undefined) return rule.Or.some((one) => holds(one, scope));
  if (rule.Not !== undefined) return !holds(rule.Not, scope);
  const [name = "", operand] = Object.entries(rule).find(([key]) => operandOf(key) !== undefined) ?? [];
  return isPlaceTest(name)
    ? placeTest(name, readPath(rule.Variable ?? "", scope)) === operand
    : valueTest(name, operand as Json, evaluatePath(rule.Variable ?? "", scope, "Variable"), scope);
}

/** Tests that a path may find nothing for. */
function isPlaceTest(name: string): boolean {
  return name === "IsPresent" || name in types;
}

/** A value that is not there is of no type. */
function placeTest(name: string, value: Json | undefined): boolean {
  return value !== undefined && (types[name]?.(value) ?? true);
}

function valueTest(name: string, operand: Json, value: Json, scope: PathScope): boolean {
  if (name === "StringMatches") return typeof value === "string" && matches(value, String(operand));
  const other = operandOf(name) === "path" ? evaluatePath(String(operand), scope, name) : operand;
  const { type, relation } = comparison(name) ?? { type: "", relation: "" };
  const order = orders[type]?.(value, other);
  return order !== undefined && (relations[relation]?.(order) ?? false);
}

/** The texts between the stars of a pattern, in which a backslash makes the next sign literal. */
function textsOf(pattern: string): string[] {
  const texts = [""];
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] === "*") texts.push("");
    else texts[texts.length - 1] += pattern[at] === "\\" ? pattern.charAt(++at) : pattern.charAt(at);
  }
  return texts;
}

/** Whether a text is of a pattern in which `*` stands for any signs. Each text between stars is sought once, from left to right. */
function matches(text: string, pattern: string): boolean {
  const [first = "", ...rest] = textsOf(pattern);
  const last = rest.pop();
  if (last === undefined) return text === first;
  const end = text.length - last.length;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let from = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, from);
    if (found === -1) return false;
    from = found + part.length;
  }
  return from <= end;
}
