import type { CommandContext } from "../context.ts";
import type { Check } from "../environment.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { structured } from "../output.ts";
import type { Verb } from "../verb.ts";
import { doctorLine } from "../views/doctor.ts";

export const verb: Verb = {
  define(command, act) {
    command
      .addHelpText(
        "after",
        "\nA line for each check: ok, warning or problem, with what to do about it. Exits with 1 when there is a problem.\n\nExamples:\n  $ tutti doctor",
      )
      .action(() => act(doctor));
  },
};

async function doctor(context: CommandContext): Promise<ExitCode> {
  const checks: Check[] = [];
  for await (const check of (await context.access()).checks()) {
    checks.push(check);
    if (!context.isStructured) context.print(doctorLine(check, context.style));
  }
  if (context.isStructured) context.print(await structured({ checks }, context.output));
  return checks.some((check) => check.state === "problem") ? EXIT.failed : EXIT.ok;
}
