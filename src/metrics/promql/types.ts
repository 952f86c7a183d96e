/** Of which type an expression is, and what Prometheus calls the types. */
import type { Expression, ValueType } from "./ast.ts";
import { signatures } from "./signatures.ts";

const TYPES: Readonly<Partial<Record<Expression["kind"], ValueType>>> = {
  number: "scalar",
  string: "string",
  selector: "vector",
  aggregate: "vector",
  range: "matrix",
  subquery: "matrix",
};

export function typeOf(expression: Expression): ValueType {
  switch (expression.kind) {
    case "call":
      return signatures.get(expression.name)?.returns ?? "vector";
    case "unary":
    case "paren":
      return typeOf(expression.operand);
    case "binary": {
      const isScalar = typeOf(expression.left) === "scalar" && typeOf(expression.right) === "scalar";
      return isScalar ? "scalar" : "vector";
    }
    default:
      return TYPES[expression.kind] ?? "vector";
  }
}

export function typeName(type: ValueType): string {
  return type === "vector" ? "instant vector" : type === "matrix" ? "range vector" : type;
}
