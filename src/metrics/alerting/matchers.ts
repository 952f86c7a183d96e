/**
 * Matchers as people write them for Alertmanager: `severity="critical"`, `{team=~"a|b",env!=dev}`.
 *
 * There are two grammars (Alertmanager's configuration documentation, "Label matchers"): the UTF-8 one, where names may
 * be any text in quotes and escapes are Go's, and the classic one, which is laxer with quotes and backslashes. As in
 * Alertmanager's default mode both are tried: the classic meaning wins where both accept a text and differ, and where only
 * one accepts it, that one.
 */
import { RE2JSException } from "re2js";
import { type MatchOperator, type Matcher, matcher } from "../matcher.ts";
import type { Labels } from "../labels.ts";

/** Why a text is no matcher; one sentence. */
export class MatcherSyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MatcherSyntaxError";
  }
}

/** Any number of matchers, with or without braces around them. */
export function parseMatchers(text: string): readonly Matcher[] {
  const modern = attempt(() => parseModern(text));
  const classic = attempt(() => parseClassic(text));
  if (Array.isArray(modern)) {
    return Array.isArray(classic) && formatMatchers(classic) !== formatMatchers(modern) ? classic : modern;
  }
  if (Array.isArray(classic)) return classic;
  throw modern;
}

/** Exactly one matcher, without braces. */
export function parseMatcher(text: string): Matcher {
  if (text.startsWith("{") || text.endsWith("}"))
    throw new MatcherSyntaxError(`One matcher has no braces around it: ${text}`);
  const [only, ...others] = parseMatchers(text);
  if (only === undefined || others.length > 0)
    throw new MatcherSyntaxError(`There should be one matcher in '${text}'.`);
  return only;
}

export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((one) => one.matches(labels.get(one.name)));
}

/** By name, then value, then operator, so that equal sets of matchers have equal texts. */
export function sortMatchers(matchers: readonly Matcher[]): readonly Matcher[] {
  const key = (one: Matcher): string => JSON.stringify([one.name, one.value, one.operator]);
  return matchers.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** `{a="b",c=~"d.*"}`; parsing it gives the same matchers. */
export function formatMatchers(matchers: readonly Matcher[]): string {
  return `{${matchers.map(formatMatcher).join(",")}}`;
}

export function formatMatcher(one: Matcher): string {
  const name = /[\s{}!=~,\\"'`]/.test(one.name) ? quote(one.name) : one.name;
  return `${name}${one.operator}${quote(one.value)}`;
}

export function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/** A matcher whose expression, if it is one, is known to be valid. */
export function checkedMatcher(name: string, operator: MatchOperator, value: string): Matcher {
  try {
    return matcher(name, operator, value);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new MatcherSyntaxError(
      `'${value}' is no regular expression (RE2): ${error.message.replace(/^error parsing regexp: |: `[^]*`$/g, "")}.`,
    );
  }
}

function attempt(parse: () => Matcher[]): Matcher[] | MatcherSyntaxError {
  try {
    return parse();
  } catch (error) {
    if (error instanceof MatcherSyntaxError) return error;
    throw error;
  }
}

// The UTF-8 grammar.

interface Token {
  readonly kind: "{" | "}" | "," | "operator" | "text";
  readonly text: string;
}

const TOKEN = /\s*(?:([{},])|(=~|!=|!~|=)|"((?:[^"\\]|\\[^])*)"|([^\s{}!=~,\\"'`]+)|($))/uy;

function tokensOf(input: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (;;) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(input);
    if (found === null)
      throw new MatcherSyntaxError(`Column ${at + 1} of '${input}' does not continue a matcher.`);
    const [, mark, operator, quoted, word] = found;
    if (mark !== undefined) tokens.push({ kind: mark as "{", text: mark });
    else if (operator !== undefined) tokens.push({ kind: "operator", text: operator });
    else if (quoted !== undefined) tokens.push({ kind: "text", text: unescape(quoted, input) });
    else if (word !== undefined) tokens.push({ kind: "text", text: word });
    else return tokens;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
};

