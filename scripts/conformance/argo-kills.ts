/**
 * The 30 smallest local cases of the Argo corpus that do not wait (TUTTI_CASES of them), killed at every append to the journal: the same
 * phase as without, no step recorded twice.
 */
import { cpus, tmpdir } from "node:os";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { RunEvent } from "../../src/workflow/run/events.ts";
import { MemoryJournal } from "../../src/workflow/journal/memory.ts";
import { MortalJournal } from "../../src/workflow/testing/mortal-journal.ts";
import type { Suite } from "../conformance.ts";
import { type Case, readCases } from "./argo/cases.ts";
import { newWorld } from "./argo/world.ts";

const CASES = Number(process.env["TUTTI_CASES"] ?? 30);
/** What takes time takes it at every kill; a coin is tossed anew at each. */
const SLOW = /sleep|duration|suspend|random|activeDeadline|"timeout"/;

export async function* run(path: string): AsyncIterable<Suite> {
  const sized = readCases(path)
    .filter(({ local, workflow }) => local && !SLOW.test(JSON.stringify(workflow)))
    .map((one) => ({ one, size: JSON.stringify(one.workflow).length }))
    .toSorted((a, b) => b.size - a.size);
  const rest = sized.slice(-CASES).map(({ one }) => one);
  const suites: Suite[] = [];
  const work = async (): Promise<void> => {
    for (let one = rest.pop(); one !== undefined; one = rest.pop()) suites.push(await killed(one));
  };
  await Promise.all(Array.from({ length: 2 * cpus().length }, work));
  yield* suites.toSorted((a, b) => (a.suite < b.suite ? -1 : 1));
}

async function killed(one: Case): Promise<Suite> {
  const problems: string[] = [];
  let passed = 0;
  for (let appends = 0; ; appends++) {
    const { wasKilled, problem } = await runKilled(one, appends);
    if (problem === undefined) passed++;
    else problems.push(`killed after ${appends} appends: ${problem}`);
    if (!wasKilled) return { suite: one.id, passed, failed: problems.length, problems };
  }
}

async function runKilled(one: Case, appends: number): Promise<{ wasKilled: boolean; problem?: string }> {
  const shared = mkdtempSync(join(tmpdir(), "argo-kills-"));
  try {
    const journal = new MemoryJournal();
    const ends = new Map<string, number>();
    const noted = (event: RunEvent): void => {
      if (event.type === "StepSucceeded" || (event.type === "StepFailed" && event.retryAt === undefined))
        ends.set(event.step, (ends.get(event.step) ?? 0) + 1);
    };
    const mortal = new MortalJournal(journal, appends, noted);
    const first = await newWorld([one], { journal: mortal, folder: generation(shared, 1) });
    const ended = await Promise.race([first.run(one), mortal.died.promise]);
    const heir = new MortalJournal(journal, Infinity, noted);
    const outcome =
      ended ?? (await (await newWorld([one], { journal: heir, folder: generation(shared, 2) })).run(one));
    const twice = [...ends].find(([, count]) => count > 1);
    if (twice !== undefined)
      return { wasKilled: ended === undefined, problem: `the step ${twice[0]} was recorded twice` };
    if (outcome.phase === one.expected_phase) return { wasKilled: ended === undefined };
    return { wasKilled: ended === undefined, problem: `ended ${outcome.phase} (${outcome.message})` };
  } finally {
    rmSync(shared, { recursive: true, force: true });
  }
}

/**
 * What is kept is the same before and after; pods are not, for in this one process those of the killed engine are not dead (that they
 * are found again is src/dialects/argo/pods/adoption.test.ts).
 */
function generation(shared: string, count: number): string {
  const folder = join(shared, String(count));
  mkdirSync(folder);
  for (const name of ["artifacts", "memory", "volumes", "claims"]) {
    mkdirSync(join(shared, name), { recursive: true });
    symlinkSync(join(shared, name), join(folder, name));
  }
  return folder;
}
