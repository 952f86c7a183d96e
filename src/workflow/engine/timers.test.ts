import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { onAbort } from "./on-abort.ts";
import { Timers } from "./timers.ts";

describe("timers", () => {
  it("fire in the order of their instants, then in that in which they were set, but for those that are cancelled", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.boolean()), { maxLength: 300 }),
        async (all) => {
          const clock = new ManualClock(0);
          const timers = new Timers(clock);
          const fired: number[] = [];
          const set = all.map(([instant], index) => timers.at(instant, () => fired.push(index)));
          for (const [index, [, isCancelled]] of all.entries()) if (isCancelled) set[index]?.cancel();
          await clock.advance(100);
          const wanted = [...all.entries()]
            .filter(([, [, isCancelled]]) => !isCancelled)
            .toSorted(([one, [first]], [other, [second]]) => first - second || one - other)
            .map(([index]) => index);
          expect(fired).toEqual(wanted);
        },
      ),
    );
  });

  it("fire at their own time, also what is set for earlier than all the others", async () => {
    const clock = new ManualClock(0);
    const timers = new Timers(clock);
    const fired: string[] = [];
    const say = (name: string) => (): void => void fired.push(`${name}@${clock.now()}`);
    timers.at(30, say("c"));
    timers.at(10, say("a"));
    timers.at(20, () => timers.at(25, say("b")));
    timers.at(Infinity, say("never"));
    await clock.advance(1_000);
    expect(fired).toEqual(["a@10", "b@25", "c@30"]);
  });

  it("that lie further ahead than a system timer can are waited for all the same", async () => {
    const clock = new ManualClock(0);
    const year = 365 * 86_400_000;
    const passed = new Timers(clock).until(year, new AbortController().signal);
    let isOver = false;
    void passed.then(() => (isOver = true));
    await clock.advance(year - 1);
    expect(isOver).toBe(false);
    await clock.advance(1);
    expect(await passed).toBe(true);
  });

  it("are not waited for once the wait is aborted", async () => {
    const stop = new AbortController();
    const passed = new Timers(new ManualClock(0)).until(10, stop.signal);
    stop.abort();
    expect(await passed).toBe(false);
    expect(await new Timers(new ManualClock(0)).until(10, stop.signal)).toBe(false);
  });
});

describe("many who wait for one signal", () => {
  it("are each told once, but for those who have gone", () => {
    const stop = new AbortController();
    const told: number[] = [];
    const gone = Array.from({ length: 5 }, (_, index) => onAbort(stop.signal, () => told.push(index)));
    gone[1]?.();
    gone[3]?.();
    stop.abort();
    expect(told).toEqual([0, 2, 4]);
    onAbort(stop.signal, () => told.push(9));
    expect(told.at(-1)).toBe(9);
  });
});
