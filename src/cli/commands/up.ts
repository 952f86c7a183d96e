import { type CommandContext } from "../context.ts";
import {
  type DeclarationOptions,
  type Planned,
  applyPlan,
  approve,
  isEmpty,
  loadDeclaration,
  planDeclaration,
  showPlan,
  withDeclarationOptions,
} from "../declaration.ts";
import { beginRuns } from "../declared-runs.ts";
import { EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { outputsIn, outputsText } from "../outputs.ts";
import { addressesOf, settle } from "../settle.ts";
import { systemOf } from "../target.ts";
import type { TreeNode } from "../views/tree.ts";
import { type RequestOptions, requestedIn, withRequestOptions } from "../plan-options.ts";
import { begunRevision } from "../change.ts";
import type { Verb } from "../verb.ts";
import { type Command, Option } from "commander";
import type { OnFailure } from "../../planner/change.ts";
import type { Client } from "../../client/client.ts";
import type { Loaded } from "../../sdk/load.ts";

export interface ApplyOptions extends DeclarationOptions, RequestOptions {
  readonly yes?: boolean;
  readonly wait?: boolean;
  readonly timeout?: string;
  readonly onFailure?: OnFailure;
}

export function withFailureOption(command: Command): Command {
  return command.addOption(
    new Option("--on-failure <answer>", "when a step fails, instead of what the system says").choices([
      "continue",
      "hold",
      "rollBack",
    ]),
  );
}

export const verb: Verb = {
  define(command, act) {
    withFailureOption(withRequestOptions(withDeclarationOptions(command)))
      .argument("[folder]", "folder or file of the declaration", ".")
      .option("-y, --yes", "do it even when something is destroyed, without asking")
      .option("--no-wait", "end once it is committed")
      .option("--timeout <duration>", "how long to wait until everything is ready", "10m")
      .addHelpText("after", EXAMPLES)
      .action((folder: string, options: ApplyOptions) => act((context) => up(context, folder, options)));
  },
};

const EXAMPLES = `
Loads the declaration, starts a control plane in the background if none runs, shows the plan, applies it, watches until
everything is ready and prints the addresses. Asks before anything is deleted or made anew. Where the system asks for
approval, waits for it; Ctrl-C leaves it waiting.

Examples:
  $ tutti up
  $ tutti up examples/storefront --set replicas=3
  $ tutti up shop.yaml --values production.yaml --yes
  $ tutti up --target service/api --target service/web
  $ TUTTI_PARAM_REPLICAS=3 tutti up`;

async function up(context: CommandContext, folder: string, options: ApplyOptions): Promise<ExitCode> {
  const loaded = await loadDeclaration(context, folder, options);
  const client = await context.clientStarting(() =>
    context.say("Starting the control plane in the background ..."),
  );
  return applyLoaded(context, client, loaded, options);
}

/** From the loaded declaration to a system that is ready: what `up` and `apply` have in common. */
export async function applyLoaded(
  context: CommandContext,
  client: Client,
  loaded: Loaded,
  options: ApplyOptions,
): Promise<ExitCode> {
  const timeout = await durationOf(options.timeout ?? "10m");
  const planned = await planDeclaration(context, client, loaded, requestedIn(options));
  return applyPlanned(context, client, planned, { ...options, timeout, runs: loaded.runs });
}

interface ApplyingOptions extends Omit<ApplyOptions, "timeout"> {
  /** Milliseconds. */
  readonly timeout: number;
  readonly runs: Loaded["runs"];
}

/** From the plan to a system that is ready. */
export async function applyPlanned(
  context: CommandContext,
  client: Client,
  planned: Planned,
  options: ApplyingOptions,
): Promise<ExitCode> {
  const { plan } = planned;
  const { system, namespace } = plan;
  const { wait = true } = options;
  showPlan(context, plan);
  await approve(context, plan, options.yes ?? false);
  context.listenToInterrupts();
  const applied = isEmpty(plan) ? undefined : await applyPlan(context, client, planned, options.onFailure);
  const { change } = applied ?? {};
  const revision =
    applied === undefined ? 0 : await begunRevision(context, client, applied, { namespace, wait });
  if (revision === undefined) return EXIT.waiting;
  const runs = await beginRuns(context, client, options.runs, namespace);
  const begun = { ...(change === undefined ? {} : { change }), ...(runs.length === 0 ? {} : { runs }) };
  if (wait) return settled(context, client, { plan, revision, timeout: options.timeout, change }, begun);
  await emit(context, { system, namespace, revision, ...begun }, () => "");
  if (applied !== undefined)
    context.say(`Revision ${revision} of ${system} is committed; see: tutti status ${system}`);
  return EXIT.ok;
}

async function settled(
  context: CommandContext,
  client: Client,
  options: Parameters<typeof settle>[2],
  begun: object,
): Promise<ExitCode> {
  const { plan, revision } = options;
  const { system, namespace } = plan;
  const { picture, nodes } = await settle(context, client, options);
  const urls = addressesOf(plan, picture);
  const resources = nodes.map(told);
  const { values: outputs } = outputsIn(await systemOf(context, system));
  const isTold = Object.keys(outputs).length > 0;
  const result = { system, namespace, revision, urls, ...(isTold ? { outputs } : {}), resources, ...begun };
  await emit(context, result, () => [...urls, ...(isTold ? [outputsText(outputs)] : [])].join("\n"));
  return EXIT.ok;
}

function told({ address, state, count }: TreeNode): object {
  return { address, state, ...(count === undefined ? {} : { ready: count }) };
}

/** Milliseconds of a flag's duration. */
export async function durationOf(text: string): Promise<number> {
  const { parseDuration } = await import("../../model/duration.ts");
  try {
    return parseDuration(text);
  } catch {
    return misuse(`'${text.slice(0, 40)}' is no duration.`, "Write for example 30s, 5m or 1h30m.");
  }
}
