/**
 * Asks the providers what stands against a plan before anything of it is committed, so that a port that is taken or a
 * program that is missing is bad input and not a system that half comes up.
 */
import { type Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import type { Plan } from "../planner/plan.ts";
import { type Obstacle, type Prospect, TerminalError } from "../provider/provider.ts";
import type { Snapshot } from "../store/store.ts";
import { poolsOf } from "../workflow/definition/pools.ts";
import type { Scope } from "../workflow/definition/workflow.ts";
import { checkDeclared, prepareCheck } from "./check-declared.ts";
import type { Classes } from "./classes.ts";

export interface Asked {
  obstacles?(prospect: Prospect): Promise<readonly Obstacle[]>;
  pin?(prospect: Prospect): Promise<string | undefined>;
}

/** Everything that the plan's creations and changes would run into, as far as anybody can tell. */
export async function preflight(
  plan: Plan,
  classes: Classes,
  store: Pick<Snapshot, "get">,
): Promise<readonly Diagnostic[]> {
  const changed = new Set(
    plan.steps
      .filter(({ action }) => action === "create" || action === "update" || action === "replace")
      .map(({ address }) => address),
  );
  const folder = folderOf(plan);
  // What a Location offers that comes with this very plan is judged when it is there.
  const coming = new Set(
    plan.steps
      .filter(({ kind, action }) => kind === "Location" && action === "create")
      .map(({ name }) => name),
  );
  const found = plan.resources
    .filter((draft) => changed.has(addressOf(draft)) && !coming.has(locationOf(draft)))
    .map((draft) => obstaclesOf(draft, folder, classes));
  for (const { kind, spec } of plan.resources) if (kind === "Workflow") await prepareCheck(spec);
  return [
    ...plan.resources.flatMap(checkDeclared),
    ...undeclaredPools(plan, store),
    ...(await Promise.all(found)).flat(),
  ];
}

/** Warnings: such a pool limits nothing. */
function undeclaredPools({ resources }: Plan, store: Pick<Snapshot, "get">): readonly Diagnostic[] {
  return resources.flatMap((draft) => {
    if (draft.kind !== "Workflow") return [];
    const { namespace = "default" } = draft.metadata;
    const isDeclared = (name: string): boolean =>
      resources.some(({ kind, metadata }) => kind === "Pool" && metadata.name === name) ||
      store.get({ kind: "Pool", namespace, name }) !== undefined;
    return [...poolsOf(draft.spec as Scope)]
      .filter((name) => !isDeclared(name))
      .map((name): Diagnostic => ({
        severity: "warning",
        code: "UndeclaredPool",
        address: addressOf(draft),
        message: `Its steps share pool/${name}, which is declared nowhere and limits nothing.`,
        hint: `Declare a Pool '${name}' with slots or a rate.`,
      }));
  });
}

function locationOf({ spec }: Draft): string {
  return String((spec as { readonly location?: unknown } | undefined)?.location ?? "");
}

async function obstaclesOf(draft: Draft, folder: string, classes: Classes): Promise<readonly Diagnostic[]> {
  const spec = (draft.spec ?? {}) as Readonly<Record<string, unknown>>;
  const { kind, metadata } = draft;
  const prospect = { namespace: metadata.namespace ?? "default", name: metadata.name, spec, folder };
  try {
    const obstacles = (await providerOf(kind, spec, classes)?.obstacles?.(prospect)) ?? [];
    return obstacles.map((obstacle) => ({ severity: "error", address: addressOf(draft), ...obstacle }));
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return [{ severity: "error", address: addressOf(draft), ...error.diagnostic }];
  }
}

/** Undefined for what nobody provides. Refuses with TerminalError a class or location that is not there. */
export function providerOf(
  kind: string,
  spec: Readonly<Record<string, unknown>>,
  classes: Classes,
): Asked | undefined {
  const { class: name, location } = spec;
  if (typeof name !== "string" || typeof location !== "string") return undefined;
  // What is still to be computed is judged when it is known.
  if (name.includes("${") || location.includes("${")) return undefined;
  const placement = { ...spec, class: name, location };
  if (kind === "Service") return classes.instance(placement);
  return classes.kinds.has(kind) ? classes.provider(kind, placement) : undefined;
}

export function folderOf(plan: Plan): string {
  const system = plan.resources.find(({ kind }) => kind === "System");
  const { folder } = (system?.spec ?? {}) as { readonly folder?: string };
  return folder === undefined || folder === "" ? "/" : folder;
}
