/** Runs that people name: `order-x7k2p`, `run/order-x7k2p`. */
import type { Run } from "../client/workflows.ts";
import type { CommandContext } from "./context.ts";
import { fetched, kindOf, targetOf } from "./target.ts";
import { CommandFailure, misuse } from "./exit.ts";

export function runName(word: string): string {
  const { kind, name } = targetOf(word, "run");
  if (kind.kind !== "Run") misuse(`A ${kind.singular} is no run.`, "See: tutti runs");
  return name;
}

/** Fails with the name that was probably meant. `verb`: one that changes have, too; a change of that name is suggested. */
export async function fetchedRun(context: CommandContext, word: string, verb?: string): Promise<Run> {
  const target = targetOf(`run/${runName(word)}`);
  try {
    return await fetched<Run>(context, target);
  } catch (error) {
    if (verb === undefined || !(error instanceof CommandFailure)) throw error;
    const { namespace, signal } = context;
    const change = await (await context.client()).find(kindOf("change"), target.name, { namespace, signal });
    if (change === undefined) throw error;
    throw new CommandFailure(
      error.code,
      error.message,
      `There is a change of that name: tutti ${verb} change/${target.name}`,
    );
  }
}
