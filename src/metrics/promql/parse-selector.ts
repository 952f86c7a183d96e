/** Selectors: `name{label="value", "utf-8 label"=~"..."}`, their ranges, `offset`, `@`, `anchored` and `smoothed`. */
import type { At, Expression, Shift, Subquery, VectorSelector } from "./ast.ts";
import type { Cursor } from "./cursor.ts";
import { METRIC_NAME } from "../labels.ts";
import { type Matcher, matcher, type MatchOperator } from "../matcher.ts";
import { parseOffset, parseRange } from "./parse-duration.ts";
import { parseNumber } from "./parse-number.ts";
import { isLabelName, quote } from "./text.ts";
import { typeName, typeOf } from "./types.ts";

/** A selector of which nothing is taken yet: it begins with a name or with a brace. `mayFitAll`: also series without labels. */
export function parseVectorSelector(cursor: Cursor, mayFitAll = false): VectorSelector {
  const { kind, start, text } = cursor.peek();
  const matchers: Matcher[] = [];
  let name: string | undefined;
  if (kind === "identifier") {
    cursor.take();
    name = text;
    matchers.push(matcher(METRIC_NAME, "=", text));
  }
  if (cursor.isSymbol("{")) name = parseMatchers(cursor, matchers, start, name);
  const place = cursor.place(start);
  const selector: VectorSelector = { kind: "selector", ...(name !== undefined && { name }), matchers, place };
  if (!mayFitAll) refuseBadMatchers(cursor, selector);
  return selector;
}

/** Answers the name of the metric, which may stand before the braces or, quoted, within. */
function parseMatchers(
  cursor: Cursor,
  matchers: Matcher[],
  start: number,
  before?: string,
): string | undefined {
  let name = before;
  cursor.expectSymbol("{", "selector");
  while (!cursor.isSymbol("}")) {
    if (cursor.peek().kind === "string" && (cursor.isSymbol(",", 1) || cursor.isSymbol("}", 1))) {
      const quoted = cursor.takeString();
      if (name !== undefined)
        cursor.refuse(start, `metric name must not be set twice: ${quote(name)} or ${quote(quoted)}`);
      name = quoted;
      matchers.push(matcher(METRIC_NAME, "=", quoted));
    } else matchers.push(parseMatcher(cursor));
    if (!cursor.isSymbol("}") && !cursor.takeSymbol(",")) cursor.unexpected("label matching", '"," or "}"');
  }
  cursor.take();
  return name;
}

function parseMatcher(cursor: Cursor): Matcher {
  const token = cursor.peek();
  if (token.kind !== "identifier" && token.kind !== "string")
    cursor.unexpected("label matching", 'identifier or "}"');
  const name = token.kind === "string" ? cursor.takeString() : cursor.take().text;
  if (!isLabelName(name)) cursor.refuse(token.start, `invalid label name ${quote(name)}`);
  const operator = cursor.peek();
  if (operator.kind !== "symbol" || !["=", "!=", "=~", "!~"].includes(operator.text))
    cursor.unexpected("label matching", "label matching operator");
  cursor.take();
  const value = cursor.peek();
  if (value.kind !== "string") cursor.unexpected("label matching", "string");
  const text = cursor.takeString();
  try {
    return matcher(name, operator.text as MatchOperator, text);
  } catch (error) {
    const reason = (error as Error).message.replace(/^error parsing regexp: /, "");
    return cursor.refuse(value.start, `error parsing regexp: ${reason}`, {
      hint: "Regular expressions follow RE2: there are no look-arounds and no back references.",
    });
  }
}

function refuseBadMatchers(cursor: Cursor, { name, matchers, place }: VectorSelector): void {
  const named = matchers.filter((known) => known.name === METRIC_NAME);
  const other = named.find(({ operator, value }) => operator !== "=" || value !== name) ?? named[1];
  if (name !== undefined && other !== undefined)
    cursor.refuse(place.start, `metric name must not be set twice: ${quote(name)} or ${quote(other.value)}`);
  if (matchers.every(({ matches }) => matches("")))
    cursor.refuse(place.start, "vector selector must contain at least one non-empty matcher", {
      hint: "Name the metric, or add a matcher that an absent label does not fit.",
    });
}

