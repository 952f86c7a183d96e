/** What is other than it should be: shown, set back, taken into the declaration, or tolerated for a while. */
import type { Command } from "commander";
import type { DriftReport, FoundDrift } from "../../client/drift.ts";
import { fitsPattern } from "../../model/path-pattern.ts";
import type { Resource } from "../../model/resource.ts";
import { adoptedText, adoptionOf } from "../adopt-drift.ts";
import type { CommandContext } from "../context.ts";
import { CommandFailure, EXIT, type ExitCode, misuse } from "../exit.ts";
import { emit } from "../output.ts";
import { type Target, fetched, kindOf, targetOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { diagnosticsView } from "../views/diagnostics.ts";
import { driftView, noiseView } from "../views/drift.ts";

const EXAMPLES = `
Things that others changed are set back by themselves, unless their declaration says otherwise (lifecycle.drift). What was
written past the declaration ('tutti scale', 'kubectl edit') stays until somebody says what becomes of it.

Examples:
  $ tutti drift                                  # every system
  $ tutti drift shop --detailed-exitcode         # exits with 10 when there is any
  $ tutti drift volume/uploads -o json
  $ tutti drift revert service/api spec.replicas
  $ tutti drift adopt volume/uploads --write
  $ tutti drift tolerate volume/uploads spec.size --until 2h --reason 'incident 7'
  $ tutti drift --noise`;

interface ShowOptions {
  readonly detailedExitcode?: boolean;
  readonly noise?: boolean;
  readonly recorded?: boolean;
}

export const verb: Verb = {
  define(command, act) {
    command
      .argument("[what]", "a system, or kind/name of a resource; every system when absent")
      .option("--detailed-exitcode", "exit with 10 when anything is other than it should be")
      .option("--noise", "show what keeps coming back after it was set back, by class and attribute")
      .option("--recorded", "show what was seen last instead of looking now")
      .addHelpText("after", EXAMPLES)
      .action((what: string | undefined, options: ShowOptions) =>
        act((context) => show(context, what, options)),
      );
    const add = (name: string, summary: string): Command =>
      command.command(name).summary(summary).description(`${summary}.`).argument("<resource>", "kind/name");
    add("revert", "Set it back")
      .argument("[paths...]", "what of it, such as spec.size; all when absent")
      .action((word: string, paths: readonly string[]) => act((context) => revert(context, word, paths)));
    add("adopt", "Take what is found into the declaration: print the patch, or write it")
      .argument("[paths...]", "what of it, such as spec.size; all when absent")
      .option("--write", "change the file; what is declared in TypeScript is printed only")
      .action((word: string, paths: readonly string[], options: { readonly write?: boolean }) =>
        act((context) => adopt(context, word, paths, options.write === true)),
      );
    add("tolerate", "Leave it as it is, for a while")
      .argument("<path>", "what of it, with all below: spec.size")
      .requiredOption("--until <time>", "for how long (2h), or until when (RFC 3339)")
      .option("--reason <text>", "why, for who looks at it later")
      .action((word: string, path: string, options: { readonly until: string; readonly reason?: string }) =>
        act((context) => tolerate(context, word, path, options)),
      );
  },
};

const DRIFTED = 10;

async function show(
  context: CommandContext,
  what: string | undefined,
  options: ShowOptions,
): Promise<ExitCode> {
  const targets = what === undefined ? await allSystems(context) : [await existing(context, what)];
  const { drift } = await context.client();
  const { namespace, signal } = context;
  const reports = await Promise.all(
    targets.map(({ kind, name }) =>
      drift.of(kind, name, { namespace, signal, refresh: options.recorded !== true }),
    ),
  );
  const report: DriftReport = {
    items: reports.flatMap(({ items }) => items),
    noise: reports.flatMap(({ noise }) => noise),
    warnings: reports.flatMap(({ warnings }) => warnings),
  };
  const { style, errorStyle, environment } = context;
  if (report.warnings.length > 0 && !context.isStructured)
    context.say(diagnosticsView(report.warnings, { style: errorStyle, cwd: environment.cwd }));
  await emit(context, report, () =>
    options.noise === true
      ? noiseView(report.noise, style)
      : driftView(report, { style, now: environment.clock.now() }),
  );
  return options.detailedExitcode === true && report.items.length > 0 ? DRIFTED : EXIT.ok;
}

async function allSystems(context: CommandContext): Promise<readonly Target[]> {
  const kind = kindOf("system");
  const { items } = await (await context.client()).list(kind, { namespace: context.namespace });
  return items.map(({ metadata }) => ({ kind, name: metadata.name }));
}

async function existing(context: CommandContext, what: string): Promise<Target> {
  const target = targetOf(what, "system");
  await fetched(context, target);
  return target;
}

async function revert(context: CommandContext, word: string, paths: readonly string[]): Promise<void> {
  const target = await resourceOf(context, word);
  await meant(context, target, paths);
  const { namespace, signal } = context;
  const { drift } = await context.client();
  const items = await drift.revert(target.kind, target.name, paths, { namespace, signal });
  for (const { path } of items) context.say(`${target.kind.root}/${target.name}: ${path} is set back.`);
  if (context.isStructured) await emit(context, { items }, () => "");
}

async function resourceOf(context: CommandContext, word: string): Promise<Target> {
  const target = targetOf(word);
  if (target.kind.kind === "System") misuse("Name a resource of the system, not the system.");
  await fetched(context, target);
  return target;
}

async function adopt(
  context: CommandContext,
  word: string,
  paths: readonly string[],
  write: boolean,
): Promise<void> {
  const target = targetOf(word);
  const resource = await fetched(context, target);
  const found = await meant(context, target, paths);
  if (found.some(({ path }) => path === ""))
    throw new CommandFailure(
      EXIT.failed,
      "It is gone: take it out of the declaration, or have it made again.",
    );
  const adoption = await adoptionOf(context, resource as Resource, found);
  await emit(context, adoption.report, () => adoptedText(adoption));
  if (!write) return;
  if (adoption.write === undefined)
    throw new CommandFailure(EXIT.failed, "It is not declared in a YAML file: nothing was written.");
  adoption.write();
  const { namespace, signal } = context;
  const { drift } = await context.client();
  await drift.accept(target.kind, target.name, paths, { namespace, signal });
  context.say(`${adoption.report.file ?? ""} is changed. 'tutti up' applies it.`);
}

/** A failure when there is nothing. */
async function meant(
  context: CommandContext,
  { kind, name }: Target,
  paths: readonly string[],
): Promise<readonly FoundDrift[]> {
  const { namespace, signal } = context;
  const { items } = await (await context.client()).drift.of(kind, name, { namespace, signal });
  const found = items.filter(
    ({ path }) => paths.length === 0 || paths.some((pattern) => fitsPattern(path, pattern)),
  );
  if (found.length === 0)
    throw new CommandFailure(
      EXIT.failed,
      paths.length === 0 ? "It is as it should be." : `${paths.join(", ")}: it is as it should be.`,
      "'tutti drift' lists what is not.",
    );
  return found;
}

async function tolerate(
  context: CommandContext,
  word: string,
  path: string,
  { until, reason }: { readonly until: string; readonly reason?: string },
): Promise<void> {
  const { kind, name } = await resourceOf(context, word);
  const { namespace, signal } = context;
  const { drift } = await context.client();
  const asked = { path, until, ...(reason === undefined ? {} : { reason }) };
  const tolerated = await drift.tolerate(kind, name, asked, { namespace, signal });
  await emit(
    context,
    tolerated,
    () => `${kind.root}/${name}: ${path} may be as it is until ${tolerated.until}.`,
  );
}
