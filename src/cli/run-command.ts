/** Verbs that tell one run, Change or resource to wait or to go on, and are done when it is durable. */
import type { Workflows } from "../client/workflows.ts";
import { findKind } from "../kinds/registry.ts";
import { fetchedChange, isChange } from "./change.ts";
import type { CommandContext } from "./context.ts";
import { emit } from "./output.ts";
import { tellResource } from "./pausing.ts";
import { fetchedRun } from "./run-target.ts";
import type { Verb } from "./verb.ts";

export interface RunCommand {
  readonly tell: "pause" | "resume";
  /** What Changes are told then. */
  readonly change: { readonly tell: "hold" | "resume"; readonly said: string };
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
        .argument("<run>", "name of the run, change/<name>, or the address of a resource")
        .addHelpText(
          "after",
          `\n${help}\n\nExamples:\n  $ tutti ${tell} order-x7k2p9\n  $ tutti ${tell} service/api`,
        )
        .action((word: string) =>
          act(async (context) => {
            if (isChange(word)) return tellChange(context, word, change, done);
            if (isResource(word)) return tellResource(context, word, tell);
            const { name } = (await fetchedRun(context, word, tell)).metadata;
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

function isResource(word: string): boolean {
  const { length, 0: kind = "" } = word.split("/");
  return length === 2 && findKind(kind)?.kind !== "Run";
}

async function tellChange(
  context: CommandContext,
  word: string,
  { tell, said }: RunCommand["change"],
  done: string,
): Promise<void> {
  const { name } = (await fetchedChange(context, word)).metadata;
  const { namespace, signal } = context;
  await (await context.client()).changes[tell](name, { namespace, signal });
  context.say(`change/${name} ${said}`);
  await emit(context, { change: name, [done]: true }, () => "");
}
