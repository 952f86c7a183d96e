/**
 * Durations: `5m`, `300`, and, experimental, expressions of them: `[5m + step()]`, `offset -(2 * 1m)`. Numbers are seconds.
 *
 * After `offset`, an operator belongs to the whole expression, not to the duration, unless in parentheses.
 */
import type { Duration, DurationExpression } from "./ast.ts";
import type { Cursor } from "./cursor.ts";
import { constantSeconds } from "./duration.ts";
import { parseNumber } from "./parse-number.ts";

const POWER = 3;
const BINDING: Readonly<Record<string, number>> = { "+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": POWER };

/** Seconds, as in Prometheus, where a duration is a count of nanoseconds in 64 bits. */
const LONGEST = 2 ** 63 / 1e9;

/** The duration of a range: any expression, above zero. */
export function parseRange(cursor: Cursor): Duration {
  const { start } = cursor.peek();
  const duration = settle(cursor, parseSum(cursor, 1), start);
  if (typeof duration === "number" && duration <= 0) cursor.refuse(start, "duration must be greater than 0");
  return duration;
}

export function parseOffset(cursor: Cursor): Duration {
  const { start } = cursor.peek();
  return settle(cursor, parseOperand(cursor, false), start);
}

function settle(cursor: Cursor, expression: DurationExpression, start: number): Duration {
  const simple =
    expression.kind === "negate" ? expression.operand.kind === "constant" : expression.kind === "constant";
  if (!simple || cursor.isSymbol(")", -1)) cursor.requireExperimental(start, "a duration expression");
  const seconds = constantSeconds(expression);
  if (seconds !== undefined && !(Math.abs(seconds) <= LONGEST)) cursor.refuse(start, "duration out of range");
  return seconds === undefined ? expression : Math.round(seconds * 1000);
}

function parseSum(cursor: Cursor, least: number): DurationExpression {
  return cursor.nested(() => parseOperators(cursor, least));
}

function parseOperators(cursor: Cursor, least: number): DurationExpression {
  let left = parseOperand(cursor, true);
  for (let links = 0; ; links++) {
    cursor.limitChain(links);
    const { kind, text } = cursor.peek();
    const binding = kind === "symbol" ? BINDING[text] : undefined;
    if (binding === undefined || binding < least) return left;
    cursor.take();
    const right = parseSum(cursor, binding === POWER ? binding : binding + 1);
    left = { kind: "binary", operator: text as "+", left, right };
  }
}

function parseOperand(cursor: Cursor, powers: boolean): DurationExpression {
  if (cursor.takeSymbol("+")) return parseSigned(cursor, powers);
  if (cursor.takeSymbol("-")) return { kind: "negate", operand: parseSigned(cursor, powers) };
  const { kind } = cursor.peek();
  if (kind === "number" || kind === "duration")
    return { kind: "constant", value: parseNumber(cursor.take()) };
  if (cursor.takeSymbol("(")) {
    const inner = parseSum(cursor, 1);
    cursor.expectSymbol(")", "duration expression");
    return inner;
  }
  return parseDurationCall(cursor);
}

/** A sign binds looser than a power: `-2^2` is `-(2^2)`. */
function parseSigned(cursor: Cursor, powers: boolean): DurationExpression {
  return powers ? parseSum(cursor, POWER) : parseOperand(cursor, false);
}

function parseDurationCall(cursor: Cursor): DurationExpression {
  const name = cursor.keyword();
  if (name === "step" || name === "range") {
    cursor.take();
    cursor.expectSymbol("(", "duration expression");
    cursor.expectSymbol(")", "duration expression");
    return { kind: name };
  }
  if (name !== "min_of" && name !== "max_of") return cursor.unexpected("duration", "a duration");
  cursor.take();
  cursor.expectSymbol("(", "duration expression");
  const left = parseSum(cursor, 1);
  cursor.expectSymbol(",", "duration expression");
  const right = parseSum(cursor, 1);
  cursor.expectSymbol(")", "duration expression");
  return { kind: "binary", operator: name, left, right };
}
