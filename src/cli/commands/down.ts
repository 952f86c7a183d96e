import type { CommandContext } from "../context.ts";
import {
  type DeclarationOptions,
  applyPlan,
  approve,
  isEmpty,
  isPath,
  loadDeclaration,
  namespaceOf,
  showPlan,
  withDeclarationOptions,
} from "../declaration.ts";
import { begunRevision } from "../change.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { emit } from "../output.ts";
import { settle } from "../settle.ts";
import { systemOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { durationOf } from "./up.ts";

interface DownOptions extends DeclarationOptions {
  readonly yes?: boolean;
  readonly wait: boolean;
  readonly timeout: string;
}

export const verb: Verb = {
  define(command, act) {
    withDeclarationOptions(command)
      .argument("[system]", "name of the system, or folder of its declaration")
      .option("-y, --yes", "do it without asking")
      .option("--no-wait", "end once it is committed")
      .option("--timeout <duration>", "how long to wait until everything is gone", "10m")
      .addHelpText("after", EXAMPLES)
      .action((system: string | undefined, options: DownOptions) =>
        act((context) => down(context, system, options)),
      );
  },
};

const EXAMPLES = `
Takes a system down in reverse order. Shows before what is deleted, which data goes with it and which stays (retain),
and asks.

Examples:
  $ tutti down shop
  $ tutti down examples/storefront --yes`;

async function down(
  context: CommandContext,
  word: string | undefined,
  options: DownOptions,
): Promise<ExitCode> {
  const timeout = await durationOf(options.timeout);
  const client = await context.client();
  const { name, namespace } = await systemMeant(context, word, options);
  const proposed = { resources: [], action: "down" as const };
  const plan = await client.plan(name, proposed, { namespace, signal: context.signal });
  showPlan(context, plan);
  if (isEmpty(plan)) return EXIT.ok;
  await approve(context, plan, options.yes ?? false);
  context.listenToInterrupts();
  const applied = await applyPlan(context, client, { plan, proposed });
  const { wait } = options;
  const revision = await begunRevision(context, client, applied, { namespace, wait });
  if (revision === undefined) return EXIT.waiting;
  if (options.wait) await settle(context, client, { plan, revision, timeout, change: applied.change });
  const kept = plan.steps.flatMap((step) =>
    step.keeps === undefined ? [] : [{ address: step.address, keeps: step.keeps }],
  );
  await emit(
    context,
    {
      system: name,
      namespace,
      deleted: plan.steps.filter((step) => step.action === "delete").map((step) => step.address),
      kept,
    },
    () => kept.map(({ address, keeps }) => `kept  ${address}  ${keeps}`).join("\n"),
  );
  context.say(options.wait ? `${name} is gone.` : `${name} is being taken down; see: tutti status ${name}`);
  return EXIT.ok;
}

interface Meant {
  readonly name: string;
  readonly namespace: string;
}

/** A name, a folder, the declaration of this folder, or the only system there is. */
async function systemMeant(
  context: CommandContext,
  word: string | undefined,
  options: DownOptions,
): Promise<Meant> {
  const { cwd } = context.environment;
  if (word !== undefined && !isPath(word, cwd)) return ofResource(context, word);
  if (word === undefined && !(await hasDeclaration(cwd))) return ofResource(context, undefined);
  const loaded = await loadDeclaration(context, word ?? ".", options);
  const namespace = namespaceOf(context, loaded);
  return { name: loaded.system.metadata.name, namespace };
}

async function ofResource(context: CommandContext, word: string | undefined): Promise<Meant> {
  const { metadata } = await systemOf(context, word);
  return { name: metadata.name, namespace: metadata.namespace ?? context.namespace };
}

async function hasDeclaration(folder: string): Promise<boolean> {
  const { findFiles, isFound } = await import("../../sdk/load/find.ts");
  return isFound(findFiles(folder));
}
