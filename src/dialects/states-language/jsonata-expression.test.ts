import { expect, it } from "vitest";
import type { Json } from "../../model/resource.ts";
import { evaluateJsonata } from "./jsonata-expression.ts";

const scope = { states: { input: { n: 3 } }, variables: { name: "Ada" }, now: 0, chance: { seed: 7 } };

function evaluate(template: Json, seed = 7): Promise<Json> {
  return evaluateJsonata(template, { ...scope, chance: { seed } }, "Output");
}

it("an expression in a template sees $states and the variables", async () => {
  expect(await evaluate({ a: ["{% $states.input.n + 1 %}", "plain"], b: "{% $name %}" })).toEqual({
    a: [4, "plain"],
    b: "Ada",
  });
});

it("time and chance are the execution's, so a replay gives the same", async () => {
  const template = ["{% $now() %}", "{% $millis() %}", "{% $random() %}", "{% $uuid() %}"];
  const first = await evaluate(template);
  expect(first).toEqual(await evaluate(template));
  expect(first).not.toEqual(await evaluate(template, 8));
  expect((first as Json[])[0]).toBe("1970-01-01T00:00:00.000Z");
  expect(await evaluate("{% $now('[Y0001]') %}")).toBe("1970");
});

it("an expression that does not end is stopped", async () => {
  const failed = { error: "States.QueryEvaluationError" };
  await expect(evaluate("{% ($f := function($x) { $f($x + 1) }; $f(0)) %}")).rejects.toMatchObject(failed);
  await expect(evaluate("{% ($f := function() { 1 + $f() }; $f()) %}")).rejects.toMatchObject(failed);
  await expect(evaluate("{% $sum([1..10000000]) %}")).rejects.toMatchObject(failed);
  expect(await evaluate("{% 1 + 1 %}")).toBe(2);
});

it("an expression that would fill the memory is stopped", async () => {
  const doubled = (value: string, twice: string, times: number): string =>
    `{% ($f := function($x, $n) { $n = 0 ? $x : $f(${twice}, $n - 1) }; $f(${value}, ${times})) %}`;
  for (const text of [
    "{% $count([1..1000000].([1..1000000])) %}",
    doubled("'xxxxxxxx'", "$x & $x", 25),
    doubled("1", "{'a': $x, 'b': $x}", 60),
    "{% $count($split($pad('x', 20000000), '')) %}",
  ])
    await expect(evaluate(text)).rejects.toMatchObject({ error: "States.QueryEvaluationError" });
});

it("others have their turn while an expression is worked out", async () => {
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  await expect(evaluate("{% ($f := function($x) { $f($x + 1) }; $f(0)) %}")).rejects.toThrow("steps");
  clearInterval(counting);
  expect(turns).toBeGreaterThan(3);
});

it("a regular expression takes time linear in the text", async () => {
  expect(await evaluate(`{% $contains('${"a".repeat(5_000)}b', /^(a+)+$/) %}`)).toBe(false);
  expect(await evaluate("{% $match('ab12cd3', /[a-z]+(\\d+)/).groups %}")).toEqual(["12", "3"]);
  expect(await evaluate("{% $replace('A-b-A', /a/i, 'x') %}")).toBe("x-b-x");
  expect(await evaluate("{% $split('a1b22c', /[0-9]+/) %}")).toEqual(["a", "b", "c"]);
});

it("what is no JSON, or nothing, is an error", async () => {
  for (const text of ["{% $none %}", "{% function($x) { $x } %}", "{% 1 / 0 %}", "{% $eval('1') %}"]) {
    await expect(evaluate(text)).rejects.toMatchObject({ error: "States.QueryEvaluationError" });
  }
});
