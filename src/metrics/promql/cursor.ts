/** Where the parser is in the tokens, and how it refuses what it finds there. */
import type { Place } from "./ast.ts";
import { PromQLError } from "./errors.ts";
import { positionAt, type Token, tokens } from "./lexer.ts";
import { unquote } from "./text.ts";

export class Cursor {
  readonly experimental: boolean;
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string, experimental: boolean) {
    this.#text = text;
    this.#tokens = tokens(text);
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
    return { start, end, ...positionAt(this.#text, start) };
  }

  /** From an offset: what stands there in the text. */
  source(start: number, end: number): string {
    return this.#text.slice(start, end);
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
    throw new PromQLError("bad_data", message, { position: positionAt(this.#text, start), ...details });
  }

  /** Experimental forms are refused unless asked for. */
  requireExperimental(start: number, what: string): void {
    if (!this.experimental)
      this.refuse(start, `${what} is experimental and not enabled`, {
        hint: "Enable PromQL's experimental features, or write the query without.",
      });
  }
}
