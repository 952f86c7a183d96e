/**
 * Parses a template by recursive descent. Scopes of variables are those of Go: a variable lives to the `end` of the
 * control structure it was declared in; `define` begins with none but `$`.
 */
import type { Branch, Command, Definition, Node, Operand, Origin, Pipeline } from "./ast.ts";
import { type Piece, type Token, pieces } from "./lexer.ts";
import { templateProblem } from "./problem.ts";
import type { TemplateFunction } from "./value.ts";

type Functions = Readonly<Record<string, TemplateFunction>>;

interface Parsed {
  readonly main: Definition;
  readonly definitions: ReadonlyMap<string, Definition>;
}

/** Nesting of control structures and of parentheses. */
const MAX_DEPTH = 100;
const KEYWORDS = new Set([
  "if",
  "else",
  "end",
  "range",
  "with",
  "define",
  "template",
  "block",
  "break",
  "continue",
]);

export function parse(origin: Origin, functions: Functions, variables: readonly string[]): Parsed {
  const parser = new Parser(origin, functions, variables);
  const nodes = parser.list().nodes;
  return { main: { origin, nodes }, definitions: parser.definitions };
}

type Action = Piece & { readonly is: "action" };

/** How a list of nodes ended. */
interface Ended {
  readonly nodes: readonly Node[];
  /** The `else` or `end`; undefined at the end of the text. */
  readonly by?: Action;
}

class Parser {
  readonly definitions = new Map<string, Definition>();
  readonly #origin: Origin;
  readonly #functions: Functions;
  readonly #pieces: Iterator<Piece>;
  #variables: string[];
  #depth = 0;
  #ranges = 0;

  constructor(origin: Origin, functions: Functions, variables: readonly string[]) {
    this.#origin = origin;
    this.#functions = functions;
    this.#pieces = pieces(origin);
    this.#variables = ["", ...variables];
  }

  /** To the end of the text or, `inside` a structure, to its `else` or `end`. */
  list(inside?: Action): Ended {
    const nodes: Node[] = [];
    for (;;) {
      const next = this.#pieces.next();
      if (next.done === true) {
        if (inside !== undefined)
          throw this.#invalid(inside.at, "The structure that begins here has no {{end}}.");
        return { nodes };
      }
      const piece = next.value;
      if (piece.is === "text") {
        nodes.push(piece);
        continue;
      }
      const keyword = keywordOf(piece);
      if (keyword === "end" || keyword === "else") {
        if (inside === undefined)
          throw this.#invalid(piece.at, `There is nothing open that {{${keyword}}} could belong to.`);
        return { nodes, by: piece };
      }
      const node = this.#node(piece, keyword);
      if (node !== undefined) nodes.push(node);
    }
  }

