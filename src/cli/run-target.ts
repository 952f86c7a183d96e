/** Runs that people name: `order-x7k2p`, `run/order-x7k2p`. */
import type { Run } from "../client/workflows.ts";
import type { CommandContext } from "./context.ts";
import { fetched, targetOf } from "./target.ts";
import { misuse } from "./exit.ts";

export function runName(word: string): string {
  const { kind, name } = targetOf(word, "run");
  if (kind.kind !== "Run") misuse(`A ${kind.singular} is no run.`, "See: tutti runs");
  return name;
}

/** Fails with the name that was probably meant. */
export function fetchedRun(context: CommandContext, word: string): Promise<Run> {
  return fetched<Run>(context, targetOf(`run/${runName(word)}`));
}
