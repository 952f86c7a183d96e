/** Runs of many steps: what is over is forgotten, and a restart goes on from what was noted. */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { ManualClock } from "../../clock/manual.ts";
import { type Definition, defineWorkflow } from "../definition/definition.ts";
import { openFileBlobs } from "../journal/file-blobs.ts";
import { openFileJournal } from "../journal/file.ts";
import type { Journal } from "../journal/journal.ts";
import { MemoryBlobs } from "../journal/memory-blobs.ts";
import { MemoryJournal } from "../journal/memory.ts";
import { type Engine, openEngine } from "./engine.ts";
import { DyingJournal } from "./fixtures/virtual.ts";
import { type Handler, functionsHere } from "./functions.ts";
import { MANY } from "./notes.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "workflow-large-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const work = { type: "function", handler: "work" };

function loopOf(visits: number): Definition {
  return defineWorkflow({
    name: "loop",
    start: "work",
    steps: {
      work: { ...work, input: "${step.work == null ? 0 : step.work}", next: "again" },
      again: { type: "choice", choices: [{ when: `step.work < ${visits}`, next: "work" }], default: "end" },
      end: { type: "pass", output: "${step.work}" },
    },
  });
}

function mapOf(more: object = {}): Definition {
  return defineWorkflow({
    name: "map",
    steps: {
      fan: {
        type: "map",
        items: "${param.items}",
        concurrency: 500,
        body: {
          start: "one",
          steps: {
            one: { ...work, input: "${item}", next: "two" },
            two: { type: "function", handler: "two" },
          },
          output: "${step.one}",
        },
        ...more,
      },
    },
    output: "${step.fan}",
  });
}

const engineOn = (journal: Journal, handlers: Readonly<Record<string, Handler>>): Promise<Engine> =>
  openEngine({
    journal,
    clock: new ManualClock(),
    blobs: blobs,
    steps: { function: functionsHere({ two: () => null, ...handlers }) },
  });
let blobs = new MemoryBlobs();
beforeEach(() => (blobs = new MemoryBlobs()));

it("a loop of many visits keeps few steps, and goes on near where it was when its engine is killed", async () => {
  const visits = 3 * MANY;
  const definition = loopOf(visits);
  const journal = new MemoryJournal();
  const dying = new DyingJournal(journal, 2 * MANY + 5_500);
  let calls = 0;
  const handlers = { work: ({ input }: { readonly input: unknown }): number => (calls++, Number(input) + 1) };
  const first = await engineOn(dying, handlers);
  void first.start({ definition, id: "space/run" });
  await dying.died.promise;
  const before = calls;
  const second = await engineOn(journal, handlers);
  expect(await second.result("space/run")).toEqual({ is: "succeeded", output: visits });
  // The one that was being recorded when the engine died is done again.
  expect(calls - visits).toBeLessThanOrEqual(1);
  expect(before).toBeGreaterThan(2 * MANY);
  expect((await second.state("space/run")).steps.size).toBeLessThan(MANY + 2_000);
});

it("a map of many items keeps few steps, and no item that was noted is done again after a restart", async () => {
  const items = Array.from({ length: MANY + 4_000 }, (_, index) => index);
  const journal = new MemoryJournal();
  const dying = new DyingJournal(journal, 45);
  const started = new Map<unknown, number>();
  const handlers = {
    work: ({ input }: { readonly input: unknown }): unknown => {
      started.set(input, (started.get(input) ?? 0) + 1);
      return input;
    },
  };
  const definition = mapOf();
  const first = await engineOn(dying, handlers);
  const running = first
    .start({ definition, id: "space/run", input: { items } })
    .then(() => first.result("space/run"));
  const end = await Promise.race([dying.died.promise, running]);
  expect(end).toBe("died");
  const second = await engineOn(journal, handlers);
  expect(await second.result("space/run")).toEqual({ is: "succeeded", output: items });
  expect((await second.state("space/run")).steps.size).toBeLessThan(MANY + 3_000);
  const { total, counts } = await second.overview("space/run");
  expect([total, counts.succeeded]).toEqual([2 * items.length, 2 * items.length]);
  expect([...started.values()].filter((count) => count > 1).length).toBeLessThanOrEqual(500);
});

