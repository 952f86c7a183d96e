import { describe, expect, it } from "vitest";
import { compile, holds } from "./expression.ts";

const ambience = { now: new Date("2026-03-04T05:06:07.089Z"), random: () => 0.5 };
const names = {
  inputs: { parameters: { list: '["a","b"]', count: "3" } },
  steps: { flip: { outputs: { result: "heads" } }, "two-words": { status: "Failed" } },
};
const valueOf = (text: string): unknown => compile(text).evaluate(names, ambience);

describe("an expression", () => {
  it.each([
    ["1 + 2 * 3 ** 2", 19],
    ["10 / 4", 2.5],
    ["-7 % 3", -1],
    ["'a' + \"b\" + `\\n`", "ab\\n"],
    ["1 < 2 and not (2 == 3) || false", true],
    ["steps['two-words'].status == 'Failed' ? 1 : 2", 1],
    ["2 in [1, 2] && 'x' not in ['y']", true],
    ["'heads' matches '^h.*s$' and 'heads' contains 'ead' and 'heads' startsWith 'he'", true],
    ["filter(1..5, # % 2 == 0)", [2, 4]],
    ["map([{a: 1}, {a: 2}], .a * 10)", [10, 20]],
    ["reduce([1, 2, 3], #acc + #, 10)", 16],
    ["count(['a', 'b'], # == 'a') + sum([1, 2])", 4],
    ["sortBy([{n: 2}, {n: 1}], .n)[0].n", 1],
    ["let x = 2; let y = x + 1; x * y", 6],
    ["if 1 > 2 { 'a' } else if 2 > 1 { 'b' } else { 'c' }", "b"],
    ["[1, 2, 3, 4][1:3]", [2, 3]],
    ["'hello'[1:]", "ello"],
    ["{a: {b: null}}.a?.b?.c ?? 'nothing'", "nothing"],
    ["inputs.parameters.list | fromJSON() | join('-') | upper()", "A-B"],
    ["asInt(inputs.parameters.count) * 2", 6],
    ['jsonpath(\'{"a": [{"n": 1}, {"n": 2}]}\', \'$.a[?(@.n > 1)].n\')', [2]],
    ["sprig.upper(sprig.trimSuffix('-x', 'name-x'))", "NAME"],
    ["sprig.add(1, '2', 3)", 6],
    ["sprig.date('2006-01-02T15:04:05', now())", "2026-03-04T05:06:07"],
    ["sprig.dig('a', 'b', 'none', {a: {}})", "none"],
    ["sprig.regexReplaceAll('a(x*)b', '-ab-axxb-', '<$1>')", "-<>-<xx>-"],
    ["toJson({b: 1, a: [true, nil]})", '{"a":[true,null],"b":1}'],
    ["len('héllo') + len([1]) + len({a: 1})", 7],
  ])("%s is %j", (text, expected) => {
    expect(valueOf(text)).toEqual(expected);
  });

  it.each([
    "1 +",
    "unknown.name",
    "'a' < 1",
    "1 + 'a'",
    "inputs.nothing.more",
    "[1][5]",
    "asInt('x')",
    "steps.flip.outputs.result.more",
    "nothing(1)",
    "1..100000000",
    "reduce(1..900000, #acc + sum(map(1..10, #)), 0)",
    "'a' matches '('",
    `${"(".repeat(1000)}1${")".repeat(1000)}`,
  ])("refuses with a sentence, within bounds: %s", (text) => {
    expect(() => valueOf(text)).toThrow(/\.$/);
  });

  it("knows what it reads without being run, but for what a fallback covers", () => {
    expect(compile("tasks.a.outputs.result == 'x' ? inputs.parameters.b : (item ?? 1)").reads).toEqual(
      expect.arrayContaining(["tasks.a.outputs.result", "inputs.parameters.b", "item"]),
    );
    expect(compile("tasks.a.outputs.result ?? 'x'").reads).toEqual(["tasks"]);
  });

  it("is a condition only when it gives true or false", () => {
    expect(holds("steps.flip.outputs.result == 'heads'", names, ambience)).toBe(true);
    expect(() => holds("1", names, ambience)).toThrow("must be true or false, not '1'");
  });
});
