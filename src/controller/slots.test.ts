import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Limit, Slots } from "./slots.ts";

const limit = (id: string, most = 1): Limit => ({ id, most });

function open(): { readonly slots: Slots; readonly woken: string[] } {
  const woken: string[] = [];
  return { slots: new Slots((key) => woken.push(key)), woken };
}

describe("slots", () => {
  it("let in as many as the limit says, and wake the next one in order when one leaves", () => {
    const { slots, woken } = open();
    expect(["a", "b", "c", "d"].map((key) => slots.enter(key, [limit("p", 2)]))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    slots.leave("b");
    expect(woken).toEqual(["c"]);
    expect(slots.enter("d", [limit("p", 2)])).toBe(false);
    expect(slots.enter("c", [limit("p", 2)])).toBe(true);
  });

  it("let others pass who need another limit", () => {
    const { slots } = open();
    slots.enter("a", [limit("p")]);
    expect(slots.enter("b", [limit("p"), limit("all", 9)])).toBe(false);
    expect(slots.enter("c", [limit("q"), limit("all", 9)])).toBe(true);
  });

  it("pass on what was granted to somebody who does not come", () => {
    const { slots, woken } = open();
    slots.enter("a", [limit("p")]);
    slots.enter("b", [limit("p")]);
    slots.enter("c", [limit("p")]);
    slots.leave("a");
    slots.leave("b");
    expect(woken).toEqual(["b", "c"]);
  });

  it("do not let somebody who needs two limits wait for ever behind those who need one", () => {
    const { slots, woken } = open();
    slots.enter("p0", [limit("p")]);
    slots.enter("q0", [limit("q")]);
    slots.enter("both", [limit("p"), limit("q")]);
    for (let round = 0; round < 300 && !woken.includes("both"); round += 1) {
      for (const id of ["p", "q"]) {
        slots.enter(`${id}${round + 1}`, [limit(id)]);
        slots.leave(`${id}${round}`);
      }
    }
    expect(woken).toContain("both");
  });

  it("are never more than there are, and never lost, whoever comes and goes", () => {
    const sets = [[limit("p", 2)], [limit("p", 2), limit("all", 3)], [limit("q"), limit("all", 3)]];
    const step = fc.record({ key: fc.nat(9), isLeaving: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { slots } = open();
        const inside = new Set<number>();
        for (const { key, isLeaving } of steps) {
          if (isLeaving) {
            slots.leave(String(key));
            inside.delete(key);
          } else if (slots.enter(String(key), sets[key % 3] ?? [])) inside.add(key);
          for (const id of ["p", "q", "all"]) {
            const most = sets.flat().find((one) => one.id === id)?.most ?? 0;
            const here = [...inside].filter((one) => sets[one % 3]?.some((each) => each.id === id));
            expect(here.length).toBeLessThanOrEqual(most);
          }
        }
        for (let key = 0; key < 10; key += 1) slots.leave(String(key));
        expect(slots.waiting).toBe(0);
        expect(slots.enter("x", [limit("p", 2), limit("q"), limit("all", 3)])).toBe(true);
      }),
    );
  });
});
