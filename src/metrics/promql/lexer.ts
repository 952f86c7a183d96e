/**
 * Text -> tokens. Whitespace and comments are left out; keywords are identifiers here, since nearly all of them may be
 * names of metrics and labels as well: the parser knows by the place which is meant.
 *
 * A colon belongs to identifiers (`job:rate5m`), but within brackets it separates range and step, and within braces names
 * hold none.
 */
import { type Position, PromQLError } from "./errors.ts";

export type TokenKind = "identifier" | "number" | "duration" | "string" | "symbol" | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const SPACE = /(?:[ \t\r\n]+|#[^\n]*)+/y;
const DURATION = /(?=\d)(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?(?![\w.])/y;
const NUMBER = /(?:0[xX][\da-fA-F_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)(?![\w.])/y;
const NAME = /[a-zA-Z_:][\w:]*/y;
const NAME_WITHOUT_COLON = /[a-zA-Z_]\w*/y;
const STRING = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'|`[^`]*`/y;
const SYMBOL = /=~|!~|==|!=|<=|>=|<\/|>\/|[(){}[\],=<>+\-*/%^@:]/y;

/** Throws PromQLError. */
export function tokens(text: string): readonly Token[] {
  const found: Token[] = [];
  const open: string[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    return match === "" ? undefined : match;
  };
  for (;;) {
    at += take(SPACE)?.length ?? 0;
    if (at >= text.length) break;
    const [kind, piece] = next(take, open.at(-1)) ?? refuse(text, at);
    if (kind === "symbol") track(open, piece);
    found.push({ kind, text: piece, start: at, end: at + piece.length });
    at += piece.length;
  }
  found.push({ kind: "end", text: "end of input", start: text.length, end: text.length });
  return found;
}

function next(
  take: (pattern: RegExp) => string | undefined,
  within: string | undefined,
): readonly [TokenKind, string] | undefined {
  const kinds: readonly (readonly [TokenKind, RegExp])[] = [
    ["identifier", within === "[" || within === "{" ? NAME_WITHOUT_COLON : NAME],
    ["duration", DURATION],
    ["number", NUMBER],
    ["string", STRING],
    ["symbol", SYMBOL],
  ];
  for (const [kind, pattern] of kinds) {
    const piece = take(pattern);
    if (piece !== undefined) return [kind, piece];
  }
  return undefined;
}

function track(open: string[], symbol: string): void {
  if (symbol === "(" || symbol === "[" || symbol === "{") open.push(symbol);
  else if (symbol === ")" || symbol === "]" || symbol === "}") open.pop();
}

function refuse(text: string, at: number): never {
  const position = positionAt(text, at);
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  if (`"'\``.includes(character))
    throw new PromQLError("bad_data", "unterminated quoted string", {
      position,
      hint: `Close the text with ${character}; only texts in backquotes may span lines.`,
    });
  if (/[\d.]/.test(character)) {
    const number = /[\w.]+/y;
    number.lastIndex = at;
    throw new PromQLError(
      "bad_data",
      `bad number or duration syntax: "${number.exec(text)?.[0] ?? character}"`,
      {
        position,
        hint: "Write numbers as 1, 1.5, 1e3 or 0x1f, and durations as 5m or 1h30m, from the largest unit to the smallest.",
      },
    );
  }
  throw new PromQLError("bad_data", `unexpected character: '${character}'`, { position });
}

function positionAt(text: string, offset: number): Position {
  return positionIn(lineStarts(text), offset);
}

/** The offsets at which the lines of a text begin. */
export function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

export function positionIn(starts: readonly number[], offset: number): Position {
  let line = 0;
  let after = starts.length;
  while (after - line > 1) {
    const middle = (line + after) >> 1;
    if ((starts[middle] as number) <= offset) line = middle;
    else after = middle;
  }
  return { line: line + 1, column: offset - (starts[line] as number) + 1 };
}
