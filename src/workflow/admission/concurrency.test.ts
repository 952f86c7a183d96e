import { describe, expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { defineWorkflow } from "../definition/definition.ts";
import { type Engine, openEngine } from "../engine/engine.ts";
import { MemoryJournal } from "../journal/memory.ts";
import { runQueue } from "./concurrency.ts";

describe("a workflow's limit of runs", () => {
  it("is for all of them, or for each value of its key", () => {
    expect(runQueue("n/w", undefined, {})).toBeUndefined();
    expect(runQueue("n/w", 2, {})).toEqual({ pool: "workflow:n/w", slots: 2 });
    const byTenant = { limit: 1, key: "${param.tenant}" };
    expect(runQueue("n/w", byTenant, { tenant: "acme" })).toEqual({ pool: "workflow:n/w:acme", slots: 1 });
    expect(() => runQueue("n/w", { limit: 1, key: "${param.tenant.name}" }, {})).toThrow(
      "cannot be worked out of these parameters",
    );
  });

  const definition = defineWorkflow({ name: "w", steps: { sleep: { type: "wait", duration: "10s" } } });
  const open = (journal: MemoryJournal, clock: ManualClock): Promise<Engine> =>
    openEngine({ journal, clock, steps: {}, definitions: [definition] });

  it("lets waiting runs start in their order, higher priorities first, also after a restart", async () => {
    const clock = new ManualClock(0);
    const journal = new MemoryJournal();
    const engine = await open(journal, clock);
    const queue = { pool: "workflow:n/w", slots: 1 };
    for (const id of ["n/1", "n/2", "n/3"]) {
      await engine.start({ definition, id, queue });
      await clock.advance(10);
    }
    await engine.start({ definition, id: "n/urgent", queue, priority: 10 });
    await clock.advance(1000);
    expect((await engine.state("n/2")).phase).toBe("queued");
    expect(engine.held(queue.pool)).toBe(1);
    // The engine of before is gone, with its clock; what it held is still held.
    const later = new ManualClock(clock.now());
    const again = await open(journal, later);
    expect(again.held(queue.pool)).toBe(1);
    await later.advance(100_000);
    const starts: [number, string][] = [];
    for (const id of ["n/1", "n/2", "n/3", "n/urgent"])
      for await (const event of journal.read(id))
        if (event.type === "RunStarted") starts.push([event.at, id]);
    expect(starts.toSorted(([one], [other]) => one - other).map(([, id]) => id)).toEqual([
      "n/1",
      "n/urgent",
      "n/2",
      "n/3",
    ]);
    expect(again.held(queue.pool)).toBe(0);
  });

  it("is not used up by a run that is cancelled while it waits", async () => {
    const clock = new ManualClock(0);
    const engine = await open(new MemoryJournal(), clock);
    const queue = { pool: "workflow:n/w", slots: 1 };
    for (const id of ["n/1", "n/2", "n/3"]) await engine.start({ definition, id, queue });
    await clock.advance(0);
    await engine.cancel("n/2", "enough", 0);
    expect(await engine.result("n/2")).toEqual({ is: "cancelled", reason: "enough" });
    await clock.advance(25_000);
    expect((await engine.result("n/3")).is).toBe("succeeded");
    expect([engine.held(queue.pool), engine.admission.waiting(queue.pool)]).toEqual([0, 0]);
  });
});
