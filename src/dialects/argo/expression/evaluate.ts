/**
 * Evaluates an expression. Bounded: a run of it may take `MOST_STEPS` visits of nodes, whatever the values are.
 */
import { linearRegex } from "./regex.ts";
import { type Expression, ExpressionError } from "./syntax.ts";
import {
  type Callable,
  type Mapping,
  isEqual,
  isMapping,
  kindOf,
  listFrom,
  numberFrom,
  order,
  textFrom,
} from "./values.ts";

const MOST_STEPS = 1_000_000;
const LONGEST_RANGE = 1_000_000;

/** What a predicate does with one item. */
export type Predicate = (item: unknown, index: number, accumulated?: unknown) => unknown;

/** The names that an expression sees, and functions that it may call by a bare name. */
export interface Surroundings {
  readonly names: Mapping;
  readonly functions: Readonly<Record<string, Callable>>;
}

interface Pointer {
  readonly item: unknown;
  readonly index: number;
  readonly accumulated: unknown;
}

interface Frame {
  readonly locals: Mapping;
  readonly pointer: Pointer | undefined;
}

export function evaluate(expression: Expression, around: Surroundings): unknown {
  return new Evaluator(around).value(expression, { locals: {}, pointer: undefined });
}

class Evaluator {
  readonly #around: Surroundings;
  #steps = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  value(node: Expression, frame: Frame): unknown {
    if (++this.#steps > MOST_STEPS) throw new ExpressionError("The expression takes too many steps.");
    switch (node.is) {
      case "literal":
        return node.value;
      case "name":
        return this.#name(node.name, frame);
      case "pointer":
        return pointed(node.name, frame.pointer);
      case "member":
        return this.#member(node, frame);
      case "slice":
        return this.#slice(node, frame);
      case "call":
        return this.#call(node, frame);
      case "list":
        return node.items.map((item) => this.value(item, frame));
      case "map":
        return Object.fromEntries(
          node.entries.map(([key, value]) => [String(this.value(key, frame)), this.value(value, frame)]),
        );
      case "predicate":
        return this.#predicate(node.body, frame);
      case "let": {
        const locals = { ...frame.locals, [node.name]: this.value(node.value, frame) };
        return this.value(node.body, { ...frame, locals });
      }
      default:
        return this.#operation(node, frame);
    }
  }

  #operation(
    node: Extract<Expression, { readonly is: "unary" | "binary" | "conditional" }>,
    frame: Frame,
  ): unknown {
    if (node.is === "conditional")
      return this.value(this.#truth(node.test, frame) ? node.yes : node.no, frame);
    if (node.is === "binary") return this.#binary(node, frame);
    if (node.operator === "not") return !this.#truth(node.operand, frame);
    const number = numberFrom(this.value(node.operand, frame), `The sign '${node.operator}'`);
    return node.operator === "-" ? -number : number;
  }

  #name(name: string, { locals }: Frame): unknown {
    if (Object.hasOwn(locals, name)) return locals[name];
    const { names, functions } = this.#around;
    if (Object.hasOwn(names, name)) return names[name];
    if (name === "$env") return names;
    if (Object.hasOwn(functions, name)) return functions[name];
    throw new ExpressionError(`The name '${name}' is not known.`);
  }

  #truth(node: Expression, frame: Frame): boolean {
    const value = this.value(node, frame);
    if (typeof value === "boolean") return value;
    throw new ExpressionError(`A condition must be true or false, not a ${kindOf(value)}.`);
  }

  #member(node: Extract<Expression, { readonly is: "member" }>, frame: Frame): unknown {
    const of = this.value(node.of, frame);
    if (of == null && node.optional) return null;
    return memberOf(of, this.value(node.property, frame));
  }

  #slice(node: Extract<Expression, { readonly is: "slice" }>, frame: Frame): unknown {
    const of = this.value(node.of, frame);
    const bound = (at: Expression | undefined): number | undefined =>
      at === undefined ? undefined : numberFrom(this.value(at, frame), "A slice");
    if (typeof of === "string")
      return Array.from(of)
        .slice(bound(node.from) ?? 0, bound(node.to))
        .join("");
    return listFrom(of, "A slice").slice(bound(node.from) ?? 0, bound(node.to));
  }

  #call({ callee, values }: Extract<Expression, { readonly is: "call" }>, frame: Frame): unknown {
    const called =
      callee.is === "name" && Object.hasOwn(this.#around.functions, callee.name)
        ? this.#around.functions[callee.name]
        : this.value(callee, frame);
    if (typeof called !== "function")
      throw new ExpressionError(
        callee.is === "name" ? `There is no function '${callee.name}'.` : "What is called is no function.",
      );
    return (called as Callable)(...values.map((one) => this.value(one, frame)));
  }

  #predicate(body: Expression, frame: Frame): Predicate {
    return (item, index, accumulated) =>
      this.value(body, { ...frame, pointer: { item, index, accumulated } });
  }

  #binary(node: Extract<Expression, { readonly is: "binary" }>, frame: Frame): unknown {
    const { operator } = node;
    if (operator === "and" || operator === "&&")
      return this.#truth(node.left, frame) && this.#truth(node.right, frame);
    if (operator === "or" || operator === "||")
      return this.#truth(node.left, frame) || this.#truth(node.right, frame);
    if (operator === "??") return this.#leftOr(node.left, frame) ?? this.value(node.right, frame);
    const operation = OPERATIONS[operator];
    if (operation === undefined) throw new ExpressionError(`The operator '${operator}' is not known.`);
    return operation(this.value(node.left, frame), this.value(node.right, frame));
  }

  /** What lies below something that is not there is not there either, when a fallback follows. */
  #leftOr(node: Expression, frame: Frame): unknown {
    if (node.is !== "member") return this.value(node, frame);
    const of = this.#leftOr(node.of, frame);
    return of == null ? null : memberOf(of, this.value(node.property, frame));
  }
}