it("items that fail within what is tolerated are remembered by what was noted", async () => {
  const items = Array.from({ length: 2 * MANY }, (_, index) => index);
  const odd: Handler = ({ input }) => {
    if (Number(input) % 2 === 1) throw new Error("odd");
    return input;
  };
  const output = items.map((item) => (item % 2 === 1 ? null : item));
  const engine = await engineOn(new MemoryJournal(), { work: odd });
  await engine.start({ definition: mapOf({ tolerated: MANY }), id: "space/run", input: { items } });
  expect(await engine.result("space/run")).toEqual({ is: "succeeded", output });
  await engine.start({ definition: mapOf({ tolerated: MANY - 1 }), id: "space/less", input: { items } });
  expect(await engine.result("space/less")).toMatchObject({ is: "failed", failure: { message: "odd" } });
});

it("what may have to be undone is not forgotten", async () => {
  const items = Array.from({ length: MANY + 2_000 }, (_, index) => index);
  let undone = 0;
  const undoing = defineWorkflow({
    name: "undo",
    start: "fan",
    steps: {
      fan: {
        type: "map",
        items: "${param.items}",
        concurrency: 500,
        body: { steps: { one: { ...work, compensate: { type: "function", handler: "undo" } } } },
        next: "broken",
      },
      broken: { type: "fail", error: "Broken" },
    },
  });
  const engine = await engineOn(new MemoryJournal(), { work: () => null, undo: () => void undone++ });
  await engine.start({ definition: undoing, id: "space/run", input: { items } });
  expect(await engine.result("space/run")).toMatchObject({ is: "failed", failure: { error: "Broken" } });
  expect(undone).toBe(items.length);
});

it("the journal of a large run is cut by snapshots, from which another process goes on", async () => {
  const items = Array.from({ length: 40_000 }, (_, index) => index);
  const size = (): number =>
    readdirSync(join(folder, "journal")).reduce(
      (sum, name) => sum + statSync(join(folder, "journal", name)).size,
      0,
    );
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const reached = Promise.withResolvers<void>();
  const handler: Handler = async ({ input }) => {
    calls++;
    if (Number(input) < 35_000) return input;
    reached.resolve();
    await gate.promise;
    return input;
  };
  const open = async (journal: Journal): Promise<Engine> =>
    openEngine({
      journal,
      clock: systemClock,
      blobs: openFileBlobs(join(folder, "blobs")),
      steps: { function: functionsHere({ work: handler, two: () => null }) },
    });
  const journal = openFileJournal(join(folder, "journal"), 1 << 20);
  const first = await open(journal);
  await first.start({ definition: mapOf(), id: "space/run", input: { items } });
  await reached.promise;
  expect(journal.first?.("space/run")).toBeGreaterThan(100_000);
  expect(journal.length("space/run")).toBeGreaterThan(250_000);
  await journal.close();
  expect(size()).toBeLessThan(12 << 20);
  gate.resolve();
  const before = calls;
  const again = openFileJournal(join(folder, "journal"), 1 << 20);
  const second = await open(again);
  expect(await second.result("space/run")).toEqual({ is: "succeeded", output: items });
  expect(calls - before).toBeLessThan(8_000);
  expect((await second.overview("space/run")).counts).toMatchObject({ succeeded: 80_000, running: 0 });
  const events: number[] = [];
  for await (const { index } of second.events("space/run", { from: 5 })) events.push(index);
  expect(events.length).toBeGreaterThan(0);
  expect(events.at(-1)).toBe(again.length("space/run") - 1);
  await again.close();
}, 60_000);
