/**
 * Intrinsic functions, `States.Format('{} of {}', $.a, States.ArrayLength($.b))`: their syntax. What each does is in
 * intrinsic-functions.ts.
 *
 *     call     = name "(" [ argument *( "," argument ) ] ")"
 *     argument = call / string / number / "true" / "false" / "null" / path
 *     string   = "'" *( any sign but ' and \ , or \ and a sign ) "'"
 */
import type { Json } from "../../model/resource.ts";
import { wrongPath } from "./json-path.ts";

type Argument =
  | { readonly kind: "call"; readonly call: Call }
  | { readonly kind: "literal"; readonly value: Json }
  /** A template keeps its escapes: which braces are literal only States.Format can tell. */
  | { readonly kind: "string"; readonly raw: string }
  | { readonly kind: "path"; readonly path: string };

export interface Call {
  readonly name: string;
  readonly arguments: readonly Argument[];
}

export function isIntrinsic(text: string): boolean {
  return /^States\.\w+\s*\(/.test(text);
}

const MAX_NESTING = 10;

/** Parses a call; throws an Error that says what was expected where. */
export function parseIntrinsic(text: string): Call {
  const parser = new Parser(text);
  const call = parser.call(1);
  parser.end();
  return call;
}

/** Every path among the arguments, nested ones too. */
export function pathsOf(call: Call): string[] {
  return call.arguments.flatMap((one) => {
    if (one.kind === "path") return [one.path];
    return one.kind === "call" ? pathsOf(one.call) : [];
  });
}

/** Every function called, nested ones too. */
export function functionsOf(call: Call): string[] {
  return [call.name, ...call.arguments.flatMap((one) => (one.kind === "call" ? functionsOf(one.call) : []))];
}

class Parser {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  call(depth: number): Call {
    if (depth > MAX_NESTING) throw this.#expected(`at most ${MAX_NESTING} nested functions`);
    const name = this.#take(/States\.\w+/y);
    if (name === undefined) throw this.#expected("an intrinsic function");
    this.#sign("(");
    const list: Argument[] = [];
    this.#space();
    if (this.text[this.at] !== ")") {
      do list.push(this.#argument(depth));
      while (this.#accept(","));
    }
    this.#sign(")");
    return { name, arguments: list };
  }

  end(): void {
    this.#space();
    if (this.at < this.text.length) throw this.#expected("the end");
  }

  #argument(depth: number): Argument {
    this.#space();
    if (this.text.startsWith("States.", this.at)) return { kind: "call", call: this.call(depth + 1) };
    if (this.text[this.at] === "$") return { kind: "path", path: this.#path() };
    const string = this.#take(/'(?:[^'\\]|\\[^])*'/y);
    if (string !== undefined) return { kind: "string", raw: string.slice(1, -1) };
    const literal = this.#take(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true\b|false\b|null\b/y);
    if (literal === undefined)
      throw this.#expected("a path, a string in single quotes, a number or a function");
    return { kind: "literal", value: JSON.parse(literal) as Json };
  }

  /** A path ends at the first comma or closing parenthesis outside its own brackets and quotes. */
  #path(): string {
    const start = this.at;
    let depth = 0;
    for (; this.at < this.text.length; this.at++) {
      const sign = this.text[this.at] ?? "";
      if (sign === "'" || sign === '"') this.#quoted(sign);
      else if ("[(".includes(sign)) depth++;
      else if (depth === 0 && ",)".includes(sign)) break;
      else if ("])".includes(sign)) depth--;
    }
    const path = this.text.slice(start, this.at).trimEnd();
    const wrong = wrongPath(path);
    if (wrong !== undefined) throw new Error(`'${path}' is no path: ${wrong}`);
    return path;
  }

  #quoted(quote: string): void {
    for (this.at++; this.at < this.text.length && this.text[this.at] !== quote; this.at++) {
      if (this.text[this.at] === "\\") this.at++;
    }
  }

  #take(pattern: RegExp): string | undefined {
    this.#space();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  #accept(sign: string): boolean {
    this.#space();
    if (this.text[this.at] !== sign) return false;
    this.at++;
    return true;
  }

  #sign(sign: string): void {
    if (!this.#accept(sign)) throw this.#expected(`'${sign}'`);
  }

  #space(): void {
    while (/\s/.test(this.text[this.at] ?? "")) this.at++;
  }

  #expected(what: string): Error {
    return new Error(`Expected ${what} at character ${this.at + 1} of '${this.text}'.`);
  }
}
