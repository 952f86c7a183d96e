import { emit } from "../output.ts";
import type { CommandContext } from "../context.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .option("--client", "only of this program, without asking the control plane")
      .addHelpText("after", "\nExamples:\n  $ tutti version\n  $ tutti version -o json")
      .action((options: { readonly client?: boolean }) =>
        act((context) => version(context, options.client === true)),
      );
  },
};

async function version(context: CommandContext, onlyClient: boolean): Promise<void> {
  const { version: tutti } = context.environment;
  const node = process.version;
  const controlPlane = onlyClient ? undefined : await controlPlaneVersion(context);
  await emit(
    context,
    {
      tutti,
      node,
      platform: `${process.platform}/${process.arch}`,
      ...(controlPlane === undefined ? {} : { controlPlane }),
    },
    () =>
      [
        `tutti ${tutti} (Node ${node}, ${process.platform}/${process.arch})`,
        ...(controlPlane === undefined ? [] : [`control plane ${controlPlane}`]),
      ].join("\n"),
  );
}

/** Undefined when none answers: that is no failure here. */
async function controlPlaneVersion(context: CommandContext): Promise<string | undefined> {
  try {
    return (await (await context.connected())?.version(context.signal))?.tutti;
  } catch {
    return undefined;
  }
}
