import { changeNamed, fetchedChange } from "../change.ts";
import { emit } from "../output.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<change>", "name of the change")
      .addHelpText(
        "after",
        "\nWhat was begun goes on to its end; nothing further of the change begins until 'tutti resume change/NAME'.\n\nExamples:\n  $ tutti hold shop-5\n  $ tutti resume change/shop-5",
      )
      .action((word: string) =>
        act(async (context) => {
          await fetchedChange(context, word);
          const name = changeNamed(word);
          const { namespace, signal } = context;
          await (await context.client()).changes.hold(name, { namespace, signal });
          context.say(`change/${name} is held: nothing further of it begins.`);
          await emit(context, { change: name, held: true }, () => "");
        }),
      );
  },
};
