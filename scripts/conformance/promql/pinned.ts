/**
 * An expression with all its selectors pinned (`@`) to one time: its value there must not depend on when it is evaluated.
 */
import type { Duration, Expression, Shift, VectorSelector } from "../../../src/metrics/promql/engine.ts";
import { operandsOf } from "../../../src/metrics/promql/selectors.ts";

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
]);

/** What they answer depends on the times of the whole query. */
const RANGE_DEPENDENT = new Set(["start", "end", "step", "range"]);

/** Undefined when something in the expression depends on the time of evaluation by itself. */
export function pinned(expression: Expression, time: number): Expression | undefined {
  const depends = some(expression, (node) => node.kind === "call" && TIME_DEPENDENT.has(node.name));
  return depends || dependsOnRange(expression) ? undefined : pin(expression, time);
}

/** Whether the expression asks for the start, the end or the step of the query it is in. */
export function dependsOnRange(expression: Expression): boolean {
  return some(expression, (node) => {
    if (node.kind === "call") return RANGE_DEPENDENT.has(node.name);
    if (node.kind === "range") return isRelative(node.range);
    if (node.kind === "subquery" && [node.range, node.step].some(isRelative)) return true;
    if (node.kind !== "selector" && node.kind !== "subquery") return false;
    return node.at === "start" || node.at === "end" || isRelative(node.offset);
  });
}

function some(expression: Expression, test: (node: Expression) => boolean): boolean {
  return test(expression) || operandsOf(expression).some((operand) => some(operand, test));
}

function isRelative(duration: Duration | undefined): boolean {
  if (duration === undefined || typeof duration === "number") return false;
  switch (duration.kind) {
    case "constant":
      return false;
    case "negate":
      return isRelative(duration.operand);
    case "binary":
      return isRelative(duration.left) || isRelative(duration.right);
    default:
      return true;
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
