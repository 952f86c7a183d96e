/** What `up`, `apply`, `plan` and `down` share: load, plan, show, ask, apply. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { ApiError } from "../client/error.ts";
import type { Applied, Client, Proposed } from "../client/client.ts";
import { DiagnosticError, hasErrors } from "../diagnostics/diagnostic.ts";
import { learn } from "../kinds/registry.ts";
import type { OnFailure } from "../planner/change.ts";
import type { Plan } from "../planner/plan.ts";
import type { SavedPlan } from "../planner/saved.ts";
import type { Loaded } from "../sdk/load.ts";
import type { Offline } from "./environment.ts";
import { confirm } from "./confirm.ts";
import type { CommandContext } from "./context.ts";
import { CommandFailure, EXIT, misuse } from "./exit.ts";
import { diagnosticsView } from "./views/diagnostics.ts";
import { planView } from "./views/plan.ts";

export interface DeclarationOptions {
  readonly set?: readonly string[];
  readonly values?: readonly string[];
  readonly location?: string;
}

export function withDeclarationOptions(command: Command): Command {
  const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  return command
    .option("--set <name=value>", "value of a parameter; may be repeated", collect)
    .option("--values <file>", "file of parameters' values in YAML or JSON; may be repeated", collect)
    .option(
      "--location <name>",
      "where everything is that does not say so itself: a Location; what holds data stays where it is",
    );
}

/** Rejects with DiagnosticError when something is wrong; warnings are printed. */
export async function loadDeclaration(
  context: CommandContext,
  path: string,
  options: DeclarationOptions,
): Promise<Loaded> {
  const { load } = await import("../sdk/load.ts");
  const { cwd, env, files = [] } = context.environment;
  const valuesFiles = (options.values ?? []).map((file) => resolve(cwd, file));
  const loaded = await load(path === "." ? cwd : resolve(cwd, path), {
    values: assignments(options.set ?? []),
    valuesFiles,
    env,
    dialects: files,
  });
  if (hasErrors(loaded.diagnostics)) throw new DiagnosticError(loaded.diagnostics);
  for (const kind of loaded.kinds) learn(kind);
  if (loaded.diagnostics.length > 0)
    context.say(diagnosticsView(loaded.diagnostics, { style: context.errorStyle, cwd }));
  return options.location === undefined ? loaded : at(loaded, options.location);
}

function at(loaded: Loaded, location: string): Loaded {
  const spec = { ...(loaded.system.spec as object | undefined), location };
  return { ...loaded, system: { ...loaded.system, spec } };
}

function assignments(texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at < 1)
        misuse(`--set takes name=value, not '${text.slice(0, 40)}'.`, "Write for example --set replicas=3.");
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

export interface Planned {
  readonly plan: Plan;
  readonly proposed: Proposed | { readonly saved: SavedPlan };
}

/** What a control plane is asked to plan, beside the declaration. */
type Requested = Omit<Partial<Proposed>, "resources" | "action" | "folder">;

/**
 * Rejects with DiagnosticError, in which the sources are named, when the control plane refuses the declaration.
 * `requested`: what is asked beside the declaration, such as targets.
 */
export function planDeclaration(
  context: CommandContext,
  planner: Pick<Client, "plan"> | Offline,
  loaded: Loaded,
  requested: Requested = {},
): Promise<Planned> {
  return declared(context, loaded, requested, async (...asked) => ({ plan: await planner.plan(...asked) }));
}

/** As `planDeclaration`, with what goes into a file. */
export function savedDeclaration(
  context: CommandContext,
  planner: Pick<Client, "savedPlan"> | Offline,
  loaded: Loaded,
  requested: Requested,
): Promise<Planned & { readonly saved: SavedPlan }> {
  return declared(context, loaded, requested, (...asked) => planner.savedPlan(...asked));
}

