import { applySaved, loadDeclaration, withDeclarationOptions } from "../declaration.ts";
import { withRequestOptions } from "../plan-options.ts";
import { misuse } from "../exit.ts";
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
          refuseOptionsOfPlanning(options);
          // What is refused is not shown, nor asked for.
          if ("saved" in planned.proposed) await applySaved(client, planned.proposed.saved, { dryRun: true });
          const timeout = await durationOf(options.timeout ?? "10m");
          return applyPlanned(context, client, planned, { ...options, timeout, runs: [] });
        }),
      );
  },
};

/** What was planned is planned: these would be passed over without a word. */
const OPTIONS_OF_PLANNING = [
  "set",
  "values",
  "location",
  "target",
  "exclude",
  "replace",
  "refresh",
  "since",
] as const;

function refuseOptionsOfPlanning(options: ApplyOptions): void {
  const given = OPTIONS_OF_PLANNING.filter((name) => options[name] !== undefined);
  if (given.length === 0) return;
  const names = given.map((name) => `--${name}`).join(", ");
  misuse(
    `A saved plan is applied exactly as it is: ${names} cannot change it.`,
    `Say it when the plan is made: tutti plan ${names} ... -o plan.json.`,
  );
}

const EXAMPLES = `
As 'tutti up', but never starts a control plane, and ends once it is committed unless --wait is given; with exit code 6 when
the system asks for approval, which it does not wait for either.

A saved plan is applied exactly as it is, or not at all: when what it would change has changed meanwhile, what moved is named.

Examples:
  $ tutti apply . --wait
  $ tutti plan -o plan.json && tutti apply plan.json
  $ tutti apply shop.yaml --yes -o json`;
