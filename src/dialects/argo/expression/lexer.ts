import { ExpressionError } from "./syntax.ts";

export interface Token {
  readonly is: "number" | "text" | "word" | "sign" | "end";
  /** As written, but for texts: what they stand for. */
  readonly text: string;
  readonly at: number;
}

const SPACE = /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const NUMBER =
  /0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*(?:\.\d[\d_]*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORD = /[\p{L}_$][\p{L}\p{N}_$]*/uy;
const SIGN = /\?\.|\?\?|\*\*|&&|\|\||==|!=|<=|>=|\.\.|[-+*/%^<>!?:|()[\]{},.#;=]/y;
const NUMBERS = [["number", NUMBER]] as const;
const OTHERS = [
  ["word", WORD],
  ["sign", SIGN],
] as const;
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  a: "\x07",
  v: "\v",
  "0": "\0",
};

export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at += match(SPACE, text, at)?.length ?? 0;
    if (at >= text.length) return [...tokens, { is: "end", text: "", at }];
    const { token, length } = isQuote(text[at]) ? quotedToken(text, at) : plainToken(text, at);
    tokens.push(token);
    at += length;
  }
}

interface Found {
  readonly token: Token;
  readonly length: number;
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

const isQuote = (sign: string | undefined): boolean => sign === '"' || sign === "'" || sign === "`";

function quotedToken(text: string, at: number): Found {
  const end = endOfText(text, at);
  const inner = text.slice(at + 1, end);
  const value = text[at] === "`" ? inner : unescaped(inner);
  return { token: { is: "text", text: value, at }, length: end + 1 - at };
}

function plainToken(text: string, at: number): Found {
  // `1..3` is a range, not the number `1.` and something else.
  const isNumber = /^(?:\d|\.\d)/.test(text.slice(at, at + 2));
  for (const [is, pattern] of [...(isNumber ? NUMBERS : []), ...OTHERS]) {
    const found = match(pattern, text, at);
    if (found !== undefined) return { token: { is, text: found, at }, length: found.length };
  }
  throw new ExpressionError(`'${text[at] ?? ""}' at character ${at + 1} belongs to no expression.`);
}

function endOfText(text: string, start: number): number {
  const quote = text[start];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\" && quote !== "`") at++;
    else if (text[at] === quote) return at;
  }
  throw new ExpressionError(`The text that begins at character ${start + 1} does not end.`);
}

function unescaped(text: string): string {
  return text.replaceAll(
    /\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\s\S]))/g,
    (_whole, braced?: string, unicode?: string, hex?: string, one?: string) => {
      const code = braced ?? unicode ?? hex;
      return code === undefined
        ? (ESCAPES[one ?? ""] ?? one ?? "")
        : String.fromCodePoint(parseInt(code, 16));
    },
  );
}
