/** The end of a run as the end of a command: its output, or its failure with the last of its log, and the exit code. */
import type { Client } from "../client/client.ts";
import type { Run } from "../client/workflows.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { emit } from "./output.ts";
import { failureView, outputText } from "./views/run-end.ts";

const LINES = 10;

export async function reportEnd(context: CommandContext, client: Client, run: Run): Promise<ExitCode> {
  const isGood = run.status?.phase === "Succeeded";
  await emit(context, run, () => (isGood ? outputText(run) : ""));
  if (isGood) return EXIT.ok;
  const log = await lastLines(context, client, run);
  context.complain(
    failureView(run, log, { style: context.errorStyle, now: context.environment.clock.now() }),
  );
  return EXIT.failed;
}

export async function lastLines(
  context: CommandContext,
  client: Client,
  run: Run,
): Promise<readonly string[]> {
  const step = run.status?.failure?.step;
  if (step === undefined) return [];
  const { namespace, signal } = context;
  const lines: string[] = [];
  try {
    for await (const line of client.workflows.log(run.metadata.name, {
      namespace,
      signal,
      step,
      tail: LINES,
    }))
      lines.push(line);
  } catch {
    // A step that never began has no log; the failure is told without it.
  }
  return lines;
}
