/** What is open is taken in the order of the journal, however promises resolve. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { JournalOrder } from "./journal-order.ts";

test("what is told out of order is taken in order, what was called off is passed over", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat({ max: 50 }), { minLength: 1, maxLength: 30 }),
      fc.func(fc.boolean()),
      fc.func(fc.nat()),
      (paths, isOff, rank) => {
        const orders = new Map<string, number>();
        const order = new JournalOrder<string>((path) => orders.get(path));
        const all = paths.map(String);
        for (const path of all) order.add(path, path);
        for (const path of all.filter((path) => isOff(path))) order.callOff(path);
        for (const [index, path] of all.entries()) orders.set(path, index + 1);
        for (const path of all.toSorted((one, other) => rank(one) - rank(other))) order.look(path);
        const taken = [];
        for (let one = order.take(); one !== undefined; one = order.take()) taken.push(one);
        expect(taken).toEqual(all.filter((path) => !isOff(path)));
      },
    ),
  );
});

test("as long as something open was settled before, it comes first, although nobody told of it", () => {
  const orders = new Map([
    ["late", 2],
    ["early", 1],
  ]);
  const known = new Set<string>();
  const order = new JournalOrder<string>((path) => (known.has(path) ? orders.get(path) : undefined));
  order.add("late", "late");
  order.add("early", "early");
  expect(order.take()).toBeUndefined();
  known.add("late").add("early");
  order.look("late");
  expect([order.take(), order.take()]).toEqual(["early", "late"]);
});
