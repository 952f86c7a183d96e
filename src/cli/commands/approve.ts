import { type DecisionOptions, decide, withDecisionOptions } from "../approval.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
    withDecisionOptions(command)
      .argument("<approval>", "name of the approval, or of the change that waits for it")
      .option("--form <name=value>", "a field of the form; may be repeated; the rest is asked", collect, [])
      .addHelpText(
        "after",
        '\nShows what is asked, asks for what the form wants, and approves exactly what was shown.\n\nExamples:\n  $ tutti approve release-4-2\n  $ tutti approve shop-5 --comment "looked at it with jo"\n  $ tutti approve release-4-2 --form ticket=OPS-7 --yes',
      )
      .action((word: string, options: DecisionOptions) =>
        act((context) => decide(context, word, "approve", options)),
      );
  },
};
