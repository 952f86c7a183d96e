/**
 * Text -> expression, by precedence climbing. Precedence, from loosest to tightest, as in Prometheus:
 *
 *     or | and unless | == != > < >= <= </ >/ | + - | * / % atan2 | signs | ^ (to the right)
 *
 * Every node is checked as soon as it is whole (check.ts), so that errors point at the first thing that is wrong.
 */
import type { AggregateOperator, Binary, BinaryOperator, Expression, Matching } from "./ast.ts";
import { checkAggregate, checkBinary, checkCall, checkUnary } from "./check.ts";
import { Cursor } from "./cursor.ts";
import type { Matcher } from "../matcher.ts";
import { parseNumber } from "./parse-number.ts";
import { parseSuffixes, parseVectorSelector } from "./parse-selector.ts";
import { isLabelName, quote } from "./text.ts";
import { typeOf } from "./types.ts";

export interface ParseOptions {
  /** Whether experimental functions, aggregations and modifiers are known. */
  readonly experimental?: boolean;
}

/** Throws PromQLError. */
export function parseQuery(text: string, { experimental = false }: ParseOptions = {}): Expression {
  const cursor = new Cursor(text, experimental);
  if (cursor.peek().kind === "end") cursor.refuse(0, "no expression found in input");
  const expression = parseExpression(cursor);
  if (cursor.peek().kind !== "end") cursor.unexpected("query");
  return expression;
}

/** A series selector such as `match[]` holds: `up{job="api"}`. Throws PromQLError. */
export function parseSelector(text: string): readonly Matcher[] {
  const cursor = new Cursor(text, false);
  if (cursor.peek().kind !== "identifier" && !cursor.isSymbol("{")) cursor.unexpected("series selector");
  const { matchers } = parseVectorSelector(cursor);
  if (cursor.peek().kind !== "end") cursor.unexpected("series selector");
  return matchers;
}

const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  "==": 3,
  "!=": 3,
  ">": 3,
  "<": 3,
  ">=": 3,
  "<=": 3,
  "</": 3,
  ">/": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "/": 5,
  "%": 5,
  atan2: 5,
  "^": 7,
};
const SIGNS = 6;

function operatorHere(cursor: Cursor): BinaryOperator | undefined {
  const { kind, text } = cursor.peek();
  const word = kind === "symbol" ? text : (cursor.keyword() ?? "");
  return Object.hasOwn(PRECEDENCE, word) ? (word as BinaryOperator) : undefined;
}

function parseExpression(cursor: Cursor, least = 1): Expression {
  return cursor.nested(() => parseOperators(cursor, least));
}

function parseOperators(cursor: Cursor, least: number): Expression {
  let left = parseUnary(cursor);
  for (let links = 0; ; links++) {
    cursor.limitChain(links);
    const operator = operatorHere(cursor);
    if (operator === undefined || PRECEDENCE[operator] < least) return left;
    const token = cursor.take();
    const modifiers = parseModifiers(cursor, operator);
    const right = parseExpression(cursor, PRECEDENCE[operator] + (operator === "^" ? 0 : 1));
    const { bool, written, matching } = modifiers;
    const between = typeOf(left) === "vector" && typeOf(right) === "vector";
    const place = cursor.place(left.place.start);
    const binary: Binary = {
      kind: "binary",
      operator,
      left,
      right,
      bool,
      place,
      ...(between && { matching }),
    };
    checkBinary(cursor, binary, token.start, written ? matching : undefined);
    left = binary;
  }
}

interface Modifiers {
  readonly bool: boolean;
  /** Whether any of the matching was. */
  readonly written: boolean;
  readonly matching: Matching;
}

function parseModifiers(cursor: Cursor, operator: BinaryOperator): Modifiers {
  const bool = cursor.takeKeyword("bool");
  const set = operator === "and" || operator === "or" || operator === "unless";
  const usual: Matching = {
    cardinality: set ? "many-to-many" : "one-to-one",
    on: false,
    labels: [],
    include: [],
  };
  const clause = parseMatchingClause(cursor);
  const fill = parseFill(cursor);
  const written = clause !== undefined || fill !== undefined;
  return { bool, written, matching: { ...usual, ...clause, ...fill } };
}

function parseMatchingClause(cursor: Cursor): Partial<Matching> | undefined {
  const word = cursor.keyword();
  if ((word !== "on" && word !== "ignoring") || !cursor.isSymbol("(", 1)) return undefined;
  cursor.take();
  const clause = { on: word === "on", labels: parseLabels(cursor) };
  const side = cursor.keyword();
  if (side !== "group_left" && side !== "group_right") return clause;
  cursor.take();
  const include = cursor.isSymbol("(") ? parseLabels(cursor) : [];
  return { ...clause, cardinality: side === "group_left" ? "many-to-one" : "one-to-many", include };
}

/** `fill(0)`, `fill_left(0) fill_right(1)`; without parentheses these are metrics' names. */
function parseFill(cursor: Cursor): Pick<Matching, "fillLeft" | "fillRight"> | undefined {
  let fill: Pick<Matching, "fillLeft" | "fillRight"> | undefined;
  for (;;) {
    const word = cursor.keyword();
    if (!cursor.isSymbol("(", 1) || (word !== "fill" && word !== "fill_left" && word !== "fill_right"))
      return fill;
    cursor.requireExperimental(cursor.take().start, `the modifier ${word}`);
    cursor.expectSymbol("(", word);
    const sign = cursor.takeSymbol("-") ? -1 : 1;
    if (sign > 0) cursor.takeSymbol("+");
    const value = sign * (numberHere(cursor) ?? cursor.unexpected(word, "number"));
    cursor.take();
    cursor.expectSymbol(")", word);
    if (word !== "fill_right") fill = { ...fill, fillLeft: value };
    if (word !== "fill_left") fill = { ...fill, fillRight: value };
  }
}

