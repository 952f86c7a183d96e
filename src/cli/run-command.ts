/** Verbs that tell one run to do something, and are done when it is durable. */
import type { Workflows } from "../client/workflows.ts";
import { fetchedChange, isChange } from "./change.ts";
import type { CommandContext } from "./context.ts";
import { emit } from "./output.ts";
import { fetchedRun } from "./run-target.ts";
import type { Verb } from "./verb.ts";

export interface RunCommand {
  readonly tell: "pause" | "resume";
  /** Where Changes can be told that, too. */
  readonly change?: { readonly tell: "hold" | "resume"; readonly said: string };
  /** Behind the usage: what it means, and an example. */
  readonly help: string;
  /** What is so then, behind the run's name. */
  readonly said: string;
  /** The member of the answer in JSON. */
  readonly done: string;
}

export function runCommand({ tell, help, said, done, change }: RunCommand): Verb {
  return {
    define(command, act) {
      command
        .argument("<run>", change === undefined ? "name of the run" : "name of the run, or change/<name>")
        .addHelpText("after", `\n${help}\n\nExamples:\n  $ tutti ${tell} order-x7k2p9`)
        .action((word: string) =>
          act(async (context) => {
            if (change !== undefined && isChange(word)) return tellChange(context, word, change, done);
            const { name } = (await fetchedRun(context, word, change === undefined ? undefined : tell))
              .metadata;
            const { namespace, signal } = context;
            const workflows: Workflows = (await context.client()).workflows;
            await workflows[tell](name, { namespace, signal });
            context.say(`run/${name} ${said}`);
            await emit(context, { run: name, [done]: true }, () => "");
          }),
        );
    },
  };
}

async function tellChange(
  context: CommandContext,
  word: string,
  { tell, said }: NonNullable<RunCommand["change"]>,
  done: string,
): Promise<void> {
  const { name } = (await fetchedChange(context, word)).metadata;
  const { namespace, signal } = context;
  await (await context.client()).changes[tell](name, { namespace, signal });
  context.say(`change/${name} ${said}`);
  await emit(context, { change: name, [done]: true }, () => "");
}
