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
        "\nEvery change carries its cause; this follows them back to a person, a schedule or a measurement.\n\nExamples:\n  $ tutti why service/api\n  $ tutti why instance/api-x7k2p",
      )
      .action((word: string) => act((context) => why(context, word)));
  },
};

async function why(context: CommandContext, word: string): Promise<void> {
  const target = targetOf(word, "service");
  const { metadata } = await fetched(context, target);
  const chain = await (
    await context.client()
  ).why(target.kind, target.name, {
    namespace: metadata.namespace ?? context.namespace,
    signal: context.signal,
  });
  await emit(context, { chain }, () =>
    whyView(`${target.kind.root}/${target.name}`, chain, {
      style: context.style,
      now: context.environment.clock.now(),
    }),
  );
}