  #node(action: Action, keyword: string | undefined): Node | undefined {
    switch (keyword) {
      case "if":
      case "with":
      case "range":
        return this.#branch(keyword, action, action.tokens.slice(1));
      case "define":
        return this.#define(action);
      case "template":
      case "block":
        return this.#template(action, keyword);
      case "break":
      case "continue":
        if (this.#ranges === 0) throw this.#invalid(action.at, `{{${keyword}}} stands outside of {{range}}.`);
        this.#only(action, 1);
        return { is: keyword };
      default:
        return { is: "action", pipeline: this.#pipeline(action, action.tokens) };
    }
  }

  #branch(is: Branch["is"], action: Action, tokens: readonly Token[]): Branch {
    return this.#nested(action.at, () => {
      const known = this.#variables.length;
      const pipeline = this.#pipeline(action, tokens, is === "range");
      const loops = is === "range" ? 1 : 0;
      this.#ranges += loops;
      const { nodes: body, by } = this.list(action);
      this.#ranges -= loops;
      const otherwise = by !== undefined && keywordOf(by) === "else" ? this.#otherwise(is, by, action) : [];
      if (by !== undefined && keywordOf(by) === "end") this.#only(by, 1);
      this.#variables.length = known;
      return { is, at: action.at, pipeline, body, otherwise };
    });
  }

  /** After `{{else}}`: `{{else if ...}}` and `{{else with ...}}` open a structure that ends with the same `{{end}}`. */
  #otherwise(is: Branch["is"], by: Action, opened: Action): readonly Node[] {
    const [, next] = by.tokens;
    if (next?.is === "word" && next.name === is && is !== "range")
      return [this.#branch(is, by, by.tokens.slice(2))];
    this.#only(by, 1);
    const ended = this.list(opened);
    if (ended.by !== undefined && keywordOf(ended.by) === "else")
      throw this.#invalid(ended.by.at, "A structure has one {{else}} only.");
    return ended.nodes;
  }

  #define(action: Action): undefined {
    if (this.#depth > 0)
      throw this.#invalid(action.at, "{{define}} must not stand within another structure.");
    const name = this.#nameOf(action);
    this.#only(action, 2);
    this.#body(action, name);
  }

  #body(action: Action, name: string): void {
    this.#nested(action.at, () => {
      const outer = this.#variables;
      const ranges = this.#ranges;
      this.#variables = [""];
      this.#ranges = 0;
      const { nodes, by } = this.list(action);
      if (by !== undefined && keywordOf(by) === "else")
        throw this.#invalid(by.at, "{{define}} has no {{else}}.");
      this.#variables = outer;
      this.#ranges = ranges;
      define(this.definitions, name, { origin: this.#origin, nodes });
    });
  }

  #template(action: Action, keyword: "template" | "block"): Node {
    const name = this.#nameOf(action);
    const tokens = action.tokens.slice(2);
    if (tokens.length === 0 && keyword === "block")
      throw this.#invalid(action.at, "{{block}} lacks its data.");
    const pipeline = tokens.length === 0 ? undefined : this.#pipeline(action, tokens);
    if (keyword === "block") this.#body(action, name);
    return { is: "template", at: action.at, name, ...(pipeline === undefined ? {} : { pipeline }) };
  }

  #nameOf(action: Action): string {
    const [, name] = action.tokens;
    if (name?.is === "constant" && typeof name.value === "string") return name.value;
    throw this.#invalid(action.at, "The template's name is to be given here, in quotes.");
  }

  #pipeline(action: Action, tokens: readonly Token[], ranges = false): Pipeline {
    const cursor = new Cursor(tokens);
    const declared = this.#declaration(cursor, ranges);
    const pipeline = this.#commands(cursor, action.at, declared);
    const rest = cursor.peek();
    if (rest !== undefined) throw this.#invalid(rest.at, `Unexpected ${described(rest)}.`);
    for (const name of declared.assigns ? [] : declared.variables) this.#variables.push(name);
    return pipeline;
  }

  /** `$a :=`, `$a =`, and in range `$i, $a :=`. */
  #declaration(cursor: Cursor, ranges: boolean): Pick<Pipeline, "variables" | "assigns"> {
    const length = cursor.declares(ranges);
    if (length === 0) return { variables: [], assigns: false };
    const taken = cursor.take(length);
    const assigns = taken.at(-1)?.is === "=";
    const names = taken.flatMap((token) => (token.is === "variable" ? [token] : []));
    if (assigns) for (const { name, at } of names) this.#known(name, at);
    return { variables: names.map(({ name }) => name), assigns };
  }

  #commands(cursor: Cursor, at: number, declared: Pick<Pipeline, "variables" | "assigns">): Pipeline {
    const commands: Command[] = [];
    do commands.push(this.#command(cursor, at));
    while (cursor.accept("|"));
    for (const { operands } of commands.slice(1)) {
      const [first] = operands;
      if (first.is === "constant" || (first.is === "dot" && first.path.length === 0))
        throw this.#invalid(first.at, "Only functions and methods can stand after '|'.");
    }
    return { at, ...declared, commands };
  }

  #command(cursor: Cursor, at: number): Command {
    const operands: Operand[] = [];
    for (let next = cursor.operand(); next !== undefined; next = cursor.operand()) {
      if (operands.length > 0 && !next.spaced && next.is !== "(")
        throw this.#invalid(next.at, `Unexpected ${described(next)}: a space is missing.`);
      operands.push(this.#operand(cursor));
    }
    const [first, ...rest] = operands;
    if (first === undefined) throw this.#invalid(cursor.peek()?.at ?? at, "A value is missing here.");
    if (first.is === "constant" && first.value === null)
      throw this.#invalid(first.at, "nil is not a command.");
    return { operands: [first, ...rest] };
  }

  #operand(cursor: Cursor): Operand {
    const [token] = cursor.take(1);
    if (token === undefined) throw this.#invalid(0, "A value is missing here.");
    const { at } = token;
    switch (token.is) {
      case "dot":
        return { is: "dot", at, path: [] };
      case "field":
        return { is: "dot", at, path: [token.name, ...cursor.path()] };
      case "variable":
        this.#known(token.name, at);
        return { is: "variable", at, name: token.name, path: cursor.path() };
      case "constant":
        return { is: "constant", at, value: token.value };
      case "word":
        return this.#word(token.name, at);
      case "(":
        return this.#parenthesised(cursor, at);
      default:
        throw this.#invalid(at, `Unexpected ${described(token)}.`);
    }
  }

  #word(name: string, at: number): Operand {
    if (name === "true" || name === "false") return { is: "constant", at, value: name === "true" };
    if (name === "nil") return { is: "constant", at, value: null };
    if (KEYWORDS.has(name)) throw this.#invalid(at, `'${name}' must stand at the beginning of an action.`);
    if (!Object.hasOwn(this.#functions, name)) throw this.#invalid(at, `There is no function '${name}'.`);
    return { is: "function", at, name };
  }

  #parenthesised(cursor: Cursor, at: number): Operand {
    return this.#nested(at, () => {
      const pipeline = this.#commands(cursor, at, { variables: [], assigns: false });
      if (!cursor.accept(")")) throw this.#invalid(at, "The parenthesis that opens here is not closed.");
      return { is: "pipeline", at, pipeline, path: cursor.path() };
    });
  }

  #known(name: string, at: number): void {
    if (!this.#variables.includes(name)) throw this.#invalid(at, `There is no variable '$${name}'.`);
  }

  #only(action: Action, tokens: number): void {
    const extra = action.tokens[tokens];
    if (extra !== undefined) throw this.#invalid(extra.at, `Unexpected ${described(extra)}.`);
  }

  #nested<T>(at: number, read: () => T): T {
    if (++this.#depth > MAX_DEPTH)
      throw this.#invalid(at, `It is nested more than ${MAX_DEPTH} levels deep.`);
    const result = read();
    this.#depth--;
    return result;
  }

  #invalid(at: number, message: string): Error {
    return templateProblem("InvalidTemplate", this.#origin, at, message);
  }
}

