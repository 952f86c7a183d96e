/** What the grammar lets through and the language refuses: types of arguments and operands, in Prometheus' words. */
import type { AggregateOperator, Binary, Call, Expression, Matching, ValueType } from "./ast.ts";
import type { Cursor } from "./cursor.ts";
import { type Signature, signatures } from "./signatures.ts";
import { isLabelName, quote } from "./text.ts";
import { typeName, typeOf } from "./types.ts";

const COMPARISONS = new Set(["==", "!=", ">", "<", ">=", "<="]);
const SETS = new Set(["and", "or", "unless"]);

function expectType(cursor: Cursor, expression: Expression, wanted: ValueType, where: string): void {
  const found = typeOf(expression);
  if (found === wanted) return;
  const hint =
    wanted === "matrix" && found === "vector"
      ? { hint: "Give the selector a range, as in x[5m], or the expression one, as in (x)[5m:1m]." }
      : {};
  cursor.refuse(
    expression.place.start,
    `expected type ${typeName(wanted)} in ${where}, got ${typeName(found)}`,
    hint,
  );
}

export function checkUnary(cursor: Cursor, operand: Expression, start: number): void {
  const type = typeOf(operand);
  if (type !== "scalar" && type !== "vector")
    cursor.refuse(
      start,
      `unary expression only allowed on expressions of type scalar or instant vector, got ${quote(typeName(type))}`,
    );
}

/** `written`: what was said about matching, if anything. */
export function checkBinary(cursor: Cursor, binary: Binary, start: number, written?: Matching): void {
  const { operator, left, right, bool } = binary;
  let scalars = 0;
  for (const side of [left, right]) {
    const type = typeOf(side);
    if (type === "scalar") scalars++;
    else if (type !== "vector")
      cursor.refuse(side.place.start, "binary expression must contain only scalar and instant vector types");
  }
  if (bool && !COMPARISONS.has(operator))
    cursor.refuse(start, "bool modifier can only be used on comparison operators");
  if (COMPARISONS.has(operator) && scalars === 2 && !bool)
    cursor.refuse(start, "comparisons between scalars must use BOOL modifier", {
      hint: `Write ${operator} bool.`,
    });
  if (SETS.has(operator) && scalars > 0)
    cursor.refuse(start, `set operator ${quote(operator)} not allowed in binary scalar expression`);
  if (written !== undefined) checkMatching(cursor, operator, written, scalars, start);
}

function checkMatching(
  cursor: Cursor,
  operator: string,
  { cardinality, on, labels, include, fillLeft, fillRight }: Matching,
  scalars: number,
  start: number,
): void {
  if (scalars > 0) cursor.refuse(start, "vector matching only allowed between instant vectors");
  const set = SETS.has(operator);
  if (set && cardinality !== "many-to-many")
    cursor.refuse(start, `no grouping allowed for ${quote(operator)} operation`);
  if (set && (fillLeft ?? fillRight) !== undefined)
    cursor.refuse(start, `filling in missing series not allowed for ${quote(operator)} operation`);
  const twice = on ? include.find((label) => labels.includes(label)) : undefined;
  if (twice !== undefined)
    cursor.refuse(start, `label ${quote(twice)} must not occur in ON and GROUP clause at once`);
}

export function checkCall(cursor: Cursor, call: Call): void {
  const { name, args, place } = call;
  const signature = signatures.get(name);
  if (signature === undefined)
    return cursor.refuse(place.start, `unknown function with name ${quote(name)}`, hintFor(name));
  if (signature.experimental) cursor.requireExperimental(place.start, `function ${quote(name)}`);
  checkCount(cursor, call, signature);
  for (const [at, argument] of args.entries()) {
    const wanted = signature.args[Math.min(at, signature.args.length - 1)] as ValueType;
    if (name === "info" && at === 1) checkInfoSelector(cursor, argument);
    else expectType(cursor, argument, wanted, `call to function ${quote(name)}`);
  }
  checkExtension(cursor, call);
}

function hintFor(name: string): { readonly hint?: string } {
  const near = name.toLowerCase();
  return signatures.has(near) ? { hint: `Functions are written in lower case: ${near}.` } : {};
}

function checkCount(cursor: Cursor, { name, args, place }: Call, signature: Signature): void {
  const most = signature.args.length + signature.repeated;
  const least = signature.args.length - signature.optional;
  if (args.length >= least && args.length <= most) return;
  const bound = least === most ? "" : args.length < least ? "at least " : "at most ";
  const wanted = args.length < least ? least : most;
  cursor.refuse(
    place.start,
    `expected ${bound}${wanted} argument(s) in call to ${quote(name)}, got ${args.length}`,
  );
}

function checkInfoSelector(cursor: Cursor, argument: Expression): void {
  if (argument.kind !== "selector")
    cursor.refuse(argument.place.start, "expected label selectors as the second argument to info function");
  else if (argument.name !== undefined)
    cursor.refuse(argument.place.start, "expected label selectors only, got vector selector instead");
}

const EXTENDABLE = {
  anchored: ["changes", "delta", "increase", "rate", "resets"],
  smoothed: ["delta", "increase", "rate"],
} as const;

function checkExtension(cursor: Cursor, { name, args }: Call): void {
  for (const argument of args) {
    const extension = argument.kind === "range" ? argument.selector.extension : undefined;
    if (extension === undefined || (EXTENDABLE[extension] as readonly string[]).includes(name)) continue;
    cursor.refuse(
      argument.place.start,
      `${extension} modifier can only be used with: ${EXTENDABLE[extension].join(", ")} - not with ${name}`,
    );
  }
}

/** What stands before the vector in the parentheses of an aggregation. */
const PARAMETERS: Readonly<Partial<Record<AggregateOperator, ValueType>>> = {
  topk: "scalar",
  bottomk: "scalar",
  limitk: "scalar",
  limit_ratio: "scalar",
  quantile: "scalar",
  count_values: "string",
};

export function checkAggregate(
  cursor: Cursor,
  operator: AggregateOperator,
  args: readonly Expression[],
  start: number,
): { readonly operand: Expression; readonly parameter?: Expression } {
  if (operator === "limitk" || operator === "limit_ratio")
    cursor.requireExperimental(start, `aggregation ${quote(operator)}`);
  if (args.length === 0) cursor.refuse(start, "no arguments for aggregate expression provided");
  const wanted = PARAMETERS[operator];
  const count = wanted === undefined ? 1 : 2;
  if (args.length !== count)
    cursor.refuse(
      start,
      `wrong number of arguments for aggregate expression provided, expected ${count}, got ${args.length}`,
    );
  const operand = args[count - 1] as Expression;
  expectType(cursor, operand, "vector", "aggregation expression");
  if (wanted === undefined) return { operand };
  const parameter = args[0] as Expression;
  expectType(cursor, parameter, wanted, "aggregation parameter");
  if (operator === "count_values") checkLabel(cursor, parameter);
  return { operand, parameter };
}

function checkLabel(cursor: Cursor, parameter: Expression): void {
  let label = parameter;
  while (label.kind === "paren") label = label.operand;
  if (label.kind === "string" && !isLabelName(label.value))
    cursor.refuse(label.place.start, `invalid label name ${quote(label.value)}`);
}
