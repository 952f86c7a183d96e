/** Every execution of `cases.jsonl` with a Map or Parallel state, in 64 random orders of its answers: the same end. */
import type { Suite } from "../conformance.ts";
import { isConcurrent, readCases, subjectsOf } from "./states-language/cases.ts";
import { problemsOfOrders } from "./states-language/disturbed.ts";

const ORDERS = 64;

export async function* run(path: string): AsyncIterable<Suite> {
  for (const subject of subjectsOf(readCases(path)).filter(isConcurrent)) {
    const problems = await problemsOfOrders(subject, ORDERS);
    const failed = problems.length > 0 ? 1 : 0;
    yield { suite: subject.id, passed: 1 - failed, failed, problems };
  }
}
