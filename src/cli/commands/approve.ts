import { type DecisionOptions, decide } from "../approval.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
    command
      .argument("<approval>", "name of the approval")
      .option("--comment <text>", "why, for the record")
      .option("--form <name=value>", "a field of the form; may be repeated; the rest is asked", collect, [])
      .option("-y, --yes", "do not ask")
      .addHelpText(
        "after",
        "\nShows what is asked, asks for what the form wants, and approves exactly what was shown.\n\nExamples:\n  $ tutti approve release-4-2\n  $ tutti approve release-4-2 --form ticket=OPS-7 --yes",
      )
      .action((word: string, options: DecisionOptions) =>
        act((context) => decide(context, word, "approve", options)),
      );
  },
};
