/**
 * The 200 smallest executions of `cases.jsonl` (TUTTI_CASES of them), killed at every record of the journal: the same end, no step
 * recorded twice, no slot held for ever.
 */
import type { Suite } from "../conformance.ts";
import { readCases, smallest, subjectsOf } from "./states-language/cases.ts";
import { problemsOfKills } from "./states-language/disturbed.ts";

const most = Number(process.env["TUTTI_CASES"] ?? 200);

export async function* run(path: string): AsyncIterable<Suite> {
  for (const subject of smallest(subjectsOf(readCases(path)), most)) {
    const { kills, problems } = await problemsOfKills(subject);
    const failed = problems.length > 0 ? 1 : 0;
    yield { suite: `${subject.id} (${kills} kills)`, passed: 1 - failed, failed, problems };
  }
}
