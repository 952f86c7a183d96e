import { resolve } from "node:path";
import type { CommandContext } from "../context.ts";
import { confirm } from "../confirm.ts";
import {
  type Planned,
  applyPlan,
  loadDeclaration,
  namespaceOf,
  planDeclaration,
  showPlan,
} from "../declaration.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { LABELS, type Resource } from "../../model/resource.ts";
import type { Client } from "../../client/client.ts";
import { begunRevision } from "../change.ts";
import { emit } from "../output.ts";
import { settle } from "../settle.ts";
import { fetched, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { durationOf } from "./up.ts";

interface ForgetOptions {
  readonly folder: string;
  readonly yes?: boolean;
  readonly timeout: string;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<address>", "what is to be forgotten: network/shared")
      .option(
        "--folder <folder>",
        "folder or file of the declaration, which must not declare it any more",
        ".",
      )
      .option("-y, --yes", "do it without asking")
      .option("--timeout <duration>", "how long to wait until it is forgotten", "10m")
      .addHelpText("after", EXAMPLES)
      .action((address: string, options: ForgetOptions) =>
        act((context) => forget(context, address, options)),
      );
  },
};

const EXAMPLES = `
The resource goes, and what it stands for stays as it is. Take it out of the declaration first: what is declared would be
adopted, or made anew, by the next 'tutti up'.

Examples:
  $ tutti forget network/shared
  $ tutti forget database/orders --yes`;

async function forget(context: CommandContext, address: string, options: ForgetOptions): Promise<void> {
  const timeout = await durationOf(options.timeout);
  const target = targetOf(address);
  const client = await context.client();
  const resource = await fetched(context, target);
  const system = resource.metadata.labels?.[LABELS.system];
  if (system === undefined)
    throw new CommandFailure(
      EXIT.failed,
      `${address} belongs to no system.`,
      "What was made by itself goes by itself: kubectl delete.",
    );
  const planned = await plannedWithout(context, client, { resource, system, address, options });
  const { plan } = planned;
  showPlan(context, plan);
  const names = plan.steps.filter((step) => step.action === "forget").map((step) => step.address);
  if (options.yes !== true) await confirm(context, "Forget it?", `The plan lets go of ${names.join(", ")}.`);
  context.listenToInterrupts();
  const applied = await applyPlan(context, client, planned);
  const { namespace } = plan;
  const revision = await begunRevision(context, client, applied, { namespace, wait: true });
  await settle(context, client, { plan, revision: revision ?? 0, timeout, change: applied.change });
  await emit(context, { system, forgotten: names }, () =>
    names.map((name) => `forgotten  ${name}`).join("\n"),
  );
}

interface Leaving {
  readonly resource: Resource;
  readonly system: string;
  readonly address: string;
  readonly options: ForgetOptions;
}

/** By the declaration where it is at hand, so that one that still has it is refused; else by what was applied last. */
async function plannedWithout(
  context: CommandContext,
  client: Client,
  { resource, system, address, options }: Leaving,
): Promise<Planned> {
  const { findFiles, isFound } = await import("../../sdk/load/find.ts");
  const requested = { targets: [address], forget: [address] };
  const folder = resolve(context.environment.cwd, options.folder);
  if (isFound(findFiles(folder))) {
    const loaded = await loadDeclaration(context, options.folder, {});
    const isSame =
      loaded.system.metadata.name === system &&
      namespaceOf(context, loaded) === (resource.metadata.namespace ?? context.namespace);
    if (isSame) return planDeclaration(context, client, loaded, requested);
  }
  const proposed = { resources: [], action: "apply" as const, ...requested };
  const namespace = resource.metadata.namespace ?? context.namespace;
  const plan = await client.plan(system, proposed, { namespace, signal: context.signal });
  context.say(
    `The declaration of ${system} is not here: take ${address} out of it, else the next 'tutti up' brings it back.`,
  );
  return { plan, proposed };
}
