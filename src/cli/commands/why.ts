import { ApiError } from "../../client/error.ts";
import type { CommandContext } from "../context.ts";
import { emit } from "../output.ts";
import { fetched, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { whyView } from "../views/why.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<resource>", "kind/name; a name alone is a service's")
      .addHelpText(
        "after",
        "\nEvery change carries its cause; this follows them back to a person, a schedule or a measurement. What is gone is known\nas well, as long as its history is kept.\n\nExamples:\n  $ tutti why service/api\n  $ tutti why instance/api-x7k2p\n  $ tutti why system/shop",
      )
      .action((word: string) => act((context) => why(context, word)));
  },
};

async function why(context: CommandContext, word: string): Promise<void> {
  const target = targetOf(word, "service");
  const { namespace, signal } = context;
  const client = await context.client();
  const chain = await client
    .why(target.kind, target.name, { namespace, signal })
    .catch(async (error: unknown) => {
      // Nothing was ever recorded of it: say what was probably meant.
      if (error instanceof ApiError && error.code === 404) await fetched(context, target);
      throw error;
    });
  await emit(context, { chain }, () =>
    whyView(`${target.kind.root}/${target.name}`, chain, {
      style: context.style,
      now: context.environment.clock.now(),
    }),
  );
}
