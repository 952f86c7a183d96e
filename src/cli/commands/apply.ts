import { loadDeclaration, withDeclarationOptions } from "../declaration.ts";
import { withRequestOptions } from "../plan-options.ts";
import type { Verb } from "../verb.ts";
import { type ApplyOptions, applyLoaded } from "./up.ts";

export const verb: Verb = {
  define(command, act) {
    withRequestOptions(withDeclarationOptions(command))
      .argument("[folder]", "folder or file of the declaration", ".")
      .option("-y, --yes", "do it even when something is destroyed, without asking")
      .option("-w, --wait", "watch until everything is ready", false)
      .option("--timeout <duration>", "how long to wait with --wait", "10m")
      .addHelpText("after", EXAMPLES)
      .action((folder: string, options: ApplyOptions) =>
        act(async (context) =>
          applyLoaded(
            context,
            await context.client(),
            await loadDeclaration(context, folder, options),
            options,
          ),
        ),
      );
  },
};

const EXAMPLES = `
As 'tutti up', but never starts a control plane, and ends once it is committed unless --wait is given.

Examples:
  $ tutti apply . --wait
  $ tutti apply shop.yaml --yes -o json`;
