/** Runs of workflows: the list, and all of one. */
import type { Command } from "commander";
import { type Run, isRunEnded } from "../../client/workflows.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { lastLines, reportEnd, withOutput } from "../run-end.ts";
import { fetchedRun } from "../run-target.ts";
import { columnsOf } from "../screen.ts";
import { kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { runDetailView } from "../views/run-detail.ts";
import { resourceTable } from "../views/table.ts";
import { outlineFor, watchRun } from "../watch-run.ts";
import { durationOf } from "./up.ts";

interface ListOptions {
  readonly failed?: boolean;
  readonly running?: boolean;
  readonly since?: string;
  readonly limit: string;
  readonly allNamespaces?: boolean;
}

const EXAMPLES = `
Newest first.

Examples:
  $ tutti runs
  $ tutti runs order --failed --since 1d
  $ tutti runs show order-x7k2p9
  $ tutti runs show order-x7k2p9 --watch`;

export const verb: Verb = {
  define(command, act) {
    listing(command.argument("[workflow]", "only runs of this workflow"))
      .addHelpText("after", EXAMPLES)
      .action((workflow: string | undefined, options: ListOptions) =>
        act((context) => list(context, workflow, options)),
      );
    command
      .command("show")
      .summary("Show all of a run: its graph, parameters, output or failure")
      .description("Shows all of a run: its graph, parameters, output or failure.")
      .argument("<run>", "name of the run")
      .option("-w, --watch", "go on until it has ended, and end with 1 when it failed")
      .action((word: string, options: { readonly watch?: boolean }) =>
        act((context) => show(context, word, options.watch === true)),
      );
  },
};

function listing(command: Command): Command {
  return command
    .option("--failed", "only what failed")
    .option("--running", "only what has not ended")
    .option("--since <duration>", "only what began in the last 1h, 7d ...")
    .option("--limit <number>", "so many at most", "50")
    .option("-A, --all-namespaces", "of all namespaces");
}

async function list(
  context: CommandContext,
  workflow: string | undefined,
  options: ListOptions,
): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    misuse(`'${options.limit.slice(0, 40)}' is no number of runs.`, "Write for example --limit 20.");
  const now = context.environment.clock.now();
  const after = options.since === undefined ? -Infinity : now - (await durationOf(options.since));
  const kind = kindOf("run");
  const isOfAll = options.allNamespaces === true;
  const { items } = await (
    await context.client()
  ).list<Run>(kind, {
    ...(isOfAll ? {} : { namespace: context.namespace }),
    signal: context.signal,
  });
  const name = workflow?.replace(/^(workflows?|wf)\//, "");
  const wanted = items
    .filter((run) => isWanted(run, name, options) && beganAt(run) >= after)
    .toSorted((one, other) => beganAt(other) - beganAt(one));
  const shown = wanted.slice(0, limit);
  if (shown.length === 0 && !context.isStructured) return context.say(nothing(name, options));
  if (context.output === "name")
    return context.print(shown.map(({ metadata }) => `run/${metadata.name}`).join("\n"));
  const table = { wide: context.output === "wide", namespaces: isOfAll, prefix: false, now };
  await emit(context, shown, () => resourceTable(kind, shown, table));
  if (wanted.length > limit) context.say(`... and ${wanted.length - limit} more; see --limit.`);
}

function isWanted(run: Run, workflow: string | undefined, { failed, running }: ListOptions): boolean {
  if (workflow !== undefined && run.spec.workflow !== workflow) return false;
  if (failed === true && run.status?.phase === "Failed") return true;
  if (running === true && !isRunEnded(run)) return true;
  return failed !== true && running !== true;
}

function beganAt({ metadata, status }: Run): number {
  return Date.parse(status?.startedAt ?? metadata.creationTimestamp);
}

function nothing(workflow: string | undefined, { failed, running, since }: ListOptions): string {
  const of = workflow === undefined ? "" : ` of workflow/${workflow.slice(0, 80)}`;
  const what = failed === true ? " that failed" : running === true ? " that goes on" : "";
  return `There is no run${of}${what}${since === undefined ? "" : ` in the last ${since}`}.`;
}

async function show(context: CommandContext, word: string, isWatched: boolean): Promise<ExitCode> {
  const client = await context.client();
  const run = await withOutput(context, client, await fetchedRun(context, word));
  if (isWatched) return reportEnd(context, client, (await watchRun(context, client, run.metadata.name)).run);
  const scope = { namespace: context.namespace, signal: context.signal };
  const [steps, outline, log] = await Promise.all([
    client.workflows.steps(run.metadata.name, scope),
    outlineFor(client, run, scope),
    lastLines(context, client, run),
  ]);
  const { style, environment } = context;
  const columns = columnsOf(environment.stdout);
  await emit(context, { ...run, steps }, () =>
    runDetailView(run, steps, { style, columns, now: environment.clock.now(), outline, log }),
  );
  return EXIT.ok;
}
