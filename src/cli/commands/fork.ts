/** Runs again with what is done already: of one run, or of all that failed. */
import type { ForkedRuns } from "../../client/workflows.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { readParameters } from "../run-parameters.ts";
import { confirm } from "../confirm.ts";
import { fetchedRun } from "../run-target.ts";
import { fetched, kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { counted, harmless } from "../views/style.ts";
import { begun } from "./run.ts";
import { durationOf } from "./up.ts";

interface ForkOptions {
  readonly from?: string;
  readonly version?: string;
  readonly parameter: readonly string[];
  readonly name?: string;
  readonly watch?: boolean;
  readonly wait?: boolean;
  readonly workflow?: string;
  readonly failed?: boolean;
  readonly since?: string;
  readonly yes?: boolean;
}

const EXAMPLES = `
A fork is a new run that takes recorded results from another: what failed, and what depends on it, is done again (or what
--from says), the rest is not. Of a run that succeeded nothing failed: all of it is done again, after a question or with --yes. The definition is the same unless --version says otherwise; where results do not fit another
definition, or other parameters, it is refused with what can be kept.

Examples:
  $ tutti fork order-x7k2p9 --watch                      # do again what failed
  $ tutti fork order-x7k2p9 --from charge
  $ tutti fork order-x7k2p9 --from '' -p customer=8      # everything again
  $ tutti fork order-x7k2p9 --version newest             # after the workflow was mended
  $ tutti fork --workflow order --failed --since 24h     # many; they wait in the ordinary queue`;

export const verb: Verb = {
  define(command, act) {
    const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
    command
      .argument("[run]", "name of the run")
      .option("--from <step>", "path of the step from which on everything is done again; '' for all")
      .option("--version <version>", "of the definition: same, newest, or a hash")
      .option("-p, --parameter <name=value>", "another parameter; may be repeated", collect, [])
      .option("--name <name>", "of the new run; chosen when absent")
      .option("-w, --watch", "show its graph and logs until it has ended")
      .option("--wait", "wait until it has ended")
      .option("--workflow <name>", "instead of a run: all of this workflow that ended ...")
      .option("--failed", "... and failed")
      .option("--since <duration>", "... in the last 24h")
      .option("-y, --yes", "do all of a run again that succeeded, without a question")
      .addHelpText("after", EXAMPLES)
      .action((word: string | undefined, options: ForkOptions) =>
        act((context) => (word === undefined ? forkMany(context, options) : forkOne(context, word, options))),
      );
  },
};

async function forkOne(context: CommandContext, word: string, options: ForkOptions): Promise<ExitCode> {
  if (options.workflow !== undefined || options.failed === true || options.since !== undefined)
    misuse("Name a run, or choose many with --workflow; not both.", "See: tutti fork --help");
  const { metadata, spec, status } = await fetchedRun(context, word);
  const { from, version, name } = options;
  const changed = await parametersOf(context, options, spec.workflow);
  if (status?.phase === "Succeeded" && from === undefined && options.yes !== true)
    await confirm(
      context,
      `run/${metadata.name} succeeded. Do all of it again?`,
      `run/${metadata.name} succeeded, so no step of it failed: the fork would do all of it again (from a step on: --from <step>).`,
    );
  const client = await context.client();
  const forked = await client.workflows.fork(metadata.name, {
    namespace: context.namespace,
    signal: context.signal,
    ...(from === undefined ? {} : { from }),
    ...(version === undefined ? {} : { version }),
    ...(name === undefined ? {} : { name }),
    ...(changed === undefined ? {} : { parameters: { ...spec.parameters, ...changed } }),
  });
  return begun(context, client, forked, options);
}

/** Read by the types of the schema; what fits, the control plane says, which knows the version. */
async function parametersOf(
  context: CommandContext,
  { parameter }: ForkOptions,
  workflow: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (parameter.length === 0) return undefined;
  const { namespace, signal, environment } = context;
  const found = await (await context.client()).find(kindOf("workflow"), workflow, { namespace, signal });
  const { parameters } = (found?.spec ?? {}) as { readonly parameters?: object };
  const partial = parameters === undefined ? undefined : { ...parameters, required: [] };
  return readParameters({ assignments: parameter, files: [] }, partial, environment.cwd);
}

async function forkMany(context: CommandContext, options: ForkOptions): Promise<ExitCode> {
  const { workflow, failed, since, from, version } = options;
  if (workflow === undefined)
    return misuse(
      "Say which run.",
      "tutti fork <run>, or many: tutti fork --workflow <name> --failed --since 24h",
    );
  onlyOfOne(options);
  await fetched(context, { kind: kindOf("workflow"), name: workflow });
  const now = context.environment.clock.now();
  const client = await context.client();
  const forked = await client.workflows.forkRuns(workflow, {
    namespace: context.namespace,
    signal: context.signal,
    failed: failed === true,
    ...(since === undefined ? {} : { since: new Date(now - (await durationOf(since))).toISOString() }),
    ...(from === undefined ? {} : { from }),
    ...(version === undefined ? {} : { version }),
  });
  return reportForks(context, workflow, forked);
}

function onlyOfOne({ parameter, name, watch, wait }: ForkOptions): void {
  if (parameter.length > 0 || name !== undefined || watch === true || wait === true)
    misuse("-p, --name, --watch and --wait are of a fork of one run.", "See: tutti fork --help");
}

async function reportForks(
  context: CommandContext,
  workflow: string,
  { runs, refused }: ForkedRuns,
): Promise<ExitCode> {
  for (const { run, diagnostics } of refused)
    context.complain(
      `run/${run} cannot be forked so: ${diagnostics.map(({ message }) => harmless(message)).join(" ")}`,
    );
  if (runs.length > 0)
    context.say(
      `${counted(runs.length, "run begins", "runs begin")}, as the queue lets them. See: tutti runs ${workflow} --running`,
    );
  else if (refused.length === 0)
    context.say(`No run of workflow/${workflow} fits, so nothing is done again.`);
  const prefix = context.output === "name" ? "run/" : "";
  await emit(context, { runs, refused }, () =>
    runs.map(({ metadata }) => `${prefix}${metadata.name}`).join("\n"),
  );
  return refused.length > 0 ? EXIT.failed : EXIT.ok;
}
