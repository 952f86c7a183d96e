/**
 * Graphs of real scientific workflows through the engine, in virtual time: each step sleeps as long as it took, 16 at once.
 * A case passes when the run takes at most 1.05 times what no schedule can beat.
 *
 * What no schedule can beat is not only the longest path and the work of all slots: whatever cannot begin before an instant
 * and has something to do after it must fit in between (`lowerBound`), and a few long steps must fit on the slots one after the other (`cannotFit`). How many
 * graphs need these is told in the suite's name, beside the CPU time a step: of all threads of this process, with the virtual
 * clock and the handlers, from opening the engine to the result; reading the corpus and working out bounds are not in it, nor
 * are the first few graphs, which are run once before they count.
 */
import { basename } from "node:path";
import { z } from "zod";
import { ManualClock } from "../../src/clock/manual.ts";
import { defineWorkflow } from "../../src/workflow/definition/definition.ts";
import { openEngine } from "../../src/workflow/engine/engine.ts";
import { functionsHere } from "../../src/workflow/engine/functions.ts";
import { MemoryJournal } from "../../src/workflow/journal/memory.ts";
import type { RunEvent } from "../../src/workflow/run/events.ts";
import type { Suite } from "../conformance.ts";
import { NotACorpus, fileIn, readLines } from "./corpus/read.ts";
import { lowerBound, simpleBound } from "./workflow-dags/lower-bound.ts";
import { cannotFit } from "./workflow-dags/packing.ts";

const shape = z.looseObject({
  file: z.string(),
  /** Seconds. */
  runtime_s: z.array(z.number().min(0)).min(1),
  /** By index. */
  parents: z.array(z.array(z.number().int().min(0))),
});

type Dag = z.infer<typeof shape>;

const SLOTS = 16;
const NEAR = 1.05;
/** Graphs after which the code is compiled. */
const WARM_UP = 10;

export async function* run(path: string): AsyncIterable<Suite> {
  const file = fileIn(path, "dags.jsonl");
  const dags = readLines(file, shape);
  for (const dag of dags) {
    const { length } = dag.runtime_s;
    if (dag.parents.length !== length || dag.parents.flat().some((parent) => parent >= length))
      throw new NotACorpus(file, `in '${dag.file}', parents and runtimes do not fit each other.`);
  }
  yield await suiteOf(basename(file), dags);
}

async function suiteOf(file: string, dags: readonly Dag[]): Promise<Suite> {
  const problems: string[] = [];
  let beyondSimple = 0;
  let steps = 0;
  let cpu = 0;
  for (const dag of dags.slice(0, WARM_UP)) await simulate(dag);
  const makespans: number[] = [];
  for (const dag of dags) {
    const { makespan, microseconds } = await simulate(dag);
    makespans.push(makespan);
    steps += dag.runtime_s.length;
    cpu += microseconds;
  }
  for (const [index, dag] of dags.entries()) {
    const makespan = makespans[index] as number;
    const takes = dag.runtime_s.map(millisecondsOf);
    if (makespan <= NEAR * simpleBound(takes, dag.parents, SLOTS)) continue;
    beyondSimple++;
    const bound = lowerBound(takes, dag.parents, SLOTS);
    if (makespan > NEAR * bound && !cannotFit(takes, SLOTS, makespan / NEAR))
      problems.push(
        `${dag.file}: ${makespan / 1000} s, ${(makespan / bound).toFixed(3)} of the lower bound ${bound / 1000} s.`,
      );
  }
  return {
    suite: `${file} (${steps} steps, ${(cpu / steps).toFixed(1)} us CPU a step; ${beyondSimple} graphs need more than longest path and work for their bound)`,
    passed: dags.length - problems.length,
    failed: problems.length,
    problems,
  };
}

function millisecondsOf(seconds: number): number {
  return Math.round(seconds * 1000);
}

/** The virtual time of a run, milliseconds, and the CPU time that all of it took. */
async function simulate({
  file,
  runtime_s,
  parents,
}: Dag): Promise<{ makespan: number; microseconds: number }> {
  const clock = new ManualClock(0);
  const definition = defineWorkflow({
    name: "dag",
    steps: Object.fromEntries(
      runtime_s.map((seconds, index) => [
        `t${index}`,
        {
          type: "function",
          handler: "sleep",
          input: millisecondsOf(seconds),
          expected: `${millisecondsOf(seconds)}ms`,
          pool: "slots",
          needs: (parents[index] ?? []).map((parent) => `t${parent}`),
        },
      ]),
    ),
  });
  let ended = 0;
  const recorded = (_run: string, events: readonly RunEvent[]): void => {
    for (const event of events) if (event.type === "RunEnded") ended = event.at;
  };
  const before = process.cpuUsage();
  const engine = await openEngine({
    journal: new MemoryJournal(),
    clock,
    steps: { function: functionsHere({ sleep: ({ input }) => clock.sleep(Number(input)) }) },
    pools: { slots: SLOTS },
    recorded,
  });
  await engine.start({ definition, id: "corpus/run" });
  // No schedule of one step after the other takes longer.
  await clock.advance(runtime_s.reduce((sum, seconds) => sum + millisecondsOf(seconds), 0));
  const verdict = await engine.result("corpus/run");
  const { user, system } = process.cpuUsage(before);
  if (verdict.is !== "succeeded") throw new Error(`${file} ended as ${verdict.is}.`);
  return { makespan: ended, microseconds: user + system };
}
