/** What functions and operators ask of the evaluation of their operands, whichever expressions those are. */
import type { Call, Expression } from "./ast.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Grid } from "./grid.ts";

export interface Interpreter {
  /** Of an expression that is an instant vector. */
  vector(evaluation: Evaluation, expression: Expression): Grid;
  /** The same in pieces, each to be done with before the next is asked for. */
  blocks(evaluation: Evaluation, expression: Expression): Iterable<Grid>;
  /** Of a scalar: a value for each step. */
  scalar(evaluation: Evaluation, expression: Expression): Float64Array;
  text(expression: Expression): string;
}

/** A function whose result is an instant vector. */
export type VectorFunction = (evaluation: Evaluation, call: Call, run: Interpreter) => Grid;

export function argument(call: Call, at: number): Expression {
  return call.args[at] as Expression;
}

export function bare(expression: Expression): Expression {
  return expression.kind === "paren" ? bare(expression.operand) : expression;
}
