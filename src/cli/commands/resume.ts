import { emit } from "../output.ts";
import { fetchedRun } from "../run-target.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<run>", "name of the run")
      .addHelpText(
        "after",
        "\nGoes on where 'tutti pause' stopped it.\n\nExamples:\n  $ tutti resume order-x7k2p9",
      )
      .action((word: string) =>
        act(async (context) => {
          const run = await fetchedRun(context, word);
          const { name } = run.metadata;
          const { namespace, signal } = context;
          await (await context.client()).workflows.resume(name, { namespace, signal });
          context.say(`run/${name} goes on.`);
          await emit(context, { run: name, resumed: true }, () => "");
        }),
      );
  },
};
