/** Q1 to Q3 against a model: what was asked for is worked on, once at a time, and failures wait. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../clock/manual.ts";
import { WorkQueue } from "./queue.ts";

const key = fc.constantFrom("a", "b", "c");
const command = fc.oneof(
  fc.record({ type: fc.constant("add" as const), key }),
  fc.record({ type: fc.constant("addAfter" as const), key, delay: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ type: fc.constant("take" as const) }),
  fc.record({ type: fc.constant("done" as const), key, failed: fc.boolean() }),
  fc.record({ type: fc.constant("wait" as const), for: fc.integer({ min: 0, max: 200 }) }),
);

describe("a work queue", () => {
  it("never gives a key to two workers and works on every key after it was last asked for", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), fc.nat(), async (commands, seed) => {
        const clock = new ManualClock(0, seed);
        const queue = new WorkQueue<string>({ clock, base: 10, cap: 1_000 });
        const active = new Set<string>();
        /** Asked for, and not begun since. */
        const owed = new Set<string>();
        const take = (): boolean => {
          const work = queue.take();
          if (work === undefined) return false;
          expect(active.has(work.key)).toBe(false);
          active.add(work.key);
          owed.delete(work.key);
          return true;
        };
        const done = (one: string, failed: boolean): void => {
          if (!active.delete(one)) return;
          queue.done(one, failed);
          if (failed) owed.add(one);
        };
        for (const one of commands) {
          if (one.type === "take") take();
          else if (one.type === "wait") await clock.advance(one.for);
          else if (one.type === "done") done(one.key, one.failed);
          else {
            owed.add(one.key);
            if (one.type === "add") queue.add(one.key);
            else queue.addAfter(one.key, one.delay);
          }
        }
        for (let round = 0; round < 5; round += 1) {
          for (const one of active) done(one, false);
          await clock.advance(2_000);
          while (take());
        }
        expect([...owed]).toEqual([]);
        expect(queue.delayed).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("makes one piece of work of many requests, with the latest reason, in order of arrival", () => {
    const queue = new WorkQueue<string>({ clock: new ManualClock() });
    for (let index = 0; index < 3_000; index += 1) {
      queue.add("a", `reason ${index}`);
      queue.add(`k${index}`);
    }
    queue.add("a");
    expect(queue.take()).toEqual({ key: "a", reason: "reason 2999" });
    for (let index = 0; index < 3_000; index += 1) expect(queue.take()?.key).toBe(`k${index}`);
    expect(queue.take()).toBeUndefined();
    expect(queue.depth).toBe(3_001);
  });

  it("backs off longer with each failure up to its cap, with jitter, and forgets on success", () => {
    const clock = new ManualClock();
    const queue = new WorkQueue({ clock, base: 100, cap: 1_000 });
    const fail = (): number => {
      queue.clear();
      queue.add("a");
      queue.take();
      return queue.done("a", true) ?? Number.NaN;
    };
    const bounds = [100, 200, 400, 800, 1_000, 1_000];
    for (const bound of bounds) expect(fail()).toBeLessThanOrEqual(bound);
    expect(new Set(Array.from({ length: 10 }, fail)).size).toBeGreaterThan(5);
    queue.clear();
    queue.add("a");
    queue.take();
    queue.done("a");
    expect(queue.failures("a")).toBe(0);
    expect(fail()).toBeLessThanOrEqual(100);
  });

  it("works on a failing key at once when it is asked for anew, and not a second time when its delay is over", async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue({ clock });
    queue.add("a");
    queue.take();
    queue.done("a", true);
    queue.add("a");
    expect(queue.take()?.key).toBe("a");
    queue.done("a");
    await clock.advance(60_000);
    expect(queue.take()).toBeUndefined();
  });

  it("counts the earliest of several delays", async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue({ clock });
    queue.addAfter("a", 50);
    queue.addAfter("a", 10);
    queue.addAfter("a", 90);
    await clock.advance(10);
    expect(queue.take()?.key).toBe("a");
    expect(queue.delayed).toBe(0);
  });

  it.each([Number.POSITIVE_INFINITY, 2 ** 40])(
    "does not take a delay of %d for one that is over",
    (delay) => {
      let asked = 0;
      const clock = Object.assign(new ManualClock(), {
        setTimeout: (_callback: () => void, wait: number) => {
          asked = wait;
          return { cancel: () => {} };
        },
      });
      new WorkQueue({ clock }).addAfter("a", delay);
      expect(asked).toBe(2 ** 31 - 1);
    },
  );
});
