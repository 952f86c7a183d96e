/** One run of a workflow: started, and watched if wanted. */
import type { Client } from "../../client/client.ts";
import { type Run, type StartOptions } from "../../client/workflows.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { reportEnd } from "../run-end.ts";
import { readParameters } from "../run-parameters.ts";
import { fetched, kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { watchRun } from "../watch-run.ts";

interface RunOptions {
  readonly parameter: readonly string[];
  readonly params: readonly string[];
  readonly watch?: boolean;
  readonly wait?: boolean;
  readonly key?: string;
  readonly priority?: string;
  readonly version?: string;
  readonly name?: string;
}

const EXAMPLES = `
Parameters are checked against the workflow's schema before anything starts. With --wait or --watch the command ends with the
run: its output is printed, and the exit code is 0 when it succeeded, 1 when it failed or was cancelled. Ctrl-C leaves the run
running.

Examples:
  $ tutti run nightly --watch
  $ tutti run order -p id=7 -p customer=@customer.json --wait
  $ tutti run order --params order.yaml --key order-7    # once, however often it is said
  $ tutti run report -o name`;

export const verb: Verb = {
  define(command, act) {
    const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
    command
      .argument("<workflow>", "name of a Workflow")
      .option("-p, --parameter <name=value>", "a parameter, or name=@file; may be repeated", collect, [])
      .option("--params <file>", "file of parameters in YAML or JSON; may be repeated", collect, [])
      .option("-w, --watch", "show its graph and logs until it has ended")
      .option("--wait", "wait until it has ended")
      .option("--key <key>", "start it once for this key: again, it is the run there is")
      .option("--priority <number>", "of its steps where slots are scarce, -100 to 100; higher goes first")
      .option("--version <hash>", "the definition to run, instead of the newest")
      .option("--name <name>", "of the run; chosen when absent")
      .addHelpText("after", EXAMPLES)
      .action((workflow: string, options: RunOptions) => act((context) => run(context, workflow, options)));
  },
};

async function run(context: CommandContext, word: string, options: RunOptions): Promise<ExitCode> {
  const name = word.replace(/^(workflows?|wf)\//, "");
  const workflow = await fetched(context, { kind: kindOf("workflow"), name });
  const { parameters: schema } = workflow.spec as { readonly parameters?: unknown };
  const given = { assignments: options.parameter, files: options.params };
  // Another version has a schema of its own, which the control plane knows.
  const checked = options.version === undefined ? schema : undefined;
  const parameters = await readParameters(given, checked, context.environment.cwd);
  const client = await context.client();
  const started = await client.workflows.start(name, {
    ...startOptions(options),
    parameters,
    namespace: context.namespace,
    signal: context.signal,
    because: `run ${name}`,
  });
  return begun(context, client, started, options);
}

/** What follows the start of a run, also of a fork. */
export async function begun(
  context: CommandContext,
  client: Client,
  started: Run,
  { watch, wait }: { readonly watch?: boolean; readonly wait?: boolean },
): Promise<ExitCode> {
  const { name } = started.metadata;
  if (watch === true) return reportEnd(context, client, (await watchRun(context, client, name)).run);
  if (wait === true) {
    context.say(`run/${name} has begun.`);
    return reportEnd(context, client, await ended(context, client, name));
  }
  context.say(`run/${name} has begun. Watch it: tutti runs show ${name} --watch`);
  await emit(context, started, () => (context.output === "name" ? `run/${name}` : name));
  return EXIT.ok;
}

async function ended(context: CommandContext, client: Client, name: string): Promise<Run> {
  context.listenToInterrupts();
  const { namespace, signal } = context;
  try {
    return await client.workflows.result(name, { namespace, signal });
  } catch (error) {
    if (!context.signal.aborted) throw error;
    const { CommandFailure } = await import("../exit.ts");
    throw new CommandFailure(
      EXIT.interrupted,
      `Interrupted. The run ${name} goes on.`,
      `Watch it: tutti runs show ${name} --watch. Cancel it: tutti cancel ${name}`,
    );
  }
}

function startOptions({ key, priority, version, name }: RunOptions): StartOptions {
  if (key !== undefined && name !== undefined)
    misuse("--key and --name exclude each other.", "A key makes the name; give one of them.");
  const number = priority === undefined ? undefined : Number(priority);
  if (number !== undefined && !(Number.isInteger(number) && Math.abs(number) <= 100))
    misuse(`'${priority ?? ""}' is no priority.`, "Write a whole number from -100 to 100.");
  return {
    ...(key === undefined ? {} : { key }),
    ...(number === undefined ? {} : { priority: number }),
    ...(version === undefined ? {} : { version }),
    ...(name === undefined ? {} : { name }),
  };
}
