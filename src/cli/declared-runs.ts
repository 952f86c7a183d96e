/** Runs that files of other tools ask for: a manifest of Argo's is a workflow, and that it runs. */
import type { Client } from "../client/client.ts";
import { ApiError } from "../client/error.ts";
import type { DeclaredRun } from "../sdk/load/dialect.ts";
import type { CommandContext } from "./context.ts";

/** Names of those that have begun; what has begun before is left as it is. The workflows are committed. */
export async function beginRuns(
  context: CommandContext,
  client: Client,
  runs: readonly DeclaredRun[],
  namespace: string,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const run of runs) {
    const name = await begun(context, client, { namespace, ...run });
    if (name !== undefined) names.push(name);
  }
  return names;
}

async function begun(
  context: CommandContext,
  client: Client,
  { workflow, ...run }: DeclaredRun,
): Promise<string | undefined> {
  try {
    const { name } = (await client.workflows.start(workflow, run)).metadata;
    context.say(`run/${name} has begun. Watch it: tutti runs show ${name} --watch`);
    return name;
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    context.say(`run/${run.name ?? ""} has begun before. Begin another one: tutti run ${workflow}`);
    return undefined;
  }
}

/** What a plan says of them, a line each. */
export function runsToBegin(runs: readonly DeclaredRun[]): readonly string[] {
  return runs.map(({ workflow, name }) =>
    name === undefined
      ? `A run of workflow/${workflow} would begin.`
      : `The run/${name} of workflow/${workflow} would begin, unless it has begun before.`,
  );
}
