/** What a duration comes to, once the step and the range of the query are known. */
import type { Duration, DurationExpression } from "./ast.ts";

/** Of the query, in seconds. */
export interface QueryScale {
  readonly step: number;
  readonly range: number;
}

/** Milliseconds. */
export function milliseconds(duration: Duration, scale: QueryScale): number {
  return typeof duration === "number" ? duration : Math.round(seconds(duration, scale) * 1000);
}

/** Seconds, where neither step nor range matter; otherwise undefined. */
export function constantSeconds(expression: DurationExpression): number | undefined {
  return dependsOnQuery(expression) ? undefined : seconds(expression, { step: 0, range: 0 });
}

function dependsOnQuery(expression: DurationExpression): boolean {
  switch (expression.kind) {
    case "constant":
      return false;
    case "step":
    case "range":
      return true;
    case "negate":
      return dependsOnQuery(expression.operand);
    case "binary":
      return dependsOnQuery(expression.left) || dependsOnQuery(expression.right);
  }
}

function seconds(expression: DurationExpression, scale: QueryScale): number {
  switch (expression.kind) {
    case "constant":
      return expression.value;
    case "step":
      return scale.step;
    case "range":
      return scale.range;
    case "negate":
      return -seconds(expression.operand, scale);
    case "binary":
      return apply(expression.operator, seconds(expression.left, scale), seconds(expression.right, scale));
  }
}

type Operator = Extract<DurationExpression, { kind: "binary" }>["operator"];

function apply(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
    case "^":
      return left ** right;
    case "min_of":
      return Math.min(left, right);
    case "max_of":
      return Math.max(left, right);
  }
}
