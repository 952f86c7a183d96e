/**
 * An expression with all its selectors pinned (`@`) to one time: its value there must not depend on when it is evaluated.
 */
import type { Expression, Shift, VectorSelector } from "../../../src/metrics/promql/engine.ts";

/** What they answer depends on when they are asked, whatever their arguments are. */
const TIME_DEPENDENT = new Set([
  "days_in_month",
  "day_of_month",
  "day_of_week",
  "day_of_year",
  "hour",
  "minute",
  "month",
  "year",
  "predict_linear",
  "time",
  "timestamp",
  "start",
  "end",
  "step",
  "range",
]);

/** Undefined when something in the expression depends on the time of evaluation by itself. */
export function pinned(expression: Expression, time: number): Expression | undefined {
  return dependsOnTime(expression) ? undefined : pin(expression, time);
}

function dependsOnTime(expression: Expression): boolean {
  if (expression.kind === "call" && TIME_DEPENDENT.has(expression.name)) return true;
  return operands(expression).some(dependsOnTime);
}

function operands(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "call":
      return expression.args;
    case "aggregate":
      return [expression.operand, ...(expression.parameter === undefined ? [] : [expression.parameter])];
    case "binary":
      return [expression.left, expression.right];
    case "subquery":
    case "unary":
    case "paren":
      return [expression.operand];
    default:
      return [];
  }
}

function pin(expression: Expression, time: number): Expression {
  switch (expression.kind) {
    case "selector":
      return pinShift(expression, time);
    case "range":
      return { ...expression, selector: pinShift(expression.selector, time) as VectorSelector };
    case "subquery":
      // What is inside looks at the times that the subquery gives it.
      return pinShift(expression, time);
    case "call":
      return { ...expression, args: expression.args.map((arg) => pin(arg, time)) };
    case "aggregate": {
      const { parameter } = expression;
      const operand = pin(expression.operand, time);
      return { ...expression, operand, ...(parameter !== undefined && { parameter: pin(parameter, time) }) };
    }
    case "binary":
      return { ...expression, left: pin(expression.left, time), right: pin(expression.right, time) };
    case "unary":
    case "paren":
      return { ...expression, operand: pin(expression.operand, time) };
    default:
      return expression;
  }
}

function pinShift<Node extends Shift>(node: Node, time: number): Node {
  return node.at === undefined ? { ...node, at: time } : node;
}
