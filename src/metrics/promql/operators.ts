/** What operators do to two samples. Whatever two samples have no meaning together answers undefined, with an annotation. */
import type { NativeHistogram } from "../histogram.ts";
import { add, divide, equals, multiply, subtract } from "../native-histogram/arithmetic.ts";
import { keepAbove, keepBelow } from "../native-histogram/trim.ts";
import type { Binary, BinaryOperator } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Value } from "./result.ts";

export type NumberOperator = (a: number, b: number) => number;

/** 1 to any power, and -1 to an infinite one, are 1. */
function power(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b;
}

const arithmetic: Readonly<Partial<Record<BinaryOperator, NumberOperator>>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
  "^": power,
  atan2: Math.atan2,
};

const comparisons: Readonly<Partial<Record<BinaryOperator, (a: number, b: number) => boolean>>> = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
};

export function arithmeticOf(operator: BinaryOperator): NumberOperator | undefined {
  return arithmetic[operator];
}

export function comparisonOf(operator: BinaryOperator): ((a: number, b: number) => boolean) | undefined {
  return comparisons[operator];
}

/** Results are another metric's, except of filters. */
export function dropsName({ operator, bool }: Binary): boolean {
  return bool || operator in arithmetic;
}

/** What filters make of a comparison: kept or not; with bool, 1 or 0. */
function judged({ bool }: Binary, holds: boolean, kept: Value): Value | undefined {
  if (bool) return holds ? 1 : 0;
  return holds ? kept : undefined;
}

/** Where at least one of the two is a histogram, or the operator is made for them. `kept`: what filters let through. */
export function combineSamples(
  evaluation: Evaluation,
  node: Binary,
  left: Value,
  right: Value,
  kept: Value = left,
): Value | undefined {
  if (typeof left === "number") {
    if (typeof right === "number") return combineNumbers(evaluation, node, left, right, kept);
    if (node.operator === "*") return multiply(right, left);
  } else if (typeof right === "number") {
    const scaled = scaledHistogram(node.operator, left, right);
    if (scaled !== undefined) return scaled;
  } else {
    const combined = combineHistograms(evaluation, node, left, right, kept);
    if (combined !== "incompatible") return combined;
  }
  return noteTypes(evaluation, node, left, right);
}

function noteTypes(
  evaluation: Evaluation,
  { operator, place }: Binary,
  left: Value,
  right: Value,
): undefined {
  const types = [left, right].map((value) => (typeof value === "number" ? "float" : "histogram"));
  evaluation.annotations.info(
    `incompatible sample types encountered for binary operator ${JSON.stringify(operator)}: ${types[0]} ${operator} ${types[1]}`,
    place,
  );
  return undefined;
}

function combineNumbers(
  evaluation: Evaluation,
  node: Binary,
  left: number,
  right: number,
  kept: Value,
): Value | undefined {
  const compute = arithmetic[node.operator];
  if (compute !== undefined) return compute(left, right);
  const compare = comparisons[node.operator];
  if (compare !== undefined) return judged(node, compare(left, right), kept);
  return noteTypes(evaluation, node, left, right);
}

function scaledHistogram(
  operator: BinaryOperator,
  histogram: NativeHistogram,
  by: number,
): NativeHistogram | undefined {
  switch (operator) {
    case "*":
      return multiply(histogram, by);
    case "/":
      return divide(histogram, by);
    case "</":
      return keepBelow(histogram, by);
    case ">/":
      return keepAbove(histogram, by);
    default:
      return undefined;
  }
}

function combineHistograms(
  evaluation: Evaluation,
  node: Binary,
  left: NativeHistogram,
  right: NativeHistogram,
  kept: Value,
): Value | undefined | "incompatible" {
  switch (node.operator) {
    case "+":
    case "-":
      return sumOrDifference(evaluation, node, left, right);
    case "==":
      return judged(node, equals(left, right), kept);
    case "!=":
      return judged(node, !equals(left, right), kept);
    default:
      return "incompatible";
  }
}

function sumOrDifference(
  { annotations }: Evaluation,
  { operator, place }: Binary,
  left: NativeHistogram,
  right: NativeHistogram,
): NativeHistogram | undefined {
  const word = operator === "+" ? "addition" : "subtraction";
  const combination = operator === "+" ? add(left, right) : subtract(left, right);
  if (combination === undefined) {
    annotations.warn(`incompatible bucket layout encountered for binary operator ${operator}`, place);
    return undefined;
  }
  if (combination.resetsCollide)
    annotations.warn(`conflicting counter resets during histogram ${word}`, place);
  if (combination.boundsReconciled)
    annotations.info(`mismatched custom buckets were reconciled during ${word}`, place);
  return combination.histogram;
}
