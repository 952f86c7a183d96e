/** Patterns of schemas, matched in time linear in the text (RE2), whoever wrote them. */
import { RE2JS } from "re2js";

/** What is wrong with it, in a sentence; undefined when nothing is. */
export function patternProblem(source: string): string | undefined {
  try {
    patternOf(source);
    return undefined;
  } catch {
    return `'${source.slice(0, 80)}' is no pattern that is matched in linear time: it is malformed, or looks around or back.`;
  }
}

interface Pattern {
  test(text: string): boolean;
  toString(): string;
}

export function patternOf(source: string): Pattern {
  const pattern = RE2JS.compile(RE2JS.translateRegExp(source));
  return {
    test: (text) => pattern.matcher(text).find(),
    // What compiled patterns are told apart by.
    toString: () => source,
  };
}
