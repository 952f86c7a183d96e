import { type CommandContext } from "../context.ts";
import {
  type DeclarationOptions,
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
import { addressesOf, settle } from "../settle.ts";
import { type RequestOptions, requestedIn, withRequestOptions } from "../plan-options.ts";
import type { Verb } from "../verb.ts";
import type { Client } from "../../client/client.ts";
import type { Loaded } from "../../sdk/load.ts";

export interface ApplyOptions extends DeclarationOptions, RequestOptions {
  readonly yes?: boolean;
  readonly wait?: boolean;
  readonly timeout?: string;
}

export const verb: Verb = {
  define(command, act) {
    withRequestOptions(withDeclarationOptions(command))
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
everything is ready and prints the addresses. Asks before anything is deleted or made anew.

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
  const { plan } = planned;
  showPlan(context, plan);
  await approve(context, plan, options.yes ?? false);
  context.listenToInterrupts();
  const applied = isEmpty(plan) ? undefined : await applyPlan(context, client, planned);
  const revision = applied?.revision ?? 0;
  const runs = await beginRuns(context, client, loaded.runs, plan.namespace);
  const begun = runs.length === 0 ? {} : { runs };
  if (options.wait === false) {
    await emit(context, { system: plan.system, namespace: plan.namespace, revision, ...begun }, () => "");
    if (applied !== undefined)
      context.say(`Revision ${revision} of ${plan.system} is committed; see: tutti status ${plan.system}`);
    return EXIT.ok;
  }
  const { picture, nodes } = await settle(context, client, { plan, revision, timeout });
  const urls = addressesOf(plan, picture);
  const resources = nodes.map(({ address, state, count }) => ({
    address,
    state,
    ...(count === undefined ? {} : { ready: count }),
  }));
  const { system, namespace } = plan;
  await emit(context, { system, namespace, revision, urls, resources, ...begun }, () => urls.join("\n"));
  return EXIT.ok;
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
