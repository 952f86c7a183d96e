/**
 * A PromQL expression as data. Every node knows where in the text it stands; durations are milliseconds.
 */
import type { Matcher } from "../matcher.ts";

export type ValueType = "scalar" | "string" | "vector" | "matrix";

/** Where a node stands: offsets into the text, and line and column (from 1) of its first character. */
export interface Place {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly column: number;
}

interface Node {
  readonly place: Place;
}

/** A length of time: fixed, or to be computed once the query's step and range are known (experimental). */
export type Duration = number | DurationExpression;

export type DurationExpression =
  | { readonly kind: "constant"; /** Seconds. */ readonly value: number }
  | { readonly kind: "step" | "range" }
  | { readonly kind: "negate"; readonly operand: DurationExpression }
  | {
      readonly kind: "binary";
      readonly operator: "+" | "-" | "*" | "/" | "%" | "^" | "min_of" | "max_of";
      readonly left: DurationExpression;
      readonly right: DurationExpression;
    };

/** `@ 1609746000`, in milliseconds, `@ start()` or `@ end()`. */
export type At = number | "start" | "end";

/** `offset` and `@` shift the time at which a selector or subquery looks. */
export interface Shift {
  readonly offset?: Duration;
  readonly at?: At;
}

export interface NumberLiteral extends Node {
  readonly kind: "number";
  readonly value: number;
  /** Was written as a duration, `5m`. */
  readonly duration?: true;
}

export interface StringLiteral extends Node {
  readonly kind: "string";
  readonly value: string;
}

export interface VectorSelector extends Node, Shift {
  readonly kind: "selector";
  /** The name before the braces, or quoted within, when there is one; it is among the matchers as well. */
  readonly name?: string;
  readonly matchers: readonly Matcher[];
  readonly extension?: "anchored" | "smoothed";
}

export interface MatrixSelector extends Node {
  readonly kind: "range";
  readonly selector: VectorSelector;
  readonly range: Duration;
}

export interface Subquery extends Node, Shift {
  readonly kind: "subquery";
  readonly operand: Expression;
  readonly range: Duration;
  /** The default of a minute when absent. */
  readonly step?: Duration;
}

export interface Call extends Node {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Expression[];
}

export type AggregateOperator =
  | "sum"
  | "avg"
  | "min"
  | "max"
  | "count"
  | "group"
  | "stddev"
  | "stdvar"
  | "topk"
  | "bottomk"
  | "quantile"
  | "count_values"
  | "limitk"
  | "limit_ratio";

export interface Aggregate extends Node {
  readonly kind: "aggregate";
  readonly operator: AggregateOperator;
  readonly operand: Expression;
  readonly parameter?: Expression;
  /** Group by these labels, or by all but these. */
  readonly without: boolean;
  readonly labels: readonly string[];
}

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "^" | "atan2";
export type ComparisonOperator = "==" | "!=" | ">" | "<" | ">=" | "<=";
/** Cut a histogram off above or below a value. */
export type TrimOperator = "</" | ">/";
export type SetOperator = "and" | "or" | "unless";
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | TrimOperator | SetOperator;

/** How the two sides of an operator between vectors find each other. */
export interface Matching {
  readonly cardinality: "one-to-one" | "many-to-one" | "one-to-many" | "many-to-many";
  /** Match on these labels, or on all but these. */
  readonly on: boolean;
  readonly labels: readonly string[];
  /** Labels taken over from the "one" side. */
  readonly include: readonly string[];
  /** What stands for a missing sample of a side (experimental). */
  readonly fillLeft?: number;
  readonly fillRight?: number;
}

export interface Binary extends Node {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  /** Comparisons answer 0 or 1 instead of filtering. */
  readonly bool: boolean;
  /** Only between vectors. */
  readonly matching?: Matching;
}

export interface Unary extends Node {
  readonly kind: "unary";
  readonly operator: "+" | "-";
  readonly operand: Expression;
}

export interface Paren extends Node {
  readonly kind: "paren";
  readonly operand: Expression;
}

export type Expression =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Call
  | Aggregate
  | Binary
  | Unary
  | Paren;
