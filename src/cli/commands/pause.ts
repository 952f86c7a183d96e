import { emit } from "../output.ts";
import { fetchedRun } from "../run-target.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<run>", "name of the run")
      .addHelpText(
        "after",
        "\nWhat runs goes on to its end; nothing further begins until 'tutti resume'.\n\nExamples:\n  $ tutti pause order-x7k2p9",
      )
      .action((word: string) =>
        act(async (context) => {
          const run = await fetchedRun(context, word);
          const { name } = run.metadata;
          const { namespace, signal } = context;
          await (await context.client()).workflows.pause(name, { namespace, signal });
          context.say(`run/${name} is paused: what runs goes on to its end.`);
          await emit(context, { run: name, paused: true }, () => "");
        }),
      );
  },
};
