/** What every Journal must do, as a Vitest suite. */
import { afterEach, describe, expect, it } from "vitest";
import type { RunEvent } from "../run/events.ts";
import type { Journal } from "./journal.ts";

export const queued = (step: string, at = 0): RunEvent => ({ type: "StepQueued", step, at });

export async function stepsOf(journal: Journal, run: string, from?: number): Promise<readonly string[]> {
  const steps: string[] = [];
  for await (const event of journal.read(run, from)) steps.push("step" in event ? event.step : event.type);
  return steps;
}

export function journalConformance(name: string, make: () => Journal): void {
  describe(`${name} as a Journal`, () => {
    let journal: Journal | undefined;
    const opened = (): Journal => (journal = make());
    afterEach(() => journal?.close());

    it("reads each run's events in the order of their appends, from any place", async () => {
      const one = opened();
      await one.append("a", [queued("1"), queued("2")]);
      await one.append("b", [queued("x")]);
      await one.append("a", [queued("3")]);
      expect(await stepsOf(one, "a")).toEqual(["1", "2", "3"]);
      expect(await stepsOf(one, "a", 1)).toEqual(["2", "3"]);
      expect(await stepsOf(one, "a", 9)).toEqual([]);
      expect(await stepsOf(one, "nobody")).toEqual([]);
      expect(one.runs()).toEqual(["a", "b"]);
      expect([one.length("a"), one.length("b"), one.length("nobody")]).toEqual([3, 1, 0]);
    });

    it("keeps the order of appends that do not wait for each other", async () => {
      const one = opened();
      const steps = Array.from({ length: 500 }, (_, index) => String(index));
      await Promise.all(steps.map((step) => one.append(`run${Number(step) % 3}`, [queued(step)])));
      for (const rest of [0, 1, 2])
        expect(await stepsOf(one, `run${rest}`)).toEqual(steps.filter((step) => Number(step) % 3 === rest));
    });

    it("gives back what was written, not what became of it, and any text", async () => {
      const one = opened();
      const result = { text: "ü\u0000\u2028😀", list: [1, null, { deep: true }] };
      const event: RunEvent = { type: "StepSucceeded", step: "a", epoch: 1, result, at: 1 };
      const appended = one.append("rün/1", [event]);
      result.list.length = 0;
      await appended;
      for await (const read of one.read("rün/1"))
        expect(read).toEqual({ ...event, result: { text: result.text, list: [1, null, { deep: true }] } });
    });

    it("forgets a run, and takes a new one of the same name", async () => {
      const one = opened();
      await one.append("a", [queued("1")]);
      await one.forget("a");
      await one.forget("never");
      expect(one.runs()).toEqual([]);
      await one.append("a", [queued("2")]);
      expect(await stepsOf(one, "a")).toEqual(["2"]);
    });

    it("has nothing of an append of no events", async () => {
      const one = opened();
      await one.append("a", []);
      expect(one.runs()).toEqual([]);
    });
  });
}
