/**
 * Workflows on the file journal, each step durable (fdatasync) before the next begins.
 *
 *     node bench/workflow.ts [--workflows 1000] [--steps 10] [--flight 50] [--folder /tmp]
 *
 * Many workflows of no-op steps, so many in flight; 2,000 of one step, 64 in flight; one that fans out to 10,000 steps and
 * joins; and one alone: there a step is one sync and the engine, elsewhere many share a sync. Handlers run in the engine's
 * process. The name of each definition is its number of steps.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../src/clock/clock.ts";
import { type Definition, defineWorkflow } from "../src/workflow/definition/definition.ts";
import { type Engine, openEngine } from "../src/workflow/engine/engine.ts";
import { functionsHere } from "../src/workflow/engine/functions.ts";
import { openFileJournal } from "../src/workflow/journal/file.ts";

const { values } = parseArgs({
  options: {
    workflows: { type: "string", default: "1000" },
    steps: { type: "string", default: "10" },
    flight: { type: "string", default: "50" },
    folder: { type: "string", default: tmpdir() },
  },
});

const folder = mkdtempSync(join(values.folder, "workflow-bench-"));
const chain = (length: number): Definition =>
  defineWorkflow({
    name: String(length),
    start: "s0",
    steps: Object.fromEntries(
      Array.from({ length }, (_, index) => [
        `s${index}`,
        { type: "function", handler: "nothing", ...(index + 1 < length ? { next: `s${index + 1}` } : {}) },
      ]),
    ),
  });

const fanOut = (width: number): Definition =>
  defineWorkflow({
    name: String(width),
    steps: {
      fan: {
        type: "map",
        items: Array.from({ length: width }, () => 0),
        body: { steps: { one: { type: "function", handler: "nothing" } } },
      },
    },
    output: "${size(step.fan)}",
  });

async function measure(
  engine: Engine,
  name: string,
  definition: Definition,
  count: number,
  flight: number,
): Promise<void> {
  const steps = Number(definition.workflow.name) * count;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const times: number[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const id = `${name}-${next++}`;
      const begun = performance.now();
      await engine.start({ definition, id });
      const verdict = await engine.result(id);
      if (verdict.is !== "succeeded") throw new Error(JSON.stringify(verdict));
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: flight }, one));
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const at = (share: number): string =>
    (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(2);
  console.log(
    `${name}: ${Math.round(steps / seconds)} steps/s, ${((used.user + used.system) / steps).toFixed(0)} us CPU a step, ` +
      `a workflow p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${((seconds * 1000) / steps).toFixed(3)} ms a step`,
  );
}

try {
  const many = chain(Number(values.steps));
  const long = chain(200);
  const journal = openFileJournal(folder);
  const engine = await openEngine({
    journal,
    clock: systemClock,
    steps: { function: functionsHere({ nothing: () => null }) },
    definitions: [many, long],
  });
  await measure(engine, "warm-up", many, 200, 50);
  await measure(engine, "many", many, Number(values.workflows), Number(values.flight));
  await measure(engine, "one-step", chain(1), 2_000, 64);
  await measure(engine, "fan-out", fanOut(10_000), 3, 1);
  await measure(engine, "alone", long, 3, 1);
  await journal.close();
  console.log(`resident ${Math.round(process.memoryUsage.rss() / 1e6)} MB`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
