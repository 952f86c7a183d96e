/**
 * Large runs on the file journal: memory and time as they grow, and what opening costs while they are under way.
 *
 *     node bench/workflow-size.ts [--steps 1000000] [--items 100000] [--timers 10000] [--only loop|map|timers]
 *
 * `loop`: one run whose states go round; a line each tenth. `map`: one run, items with three steps each, 1,000 at once.
 * `timers`: as many sleeps as that due within ten seconds, and how late each was.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../src/clock/clock.ts";
import { type Definition, defineWorkflow } from "../src/workflow/definition/definition.ts";
import { type Engine, type EngineOptions, openEngine } from "../src/workflow/engine/engine.ts";
import { type Handler, functionsHere } from "../src/workflow/engine/functions.ts";
import { openFileBlobs } from "../src/workflow/journal/file-blobs.ts";
import { openFileJournal } from "../src/workflow/journal/file.ts";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "1000000" },
    items: { type: "string", default: "100000" },
    timers: { type: "string", default: "10000" },
    only: { type: "string" },
    folder: { type: "string", default: tmpdir() },
  },
});

interface Opened {
  readonly engine: Engine;
  readonly folder: string;
  readonly close: () => Promise<void>;
}

/** Milliseconds for all to start before the first is due. */
const HEAD_START = 15_000;

async function open(
  folder: string,
  handlers: Readonly<Record<string, Handler>>,
  recorded: EngineOptions["recorded"] = () => undefined,
): Promise<Opened> {
  const journal = openFileJournal(join(folder, "journal"));
  const engine = await openEngine({
    journal,
    recorded,
    blobs: openFileBlobs(join(folder, "blobs")),
    clock: systemClock,
    steps: { function: functionsHere(handlers) },
  });
  return { engine, folder, close: () => journal.close() };
}

function size(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** Says every so many calls how it goes. */
function progress(name: string, every: number, folder: string): () => void {
  let calls = 0;
  let last = performance.now();
  let cpu = process.cpuUsage();
  return () => {
    if (++calls % every !== 0) return;
    const now = performance.now();
    const used = process.cpuUsage(cpu);
    const micros = (used.user + used.system) / every;
    console.log(
      `${name}: ${calls} steps, ${Math.round((every / (now - last)) * 1000)} steps/s, ${micros.toFixed(0)} us CPU a step, ` +
        `resident ${megabytes(process.memoryUsage.rss())}, on disk ${megabytes(size(folder))}`,
    );
    last = performance.now();
    cpu = process.cpuUsage();
  };
}

async function run(engine: Engine, definition: Definition, id: string, input: unknown): Promise<void> {
  const begun = performance.now();
  await engine.start({ definition, id, input });
  const verdict = await engine.result(id);
  if (verdict.is !== "succeeded") throw new Error(JSON.stringify(verdict).slice(0, 500));
  console.log(`${id}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
}

async function loop(folder: string): Promise<void> {
  const count = Number(values.steps);
  const said = progress("loop", Math.floor(count / 10), folder);
  let calls = 0;
  const { engine, close } = await open(folder, {
    work: () => {
      said();
      return ++calls;
    },
  });
  const definition = defineWorkflow({
    name: "loop",
    start: "work",
    steps: {
      work: { type: "function", handler: "work", next: "again" },
      again: {
        type: "choice",
        choices: [{ when: `step.work < ${count}`, next: "work" }],
        default: "done",
      },
      done: { type: "succeed" },
    },
  });
  await run(engine, definition, "bench/loop", {});
  await close();
}

async function map(folder: string): Promise<void> {
  const items = Number(values.items);
  const said = progress("map", Math.floor((items * 3) / 10), folder);
  const { engine, close } = await open(folder, {
    work: () => {
      said();
      return null;
    },
  });
  const work = { type: "function", handler: "work" };
  const definition = defineWorkflow({
    name: "map",
    steps: {
      fan: {
        type: "map",
        items: "${param.items}",
        concurrency: 1000,
        body: { start: "a", steps: { a: { ...work, next: "b" }, b: { ...work, next: "c" }, c: work } },
      },
    },
    output: null,
  });
  await run(engine, definition, "bench/map", { items: Array.from({ length: items }, (_, index) => index) });
  await close();
}

async function timers(folder: string): Promise<void> {
  const count = Number(values.timers);
  const ends = new Map<string, number>();
  const { engine, close } = await open(folder, {}, (id, events) => {
    for (const event of events) if (event.type === "RunEnded") ends.set(id, event.at);
  });
  const definition = defineWorkflow({
    name: "timer",
    parameters: { type: "object" },
    steps: { sleep: { type: "wait", until: "${param.until}" } },
  });
  const start = Date.now() + HEAD_START;
  const dueOf = (index: number): number => start + Math.floor((index / count) * 10_000);
  const ids = Array.from({ length: count }, (_, index) => `bench/timer-${index}`);
  await Promise.all(
    ids.map((id, index) =>
      engine.start({ definition, id, input: { until: new Date(dueOf(index)).toISOString() } }),
    ),
  );
  if (Date.now() > start) throw new Error("They were due before all had started.");
  await Promise.all(ids.map((id) => engine.result(id)));
  const late = ids.map((id, index) => (ends.get(id) ?? Number.NaN) - dueOf(index)).sort((a, b) => a - b);
  const at = (share: number): number => late[Math.floor((late.length - 1) * share)] ?? 0;
  console.log(
    `timers: ${count} due within 10 s, recorded as ended late by p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`,
  );
  await close();
}

for (const [name, bench] of Object.entries({ loop, map, timers })) {
  if (values.only !== undefined && values.only !== name) continue;
  const folder = mkdtempSync(join(values.folder, `workflow-size-${name}-`));
  try {
    await bench(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
