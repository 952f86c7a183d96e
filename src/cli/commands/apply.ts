import { loadDeclaration, withDeclarationOptions } from "../declaration.ts";
import { withRequestOptions } from "../plan-options.ts";
import type { Verb } from "../verb.ts";
import { savedPlanIn } from "../saved-plan.ts";
import { type ApplyOptions, applyLoaded, applyPlanned, durationOf, withFailureOption } from "./up.ts";

export const verb: Verb = {
  define(command, act) {
    withFailureOption(withRequestOptions(withDeclarationOptions(command)))
      .argument("[folder]", "folder or file of the declaration, or a saved plan", ".")
      .option("-y, --yes", "do it even when something is destroyed, without asking")
      .option("-w, --wait", "watch until everything is ready", false)
      .option("--timeout <duration>", "how long to wait with --wait", "10m")
      .addHelpText("after", EXAMPLES)
      .action((folder: string, options: ApplyOptions) =>
        act(async (context) => {
          const client = await context.client();
          const planned = await savedPlanIn(context, folder);
          if (planned === undefined)
            return applyLoaded(context, client, await loadDeclaration(context, folder, options), options);
          const timeout = await durationOf(options.timeout ?? "10m");
          return applyPlanned(context, client, planned, { ...options, timeout, runs: [] });
        }),
      );
  },
};

const EXAMPLES = `
As 'tutti up', but never starts a control plane, and ends once it is committed unless --wait is given; with exit code 6 when
the system asks for approval, which it does not wait for either.

A saved plan is applied exactly as it is, or not at all: when what it would change has changed meanwhile, what moved is named.

Examples:
  $ tutti apply . --wait
  $ tutti plan -o plan.json && tutti apply plan.json
  $ tutti apply shop.yaml --yes -o json`;
