import { type DecisionOptions, decide } from "../approval.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<approval>", "name of the approval")
      .option("--comment <text>", "why, for the record")
      .option("-y, --yes", "do not ask")
      .addHelpText(
        "after",
        '\nShows what is asked, and rejects exactly what was shown.\n\nExamples:\n  $ tutti reject release-4-2\n  $ tutti reject release-4-2 --comment "not on a Friday" --yes',
      )
      .action((word: string, options: DecisionOptions) =>
        act((context) => decide(context, word, "reject", options)),
      );
  },
};
