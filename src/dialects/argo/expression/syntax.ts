/** The tree of an expression in `{{= }}`, `depends`, `expression` and the like: the language of expr-lang.org. */
export type Expression =
  | { readonly is: "literal"; readonly value: unknown }
  | { readonly is: "name"; readonly name: string }
  /** What a predicate is given: `#`, `#index`, `#acc`. */
  | { readonly is: "pointer"; readonly name: string }
  | {
      readonly is: "member";
      readonly of: Expression;
      readonly property: Expression;
      readonly optional: boolean;
    }
  | {
      readonly is: "slice";
      readonly of: Expression;
      readonly from: Expression | undefined;
      readonly to: Expression | undefined;
    }
  | { readonly is: "call"; readonly callee: Expression; readonly values: readonly Expression[] }
  | { readonly is: "unary"; readonly operator: string; readonly operand: Expression }
  | {
      readonly is: "binary";
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly is: "conditional";
      readonly test: Expression;
      readonly yes: Expression;
      readonly no: Expression;
    }
  | { readonly is: "list"; readonly items: readonly Expression[] }
  | { readonly is: "map"; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly is: "predicate"; readonly body: Expression }
  | { readonly is: "let"; readonly name: string; readonly value: Expression; readonly body: Expression };

/** The expression is wrong, or what it was given is: a sentence for people. */
export class ExpressionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ExpressionError";
  }
}

/** The functions of the language whose last argument is a predicate. */
export const predicateFunctions: ReadonlySet<string> = new Set([
  "all",
  "any",
  "none",
  "one",
  "filter",
  "map",
  "count",
  "sum",
  "find",
  "findIndex",
  "findLast",
  "findLastIndex",
  "groupBy",
  "sortBy",
  "reduce",
]);
