/**
 * The 200 smallest executions of `cases.jsonl` (TUTTI_CASES of them), killed at every record of the journal: the same end, no step
 * recorded twice, no slot held for ever.
 */
import type { Suite } from "../conformance.ts";
import { readCases, subjectsOf } from "./states-language/cases.ts";
import { problemsOfKills } from "./states-language/disturbed.ts";

const most = Number(process.env["TUTTI_CASES"] ?? 200);

export async function* run(path: string): AsyncIterable<Suite> {
  const sized = subjectsOf(readCases(path)).map((subject) => ({
    subject,
    size: JSON.stringify(subject.machine).length,
  }));
  // What does nothing cannot be killed while it does it.
  const smallest = sized
    .filter(({ subject }) => /"(?:Task|Wait|Map)"/.test(JSON.stringify(subject.machine)))
    .toSorted((one, other) => one.size - other.size)
    .slice(0, most);
  for (const { subject } of smallest) {
    const { kills, problems } = await problemsOfKills(subject);
    const failed = problems.length > 0 ? 1 : 0;
    yield { suite: `${subject.id} (${kills} kills)`, passed: 1 - failed, failed, problems };
  }
}
