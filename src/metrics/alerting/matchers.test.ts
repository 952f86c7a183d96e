import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Labels } from "../labels.ts";
import { type MatchOperator, matcher } from "../matcher.ts";
import { MatcherSyntaxError, formatMatchers, matchesAll, parseMatcher, parseMatchers } from "./matchers.ts";

function read(text: string): readonly (readonly [string, string, string])[] {
  return parseMatchers(text).map(({ name, operator, value }) => [name, operator, value] as const);
}

describe("matchers of both grammars", () => {
  it.each([
    ["", []],
    ["{}", []],
    ["foo=bar", [["foo", "=", "bar"]]],
    ["{foo=bar}", [["foo", "=", "bar"]]],
    [' { foo = "bar" , } ', [["foo", "=", "bar"]]],
    [
      'foo=~"a|b",baz!="q",x!~y.*',
      [
        ["foo", "=~", "a|b"],
        ["baz", "!=", "q"],
        ["x", "!~", "y.*"],
      ],
    ],
    [
      'foo="bar,baz",q="}"',
      [
        ["foo", "=", "bar,baz"],
        ["q", "=", "}"],
      ],
    ],
    ['foo="a\\"b\\\\c\\n"', [["foo", "=", 'a"b\\c\n']]],
    ['foo=""', [["foo", "=", ""]]],
  ])("%s", (text, expected) => {
    expect(read(text)).toEqual(expected);
  });
});

describe("the UTF-8 grammar alone", () => {
  it.each([
    ["foo=🙂", [["foo", "=", "🙂"]]],
    ['"foo 🙂"="x"', [["foo 🙂", "=", "x"]]],
    ['foo.bar-baz="x"', [["foo.bar-baz", "=", "x"]]],
    [
      '{foo="\\u00e9\\U0001F642","a\\tb"=c}',
      [
        ["foo", "=", "é🙂"],
        ["a\tb", "=", "c"],
      ],
    ],
  ])("takes %s", (text, expected) => {
    expect(read(text)).toEqual(expected);
  });
});

describe("the classic grammar alone", () => {
  it.each([
    ["foo=bar baz", [["foo", "=", "bar baz"]]],
    ["foo=a\\d", [["foo", "=", "a\\d"]]],
    ['foo=~"\\d+"', [["foo", "=~", "\\d+"]]],
    ["foo==bar", [["foo", "=", "=bar"]]],
    ["{foo=bar", [["foo", "=", "bar"]]],
    ["foo=", [["foo", "=", ""]]],
  ])("takes %s", (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it("wins where both take a text and differ", () => {
    expect(read('foo="a\\tb"')).toEqual([["foo", "=", "a\\tb"]]);
  });
});

describe("no matchers are", () => {
  it.each([
    "foo",
    "=bar",
    '{"foo=bar',
    "foo=bar,,",
    'foo=bar baz=q\u0000",',
    'foo="bar',
    "foo=~(",
    '{foo="bar"}}{',
  ])("%s", (text) => {
    expect(() => parseMatchers(text)).toThrow(MatcherSyntaxError);
  });

  it("several where one is wanted, or one in braces", () => {
    expect(() => parseMatcher("a=b,c=d")).toThrow(MatcherSyntaxError);
    expect(() => parseMatcher("{a=b}")).toThrow(MatcherSyntaxError);
    expect(() => parseMatcher("")).toThrow(MatcherSyntaxError);
  });
});

it("what is written is read again as it was", () => {
  const one = fc.record({
    name: fc.string({
      minLength: 1,
      unit: fc.constantFrom("a", "é", " ", '"', "\\", ",", "{", "\n", "=", "_"),
    }),
    operator: fc.constantFrom<MatchOperator>("=", "!="),
    value: fc.string({ unit: fc.constantFrom("a", "é", " ", '"', "\\", ",", "}", "\n", "~", "n", "🙂") }),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 4 }), (all) => {
      const matchers = all.map(({ name, operator, value }) => matcher(name, operator, value));
      expect(formatMatchers(parseMatchers(formatMatchers(matchers)))).toBe(formatMatchers(matchers));
    }),
  );
});

it("anything at all is read or refused, never more", () => {
  const unit = fc.constantFrom(...Array.from("ab={}!~,\"\\'` \n().*[é"));
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
      try {
        parseMatchers(text);
      } catch (error) {
        expect(error).toBeInstanceOf(MatcherSyntaxError);
      }
    }),
    { numRuns: 1000 },
  );
});

it("all of them must match, and a label that is not there is empty", () => {
  const labels = Labels.of({ a: "1", b: "x y" });
  expect(matchesAll(parseMatchers('a=1,b=~"x.*",c="",d!="q",e!~".+"'), labels)).toBe(true);
  expect(matchesAll(parseMatchers('a=1,b=~"x"'), labels)).toBe(false);
});
