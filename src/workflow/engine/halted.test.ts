/** Runs that do not go on here: the journal refuses, a blob or definition is missing, a run's events are damaged. */
import { expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { defineWorkflow } from "../definition/definition.ts";
import { MemoryBlobs } from "../journal/memory-blobs.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { RunEvent } from "../run/events.ts";
import { openEngine } from "./engine.ts";
import { elapse } from "./fixtures/virtual.ts";
import { functionsHere } from "./functions.ts";

/** Of a disk that is full for a while. */
class FullJournal extends MemoryJournal {
  isFull = false;

  override append(run: string, events: readonly RunEvent[]): Promise<void> {
    return this.isFull ? Promise.reject(new Error("ENOSPC: no space left")) : super.append(run, events);
  }
}

const call = (handler: string, more: object = {}): object => ({ type: "function", handler, ...more });

it("a run halts when the journal is full, undoes nothing for it, and goes on once there is space", async () => {
  const journal = new FullJournal();
  const clock = new ManualClock();
  const calls: string[] = [];
  const engine = await openEngine({
    journal,
    clock,
    pools: { one: 1 },
    steps: {
      function: functionsHere({
        work: async ({ path }) => {
          calls.push(path);
          await clock.sleep(10_000);
          return path;
        },
      }),
    },
  });
  const definition = defineWorkflow({
    name: "w",
    start: "a",
    steps: {
      a: call("work", { next: "b", compensate: call("work") }),
      b: call("work", { pool: "one", next: "c" }),
      c: call("work", { pool: "one" }),
    },
    finally: { steps: { tidy: call("work") } },
  });
  await engine.start({ definition, id: "space/run" });
  const result = engine.result("space/run");
  await clock.advance(15_000);
  journal.isFull = true;
  await clock.advance(20_000);
  expect(engine.halted()).toMatchObject([{ id: "space/run", diagnostics: [{ code: "JournalRefused" }] }]);
  expect(engine.runs()).toEqual([{ id: "space/run", is: "halted" }]);
  expect(await engine.cancel("space/run", "now", 0)).toBe("NotNow");
  await expect(engine.start({ definition, id: "space/other" })).rejects.toThrow(/ENOSPC/);
  expect(engine.held("one")).toBe(0);
  journal.isFull = false;
  expect(await elapse(clock, result)).toEqual({ is: "succeeded", output: "c" });
  expect(engine.halted()).toEqual([]);
  expect(calls.filter((path) => path.includes("!compensate"))).toEqual([]);
  expect(calls.filter((path) => path === "a")).toHaveLength(1);
  expect(calls.at(-1)).toBe("!finally.tidy");
  expect(engine.held("one")).toBe(0);
  await engine.start({ definition, id: "space/other" });
  expect(await elapse(clock, engine.result("space/other"))).toMatchObject({ is: "succeeded" });
});

it("what cannot be read halts its own run alone, and the others are taken up", async () => {
  const journal = new MemoryJournal();
  const blobs = new MemoryBlobs();
  const definition = defineWorkflow({
    name: "w",
    start: "a",
    steps: { a: call("large", { next: "b" }), b: { type: "wait", signal: "go" } },
  });
  const lost = defineWorkflow({ name: "lost", steps: { a: { type: "wait", signal: "go" } } });
  const steps = { function: functionsHere({ large: () => "x".repeat(50_000) }) };
  const first = await openEngine({ journal, blobs, clock: new ManualClock(), steps });
  for (const id of ["space/good", "space/blob"]) await first.start({ definition, id });
  await first.start({ definition: lost, id: "space/definition" });
  await new Promise((resolve) => setImmediate(resolve));
  const poor = new MemoryBlobs();
  await poor.put("definitions", JSON.stringify(definition.workflow));
  await poor.put("space/good", JSON.stringify("x".repeat(50_000)));
  journal.append("space/odd", [{ type: "RunStarted", at: 1 }]).catch(() => undefined);
  const second = await openEngine({ journal, blobs: poor, clock: new ManualClock(), steps });
  await second.signal("space/good", { id: "1", name: "go", payload: "went" });
  expect(await second.result("space/good")).toEqual({ is: "succeeded", output: "went" });
  const codes = second.halted().map(({ id, diagnostics }) => [id, diagnostics[0]?.code]);
  expect(codes).toEqual([
    ["space/definition", "BlobMissing"],
    ["space/odd", "BlobMissing"],
  ]);
  await expect(second.result("space/definition")).rejects.toThrow(/BlobMissing/);
});

it("a large result that is gone halts the run that needs it, before anything is undone", async () => {
  const journal = new MemoryJournal();
  const undone: string[] = [];
  const definition = defineWorkflow({
    name: "w",
    start: "a",
    steps: {
      a: call("large", { next: "b", compensate: call("undo") }),
      b: { type: "wait", signal: "go" },
    },
  });
  const steps = {
    function: functionsHere({ large: () => "x".repeat(50_000), undo: ({ path }) => undone.push(path) }),
  };
  const first = await openEngine({ journal, clock: new ManualClock(), steps });
  await first.start({ definition, id: "space/run" });
  await new Promise((resolve) => setImmediate(resolve));
  const second = await openEngine({ journal, clock: new ManualClock(), steps, definitions: [definition] });
  await expect(second.result("space/run")).rejects.toThrow(/BlobMissing/);
  expect(second.halted()).toMatchObject([{ id: "space/run", diagnostics: [{ code: "BlobMissing" }] }]);
  expect(undone).toEqual([]);
});
