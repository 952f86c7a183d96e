/** Which series an expression asks for. */
import type { Expression, VectorSelector } from "./ast.ts";

/** All selectors of the expression, in the order of the text. The list of matchers of info() is not among them. */
export function selectorsOf(expression: Expression): readonly VectorSelector[] {
  switch (expression.kind) {
    case "number":
    case "string":
      return [];
    case "selector":
      return [expression];
    case "range":
      return [expression.selector];
    case "subquery":
    case "unary":
    case "paren":
      return selectorsOf(expression.operand);
    case "call": {
      const { name, args } = expression;
      return (name === "info" ? args.slice(0, 1) : args).flatMap(selectorsOf);
    }
    case "aggregate": {
      const { parameter, operand } = expression;
      return [...(parameter === undefined ? [] : selectorsOf(parameter)), ...selectorsOf(operand)];
    }
    case "binary":
      return [...selectorsOf(expression.left), ...selectorsOf(expression.right)];
  }
}
