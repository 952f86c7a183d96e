/** Forks of runs that are so large that most of their steps are forgotten, and of those with large results. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../clock/clock.ts";
import { type Definition, defineWorkflow } from "../definition/definition.ts";
import { type Engine, openEngine } from "../engine/engine.ts";
import { functionsHere } from "../engine/functions.ts";
import { TaskError } from "../engine/step-type.ts";
import { openFileBlobs } from "../journal/file-blobs.ts";
import { openFileJournal } from "../journal/file.ts";
import type { Journal } from "../journal/journal.ts";
import { MemoryJournal } from "../journal/memory.ts";

const SOURCE = "n/source";
const FORK = "n/fork";
const work = { type: "function", handler: "work" };

let folder: string;
let journal: Journal;
let engine: Engine;
const calls: string[] = [];
const broken = new Set<string>();

async function open(opened = openFileJournal(join(folder, "journal"), 1 << 20)): Promise<void> {
  journal = opened;
  engine = await openEngine({
    journal,
    clock: systemClock,
    blobs: openFileBlobs(join(folder, "blobs")),
    steps: {
      function: functionsHere({
        work: ({ run, path, input }) => {
          calls.push(`${run} ${path}`);
          if (broken.has(path)) throw new TaskError("Broken", "It is broken.", { terminal: true });
          return input ?? null;
        },
        count: ({ input }) => Number(input) + 1,
        large: ({ path }) => path.repeat(40_000),
      }),
    },
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "workflow-fork-"));
  calls.length = 0;
  broken.clear();
  await open();
});
afterEach(async () => {
  await journal.close();
  rmSync(folder, { recursive: true, force: true });
});

const fanOut = (more: object = {}): Definition =>
  defineWorkflow({
    name: "w",
    start: "fan",
    steps: {
      fan: {
        type: "map",
        items: "${param.items}",
        concurrency: 100,
        body: { steps: { one: { ...work, input: "${item}" } } },
        next: "sum",
      },
      sum: { ...work, input: "${size(step.fan)}", next: "last", ...more },
      last: { ...work, input: "${step.sum}" },
    },
  });

const items = Array.from({ length: 12_000 }, (_, index) => index);

describe("a fork of a run that has forgotten most of its steps", { timeout: 120_000 }, () => {
  it("does again what failed, and takes the rest from its notes, also when these come from a snapshot", async () => {
    const many = Array.from({ length: 30_000 }, (_, index) => index);
    broken.add("last");
    await engine.start({ definition: fanOut(), id: SOURCE, input: { items: many } });
    expect(await engine.result(SOURCE)).toMatchObject({ is: "failed" });
    expect(journal.first?.(SOURCE)).toBeGreaterThan(0);
    await journal.close();
    await open();
    broken.clear();
    await engine.fork({ source: SOURCE, id: FORK });
    expect(await engine.result(FORK)).toEqual({ is: "succeeded", output: many.length });
    expect(calls.filter((one) => one.startsWith(FORK))).toEqual([`${FORK} last`]);
    // What the fork took is its own.
    await engine.forget(SOURCE);
    await engine.fork({ source: FORK, id: "n/again", from: "sum" });
    expect(await engine.result("n/again")).toEqual({ is: "succeeded", output: many.length });
  });

  it("from a step that is forgotten is refused, with what can be done", async () => {
    await engine.start({ definition: fanOut(), id: SOURCE, input: { items } });
    await engine.result(SOURCE);
    expect((await engine.state(SOURCE)).steps.has("fan[11500].one")).toBe(false);
    const refused = engine.fork({ source: SOURCE, id: FORK, from: "fan[11500].one" });
    await expect(refused).rejects.toThrow(/StepForgotten/);
    await expect(refused).rejects.toMatchObject({
      diagnostics: [
        { hint: expect.stringContaining("Fork from 'fan' as a whole, from a later step") as string },
      ],
    });
    await expect(engine.fork({ source: SOURCE, id: FORK, from: "fun[11500].one" })).rejects.toThrow(
      /UnknownStep/,
    );
  });

  it("of states goes on behind what is noted, and from nothing before it", async () => {
    await journal.close();
    await open(new MemoryJournal());
    const loop = defineWorkflow({
      name: "w",
      start: "turn",
      steps: {
        turn: {
          type: "function",
          handler: "count",
          input: "${step.turn == null ? 0 : step.turn}",
          next: "again",
        },
        again: { type: "choice", choices: [{ when: "step.turn < 12500", next: "turn" }], default: "last" },
        last: { ...work, input: "${step.turn}" },
      },
    });
    await engine.start({ definition: loop, id: SOURCE });
    expect(await engine.result(SOURCE)).toEqual({ is: "succeeded", output: 12_500 });
    await engine.fork({ source: SOURCE, id: FORK, from: "turn#12400" });
    expect(await engine.result(FORK)).toEqual({ is: "succeeded", output: 12_500 });
    expect((await engine.state(FORK)).steps.get("turn#12400")?.of).toBeUndefined();
    expect((await engine.state(FORK)).steps.get("turn#12399")?.of).toMatchObject({ run: SOURCE });
    await expect(engine.fork({ source: SOURCE, id: "n/other", from: "turn#5" })).rejects.toThrow(
      /StepForgotten/,
    );
  });

  it("with other parameters is refused where what is noted might mean something else", async () => {
    await engine.start({ definition: fanOut(), id: SOURCE, input: { items } });
    await engine.result(SOURCE);
    const other = { source: SOURCE, id: FORK, from: "last", input: { items: [...items, 1] } };
    await expect(engine.fork(other)).rejects.toThrow(/only their results together are known/);
  });
});

it("a fork has copies of the large results that it keeps, which stay when the source is forgotten", async () => {
  const definition = defineWorkflow({
    name: "w",
    start: "a",
    steps: { a: { type: "function", handler: "large", next: "b" }, b: { ...work, input: "${size(step.a)}" } },
  });
  await engine.start({ definition, id: SOURCE });
  await engine.result(SOURCE);
  await engine.fork({ source: SOURCE, id: FORK, from: "b" });
  await engine.result(FORK);
  await engine.forget(SOURCE);
  await engine.fork({ source: FORK, id: "n/again", from: "b" });
  expect(await engine.result("n/again")).toEqual({ is: "succeeded", output: 40_000 });
  expect((await engine.state("n/again")).steps.get("a")).toMatchObject({ result: null, of: { run: SOURCE } });
});
