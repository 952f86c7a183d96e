/** The end of a run as the end of a command: its output, or its failure with the last of its log, and the exit code. */
import type { Client } from "../client/client.ts";
import type { Run } from "../client/workflows.ts";
import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit.ts";
import { emit } from "./output.ts";
import { failureView, outputText } from "./views/run-end.ts";

const LINES = 10;

export async function reportEnd(context: CommandContext, client: Client, ended: Run): Promise<ExitCode> {
  const isGood = ended.status?.phase === "Succeeded";
  const run = await withOutput(context, client, ended);
  const text = context.output === "name" ? `run/${run.metadata.name}` : isGood ? outputText(run) : "";
  await emit(context, run, () => text);
  if (isGood) return EXIT.ok;
  const log = await lastLines(context, client, run);
  context.complain(
    failureView(run, log, { style: context.errorStyle, now: context.environment.clock.now() }),
  );
  return EXIT.failed;
}

/** The run with its whole output, which its resource has not when it is large. */
export async function withOutput(context: CommandContext, client: Client, run: Run): Promise<Run> {
  if (run.status?.outputHash === undefined) return run;
  const { namespace, signal } = context;
  const state = await client.workflows.query(run.metadata.name, { namespace, signal });
  const { verdict } = state as { readonly verdict?: { readonly output?: unknown } };
  return { ...run, status: { ...run.status, output: verdict?.output } };
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
