import { boundsOf } from "../../kinds/autoscale.ts";
import { handScaleProblem } from "../../kinds/autoscale-check.ts";
import { changeSpec } from "../change-spec.ts";
import type { CommandContext } from "../context.ts";
import { CommandFailure, EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { watchService } from "../watch-service.ts";
import { durationOf } from "./up.ts";

interface ScaleOptions {
  readonly wait: boolean;
  readonly timeout: string;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("<service>", "name of the service")
      .argument("<replicas>", "how many, or how many more (+2) or fewer (-2)")
      .option("--no-wait", "do not wait until they are ready")
      .option("--timeout <duration>", "how long to wait", "5m")
      .addHelpText(
        "after",
        "\nHolds until the declaration is applied again with another number of replicas.\n\nExamples:\n  $ tutti scale api 6\n  $ tutti scale api +6\n  $ tutti scale api -2",
      )
      .action((service: string, replicas: string, options: ScaleOptions) =>
        act((context) => scale(context, service, replicas, options)),
      );
  },
};

async function scale(
  context: CommandContext,
  word: string,
  text: string,
  options: ScaleOptions,
): Promise<ExitCode> {
  const target = targetOf(word, "service");
  if (target.kind.scale === undefined) misuse(`A ${target.kind.singular} cannot be scaled.`, "Services can.");
  const change = /^([+-]?)(\d{1,7})$/.exec(text);
  if (change === null) misuse(`'${text.slice(0, 40)}' is no number of replicas.`, "Write 6, +2 or -2.");
  const timeout = await durationOf(options.timeout);
  const number = Number(change[2]);
  const client = await context.client();
  let isAutomatic = false;
  const { before, after } = await changeSpec(context, target, ({ spec }) => {
    const before = Number((spec as { readonly replicas?: number }).replicas ?? 1);
    const after = change[1] === "" ? number : Math.max(0, before + (change[1] === "+" ? number : -number));
    const fields = spec as Readonly<Record<string, unknown>>;
    const problem = handScaleProblem(fields, after);
    if (problem !== undefined) throw new CommandFailure(EXIT.failed, problem.message, problem.hint);
    isAutomatic = boundsOf(fields) !== undefined;
    return {
      spec: { ...(spec as object), replicas: after },
      because: `scale ${before} -> ${after}`,
      before,
      after,
    };
  });
  context.say(`${target.kind.singular}/${target.name}: ${before} -> ${after}`);
  if (isAutomatic)
    context.say(
      "It is scaled by itself: this holds until its stabilization window is over, or the load asks for more.",
    );
  if (options.wait) await watchService(context, client, target.name, timeout);
  await emit(context, { service: target.name, before, replicas: after }, () => "");
  return EXIT.ok;
}
