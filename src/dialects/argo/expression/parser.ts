/**
 * Reads an expression by precedence climbing. From the weakest to the strongest: `|`, `? :`, `or`, `and`, comparisons and
 * `in`, `..`, `+ -`, `not`, `* / %`, signs, `**`, `??`.
 */
import { type Token, tokensOf } from "./lexer.ts";
import { type Expression, ExpressionError, predicateFunctions } from "./syntax.ts";

const BINARY: Readonly<Record<string, number>> = {
  "|": 0,
  or: 10,
  "||": 10,
  and: 15,
  "&&": 15,
  "==": 20,
  "!=": 20,
  "<": 20,
  ">": 20,
  "<=": 20,
  ">=": 20,
  in: 20,
  matches: 20,
  contains: 20,
  startsWith: 20,
  endsWith: 20,
  "..": 25,
  "+": 30,
  "-": 30,
  "*": 60,
  "/": 60,
  "%": 60,
  "**": 100,
  "^": 100,
  "??": 500,
};
const UNARY: Readonly<Record<string, number>> = { not: 50, "!": 50, "-": 90, "+": 90 };
const AFTER_NOT: ReadonlySet<string> = new Set(["in", "matches", "contains", "startsWith", "endsWith"]);
const CONSTANTS = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["nil", null],
  ["null", null],
]);
/** Deep enough for people, shallow enough for the stack. */
const DEEPEST = 200;