function pointed(name: string, pointer: Pointer | undefined): unknown {
  if (pointer === undefined) throw new ExpressionError("'#' stands only within a predicate.");
  if (name === "acc") return pointer.accumulated;
  return name === "index" ? pointer.index : pointer.item;
}

export function memberOf(of: unknown, property: unknown): unknown {
  if (isMapping(of)) return typeof property === "string" && Object.hasOwn(of, property) ? of[property] : null;
  if ((Array.isArray(of) || typeof of === "string") && typeof property === "number") {
    const at = property < 0 ? of.length + property : property;
    if (at >= 0 && at < of.length) return of[at] as unknown;
    throw new ExpressionError(`The index ${property} is outside of ${of.length} items.`);
  }
  throw new ExpressionError(`A ${kindOf(of)} has no member '${String(property)}'.`);
}

type Operation = (left: unknown, right: unknown) => unknown;

const arithmetic =
  (sign: string, compute: (left: number, right: number) => number): Operation =>
  (left, right) =>
    compute(numberFrom(left, `'${sign}'`), numberFrom(right, `'${sign}'`));

const OPERATIONS: Readonly<Record<string, Operation>> = {
  "==": isEqual,
  "!=": (left, right) => !isEqual(left, right),
  "<": (left, right) => order(left, right) < 0,
  ">": (left, right) => order(left, right) > 0,
  "<=": (left, right) => order(left, right) <= 0,
  ">=": (left, right) => order(left, right) >= 0,
  "+": (left, right) => {
    if (typeof left === "string" && typeof right === "string") return left + right;
    if (left instanceof Date && typeof right === "number") return new Date(left.getTime() + right / 1e6);
    return numberFrom(left, "'+'") + numberFrom(right, "'+'");
  },
  "-": (left, right) => {
    if (left instanceof Date && right instanceof Date) return (left.getTime() - right.getTime()) * 1e6;
    return numberFrom(left, "'-'") - numberFrom(right, "'-'");
  },
  "*": arithmetic("*", (left, right) => left * right),
  "/": arithmetic("/", (left, right) => left / right),
  "%": arithmetic("%", (left, right) => {
    if (right === 0) throw new ExpressionError("The remainder of a division by zero is not known.");
    return left % right;
  }),
  "**": arithmetic("**", (left, right) => left ** right),
  "^": arithmetic("^", (left, right) => left ** right),
  "..": (left, right) => {
    const from = numberFrom(left, "'..'");
    const length = numberFrom(right, "'..'") - from + 1;
    if (length > LONGEST_RANGE) throw new ExpressionError("The range is too long.");
    return Array.from({ length: Math.max(0, length) }, (_, index) => from + index);
  },
  in: isIn,
  contains: (left, right) => textFrom(left, "'contains'").includes(textFrom(right, "'contains'")),
  startsWith: (left, right) => textFrom(left, "'startsWith'").startsWith(textFrom(right, "'startsWith'")),
  endsWith: (left, right) => textFrom(left, "'endsWith'").endsWith(textFrom(right, "'endsWith'")),
  matches: (left, right) => linearRegex(textFrom(right, "'matches'")).test(textFrom(left, "'matches'")),
};

function isIn(left: unknown, right: unknown): boolean {
  if (right == null) return false;
  if (isMapping(right)) return typeof left === "string" && Object.hasOwn(right, left);
  return listFrom(right, "'in'").some((one) => isEqual(left, one));
}