class Cursor {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  /** What begins the next operand; undefined at the end of a command. */
  operand(): Token | undefined {
    const next = this.peek();
    return next?.is === "|" || next?.is === ")" ? undefined : next;
  }

  take(count: number): readonly Token[] {
    const taken = this.#tokens.slice(this.#at, this.#at + count);
    this.#at += count;
    return taken;
  }

  accept(is: Token["is"]): boolean {
    const found = this.peek()?.is === is;
    if (found) this.#at++;
    return found;
  }

  /** `.a.b` right after an operand, without space. */
  path(): readonly string[] {
    const names: string[] = [];
    for (let next = this.peek(); next?.is === "field" && !next.spaced; next = this.peek()) {
      names.push(next.name);
      this.#at++;
    }
    return names;
  }

  /** Of how many tokens a declaration here consists; 0 when there is none. */
  declares(ranges: boolean): number {
    const kinds = this.#tokens.slice(this.#at, this.#at + 4).map(({ is }) => is);
    if (/^variable :?=/.test(kinds.join(" "))) return 2;
    return ranges && /^variable , variable :?=/.test(kinds.join(" ")) ? 4 : 0;
  }
}

/** Go's rule: the later definition of a name wins, unless it is empty and the earlier is not. */
export function define(definitions: Map<string, Definition>, name: string, definition: Definition): void {
  if (isEmpty(definition) && definitions.has(name)) return;
  definitions.set(name, definition);
}

function isEmpty({ nodes }: Definition): boolean {
  return nodes.every((node) => node.is === "text" && node.text.trim() === "");
}

function keywordOf({ tokens: [first] }: Action): string | undefined {
  return first?.is === "word" && KEYWORDS.has(first.name) ? first.name : undefined;
}

function described(token: Token): string {
  switch (token.is) {
    case "field":
      return `'.${token.name}'`;
    case "variable":
      return `'$${token.name}'`;
    case "word":
      return `'${token.name}'`;
    case "constant":
      return "constant";
    case "dot":
      return "'.'";
    default:
      return `'${token.is}'`;
  }
}
