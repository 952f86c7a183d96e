import { expect, it } from "vitest";
import type { Json } from "../../model/resource.ts";
import { evaluatePath } from "./path-expression.ts";

function call(expression: string, input: Json = {}): Json {
  return evaluatePath(expression, { input, context: {}, variables: {}, chance: { seed: 1 } }, "field");
}

it("a template's placeholders are filled; a backslash makes a sign literal", () => {
  expect(
    call(String.raw`States.Format('{} is \{{}\} and it\'s {}', $.a, $.b, true)`, { a: "x", b: { c: 1 } }),
  ).toBe(`x is {{"c":1}} and it's true`);
  expect(call("States.Format($.t, 1)", { t: "n={}" })).toBe("n=1");
});

it("calls nest", () => {
  expect(call("States.ArrayLength(States.ArrayPartition(States.ArrayRange(1, 9, 2), 2))")).toBe(3);
  expect(call("States.ArrayGetItem(States.StringSplit('a,b;c', ',;'), 2)")).toBe("c");
});

it("values are compared by what they hold", () => {
  expect(call("States.ArrayContains($.l, $.v)", { l: [{ a: [1] }], v: { a: [1] } })).toBe(true);
  expect(call("States.ArrayUnique($.l)", { l: [{ a: 1, b: 2 }, { b: 2, a: 1 }, 1, "1"] })).toEqual([
    { a: 1, b: 2 },
    1,
    "1",
  ]);
});

it("hashes and encodings are the known ones", () => {
  expect(call("States.Hash('abc', 'SHA-1')")).toBe("a9993e364706816aba3e25717850c26c9cd0d89d");
  expect(call("States.Base64Decode(States.Base64Encode('grüß'))")).toBe("grüß");
});

it("chance comes from the execution, or from a seed", () => {
  expect(call("States.UUID()")).toBe(call("States.UUID()"));
  expect(call("States.MathRandom(1, 1000, 5)")).toBe(call("States.MathRandom(1, 1000, 5)"));
});

it("wrong values are an IntrinsicFailure, unknown places a Runtime error", () => {
  for (const wrong of [
    "States.ArrayGetItem(States.Array(1), 1)",
    "States.MathAdd('1', 2)",
    "States.ArrayRange(1, 5000, 1)",
    "States.JsonMerge($, $, true)",
    "States.Format('{} {}', 1)",
    "States.StringToJson('{')",
  ]) {
    expect(() => call(wrong)).toThrow(expect.objectContaining({ error: "States.IntrinsicFailure" }) as Error);
  }
  expect(() => call("States.Array($.none)")).toThrow(
    expect.objectContaining({ error: "States.Runtime" }) as Error,
  );
});
