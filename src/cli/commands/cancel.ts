import type { CommandContext } from "../context.ts";
import { fetchedChange, isChange } from "../change.ts";
import { emit } from "../output.ts";
import { fetchedRun } from "../run-target.ts";
import type { Verb } from "../verb.ts";
import { durationOf } from "./up.ts";

interface CancelOptions {
  readonly reason?: string;
  readonly grace?: string;
}

const EXAMPLES = `
Nothing further begins; what runs is stopped, what is to clean up and to be undone is done. What has not ended after the grace
(30s) is cut loose.

Examples:
  $ tutti cancel order-x7k2p9
  $ tutti cancel order-x7k2p9 --reason "wrong customer" --grace 5m
  $ tutti cancel change/shop-5`;

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<run>", "name of the run, or change/<name>: of one that has not begun")
      .option("--reason <text>", "why, for who looks at it later")
      .option("--grace <duration>", "how long it may take to stop and clean up")
      .addHelpText("after", EXAMPLES)
      .action((word: string, options: CancelOptions) => act((context) => cancel(context, word, options)));
  },
};

async function cancel(context: CommandContext, word: string, options: CancelOptions): Promise<void> {
  if (isChange(word)) return withdraw(context, word);
  if (options.grace !== undefined) await durationOf(options.grace);
  const { name } = (await fetchedRun(context, word, "cancel")).metadata;
  const { namespace, signal } = context;
  await (await context.client()).workflows.cancel(name, { ...options, namespace, signal });
  context.say(`run/${name} is being cancelled. Watch it: tutti runs show ${name} --watch`);
  await emit(context, { run: name, cancelled: true }, () => "");
}

async function withdraw(context: CommandContext, word: string): Promise<void> {
  const { name } = (await fetchedChange(context, word)).metadata;
  const { namespace, signal } = context;
  await (await context.client()).changes.cancel(name, { namespace, signal });
  context.say(`change/${name} is withdrawn.`);
  await emit(context, { change: name, withdrawn: true }, () => "");
}
