import { resolve } from "node:path";
import type { Client } from "../../client/client.ts";
import type { CommandContext } from "../context.ts";
import {
  type DeclarationOptions,
  isEmpty,
  loadDeclaration,
  planDeclaration,
  savedDeclaration,
  withDeclarationOptions,
} from "../declaration.ts";
import { runsToBegin } from "../declared-runs.ts";
import type { Offline } from "../environment.ts";
import { EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { type RequestOptions, requestedIn, withRequestOptions } from "../plan-options.ts";
import type { Plan } from "../../planner/plan.ts";
import type { Loaded } from "../../sdk/load.ts";
import type { Verb } from "../verb.ts";
import { diagnosticsView } from "../views/diagnostics.ts";
import { planView } from "../views/plan.ts";

interface PlanOptions extends DeclarationOptions, RequestOptions {
  readonly detailedExitcode?: boolean;
  readonly out?: string;
}

export const verb: Verb = {
  define(command, act) {
    withRequestOptions(withDeclarationOptions(command))
      .argument("[folder]", "folder or file of the declaration", ".")
      .option("--out <file>", "save it, to be applied as it is: tutti apply <file>; so does -o plan.json")
      .option("--detailed-exitcode", "exit with 10 when there is something to do")
      .addHelpText("after", EXAMPLES)
      .action((folder: string, options: PlanOptions) => act((context) => plan(context, folder, options)));
  },
};

const EXAMPLES = `
Shows what 'tutti up' would do, and changes nothing. Works without a running control plane; then nobody is asked
whether ports, programs, images and room are there.

  +  create       ~  change in place      -/+  make anew (+/- the new one first)      -  delete
  >  rename      <+  adopt what is there    x  forget (the thing stays)                ?  not known yet

Examples:
  $ tutti plan
  $ tutti plan examples/storefront --set replicas=3
  $ tutti plan --target service/api
  $ tutti plan --exclude database/orders --refresh=false
  $ tutti plan --replace volume/cache
  $ tutti plan -o plan.json && tutti apply plan.json
  $ tutti plan -o json | jq .summary`;

const SOMETHING_TO_DO = 10;

async function plan(context: CommandContext, folder: string, options: PlanOptions): Promise<ExitCode> {
  const loaded = await loadDeclaration(context, folder, options);
  const planner = await plannerOf(context);
  try {
    const file = options.out ?? context.outputFile;
    const asked = { ...requestedIn(options), brief: !context.isStructured };
    const result =
      file === undefined
        ? (await planDeclaration(context, planner, loaded, asked)).plan
        : await save(context, planner, loaded, requestedIn(options), file);
    const { style, environment } = context;
    if (result.warnings.length > 0 && !context.isStructured)
      context.say(diagnosticsView(result.warnings, { style: context.errorStyle, cwd: environment.cwd }));
    await emit(context, result, () =>
      planView(result, { style, columns: environment.stdout.columns ?? 100 }),
    );
    if (!isRunning(planner) && !isEmpty(result)) context.say(context.errorStyle.dim(NOBODY_ASKED));
    for (const line of runsToBegin(loaded.runs)) context.say(line);
    return options.detailedExitcode === true && !isEmpty(result) ? SOMETHING_TO_DO : EXIT.ok;
  } finally {
    if (!isRunning(planner)) await planner.close();
  }
}

async function save(
  context: CommandContext,
  planner: Client | Offline,
  loaded: Loaded,
  requested: ReturnType<typeof requestedIn>,
  file: string,
): Promise<Plan> {
  const { plan: made, saved } = await savedDeclaration(context, planner, loaded, requested);
  const { writeFile } = await import("node:fs/promises");
  // Secrets in it are sealed, but what is declared is nobody else's.
  const text = `${JSON.stringify(saved, undefined, 1)}\n`;
  await writeFile(resolve(context.environment.cwd, file), text, { mode: 0o600 }).catch((error: unknown) => {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    misuse(`The plan cannot be saved to '${file}' (${code}).`, "Name a file in a folder that is there.");
  });
  context.say(`The plan is saved. Apply exactly this: tutti apply ${file}`);
  return made;
}

const NOBODY_ASKED =
  "No control plane runs, so nobody was asked whether ports, programs, images and room are there: 'tutti up' asks.";

function isRunning(planner: Client | Offline): planner is Client {
  return "url" in planner;
}

async function plannerOf(context: CommandContext): Promise<Client | Offline> {
  return (await context.connected()) ?? (await (await context.access()).openOffline());
}