/** What may follow an operand, as often as it does. */
export function parseSuffixes(cursor: Cursor, operand: Expression): Expression {
  let expression = operand;
  for (;;) {
    const { start, text } = cursor.peek();
    const word = cursor.keyword();
    if (cursor.isSymbol("[")) expression = parseBrackets(cursor, expression);
    else if (cursor.takeSymbol("@"))
      expression = shifted(cursor, start, expression, "@", { at: parseAt(cursor) });
    else if (cursor.takeKeyword("offset"))
      expression = shifted(cursor, start, expression, "offset", { offset: parseOffset(cursor) });
    else if (word === "anchored" || word === "smoothed") {
      cursor.take();
      cursor.requireExperimental(start, `the modifier ${text}`);
      expression = extended(cursor, start, expression, word);
    } else return expression;
  }
}

function parseBrackets(cursor: Cursor, operand: Expression): Expression {
  const bracket = cursor.expectSymbol("[", "range");
  const { start } = operand.place;
  const range = parseRange(cursor);
  if (cursor.takeSymbol(":")) {
    const step = cursor.isSymbol("]") ? {} : { step: parseRange(cursor) };
    cursor.expectSymbol("]", "subquery");
    if (typeOf(operand) !== "vector")
      cursor.refuse(
        start,
        `subquery is only allowed on instant vector, got ${typeName(typeOf(operand))} instead`,
      );
    return { kind: "subquery", operand, range, ...step, place: cursor.place(start) };
  }
  cursor.expectSymbol("]", "range");
  if (operand.kind !== "selector")
    return cursor.refuse(bracket.start, "ranges only allowed for vector selectors", {
      hint: "For a range over the result of an expression, write a subquery: [5m:1m].",
    });
  if (operand.offset !== undefined)
    cursor.refuse(bracket.start, "no offset modifiers allowed before range", {
      hint: "Write x[5m] offset 1h.",
    });
  if (operand.at !== undefined)
    cursor.refuse(bracket.start, "no @ modifiers allowed before range", {
      hint: "Write x[5m] @ 1609746000.",
    });
  return { kind: "range", selector: operand, range, place: cursor.place(start) };
}

function parseAt(cursor: Cursor): At {
  const word = cursor.keyword();
  if ((word === "start" || word === "end") && cursor.isSymbol("(", 1)) {
    cursor.take();
    cursor.take();
    cursor.expectSymbol(")", "@");
    return word;
  }
  const sign = cursor.takeSymbol("-") ? -1 : 1;
  if (sign > 0) cursor.takeSymbol("+");
  const token = cursor.peek();
  if (token.kind !== "number" && token.kind !== "duration") cursor.unexpected("@", "timestamp");
  const milliseconds = Math.round(sign * parseNumber(cursor.take()) * 1000);
  if (Math.abs(milliseconds) > Number.MAX_SAFE_INTEGER)
    cursor.refuse(token.start, "timestamp out of bounds for @ modifier", {
      hint: "Timestamps are seconds since 1970.",
    });
  return milliseconds;
}

function shifted(cursor: Cursor, start: number, operand: Expression, word: string, shift: Shift): Expression {
  const place = cursor.place(operand.place.start);
  const selector = operand.kind === "range" ? operand.selector : operand;
  if (selector.kind !== "selector" && selector.kind !== "subquery")
    return cursor.refuse(
      start,
      `${word} modifier must be preceded by an instant vector selector or range vector selector or a subquery`,
    );
  const isSet = word === "@" ? selector.at !== undefined : selector.offset !== undefined;
  if (isSet)
    cursor.refuse(
      start,
      word === "@" ? "@ <timestamp> may not be set multiple times" : "offset may not be set multiple times",
    );
  if (operand.kind === "range") return { ...operand, selector: { ...operand.selector, ...shift }, place };
  return { ...(operand as VectorSelector | Subquery), ...shift, place };
}

function extended(
  cursor: Cursor,
  start: number,
  operand: Expression,
  extension: "anchored" | "smoothed",
): Expression {
  const place = cursor.place(operand.place.start);
  const selector = operand.kind === "range" ? operand.selector : operand;
  if (selector.kind !== "selector")
    return cursor.refuse(start, `${extension} modifier must be preceded by a vector selector`);
  if (selector.extension !== undefined)
    cursor.refuse(start, "anchored and smoothed may be set only once, and not both");
  if (operand.kind === "range") return { ...operand, selector: { ...operand.selector, extension }, place };
  if (extension === "anchored") cursor.refuse(start, "anchored modifier can only be used with range vectors");
  return { ...selector, extension, place };
}