function parseLabels(cursor: Cursor): readonly string[] {
  cursor.expectSymbol("(", "grouping opts");
  const labels: string[] = [];
  while (!cursor.isSymbol(")")) {
    const { kind, start } = cursor.peek();
    if (kind !== "identifier" && kind !== "string") cursor.unexpected("grouping opts", "label");
    const label = kind === "string" ? cursor.takeString() : cursor.take().text;
    if (!isLabelName(label) || (kind === "identifier" && label.includes(":")))
      cursor.refuse(start, `invalid label name ${quote(label)}`);
    labels.push(label);
    if (!cursor.isSymbol(")") && !cursor.takeSymbol(",")) cursor.unexpected("grouping opts", '"," or ")"');
  }
  cursor.take();
  return labels;
}

function parseUnary(cursor: Cursor): Expression {
  const { start, text, kind } = cursor.peek();
  if (kind !== "symbol" || (text !== "+" && text !== "-")) return parseSuffixes(cursor, parseOperand(cursor));
  cursor.take();
  const operand = parseExpression(cursor, SIGNS);
  const place = cursor.place(start);
  checkUnary(cursor, operand, start);
  if (operand.kind === "number")
    return { ...operand, value: text === "-" ? -operand.value : operand.value, place };
  return { kind: "unary", operator: text, operand, place };
}

function numberHere(cursor: Cursor): number | undefined {
  const token = cursor.peek();
  if (token.kind === "number" || token.kind === "duration") return parseNumber(token);
  const word = cursor.keyword();
  return word === "inf" ? Number.POSITIVE_INFINITY : word === "nan" ? Number.NaN : undefined;
}

function parseOperand(cursor: Cursor): Expression {
  const token = cursor.peek();
  const { start } = token;
  const value = numberHere(cursor);
  if (value !== undefined) {
    cursor.take();
    const written =
      token.kind === "duration" && /[a-z]/.test(token.text) ? ({ duration: true } as const) : {};
    return { kind: "number", value, ...written, place: cursor.place(start) };
  }
  if (token.kind === "string")
    return { kind: "string", value: cursor.takeString(), place: cursor.place(start) };
  if (cursor.takeSymbol("(")) {
    const operand = parseExpression(cursor);
    cursor.expectSymbol(")", "parenthesised expression");
    return { kind: "paren", operand, place: cursor.place(start) };
  }
  if (cursor.isSymbol("{")) return parseVectorSelector(cursor);
  if (token.kind !== "identifier") return cursor.unexpected("expression");
  return parseNamed(cursor);
}

const AGGREGATES = new Set<string>([
  "sum",
  "avg",
  "min",
  "max",
  "count",
  "group",
  "stddev",
  "stdvar",
  "topk",
  "bottomk",
  "quantile",
  "count_values",
  "limitk",
  "limit_ratio",
] satisfies AggregateOperator[]);

/** Words that are never names of metrics. */
const RESERVED = new Set(["bool", "on", "ignoring", "group_left", "group_right", "atan2"]);

function parseNamed(cursor: Cursor): Expression {
  const word = cursor.keyword() as string;
  const next = cursor.keyword(1);
  const called = cursor.isSymbol("(", 1);
  if (AGGREGATES.has(word) && (called || ((next === "by" || next === "without") && cursor.isSymbol("(", 2))))
    return parseAggregate(cursor, word as AggregateOperator);
  if (called) return parseCall(cursor);
  if (RESERVED.has(word)) return cursor.unexpected("expression");
  return parseVectorSelector(cursor);
}

function parseArguments(cursor: Cursor, where: string): readonly Expression[] {
  cursor.expectSymbol("(", where);
  const args: Expression[] = [];
  if (cursor.takeSymbol(")")) return args;
  do args.push(parseExpression(cursor));
  while (cursor.takeSymbol(","));
  cursor.expectSymbol(")", where);
  return args;
}

/** The second argument of info() is only a list of matchers, which an absent label may fit. */
function parseInfoArguments(cursor: Cursor): readonly Expression[] {
  cursor.expectSymbol("(", "function call");
  const args = [parseExpression(cursor)];
  while (cursor.takeSymbol(","))
    args.push(cursor.isSymbol("{") ? parseVectorSelector(cursor, true) : parseExpression(cursor));
  cursor.expectSymbol(")", "function call");
  return args;
}

function parseCall(cursor: Cursor): Expression {
  const { text, start } = cursor.take();
  // Keywords of durations that are functions as well are known in any case.
  const lower = text.toLowerCase();
  const name = ["step", "range", "start", "end", "min_of", "max_of"].includes(lower) ? lower : text;
  const args = name === "info" ? parseInfoArguments(cursor) : parseArguments(cursor, "function call");
  const call = { kind: "call", name, args, place: cursor.place(start) } as const;
  checkCall(cursor, call);
  return call;
}

function parseAggregate(cursor: Cursor, operator: AggregateOperator): Expression {
  const { start } = cursor.take();
  let grouping = parseGrouping(cursor);
  const args = parseArguments(cursor, "aggregation");
  grouping ??= parseGrouping(cursor);
  const { without = false, labels = [] } = grouping ?? {};
  const place = cursor.place(start);
  const { operand, parameter } = checkAggregate(cursor, operator, args, start);
  return { kind: "aggregate", operator, operand, ...(parameter && { parameter }), without, labels, place };
}

function parseGrouping(cursor: Cursor): { without: boolean; labels: readonly string[] } | undefined {
  const word = cursor.keyword();
  if ((word !== "by" && word !== "without") || !cursor.isSymbol("(", 1)) return undefined;
  cursor.take();
  return { without: word === "without", labels: parseLabels(cursor) };
}
