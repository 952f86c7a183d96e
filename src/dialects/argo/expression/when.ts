/**
 * `when`: a condition whose variables have been put in as texts, so that bare words are texts: `{{steps.flip.outputs.result}} ==
 * heads` is read as `heads == heads`. The grammar is that of govaluate.
 */
import { linearRegex } from "./regex.ts";
import { ExpressionError } from "./syntax.ts";
import { isEqual, kindOf, textOf } from "./values.ts";

type Value = string | number | boolean | readonly Value[];
type Thunk = () => Value;

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?|\.\d+)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|\[([^\]]*)\]|([\p{L}_][\p{L}\p{N}_.]*)|(==|!=|>=|<=|=~|!~|&&|\|\||\*\*|<<|>>|\?\?|[-+*/%^&|~!<>?:(),]))/uy;

interface Token {
  readonly is: "value" | "sign" | "word" | "end";
  readonly text: string;
  readonly value: Value;
}

/** Throws ExpressionError when it is no condition. */
export function isMet(when: string): boolean {
  let value: Value;
  try {
    const parser = new Parser(tokensOf(when));
    value = parser.whole()();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new ExpressionError(`Invalid 'when' expression '${when}': ${error.message}`);
  }
  if (typeof value === "boolean") return value;
  throw new ExpressionError(`The 'when' expression '${when}' must be true or false, not '${textOf(value)}'.`);
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (found === null)
      throw new ExpressionError(
        `'${text.slice(at).trim().slice(0, 20)}' is no token (hint: put the value between quotation marks).`,
      );
    tokens.push(tokenOf(found));
  }
  return [...tokens, { is: "end", text: "", value: "" }];
}

function tokenOf([, number, double, single, bracketed, word, sign]: RegExpExecArray): Token {
  if (number !== undefined) return { is: "value", text: number, value: Number(number) };
  const quoted = double ?? single;
  if (quoted !== undefined) return { is: "value", text: quoted, value: quoted.replaceAll(/\\(.)/gs, "$1") };
  if (bracketed !== undefined) return { is: "value", text: bracketed, value: bracketed };
  if (word === "in") return { is: "sign", text: "in", value: "" };
  if (word !== undefined) return { is: "word", text: word, value: word };
  return { is: "sign", text: sign ?? "", value: "" };
}

/** From the weakest to the strongest. */
const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["==", "!=", ">", "<", ">=", "<=", "=~", "!~", "in"],
  ["&", "|", "^"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
  ["**"],
];
const DEEPEST = 200;

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Thunk {
    const thunk = this.#choice();
    if (this.#token.is !== "end") this.#unexpected();
    return thunk;
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #unexpected(): never {
    const { is, text } = this.#token;
    throw new ExpressionError(is === "end" ? "It ends too early." : `'${text}' is not expected there.`);
  }

  #take(sign: string): boolean {
    if (this.#token.is !== "sign" || this.#token.text !== sign) return false;
    this.#at++;
    return true;
  }

  #choice(): Thunk {
    if (++this.#depth > DEEPEST) throw new ExpressionError("It is nested too deeply.");
    const test = this.#level(0);
    this.#depth--;
    if (this.#take("??")) return test;
    if (!this.#take("?")) return test;
    const yes = this.#choice();
    if (!this.#take(":")) this.#unexpected();
    const no = this.#choice();
    return () => (truth(test()) ? yes() : no());
  }

  #level(index: number): Thunk {
    const signs = LEVELS[index];
    if (signs === undefined) return this.#prefixed();
    let left = this.#level(index + 1);
    for (;;) {
      const sign = this.#token.is === "sign" ? signs.find((one) => this.#take(one)) : undefined;
      if (sign === undefined) return left;
      left = binary(sign, left, this.#level(index + 1));
    }
  }

  #prefixed(): Thunk {
    if (this.#take("!")) {
      const operand = this.#prefixed();
      return () => !truth(operand());
    }
    if (this.#take("-")) {
      const operand = this.#prefixed();
      return () => -numberOf(operand(), "-");
    }
    if (this.#take("~")) {
      const operand = this.#prefixed();
      return () => ~numberOf(operand(), "~");
    }
    return this.#primary();
  }

  #primary(): Thunk {
    const { is, value } = this.#token;
    if (this.#take("(")) return this.#group();
    if (is === "value" || is === "word") {
      this.#at++;
      if (is === "word" && (value === "true" || value === "false")) return () => value === "true";
      return () => value;
    }
    return this.#unexpected();
  }

  /** `(a)` is a; `(a, b)` is a list. */
  #group(): Thunk {
    const items = [this.#choice()];
    while (this.#take(",")) items.push(this.#choice());
    if (!this.#take(")")) this.#unexpected();
    const [only] = items;
    return items.length === 1 && only !== undefined ? only : () => items.map((one) => one());
  }
}

function truth(value: Value): boolean {
  if (typeof value === "boolean") return value;
  throw new ExpressionError(`'${textOf(value)}' is neither true nor false.`);
}

function numberOf(value: Value, sign: string): number {
  if (typeof value === "number") return value;
  throw new ExpressionError(`'${textOf(value)}' cannot be used with '${sign}', it is not a number.`);
}

function binary(sign: string, left: Thunk, right: Thunk): Thunk {
  if (sign === "&&") return () => truth(left()) && truth(right());
  if (sign === "||") return () => truth(left()) || truth(right());
  const operation = OPERATIONS[sign];
  return () => operation?.(left(), right()) ?? false;
}

function compared(sign: string, test: (order: number) => boolean): (left: Value, right: Value) => boolean {
  return (left, right) => {
    if (typeof left === "string" && typeof right === "string")
      return test(left < right ? -1 : left > right ? 1 : 0);
    return test(numberOf(left, sign) - numberOf(right, sign));
  };
}

const counted =
  (sign: string, compute: (left: number, right: number) => number) =>
  (left: Value, right: Value): number =>
    compute(numberOf(left, sign), numberOf(right, sign));

const matches = (left: Value, right: Value): boolean => linearRegex(textOf(right)).test(textOf(left));

const OPERATIONS: Readonly<Record<string, (left: Value, right: Value) => Value>> = {
  "==": isEqual,
  "!=": (left, right) => !isEqual(left, right),
  ">": compared(">", (order) => order > 0),
  "<": compared("<", (order) => order < 0),
  ">=": compared(">=", (order) => order >= 0),
  "<=": compared("<=", (order) => order <= 0),
  "=~": matches,
  "!~": (left, right) => !matches(left, right),
  in: (left, right) => {
    if (typeof right === "object") return right.some((one) => isEqual(one, left));
    throw new ExpressionError(`What follows 'in' must be a list, not a ${kindOf(right)}.`);
  },
  "+": (left, right) =>
    typeof left === "string" || typeof right === "string"
      ? textOf(left) + textOf(right)
      : numberOf(left, "+") + numberOf(right, "+"),
  "-": counted("-", (left, right) => left - right),
  "*": counted("*", (left, right) => left * right),
  "/": counted("/", (left, right) => left / right),
  "%": counted("%", (left, right) => left % right),
  "**": counted("**", (left, right) => left ** right),
  "&": counted("&", (left, right) => left & right),
  "|": counted("|", (left, right) => left | right),
  "^": counted("^", (left, right) => left ^ right),
  "<<": counted("<<", (left, right) => left << right),
  ">>": counted(">>", (left, right) => left >> right),
};