/** Go's escapes in an interpreted string. */
function unescape(text: string, input: string): string {
  if (text.includes("\n"))
    throw new MatcherSyntaxError(`A quoted text in '${input}' goes over a line's end.`);
  return text.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([^]))/gu,
    (_all, byte?: string, short?: string, long?: string, octal?: string, letter?: string) => {
      const code = byte ?? short ?? long;
      if (code !== undefined && Number.parseInt(code, 16) <= 0x10ffff)
        return String.fromCodePoint(Number.parseInt(code, 16));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      const known = ESCAPES[letter ?? ""];
      if (known === undefined)
        throw new MatcherSyntaxError(`'\\${letter ?? ""}' in '${input}' is no escape.`);
      return known;
    },
  );
}

function parseModern(input: string): Matcher[] {
  const tokens = tokensOf(input);
  const hasOpening = tokens[0]?.kind === "{";
  const hasClosing = tokens.at(-1)?.kind === "}";
  if (hasOpening !== hasClosing)
    throw new MatcherSyntaxError(`A brace in '${input}' has no counterpart: write both or none.`);
  const inner = hasOpening ? tokens.slice(1, -1) : tokens;
  const found: Matcher[] = [];
  for (let at = 0; at < inner.length; at += 4) found.push(matcherOf(inner.slice(at, at + 4), input));
  return found;
}

/** Of a name, an operator, a value, and a comma unless it is the last. */
function matcherOf([name, operator, value, comma]: readonly Token[], input: string): Matcher {
  if (name?.kind !== "text" || operator?.kind !== "operator" || value?.kind !== "text")
    throw new MatcherSyntaxError(`'${input}' should be a label's name, one of = != =~ !~, and a value.`);
  if (comma !== undefined && comma.kind !== ",")
    throw new MatcherSyntaxError(`'${input}' lacks a comma after ${name.text}${operator.text}${value.text}.`);
  if (name.text === "") throw new MatcherSyntaxError(`A label in '${input}' has no name.`);
  return checkedMatcher(name.text, operator.text as MatchOperator, value.text);
}

// The classic grammar.

function parseClassic(input: string): Matcher[] {
  const parts = splitClassic(input.replace(/^\{/, "").replace(/\}$/, ""));
  return parts.map((part) => classicMatcher(part));
}

/** At commas that are not in quotes. */
function splitClassic(text: string): readonly string[] {
  const parts: string[] = [];
  let part = "";
  let isQuoted = false;
  let isEscaped = false;
  for (const letter of text) {
    if (letter === "," && !isQuoted) {
      parts.push(part);
      part = "";
      continue;
    }
    if (letter === '"' && !isEscaped) isQuoted = !isQuoted;
    isEscaped = letter === "\\" && !isEscaped;
    part += letter;
  }
  return part.trim() === "" ? parts : [...parts, part];
}

const CLASSIC = /^\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*([^]*?)\s*$/;

function classicMatcher(text: string): Matcher {
  const found = CLASSIC.exec(text);
  if (found === null)
    throw new MatcherSyntaxError(`'${text}' should be a label's name, one of = != =~ !~, and a value.`);
  const [, name = "", operator = "", raw = ""] = found;
  return checkedMatcher(name, operator as MatchOperator, classicValue(raw));
}

/** Quotes are optional; an unknown escape is a backslash and what follows it. */
function classicValue(raw: string): string {
  const isQuoted = raw.startsWith('"');
  const body = isQuoted ? /^"((?:[^"\\]|\\[^])*)"$/.exec(raw)?.[1] : raw;
  if (body === undefined || (!isQuoted && /^(?:[^"\\]|\\[^])*"/.test(body)))
    throw new MatcherSyntaxError(`${raw} holds a double quote that is neither escaped nor at both ends.`);
  return body.replaceAll(/\\([n"\\])/g, (_all, letter: string) => (letter === "n" ? "\n" : letter));
}
