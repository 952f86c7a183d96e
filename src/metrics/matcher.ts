/**
 * Label matchers, as in `{job="api", code=~"5.."}`. Regular expressions are RE2's and anchored at both ends, as in
 * Prometheus: they take time linear in the text, so that no query can hang on one.
 */
import { RE2JS } from "re2js";

export type MatchOperator = "=" | "!=" | "=~" | "!~";

export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  /** `value` is empty when the series has no such label. */
  readonly matches: (value: string) => boolean;
}

/** Throws RE2JSSyntaxException when the expression is none. */
export function matcher(name: string, operator: MatchOperator, value: string): Matcher {
  return { name, operator, value, matches: test(operator, value) };
}

function test(operator: MatchOperator, wanted: string): (value: string) => boolean {
  if (operator === "=") return (value) => value === wanted;
  if (operator === "!=") return (value) => value !== wanted;
  const matches = anchored(wanted);
  return operator === "=~" ? matches : (value) => !matches(value);
}

/** A test for texts that the whole expression fits. Lists of plain words, the usual case, need no engine. */
export function anchored(expression: string): (value: string) => boolean {
  const words = expression.split("|");
  if (words.every((word) => /^[\w\-:/ ]*$/.test(word))) {
    const known = new Set(words);
    return (value) => known.has(value);
  }
  if (expression === ".*") return () => true;
  if (expression === ".+") return (value) => value !== "";
  const compiled = RE2JS.compile(expression, RE2JS.DOTALL);
  const verdicts = new Map<string, boolean>();
  return (value) => {
    let verdict = verdicts.get(value);
    if (verdict === undefined) {
      verdict = compiled.matches(value);
      // Values of one label are few as a rule; where they are not, the cache must not grow with them.
      if (verdicts.size < 10_000) verdicts.set(value, verdict);
    }
    return verdict;
  };
}
