import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { Loaded } from "../../sdk/load.ts";
import type { CommandContext } from "../context.ts";
import {
  type DeclarationOptions,
  loadDeclaration,
  namespaceOf,
  withDeclarationOptions,
} from "../declaration.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { emit } from "../output.ts";
import { type RequestOptions, requestedIn, withRequestOptions } from "../plan-options.ts";
import { type Rehearsal, type RehearsalFlags, preflightOf, withPreflight } from "../rehearsal.ts";
import type { Verb } from "../verb.ts";
import { diagnosticsView } from "../views/diagnostics.ts";
import { rehearsalView } from "../views/rehearsal.ts";

interface RehearseOptions extends DeclarationOptions, RequestOptions, RehearsalFlags {
  readonly with?: string;
  readonly empty?: boolean;
  readonly all?: boolean;
}

export const verb: Verb = {
  define(command, act) {
    const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
    withRequestOptions(withDeclarationOptions(command))
      .argument("[folder]", "folder or file of the declaration", ".")
      .option("--with <file>", "file of assumptions; rehearsal.yaml beside the declaration when it is there")
      .option(
        "--latency <what=duration>",
        "how long a kind, class or address takes; may be repeated",
        collect,
      )
      .option("--fail <address>", "what fails; =2: so many times; may be repeated", collect)
      .option("--hang <address>", "what never answers; may be repeated", collect)
      .option("--quota <what=number>", "how much there is: instances=10; may be repeated", collect)
      .option("--crash-at <duration>", "kill the control plane then; several with commas")
      .option("--approve-after <duration>", "how long people take to approve; or never")
      .option("--seed <number>", "of all that is left to chance")
      .option("--until <duration>", "how far to run the clock at most")
      .option("--empty", "as if nothing were there yet")
      .option("--all", "print every line of the timeline")
      .addHelpText("after", EXAMPLES)
      .action((folder: string, options: RehearseOptions) =>
        act((context) => rehearse(context, folder, options)),
      );
  },
};

const EXAMPLES = `
Plays what 'tutti up' would do, with the whole engine on a clock of its own and everything outside simulated, from the state
as it is. Changes nothing. Exits with 11 when it would stop before its end. A control plane that runs is asked what stands
against the plan, as for 'tutti plan'; without one, or with --empty, nobody is.

Examples:
  $ tutti rehearse
  $ tutti rehearse examples/storefront --latency database=20s
  $ tutti rehearse --fail service/api --fail database/orders=2
  $ tutti rehearse --quota instances=10 --crash-at 30s
  $ tutti rehearse --with rehearsal.yaml --seed 7 -o json`;

const WOULD_STOP = 11;
const BESIDE = "rehearsal.yaml";

async function rehearse(
  context: CommandContext,
  folder: string,
  options: RehearseOptions,
): Promise<ExitCode> {
  const loaded = await loadDeclaration(context, folder, options);
  const rehearsal = await rehearsalOf(context, loaded, options);
  const { style, environment } = context;
  if (rehearsal.warnings.length > 0 && !context.isStructured)
    context.say(diagnosticsView(rehearsal.warnings, { style: context.errorStyle, cwd: environment.cwd }));
  await emit(context, rehearsal, () => rehearsalView(rehearsal, { style, isWhole: options.all === true }));
  return rehearsal.outcome === "done" ? EXIT.ok : WOULD_STOP;
}

async function rehearsalOf(
  context: CommandContext,
  loaded: Loaded,
  { empty = false, with: given, ...options }: RehearseOptions,
): Promise<Rehearsal> {
  const beside = join(loaded.folder, BESIDE);
  const found = existsSync(beside) ? beside : undefined;
  const file = given === undefined ? found : resolve(context.environment.cwd, given);
  const { located } = await import("../../sdk/load/sources.ts");
  try {
    const access = await context.access();
    const what = {
      system: loaded.system.metadata.name,
      namespace: namespaceOf(context, loaded),
      proposed: {
        ...requestedIn(options),
        resources: [loaded.system, ...loaded.resources],
        action: "apply" as const,
        folder: loaded.folder,
      },
    };
    const client = empty ? undefined : await context.connected();
    const preflight = client === undefined ? undefined : await preflightOf(client, what, context.signal);
    const played = await access.rehearse({
      ...what,
      ...(file === undefined ? {} : { file }),
      ...(preflight === undefined ? {} : { pins: preflight.pins }),
      flags: options,
      empty,
    });
    const rehearsal = withPreflight(played, preflight);
    return { ...rehearsal, warnings: located(rehearsal.warnings, loaded.sources) };
  } catch (error) {
    if (error instanceof DiagnosticError)
      throw new DiagnosticError(located(error.diagnostics, loaded.sources));
    throw error;
  }
}
