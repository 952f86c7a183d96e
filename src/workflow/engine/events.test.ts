/** The events of a run, as far as they are recorded, and as they come. */
import { expect, it } from "vitest";
import { ManualClock } from "../../clock/manual.ts";
import { defineWorkflow } from "../definition/definition.ts";
import { MemoryJournal } from "../journal/memory.ts";
import { type Engine, type EventsOptions, openEngine } from "./engine.ts";

const definition = defineWorkflow({
  name: "w",
  start: "a",
  steps: { a: { type: "wait", signal: "go", next: "b" }, b: { type: "wait", duration: "1h" } },
});

async function waiting(): Promise<{ readonly engine: Engine; readonly clock: ManualClock }> {
  const clock = new ManualClock();
  const engine = await openEngine({ journal: new MemoryJournal(), clock, steps: {} });
  await engine.start({ definition, id: "space/run" });
  await clock.advance(1);
  return { engine, clock };
}

async function types(engine: Engine, options?: EventsOptions): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { index, event } of engine.events("space/run", options))
    found.push(`${index} ${event.type}`);
  return found;
}

it("are read from any place on, each with its index", async () => {
  const { engine } = await waiting();
  const all = ["0 RunCreated", "1 RunStarted", "2 StepQueued", "3 StepClaimed", "4 StepStarted"];
  expect(await types(engine)).toEqual(all);
  expect(await types(engine, { from: 3 })).toEqual(all.slice(3));
  expect(await types(engine, { from: 99 })).toEqual([]);
});

it("are followed to the run's end, each once", async () => {
  const { engine, clock } = await waiting();
  const followed = types(engine, { from: 4, follow: true });
  await engine.signal("space/run", { id: "1", name: "go", payload: 1 });
  await clock.advance(2 * 3_600_000);
  const seen = await followed;
  expect(seen).toEqual(await types(engine, { from: 4 }));
  expect(seen.slice(0, 4)).toEqual(["4 StepStarted", "5 SignalReceived", "6 SignalTaken", "7 StepSucceeded"]);
  expect(seen.at(-1)).toMatch(/RunEnded$/);
});

it("are followed no longer than somebody wants them", async () => {
  const { engine } = await waiting();
  const stop = new AbortController();
  const followed = types(engine, { follow: true, signal: stop.signal });
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  expect(await followed).toHaveLength(5);
});

it("of a run that nobody knows are refused", async () => {
  const { engine } = await waiting();
  const unknown = engine.events("space/nobody");
  await expect(unknown[Symbol.asyncIterator]().next()).rejects.toThrow(/UnknownRun/);
});
