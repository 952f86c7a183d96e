/** Of which type an expression is, and what Prometheus calls the types. */
import type { Expression, ValueType } from "./ast.ts";
import { signatures } from "./signatures.ts";

export function typeOf(expression: Expression): ValueType {
  switch (expression.kind) {
    case "number":
      return "scalar";
    case "string":
      return "string";
    case "selector":
    case "aggregate":
      return "vector";
    case "range":
    case "subquery":
      return "matrix";
    case "call":
      return signatures.get(expression.name)?.returns ?? "vector";
    case "unary":
    case "paren":
      return typeOf(expression.operand);
    case "binary":
      return typeOf(expression.left) === "scalar" && typeOf(expression.right) === "scalar"
        ? "scalar"
        : "vector";
  }
}

export function typeName(type: ValueType): string {
  return type === "vector" ? "instant vector" : type === "matrix" ? "range vector" : type;
}
