/** Regular expressions in the syntax of RE2, matched in time linear in the text. */
import { RE2JS } from "re2js";
import { ExpressionError } from "./syntax.ts";

const COMPILED_KEPT = 500;
const compiled = new Map<string, LinearRegex>();

export interface LinearRegex {
  test(text: string): boolean;
  /** The whole matches, at most `count`. */
  all(text: string, count?: number): string[];
  /** `$1` and `${name}` in `by` stand for groups unless it is literal. */
  replace(text: string, by: string, isLiteral?: boolean): string;
  split(text: string, count?: number): string[];
}

export function linearRegex(source: string): LinearRegex {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const made = newRegex(source);
  if (compiled.size >= COMPILED_KEPT) compiled.clear();
  compiled.set(source, made);
  return made;
}

function newRegex(source: string): LinearRegex {
  const pattern = compile(source);
  const matches = (
    text: string,
    count: number,
  ): { from: number; to: number; groups: (string | null)[] }[] => {
    const found = [];
    const matcher = pattern.matcher(text);
    while (found.length < count && matcher.find()) {
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, group) => matcher.group(group));
      found.push({ from: matcher.start(), to: matcher.end(), groups });
    }
    return found;
  };
  return {
    test: (text) => pattern.matcher(text).find(),
    all: (text, count = Infinity) => matches(text, count).map(({ groups }) => groups[0] ?? ""),
    replace: (text, by, isLiteral = false) => {
      let result = "";
      let at = 0;
      for (const { from, to, groups } of matches(text, Infinity)) {
        const put = isLiteral
          ? by
          : by.replaceAll(/\$(?:\{(\d+)\}|(\d+))/g, (_whole, braced?: string, bare?: string) => {
              return groups[Number(braced ?? bare)] ?? "";
            });
        result += text.slice(at, from) + put;
        at = to;
      }
      return result + text.slice(at);
    },
    split: (text, count = Infinity) => {
      const parts: string[] = [];
      let at = 0;
      for (const { from, to } of matches(text, count - 1)) {
        if (to === 0) continue;
        parts.push(text.slice(at, from));
        at = to;
      }
      return [...parts, text.slice(at)];
    },
  };
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ExpressionError(`'${source}' is no regular expression: ${why}.`);
  }
}
