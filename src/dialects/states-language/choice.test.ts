import { expect, it } from "vitest";
import type { Json } from "../../model/resource.ts";
import { holds } from "./choice.ts";
import type { ChoiceRule } from "./definition.ts";

function test(rule: ChoiceRule, input: Json): boolean {
  return holds(rule, { input, context: {}, variables: {}, chance: { seed: 1 } });
}

it("a comparison with a value of another type does not hold", () => {
  expect(test({ Variable: "$.a", NumericEquals: 1 }, { a: "1" })).toBe(false);
  expect(test({ Variable: "$.a", StringLessThan: "b" }, { a: "a" })).toBe(true);
  expect(
    test({ Variable: "$.a", TimestampLessThan: "2020-01-01T00:00:00Z" }, { a: "2019-12-31T23:00:00-02:00" }),
  ).toBe(false);
  expect(test({ Variable: "$.a", NumericGreaterThanPath: "$.b" }, { a: 2, b: 1 })).toBe(true);
});

it("stars of a pattern stand for any signs, and can be made literal", () => {
  const matches = (pattern: string, text: string): boolean =>
    test({ Variable: "$", StringMatches: pattern }, text);
  expect(matches("log-*.txt", "log-a.b.txt")).toBe(true);
  expect(matches("*a*a*", "a")).toBe(false);
  expect(matches("ab*ba", "aba")).toBe(false);
  expect(matches(String.raw`a\*b`, "a*b")).toBe(true);
  expect(matches(String.raw`a\*b`, "axb")).toBe(false);
  expect(matches("*", "")).toBe(true);
});

it("what is not there is not present, and no other test of it can be made", () => {
  expect(test({ Variable: "$.a", IsPresent: false }, {})).toBe(true);
  expect(test({ Variable: "$.a", IsNull: true }, { a: null })).toBe(true);
  expect(() => test({ Variable: "$.a", StringEquals: "x" }, {})).toThrow(/could not be found/);
});

it("tests are joined", () => {
  const rule = {
    And: [{ Not: { Variable: "$.a", IsNull: true } }, { Or: [{ Variable: "$.a", NumericEquals: 1 }] }],
  };
  expect(test(rule, { a: 1 })).toBe(true);
  expect(test(rule, { a: null })).toBe(false);
});
