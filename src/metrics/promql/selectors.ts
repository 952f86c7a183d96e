/** Which series an expression asks for. */
import type { Expression, VectorSelector } from "./ast.ts";

/** All selectors of the expression, in the order of the text. The list of matchers of info() is not among them. */
export function selectorsOf(expression: Expression): readonly VectorSelector[] {
  return expression.kind === "selector" ? [expression] : operandsOf(expression).flatMap(selectorsOf);
}

/** What an expression is made of. The list of matchers of info() is not among it. */
export function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "subquery":
    case "unary":
    case "paren":
      return [expression.operand];
    case "range":
      return [expression.selector];
    case "call":
      return expression.name === "info" ? expression.args.slice(0, 1) : expression.args;
    case "aggregate":
      return expression.parameter === undefined
        ? [expression.operand]
        : [expression.parameter, expression.operand];
    case "binary":
      return [expression.left, expression.right];
    default:
      return [];
  }
}
