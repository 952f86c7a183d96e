import { describe, expect, it } from "vitest";
import { sleepOn, systemClock } from "./clock.ts";
import { ManualClock } from "./manual.ts";

describe("a manual clock", () => {
  it("stands still until it is moved", async () => {
    const clock = new ManualClock(1000);
    expect(clock.now()).toBe(1000);
    await clock.advance(500);
    expect(clock.now()).toBe(1500);
  });

  it("fires timers by due time, then in the order they were set, at their own time", async () => {
    const clock = new ManualClock(0);
    const fired: string[] = [];
    for (const [label, delay] of [
      ["c", 20],
      ["a", 10],
      ["b", 10],
      ["never", 31],
    ] as const)
      clock.setTimeout(() => fired.push(`${label}@${clock.now()}`), delay);
    await clock.advance(30);
    expect(fired).toEqual(["a@10", "b@10", "c@20"]);
  });

  it("fires what a timer sets on the way, even after some promises", async () => {
    const clock = new ManualClock(0);
    const fired: number[] = [];
    const again = async (): Promise<void> => {
      await Promise.resolve();
      fired.push(clock.now());
      clock.setTimeout(() => void again(), 10);
    };
    clock.setTimeout(() => void again(), 10);
    await clock.advance(35);
    expect(fired).toEqual([10, 20, 30]);
  });

  it("does not fire what was cancelled", async () => {
    const clock = new ManualClock();
    let fired = false;
    clock.setTimeout(() => (fired = true), 1).cancel();
    await clock.advance(10);
    expect(fired).toBe(false);
  });

  it("gives the same random numbers for the same seed, all in [0, 1)", () => {
    const draw = (seed: number): readonly number[] => {
      const clock = new ManualClock(0, seed);
      return Array.from({ length: 1000 }, () => clock.random());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(3).every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(draw(1)).size).toBeGreaterThan(990);
  });
});

describe("sleeping", () => {
  it("ends after its time", async () => {
    const clock = new ManualClock();
    const slept = clock.sleep(100).then(() => clock.now());
    await clock.advance(200);
    expect(await slept).toBe(Date.UTC(2026, 0, 1) + 100);
  });

  it("ends at once with the signal's reason when that is aborted, before or meanwhile", async () => {
    const clock = new ManualClock();
    const reason = new Error("stop");
    await expect(sleepOn(clock, 100, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const slept = systemClock.sleep(1e6, controller.signal);
    controller.abort(reason);
    await expect(slept).rejects.toBe(reason);
  });
});
