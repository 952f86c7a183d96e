import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, equal } from "./equality.ts";

const shuffled = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffled);
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, shuffled(member)]),
  );
};

describe("canonical JSON", () => {
  it("says the same as JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("does not depend on the order of members", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
      }),
    );
  });

  it("does not lose a member that JavaScript gives a meaning", () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"b":1},"a":2}'))).toBe('{"__proto__":{"b":1},"a":2}');
  });

  it("leaves out what is undefined, as JSON does", () => {
    expect(canonicalJson({ a: undefined, b: [undefined] })).toBe('{"b":[null]}');
  });
});

describe("structural equality", () => {
  it("agrees with canonical JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (a, b) => {
        expect(equal(a, b)).toBe(canonicalJson(a) === canonicalJson(b));
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(equal(value, shuffled(structuredClone(value)))).toBe(true);
      }),
    );
  });

  it("takes an absent member for an undefined one, but not for null", () => {
    expect(equal({ a: undefined }, {})).toBe(true);
    expect(equal({}, { a: undefined })).toBe(true);
    expect(equal({ a: null }, {})).toBe(false);
    expect(equal([], {})).toBe(false);
    expect(equal({ 0: 1 }, [1])).toBe(false);
  });
});
