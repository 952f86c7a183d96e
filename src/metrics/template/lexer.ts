/**
 * Cuts a template into text and actions, and actions into tokens. `{{- ` and ` -}}` take the white space around an
 * action away; `{{/* ... *\/}}` is a comment.
 */
import type { Origin } from "./ast.ts";
import { templateProblem } from "./problem.ts";
import { unquote } from "./unquote.ts";
import type { Value } from "./value.ts";

export type Token =
  | {
      readonly is: "field" | "variable" | "word";
      readonly at: number;
      readonly spaced: boolean;
      readonly name: string;
    }
  | { readonly is: "constant"; readonly at: number; readonly spaced: boolean; readonly value: Value }
  | {
      readonly is: "dot" | "(" | ")" | "|" | ":=" | "=" | ",";
      readonly at: number;
      readonly spaced: boolean;
    };

export type Piece =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "action"; readonly at: number; readonly tokens: readonly Token[] };

const SPACE = " \t\r\n";
const COMMENT = /^\{\{(?:-[ \t\r\n]+)?\/\*/;

export function* pieces(origin: Origin): Generator<Piece> {
  const { text } = origin;
  let at = 0;
  let trims = false;
  for (;;) {
    const open = text.indexOf("{{", at);
    const between = text.slice(at, open === -1 ? text.length : open);
    const trimsLeft = open !== -1 && text[open + 2] === "-" && SPACE.includes(text[open + 3] ?? "x");
    const kept = trimmed(between, trims, trimsLeft);
    if (kept !== "") yield { is: "text", text: kept };
    if (open === -1) return;
    const action = COMMENT.test(text.slice(open, open + 64))
      ? comment(origin, open)
      : actionFrom(origin, open, open + (trimsLeft ? 3 : 2));
    if (action.tokens !== undefined) yield { is: "action", at: open, tokens: action.tokens };
    ({ end: at, trims } = action);
  }
}

function trimmed(text: string, start: boolean, end: boolean): string {
  const left = start ? text.replace(/^[ \t\r\n]+/, "") : text;
  // Not by a regular expression, which would try each run of spaces to its end.
  let length = left.length;
  while (end && length > 0 && SPACE.includes(left[length - 1] as string)) length--;
  return left.slice(0, length);
}

interface Action {
  /** Undefined for a comment. */
  readonly tokens?: readonly Token[];
  readonly end: number;
  readonly trims: boolean;
}

function comment(origin: Origin, open: number): Action {
  const close = origin.text.indexOf("*/", open);
  const end = close === -1 ? null : /^(?:[ \t\r\n]+(-))?\}\}/.exec(origin.text.slice(close + 2, close + 200));
  if (end === null) throw invalid(origin, open, "The comment does not end with '*/}}'.");
  return { end: close + 2 + end[0].length, trims: end[1] !== undefined };
}

function actionFrom(origin: Origin, open: number, start: number): Action {
  const { text } = origin;
  const tokens: Token[] = [];
  let at = start;
  for (;;) {
    const before = at;
    while (at < text.length && SPACE.includes(text[at] as string)) at++;
    const spaced = at > before;
    if (spaced && text.startsWith("-}}", at)) return { tokens, end: at + 3, trims: true };
    if (text.startsWith("}}", at)) return { tokens, end: at + 2, trims: false };
    if (at >= text.length) throw invalid(origin, open, "The action that begins here does not end with '}}'.");
    const { token, end } = tokenAt(origin, at, spaced);
    tokens.push(token);
    at = end;
  }
}

/** In order of precedence; the first that fits is it. */
const NAME = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const NUMBER =
  /[+-]?(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*)?\.?\d[\d_]*\.?(?:[eE][+-]?\d+)?)/y;
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const RAW = /`[^`]*`/y;
const CHARACTER = /'(?:[^'\\\n]|\\[^\n])+'/uy;

function found(expression: RegExp, text: string, at: number): string | undefined {
  expression.lastIndex = at;
  return expression.exec(text)?.[0];
}

interface Lexed {
  readonly token: Token;
  readonly end: number;
}

function tokenAt(origin: Origin, at: number, spaced: boolean): Lexed {
  const { text } = origin;
  const character = text[at] as string;
  if (text.startsWith(":=", at)) return { token: { is: ":=", at, spaced }, end: at + 2 };
  if ("()|=,".includes(character))
    return { token: { is: character as "(" | ")" | "|" | "=" | ",", at, spaced }, end: at + 1 };
  if (character === "." || character === "$") return prefixed(origin, character, at, spaced);
  const word = found(NAME, text, at);
  if (word !== undefined) return { token: { is: "word", at, spaced, name: word }, end: at + word.length };
  return constant(origin, at, spaced);
}

/** `.`, `.name`, `$`, `$name`, `.5`. */
function prefixed(origin: Origin, prefix: "." | "$", at: number, spaced: boolean): Lexed {
  const name = found(NAME, origin.text, at + 1) ?? "";
  if (prefix === "." && name === "") {
    if (/\d/.test(origin.text[at + 1] ?? "")) return constant(origin, at, spaced);
    return { token: { is: "dot", at, spaced }, end: at + 1 };
  }
  return {
    token: { is: prefix === "." ? "field" : "variable", at, spaced, name },
    end: at + 1 + name.length,
  };
}

function constant(origin: Origin, at: number, spaced: boolean): Lexed {
  const { text } = origin;
  const quoted = found(STRING, text, at) ?? found(RAW, text, at) ?? found(CHARACTER, text, at);
  if (quoted !== undefined) {
    const value = unquote(quoted);
    if (value === undefined)
      throw invalid(origin, at, `The text ${quoted.slice(0, 80)} holds an unknown escape.`);
    return { token: { is: "constant", at, spaced, value }, end: at + quoted.length };
  }
  const number = found(NUMBER, text, at);
  if (number === undefined || number === "") throw invalid(origin, at, unexpected(text[at] as string));
  return { token: { is: "constant", at, spaced, value: numberOf(number) }, end: at + number.length };
}

function unexpected(character: string): string {
  if (character === '"' || character === "`") return "The text that begins here does not end.";
  return `Unexpected '${character}' in an action.`;
}

/** As Go's untyped constants: with a point or exponent a float64, else an int. */
function numberOf(text: string): Value {
  const digits = text.replaceAll("_", "").replace(/^[+-]/, "");
  const isNegative = text.startsWith("-");
  if (/^[\d.]*[.eE]/.test(digits)) return isNegative ? -Number(digits) : Number(digits);
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits);
  return isNegative ? -magnitude : magnitude;
}

function invalid(origin: Origin, at: number, message: string): Error {
  return templateProblem("InvalidTemplate", origin, at, message);
}
