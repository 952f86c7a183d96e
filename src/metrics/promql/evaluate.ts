/**
 * Expression -> grid, over all steps at once: each node is evaluated once for the whole query, never once a step. Labels,
 * groups and matches are found per row; what is left to do per step are loops over columns of numbers.
 */
import { multiply } from "../native-histogram/arithmetic.ts";
import { aggregate } from "./aggregate.ts";
import type { Binary, Call, Expression, VectorSelector } from "./ast.ts";
import { betweenScalars, withScalar } from "./binary.ts";
import type { Evaluation } from "./evaluation.ts";
import { type Grid, NUMBER } from "./grid.ts";
import { histogramFunctions } from "./histogram-functions.ts";
import { info } from "./info.ts";
import { argument, bare, type Interpreter, type VectorFunction } from "./interpreter.ts";
import { labelJoin, labelReplace } from "./label-functions.ts";
import { combineVectors } from "./match.ts";
import { elementwiseFunctions } from "./math.ts";
import { rangeBlocks, rangeFunctions } from "./range-functions.ts";
import { selectInstant } from "./select.ts";
import { combineSets } from "./sets.ts";
import { selectSmoothed } from "./smoothed.ts";
import { typeOf } from "./types.ts";
import { scalarOf, vectorFunctions } from "./vector-functions.ts";

const functions: ReadonlyMap<string, VectorFunction> = new Map(
  Object.entries({
    ...elementwiseFunctions,
    ...histogramFunctions,
    ...rangeFunctions,
    ...vectorFunctions,
    info,
    label_join: labelJoin,
    label_replace: labelReplace,
  }),
);

export const interpreter: Interpreter = {
  vector: evaluateVector,
  blocks: evaluateBlocks,
  scalar: evaluateScalar,
  text: evaluateText,
};

export function evaluateVector(evaluation: Evaluation, node: Expression): Grid {
  switch (node.kind) {
    case "selector":
      return selectVector(evaluation, node);
    case "call":
      return callVector(evaluation, node);
    case "aggregate":
      return aggregate(evaluation, node, interpreter);
    case "binary":
      return binaryVector(evaluation, node);
    case "unary": {
      const grid = evaluateVector(evaluation, node.operand);
      return node.operator === "-" ? negated(evaluation, grid) : grid;
    }
    case "paren":
      return evaluateVector(evaluation, node.operand);
    default:
      throw new TypeError(`A ${node.kind} is no instant vector.`);
  }
}

function evaluateBlocks(evaluation: Evaluation, node: Expression): Iterable<Grid> {
  const operand = bare(node);
  const blocks = operand.kind === "call" ? rangeBlocks(evaluation, operand, interpreter) : undefined;
  return blocks ?? whole(evaluation, operand);
}

function* whole(evaluation: Evaluation, node: Expression): Generator<Grid> {
  const grid = evaluateVector(evaluation, node);
  yield grid;
  evaluation.release(grid);
}

function selectVector(evaluation: Evaluation, node: VectorSelector): Grid {
  return node.extension === undefined ? selectInstant(evaluation, node) : selectSmoothed(evaluation, node);
}

function callVector(evaluation: Evaluation, node: Call): Grid {
  const compute = functions.get(node.name);
  if (compute === undefined) throw new TypeError(`${node.name} is no function of vectors.`);
  return compute(evaluation, node, interpreter);
}

function negated(evaluation: Evaluation, grid: Grid): Grid {
  for (let cell = 0; cell < grid.marks.length; cell++) {
    const histogram = grid.histogram(cell);
    if (histogram !== undefined) grid.setHistogram(cell, multiply(histogram, -1));
    else if (grid.marks[cell] === NUMBER) grid.values[cell] = -(grid.values[cell] as number);
  }
  return evaluation.dropNames(grid);
}

function binaryVector(evaluation: Evaluation, node: Binary): Grid {
  const { left, right, operator } = node;
  evaluation = evaluation.detectingResets(false);
  if (typeOf(left) === "scalar")
    return withScalar(
      evaluation,
      node,
      evaluateVector(evaluation, right),
      evaluateScalar(evaluation, left),
      true,
    );
  const grid = evaluateVector(evaluation, left);
  if (typeOf(right) === "scalar")
    return withScalar(evaluation, node, grid, evaluateScalar(evaluation, right), false);
  const other = evaluateVector(evaluation, right);
  const isSet = operator === "and" || operator === "or" || operator === "unless";
  return isSet ? combineSets(evaluation, node, grid, other) : combineVectors(evaluation, node, grid, other);
}

export function evaluateScalar(evaluation: Evaluation, node: Expression): Float64Array {
  switch (node.kind) {
    case "number":
      return new Float64Array(evaluation.steps).fill(node.value);
    case "paren":
      return evaluateScalar(evaluation, node.operand);
    case "unary": {
      const values = evaluateScalar(evaluation, node.operand);
      return node.operator === "-" ? values.map((value) => -value) : values;
    }
    case "binary":
      return betweenScalars(
        node,
        evaluateScalar(evaluation, node.left),
        evaluateScalar(evaluation, node.right),
      );
    case "call":
      return callScalar(evaluation, node);
    default:
      throw new TypeError(`A ${node.kind} is no scalar.`);
  }
}

function callScalar(evaluation: Evaluation, node: Call): Float64Array {
  const values = new Float64Array(evaluation.steps);
  const { start, end, step } = evaluation.query;
  switch (node.name) {
    case "time":
      return values.map((_, at) => evaluation.time(at) / 1000);
    case "pi":
      return values.fill(Math.PI);
    case "scalar":
      return scalarOf(evaluateVector(evaluation, argument(node, 0)));
    case "start":
      return values.fill(start / 1000);
    case "end":
      return values.fill(end / 1000);
    case "range":
      return values.fill((end - start) / 1000);
    case "step":
      return values.fill(step / 1000);
    case "min_of":
    case "max_of": {
      const [a, b] = [0, 1].map((at) => evaluateScalar(evaluation, argument(node, at))) as [
        Float64Array,
        Float64Array,
      ];
      const choose = node.name === "min_of" ? Math.min : Math.max;
      return a.map((value, index) => choose(value, b[index] as number));
    }
    default:
      throw new TypeError(`${node.name} is no function that answers a scalar.`);
  }
}

function evaluateText(node: Expression): string {
  if (node.kind === "paren") return evaluateText(node.operand);
  if (node.kind !== "string") throw new TypeError(`A ${node.kind} is no string.`);
  return node.value;
}
