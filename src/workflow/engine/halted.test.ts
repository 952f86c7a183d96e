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

it("a fault of the engine halts a run at once: what goes on beside it is neither undone nor tidied up", async () => {
  const clock = new ManualClock();
  const journal = new MemoryJournal();
  const calls: string[] = [];
  const done = ({ path }: { readonly path: string }): number => calls.push(path);
  const engine = await openEngine({
    journal,
    clock,
    steps: {
      function: functionsHere({ done, slow: () => clock.sleep(60_000) }),
      items: {
        execute: () => ({ path: "/nowhere/items.json", format: { type: "json" }, count: 1, digest: "old" }),
      },
    },
  });
  const fan = { type: "map", itemsFrom: { path: "items.json" }, body: { steps: { one: call("done") } } };
  const beside = {
    start: "a",
    steps: { a: call("done", { next: "b", compensate: call("done") }), b: call("slow") },
    finally: { steps: { tidy: call("done") } },
  };
  const late = { start: "c", steps: { c: { type: "wait", duration: "5s", next: "fan" }, fan } };
  const definition = defineWorkflow({
    name: "w",
    steps: { both: { type: "parallel", branches: [beside, late] } },
    finally: { steps: { tidy: call("done") } },
  });
  await engine.start({ definition, id: "space/run" });
  const result = engine.result("space/run");
  result.catch(() => undefined);
  await clock.advance(10_000);
  await expect(result).rejects.toThrow(/ItemsChanged/);
  await clock.advance(120_000);
  expect(engine.halted()).toMatchObject([{ id: "space/run", diagnostics: [{ code: "ItemsChanged" }] }]);
  expect(calls).toEqual(["both[0].a"]);
  const { phase, steps } = await engine.state("space/run");
  expect(phase).toBe("running");
  expect([...steps.keys()]).toEqual(["both[0].a", "both[1].c", "both[0].b", "both[1].fan!items"]);
});

it("a run whose blob was missing goes on by itself once it is there, or when somebody asks", async () => {
  const journal = new MemoryJournal();
  const clock = new ManualClock();
  const steps = { function: functionsHere({ large: () => "x".repeat(50_000) }) };
  const definition = defineWorkflow({
    name: "w",
    start: "a",
    steps: { a: call("large", { next: "b" }), b: { type: "wait", duration: "1h" } },
  });
  const first = await openEngine({ journal, clock: new ManualClock(), steps });
  for (const id of ["space/itself", "space/asked"]) await first.start({ definition, id });
  await new Promise((resolve) => setImmediate(resolve));
  const blobs = new MemoryBlobs();
  const second = await openEngine({ journal, blobs, clock, steps });
  expect(second.halted()).toHaveLength(2);
  await expect(second.retry("space/asked")).rejects.toThrow(/BlobMissing/);
  await expect(second.retry("space/nobody")).rejects.toThrow(/UnknownRun/);
  await blobs.put("definitions", JSON.stringify(definition.workflow));
  await blobs.put("space/asked", JSON.stringify("x".repeat(50_000)));
  await Promise.all([second.retry("space/asked"), second.retry("space/asked")]);
  expect(second.runs()).toContainEqual({ id: "space/asked", is: "live" });
  expect(second.runs()).toContainEqual({ id: "space/itself", is: "halted" });
  await clock.advance(60_000);
  expect(second.halted()).toEqual([]);
  for (const id of ["space/itself", "space/asked"])
    expect(await elapse(clock, second.result(id))).toMatchObject({ is: "succeeded" });
});
