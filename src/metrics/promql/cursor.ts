/** Where the parser is in the tokens, and how it refuses what it finds there. */
import type { Place } from "./ast.ts";
import { PromQLError } from "./errors.ts";
import { lineStarts, positionIn, type Token, tokens } from "./lexer.ts";
import { unquote } from "./text.ts";

const DEEPEST = 200;
const LONGEST = 1000;

export class Cursor {
  readonly experimental: boolean;
  readonly #tokens: readonly Token[];
  readonly #lines: readonly number[];
  #at = 0;
  #depth = 0;

  constructor(text: string, experimental: boolean) {
    this.#tokens = tokens(text);
    this.#lines = lineStarts(text);
    this.experimental = experimental;
  }

  peek(ahead = 0): Token {
    return (this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1)) as Token;
  }

  take(): Token {
    const token = this.peek();
    if (this.#at < this.#tokens.length - 1) this.#at++;
    return token;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const { kind, text } = this.peek(ahead);
    return kind === "symbol" && text === symbol;
  }

  takeSymbol(symbol: string): boolean {
    const found = this.isSymbol(symbol);
    if (found) this.take();
    return found;
  }

  /** `where` completes the sentence: "in aggregation". */
  expectSymbol(symbol: string, where: string): Token {
    if (!this.isSymbol(symbol)) this.unexpected(where, `"${symbol}"`);
    return this.take();
  }

  /** The identifier here in lower case, as keywords are compared. */
  keyword(ahead = 0): string | undefined {
    const { kind, text } = this.peek(ahead);
    return kind === "identifier" ? text.toLowerCase() : undefined;
  }

  takeKeyword(word: string): boolean {
    const found = this.keyword() === word;
    if (found) this.take();
    return found;
  }

  takeString(): string {
    const token = this.take();
    return (
      unquote(token.text) ??
      this.refuse(token.start, `invalid escape sequence in ${token.text}`, {
        hint: "Write backslashes twice, or put the text in backquotes.",
      })
    );
  }

  /** From an offset to the end of the last token taken. */
  place(start: number): Place {
    const end = this.#tokens[this.#at - 1]?.end ?? start;
    return { start, end, ...positionIn(this.#lines, start) };
  }

  /** Parses what is within something else. What is nested too deeply is refused: evaluating it would exhaust the stack. */
  nested<Parsed>(parse: () => Parsed): Parsed {
    if (++this.#depth > DEEPEST) this.refuseDepth();
    const parsed = parse();
    this.#depth--;
    return parsed;
  }

  /** `links`: operators in a row, each of which is nested in the next. */
  limitChain(links: number): void {
    if (links > LONGEST) this.refuseDepth();
  }

  refuseDepth(): never {
    return this.refuse(this.peek().start, "expression is nested too deeply", {
      hint: "Split the expression up, recording parts of it by rules, or match several series with one selector.",
    });
  }

  unexpected(where: string, expected?: string): never {
    const { kind, text, start } = this.peek();
    const found =
      kind === "end"
        ? text
        : kind === "identifier"
          ? `identifier "${text}"`
          : kind === "string"
            ? text
            : `"${text}"`;
    const wanted = expected === undefined ? "" : `, expected ${expected}`;
    return this.refuse(start, `unexpected ${found} in ${where}${wanted}`);
  }

  refuse(start: number, message: string, details: { readonly hint?: string } = {}): never {
    throw new PromQLError("bad_data", message, { position: positionIn(this.#lines, start), ...details });
  }

  /** Experimental forms are refused unless asked for. */
  requireExperimental(start: number, what: string): void {
    if (!this.experimental)
      this.refuse(start, `${what} is experimental and not enabled`, {
        hint: "Enable PromQL's experimental features, or write the query without.",
      });
  }
}
