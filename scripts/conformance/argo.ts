/**
 * Argo Workflows: the cases of `cases.jsonl` that need nothing but `sh`, `python3` and `echo`, run by the engine with processes of this
 * machine, against the phase they ended in, and the message where there is one. Others are not judged: they need a cluster.
 */
import { cpus } from "node:os";
import type { Suite } from "../conformance.ts";
import { type Case, readCases } from "./argo/cases.ts";
import { type World, newWorld } from "./argo/world.ts";

/** Most of a case is waiting. */
const AT_ONCE = 8 * Math.max(1, cpus().length);

export async function* run(path: string): AsyncIterable<Suite> {
  const cases = readCases(path).filter(({ local }) => local);
  const world = await newWorld(cases);
  const problems = await judgeAll(world, cases);
  world.close();
  for (const [suite, members] of Map.groupBy(cases, ({ id }) => id.split(/::|\//)[0] ?? id)) {
    const own = members.flatMap((one) => problems.get(one.id) ?? []);
    yield { suite, passed: members.length - own.length, failed: own.length, problems: own };
  }
}

async function judgeAll(world: World, cases: readonly Case[]): Promise<ReadonlyMap<string, string>> {
  const problems = new Map<string, string>();
  const rest = [...cases];
  const work = async (): Promise<void> => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) {
      const problem = await judged(world, one);
      if (problem !== undefined) problems.set(one.id, `${one.id}: ${problem}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return problems;
}

async function judged(world: World, one: Case): Promise<string | undefined> {
  const { phase, message } = await world.run(one);
  if (phase !== one.expected_phase) return `ended ${phase} (${message}), not ${one.expected_phase}`;
  const expected = one.expected_message ?? "";
  return message.includes(expected) ? undefined : `the message is '${message}', without '${expected}'`;
}
