import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { emit } from "../output.ts";
import { outputNamed, outputsIn, outputsText, textOf } from "../outputs.ts";
import { systemOf } from "../target.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<system>", "name of the system")
      .argument("[output]", "one of its outputs, printed by itself")
      .addHelpText(
        "after",
        "\nOther systems refer to them as ${system.NAME.status.outputs.OUTPUT}. Secrets are not shown. Exits with 1 when one is not\nknown yet.\n\nExamples:\n  $ tutti outputs shop\n  $ curl $(tutti outputs shop url)\n  $ tutti outputs shop -o json",
      )
      .action((system: string, output: string | undefined) =>
        act((context) => (output === undefined ? all(context, system) : one(context, system, output))),
      );
  },
};

async function all(context: CommandContext, name: string): Promise<ExitCode> {
  const system = await systemOf(context, name);
  const { values, waiting } = outputsIn(system);
  if (Object.keys(values).length === 0 && !context.isStructured)
    context.say(`The system '${system.metadata.name}' declares no outputs: spec.outputs of the System.`);
  await emit(context, values, () => outputsText(values));
  if (waiting === undefined) return EXIT.ok;
  context.say(waiting);
  return EXIT.failed;
}

async function one(context: CommandContext, name: string, output: string): Promise<ExitCode> {
  const system = await systemOf(context, name);
  const value = outputNamed(outputsIn(system), output, system.metadata.name);
  await emit(context, value, () => textOf(value));
  return EXIT.ok;
}
