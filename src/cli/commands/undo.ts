import { applyFailure, showPlan } from "../declaration.ts";
import { begunRevision, fetchedChange } from "../change.ts";
import { confirm } from "../confirm.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { emit } from "../output.ts";
import { settle } from "../settle.ts";
import type { Verb } from "../verb.ts";
import { durationOf } from "./up.ts";

interface UndoOptions {
  readonly yes?: boolean;
  readonly wait: boolean;
  readonly timeout: string;
}

const EXAMPLES = `
Shows the plan that takes the change back, resource by resource: what it created is deleted, what it changed is as before, what
it deleted is made again. What cannot be taken back, such as data that is gone, is said before. What a later change touched as
well is refused: take that back first. It is a change of its own, and can be taken back in turn.

Examples:
  $ tutti undo shop-5
  $ tutti undo shop-5 --yes --no-wait`;

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<change>", "name of the change")
      .option("-y, --yes", "do it without asking")
      .option("--no-wait", "end once it is committed")
      .option("--timeout <duration>", "how long to wait until everything is ready", "10m")
      .addHelpText("after", EXAMPLES)
      .action((word: string, options: UndoOptions) => act((context) => undo(context, word, options)));
  },
};

async function undo(context: CommandContext, word: string, options: UndoOptions): Promise<ExitCode> {
  const timeout = await durationOf(options.timeout);
  const { metadata } = await fetchedChange(context, word);
  const { name, namespace = context.namespace } = metadata;
  const client = await context.client();
  const plan = await client.changes.inverse(name, { namespace, signal: context.signal });
  showPlan(context, plan);
  if (options.yes !== true)
    await confirm(context, `Take change/${name} back?`, `The plan above takes change/${name} back.`);
  context.listenToInterrupts();
  const applied = await client.changes
    .undo(name, { hash: plan.hash }, { namespace })
    .catch((error: unknown) => applyFailure(error));
  const { change = "" } = applied;
  const { wait } = options;
  const revision = await begunRevision(context, client, applied, { namespace, wait });
  if (revision === undefined) return EXIT.waiting;
  if (wait) await settle(context, client, { plan, revision, timeout, change });
  await emit(
    context,
    { undone: name, by: change, revision },
    () => `change/${name} is taken back, by change/${change}.`,
  );
  return EXIT.ok;
}
