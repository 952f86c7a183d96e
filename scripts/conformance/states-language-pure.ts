/**
 * The executions of `cases.jsonl` by the interpreter alone, without engine and journal: they end as they do on the engine, which
 * `states-language` compares with what was recorded.
 */
import { isDeepStrictEqual } from "node:util";
import type { Suite } from "../conformance.ts";
import { readCases, subjectsOf } from "./states-language/cases.ts";
import { runOnEngine } from "./states-language/on-engine.ts";
import { replay } from "./states-language/replay.ts";

export async function* run(path: string): AsyncIterable<Suite> {
  const subjects = subjectsOf(readCases(path));
  const problems: string[] = [];
  for (const { id, machine, input, world } of subjects) {
    const { execution } = await replay(machine, input, world);
    const { status, error } = await runOnEngine(machine, input, world);
    if (!isDeepStrictEqual([execution.status, execution.error], [status, error]))
      problems.push(
        `${id}: ends ${execution.status} (${execution.error}), on the engine ${status} (${error}).`,
      );
  }
  yield {
    suite: "interpreter",
    passed: subjects.length - problems.length,
    failed: problems.length,
    problems,
  };
}
