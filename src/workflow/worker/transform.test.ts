import { expect, it } from "vitest";
import { workersWith } from "./fixtures/workers.ts";

it("a value is reshaped by JSONata in a worker, within bounds", { timeout: 60_000 }, async () => {
  const { execute, failure } = workersWith(`export const nothing = handler("nothing", () => null);`);
  const reshape = (expression: string, value: unknown): Promise<unknown> =>
    execute("tutti/jsonata", { expression, value });
  const orders = [
    { name: "a", price: 2 },
    { name: "b", price: 3 },
  ];
  expect(await reshape("$sum(orders.price)", { orders })).toBe(5);
  expect(await reshape("orders[price > 2].{ 'of': name }", { orders })).toEqual({ of: "b" });
  expect(await reshape("nothing.there", { orders })).toBeNull();
  for (const [expression, reason] of [
    ["orders[", /'orders\[': /],
    ["($f := function($n) { 1 + $f($n + 1) }; $f(0))", /more than 500 deep/],
    ["($f := function($n) { $f($n + 1) }; $f(0))", /more than 2000000 steps|longer than/],
  ] as const) {
    const told = await failure("tutti/jsonata", { expression, value: {} });
    expect(told).toMatchObject({ class: "Terminal", error: "InvalidExpression" });
    expect(told.message).toMatch(reason);
  }
});
