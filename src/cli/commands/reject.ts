import { type DecisionOptions, decide, withDecisionOptions } from "../approval.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    withDecisionOptions(command)
      .argument("<approval>", "name of the approval, or of the change that waits for it")
      .addHelpText(
        "after",
        '\nShows what is asked, and rejects exactly what was shown.\n\nExamples:\n  $ tutti reject release-4-2\n  $ tutti reject release-4-2 --comment "not on a Friday" --yes',
      )
      .action((word: string, options: DecisionOptions) =>
        act((context) => decide(context, word, "reject", options)),
      );
  },
};