export function parse(text: string): Expression {
  const parser = new Parser(tokensOf(text));
  const expression = parser.sequence();
  parser.end();
  return expression;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;
  #predicates = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  end(): void {
    if (this.#token.is !== "end") this.#unexpected();
  }

  /** `let x = 1; x + 1`. */
  sequence(): Expression {
    if (!this.#isWord("let")) return this.#expression(0);
    this.#next();
    const name = this.#next().text;
    this.#expect("=");
    const value = this.#expression(0);
    this.#expect(";");
    return { is: "let", name, value, body: this.sequence() };
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #next(): Token {
    const token = this.#token;
    if (token.is !== "end") this.#at++;
    return token;
  }

  #unexpected(): never {
    const { is, text, at } = this.#token;
    throw new ExpressionError(
      is === "end"
        ? "The expression ends too early."
        : `'${text}' at character ${at + 1} is not expected there.`,
    );
  }

  #is(sign: string): boolean {
    return this.#token.is === "sign" && this.#token.text === sign;
  }

  #isWord(word: string): boolean {
    return this.#token.is === "word" && this.#token.text === word;
  }

  #take(sign: string): boolean {
    if (!this.#is(sign)) return false;
    this.#at++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) this.#unexpected();
  }

  #operator(): string | undefined {
    const { is, text } = this.#token;
    return (is === "sign" || is === "word") && Object.hasOwn(BINARY, text) ? text : undefined;
  }

  #expression(least: number): Expression {
    if (++this.#depth > DEEPEST) throw new ExpressionError("The expression is nested too deeply.");
    let left = this.#isWord("if") ? this.#branches() : this.#unary();
    for (;;) {
      const isNegated = this.#isNegatedOperator();
      if (isNegated) this.#at++;
      const operator = this.#operator();
      if (operator === undefined || (BINARY[operator] ?? 0) < least) {
        if (isNegated) this.#at--;
        break;
      }
      this.#at++;
      left = this.#binary(operator, left);
      if (isNegated) left = { is: "unary", operator: "not", operand: left };
    }
    if (least === 0 && this.#take("?")) {
      const yes = this.#expression(0);
      this.#expect(":");
      left = { is: "conditional", test: left, yes, no: this.#expression(0) };
    }
    this.#depth--;
    return left;
  }

  #isNegatedOperator(): boolean {
    const after = this.#tokens[this.#at + 1];
    return this.#isWord("not") && after?.is === "word" && AFTER_NOT.has(after.text);
  }

  #binary(operator: string, left: Expression): Expression {
    if (operator === "|") {
      const { is, text } = this.#next();
      if (is !== "word") this.#unexpected();
      return this.#postfix(this.#piped({ is: "name", name: text }, left));
    }
    const least = BINARY[operator] ?? 0;
    const right = this.#expression(operator === "**" || operator === "^" ? least : least + 1);
    return { is: "binary", operator, left, right };
  }

  /** `x | f(1)` is `f(x, 1)`; so is `x | sprig.f(1)`. */
  #piped(callee: Expression, first: Expression): Expression {
    let whole = callee;
    while (this.#take("."))
      whole = {
        is: "member",
        of: whole,
        property: { is: "literal", value: this.#next().text },
        optional: false,
      };
    const values = this.#is("(") ? this.#values(whole, 1) : [];
    return { is: "call", callee: whole, values: [first, ...values] };
  }

  #branches(): Expression {
    this.#next();
    const test = this.#expression(0);
    const block = (): Expression => {
      this.#expect("{");
      const body = this.sequence();
      this.#expect("}");
      return body;
    };
    const yes = block();
    if (!this.#isWord("else")) this.#unexpected();
    this.#next();
    return { is: "conditional", test, yes, no: this.#isWord("if") ? this.#branches() : block() };
  }

  #unary(): Expression {
    const { is, text } = this.#token;
    const strength = is === "sign" || is === "word" ? UNARY[text] : undefined;
    if (strength === undefined || (is === "word" && text !== "not")) return this.#postfix(this.#primary());
    this.#at++;
    const operand = this.#expression(strength);
    return { is: "unary", operator: text === "!" ? "not" : text, operand };
  }

  #primary(): Expression {
    const { is, text } = this.#token;
    if (is === "number") return { is: "literal", value: numberOf(this.#next().text) };
    if (is === "text") return { is: "literal", value: this.#next().text };
    if (is === "word") return this.#word(this.#next().text);
    return is === "sign" ? this.#bracketed(text) : this.#unexpected();
  }

  #bracketed(text: string): Expression {
    switch (text) {
      case "(": {
        this.#at++;
        const inner = this.sequence();
        this.#expect(")");
        return inner;
      }
      case "[":
        this.#at++;
        return { is: "list", items: this.#until("]", () => this.#expression(0)) };
      case "{":
        this.#at++;
        return { is: "map", entries: this.#until("}", () => this.#entry()) };
      case "#":
        this.#at++;
        return { is: "pointer", name: this.#isWord("acc") || this.#isWord("index") ? this.#next().text : "" };
      case ".":
        // Within a predicate `.name` is `#.name`; the postfix reads the point.
        if (this.#predicates > 0) return { is: "pointer", name: "" };
    }
    return this.#unexpected();
  }

  #word(name: string): Expression {
    if (CONSTANTS.has(name)) return { is: "literal", value: CONSTANTS.get(name) };
    return { is: "name", name };
  }

  #entry(): readonly [Expression, Expression] {
    const { is, text } = this.#token;
    let key: Expression;
    if (is === "sign" && text === "(") {
      this.#at++;
      key = this.#expression(0);
      this.#expect(")");
    } else key = { is: "literal", value: this.#next().text };
    this.#expect(":");
    return [key, this.#expression(0)];
  }

  #until<One>(sign: string, one: () => One): One[] {
    const all: One[] = [];
    while (!this.#take(sign)) {
      if (all.length > 0) {
        this.#expect(",");
        if (this.#take(sign)) break;
      }
      all.push(one());
    }
    return all;
  }

  /** The values of a call, of which `given` stand before it already. */
  #values(callee: Expression, given: number): Expression[] {
    this.#expect("(");
    const takesPredicate = callee.is === "name" && predicateFunctions.has(callee.name);
    let index = given;
    return this.#until(")", () =>
      takesPredicate && index++ === 1 ? this.#predicate() : this.#expression(0),
    );
  }

  #predicate(): Expression {
    this.#predicates++;
    const isBraced = this.#take("{");
    const body = isBraced ? this.sequence() : this.#expression(0);
    if (isBraced) this.#expect("}");
    this.#predicates--;
    return { is: "predicate", body };
  }

  #postfix(of: Expression): Expression {
    let node = of;
    for (;;) {
      const isOptional = this.#is("?.");
      if (isOptional || this.#is(".")) {
        this.#at++;
        if (isOptional && this.#take("[")) {
          node = this.#index(node, true);
          continue;
        }
        const { is, text } = this.#next();
        if (is !== "word") this.#unexpected();
        node = { is: "member", of: node, property: { is: "literal", value: text }, optional: isOptional };
      } else if (this.#take("[")) node = this.#index(node, false);
      else if (this.#is("(") && (node.is === "name" || node.is === "member"))
        node = { is: "call", callee: node, values: this.#values(node, 0) };
      else return node;
    }
  }

  #index(of: Expression, optional: boolean): Expression {
    if (this.#take(":")) return this.#slice(of, undefined);
    const property = this.#expression(0);
    if (this.#take(":")) return this.#slice(of, property);
    this.#expect("]");
    return { is: "member", of, property, optional };
  }

  #slice(of: Expression, from: Expression | undefined): Expression {
    const to = this.#is("]") ? undefined : this.#expression(0);
    this.#expect("]");
    return { is: "slice", of, from, to };
  }
}

function numberOf(text: string): number {
  return Number(text.replaceAll("_", ""));
}