async function declared<P extends { readonly plan: Plan }>(
  context: CommandContext,
  loaded: Loaded,
  requested: Requested,
  planned: (...asked: Parameters<Client["plan"]>) => Promise<P>,
): Promise<P & { readonly proposed: Proposed }> {
  const proposed: Proposed = {
    ...requested,
    resources: [loaded.system, ...loaded.resources],
    action: "apply",
    folder: loaded.folder,
  };
  const { located } = await import("../sdk/load/sources.ts");
  try {
    const made = await planned(loaded.system.metadata.name, proposed, {
      namespace: namespaceOf(context, loaded),
      signal: context.signal,
    });
    const { plan } = made;
    return { ...made, plan: { ...plan, warnings: located(plan.warnings, loaded.sources) }, proposed };
  } catch (error) {
    const diagnostics =
      error instanceof ApiError || error instanceof DiagnosticError ? error.diagnostics : [];
    if (diagnostics.length === 0) throw error;
    throw new DiagnosticError(located(diagnostics, loaded.sources));
  }
}

/** That of the flag, or what the System itself names. */
export function namespaceOf(context: CommandContext, loaded: Loaded): string {
  return context.isNamespaceGiven
    ? context.namespace
    : (loaded.system.metadata.namespace ?? context.namespace);
}

/** The plan on standard error, where progress goes; warnings above it. */
export function showPlan(context: CommandContext, plan: Plan): void {
  const style = context.errorStyle;
  const columns = context.environment.stderr.columns ?? 100;
  if (plan.warnings.length > 0)
    context.say(diagnosticsView(plan.warnings, { style, cwd: context.environment.cwd }));
  context.say(planView(plan, { style, columns }));
}

export function isEmpty(plan: Plan): boolean {
  return plan.steps.every((step) => step.action === "none");
}

/** Asks when something is destroyed. Fails with exit code 3 when the answer is no, or nobody can be asked. */
export async function approve(context: CommandContext, plan: Plan, yes: boolean): Promise<void> {
  if (!plan.destructive || yes) return;
  if (context.quiet)
    context.complain(
      planView(plan, { style: context.errorStyle, columns: context.environment.stderr.columns ?? 100 }),
    );
  const losing = plan.steps.filter((step) => step.loses !== undefined).length;
  const question = losing > 0 ? "Data is lost. Do it?" : "Do it?";
  await confirm(
    context,
    question,
    `The plan deletes or makes anew ${plan.summary.delete + plan.summary.replace} of the system's resources.`,
  );
}

export async function applyPlan(
  context: CommandContext,
  client: Client,
  { plan, proposed }: Planned,
  onFailure?: OnFailure,
): Promise<Applied> {
  const { hash, namespace } = plan;
  if ("saved" in proposed) return applySaved(client, proposed.saved, { onFailure });
  const asked = { ...proposed, hash, brief: true };
  // Without the signal: it takes a moment, and who interrupts it would not know whether it was done.
  return client
    .apply(plan.system, asked, { namespace, ...(onFailure === undefined ? {} : { onFailure }) })
    .catch((error: unknown) => applyFailure(error));
}

/** `dryRun`: only whether it would be refused. */
export function applySaved(
  client: Client,
  saved: SavedPlan,
  options: { readonly onFailure?: OnFailure | undefined; readonly dryRun?: boolean },
): Promise<Applied> {
  const { onFailure, ...rest } = options;
  const asked = { ...rest, namespace: saved.namespace, ...(onFailure === undefined ? {} : { onFailure }) };
  return client
    .apply(saved.system, { saved }, asked)
    .catch((error: unknown) => applyFailure(error, "Make it anew: tutti plan -o plan.json."));
}

/** Says what has moved, where the control plane knows. */
export function applyFailure(error: unknown, hint = "Look at the plan again and repeat."): never {
  if (!(error instanceof ApiError) || error.code !== 409) throw error;
  const moved = (error.status.details?.causes ?? []).flatMap(({ reason, field = "", message = "" }) =>
    reason === "Moved" ? [`\n  ${field}: ${message}`] : [],
  );
  throw new CommandFailure(
    EXIT.conflict,
    `The system has changed since the plan was made, so nothing was applied.${moved.join("")}`,
    hint,
  );
}

/** Whether the word means files rather than the name of a system. */
export function isPath(word: string, cwd: string): boolean {
  return /[/\\]|^\.{1,2}$|\.(?:[mc]?[tj]s|ya?ml|json)$/.test(word) || existsSync(resolve(cwd, word));
}
