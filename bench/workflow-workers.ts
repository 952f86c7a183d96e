/**
 * Function steps through a worker process, beside the same in the engine's process.
 *
 *     node bench/workflow-workers.ts [--steps 20000] [--width 1000]
 *
 * First the pool alone, then workflows on a journal in memory: what the way to the worker and back costs, without the disk.
 * CPU is of both processes; a step is a map's item, `width` to a run.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../src/clock/clock.ts";
import { defineWorkflow } from "../src/workflow/definition/definition.ts";
import { openEngine } from "../src/workflow/engine/engine.ts";
import { functionsHere } from "../src/workflow/engine/functions.ts";
import type { StepType } from "../src/workflow/engine/step-type.ts";
import { MemoryJournal } from "../src/workflow/journal/memory.ts";
import { WorkerPool } from "../src/workflow/worker/pool.ts";

const { values } = parseArgs({
  options: { steps: { type: "string", default: "20000" }, width: { type: "string", default: "1000" } },
});
const steps = Number(values.steps);
const width = Number(values.width);

const folder = mkdtempSync(join(tmpdir(), "workers-bench-"));
const module = join(folder, "handlers.ts");
writeFileSync(module, 'import { handler } from "tutti";\nexport const noop = handler("noop", () => null);\n');

const pool = new WorkerPool({ clock: systemClock, processes: 1 });
pool.offer({ namespace: "default", workflow: "w", module });

function execute(path: string): unknown {
  return pool.functions.execute({
    run: "default/run",
    workflow: "w",
    path,
    step: { type: "function", handler: "noop" },
    input: { order: 1 },
    attempt: 1,
    try: 1,
    idempotencyKey: path,
    since: 0,
    signal: new AbortController().signal,
    onStop: () => undefined,
    heartbeat: () => undefined,
    log: () => undefined,
  });
}

/** Processor time of the worker process, microseconds; clock ticks of Linux are 10 ms. */
function workerCpu(): number {
  return pool
    .workers()
    .map(({ title }) => /process (\d+)/.exec(title)?.[1] ?? "")
    .map((pid) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [])
    .reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) * 10_000, 0);
}

async function measure(name: string, count: number, work: () => Promise<unknown>): Promise<void> {
  const [own, other, start] = [process.cpuUsage(), workerCpu(), performance.now()];
  await work();
  const seconds = (performance.now() - start) / 1000;
  const cpu = process.cpuUsage(own);
  const mine = (cpu.user + cpu.system) / count;
  const worker = (workerCpu() - other) / count;
  console.log(
    `${name.padEnd(34)} ${Math.round(count / seconds)} steps/s; CPU a step: ${mine.toFixed(1)} µs here, ${worker.toFixed(1)} µs in the worker`,
  );
}

async function throughEngine(name: string, functions: StepType): Promise<void> {
  const definition = defineWorkflow({
    name: "w",
    parameters: { type: "object" },
    steps: {
      all: {
        type: "map",
        items: "${param.items}",
        body: { steps: { one: { type: "function", handler: "noop" } } },
      },
    },
  });
  const engine = await openEngine({
    journal: new MemoryJournal(),
    clock: systemClock,
    steps: { function: functions },
    definitions: [definition],
  });
  const input = { items: Array.from({ length: width }, (_, index) => index) };
  let runs = 0;
  await measure(name, steps, async () => {
    for (let done = 0; done < steps; done += width) {
      const id = `default/run-${++runs}`;
      await engine.start({ definition, id, input });
      const verdict = await engine.result(id);
      if (verdict.is !== "succeeded") throw new Error(JSON.stringify(verdict));
    }
  });
}

try {
  await execute("warm");
  await measure("the pool alone", steps, () =>
    Promise.all(Array.from({ length: steps }, (_, index) => execute(`s${index}`))),
  );
  await measure("one after the other", 1000, async () => {
    for (let index = 0; index < 1000; index++) await execute(`o${index}`);
  });
  await throughEngine("the engine, through a worker", pool.functions);
  await throughEngine("the engine, in its own process", functionsHere({ noop: () => null }));
} finally {
  await pool.stop();
  rmSync(folder, { recursive: true });
}
