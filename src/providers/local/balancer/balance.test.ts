import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { available, leastConnections, roundRobin, type Candidate } from "./balance.ts";

const candidate = (weight: fc.Arbitrary<number>): fc.Arbitrary<Candidate> =>
  fc.record({ weight, inFlight: fc.nat(5), asideUntil: fc.nat(10) });
const random = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));
const draw = (stream: Iterator<number>) => (): number => stream.next().value as number;

describe("choice of a member", () => {
  it("takes one with the fewest requests in flight among equals", () => {
    fc.assert(
      fc.property(fc.array(candidate(fc.constant(1)), { minLength: 1 }), random, (list, stream) => {
        const chosen = leastConnections(list, draw(stream));
        expect(chosen?.inFlight).toBe(Math.min(...list.map((one) => one.inFlight)));
      }),
    );
  });

  it("never takes one without weight, and takes one whenever some have weight", () => {
    fc.assert(
      fc.property(fc.array(candidate(fc.constantFrom(0, 1, 3))), random, fc.nat(), (list, stream, turn) => {
        const some = list.some((one) => one.weight > 0);
        for (const chosen of [leastConnections(list, draw(stream)), roundRobin(list, turn, draw(stream))]) {
          expect(chosen !== undefined).toBe(some);
          if (chosen !== undefined) expect(chosen.weight).toBeGreaterThan(0);
        }
      }),
    );
  });

  it("breaks every tie each way", () => {
    const list = Array.from({ length: 4 }, (_, id) => ({ id, weight: 1, inFlight: 0, asideUntil: 0 }));
    const seen = new Set(Array.from({ length: 200 }, () => leastConnections(list, Math.random)?.id));
    expect(seen.size).toBe(4);
  });

  it("gives a canary its share whatever is in flight", () => {
    const list = [
      ...Array.from({ length: 3 }, () => ({ canary: false, weight: 30, inFlight: 9, asideUntil: 0 })),
      { canary: true, weight: 10, inFlight: 0, asideUntil: 0 },
    ];
    // Evenly spread draws, so the share is exact and the test is not a matter of luck.
    const chosen = Array.from({ length: 1_000 }, (_, index) => {
      const draws = [index / 1_000, 0.5, 0.5, 0.5, 0.5];
      return leastConnections(list, () => draws.shift() ?? 0.5);
    });
    expect(chosen.filter((one) => one?.canary === true)).toHaveLength(100);
  });

  it("visits equals in turn", () => {
    const list = Array.from({ length: 3 }, (_, id) => ({ id, weight: 1, inFlight: 0, asideUntil: 0 }));
    const visited = Array.from({ length: 6 }, (_, turn) => roundRobin(list, turn, Math.random)?.id);
    expect(visited).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it("passes over those set aside only while others are there", () => {
    fc.assert(
      fc.property(fc.array(candidate(fc.constant(1))), fc.nat(10), (list, now) => {
        const left = available(list, now);
        const usable = list.filter((one) => one.asideUntil <= now);
        expect(left).toEqual(usable.length === 0 ? list : usable);
      }),
    );
  });
});
