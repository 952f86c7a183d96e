/** The way from what came in to a plan, for whoever offers plans to people and programs. */
import { type Diagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { canonicalJson } from "../model/equality.ts";
import { kindsIn } from "../kinds/declared-kinds.ts";
import { withKinds } from "../kinds/registry.ts";
import { type Draft, LABELS } from "../model/resource.ts";
import { type AdmitInput, type Admitted, admit, admitRevision } from "./admit.ts";
import { heldBy, liveSystem } from "./ownership.ts";
import { usedElsewhere } from "./outputs.ts";
import { kindsInUse } from "./own-kinds.ts";
import { type PlanInput, planSystem } from "./plan-system.ts";
import type { Drifted, Plan } from "./plan.ts";
import { type Capabilities, type Requested, spelled } from "./requests.ts";
import { LastAnswer, rememberedOf } from "./remembered.ts";
import { revisionToRestore } from "./revisions.ts";
import { expandSets } from "./sets.ts";
import { undoOf } from "./undo.ts";

export interface ProposeInput extends AdmitInput, Requested {
  readonly action: Plan["action"];
  /** What was admitted before (`Proposal.declared`), instead of `resources`. */
  readonly admitted?: readonly Draft[];
  /** For `rollback`; the revision before the latest when absent. */
  readonly toRevision?: number;
  /** For `undo`: name of the Change that is taken back. */
  readonly undoes?: string;
  /** What providers say of a class; nothing is known of any when absent. */
  readonly capabilities?: (draft: Draft) => Capabilities;
  /** By address, how things were found other than they were made. */
  readonly drift?: ReadonlyMap<string, readonly Drifted[]>;
}

export interface Proposal {
  /** Absent when a diagnostic is an error. */
  readonly plan?: Plan;
  /** What was declared, as admitted, secrets sealed, before sets and places were expanded: to propose it again. */
  readonly declared?: readonly Draft[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Admits what is declared (for `rollback`: what the revision held) and plans it. Never throws on bad input. The same
 * input against the same base gives a plan of the same hash: to carry a plan out, propose again, compare the hash with
 * the one that was agreed to, and commit `operationsOf(plan)`.
 */
export function propose(input: ProposeInput): Proposal {
  const { action } = input;
  if (action === "down") return down(input);
  if (action === "rollback") return rollback(input);
  if (action === "undo") return undo(input);
  return withKinds(kindsIn(input.admitted ?? input.resources), () => apply(input));
}

function apply(input: ProposeInput): Proposal {
  const admitted = input.admitted === undefined ? admit(input) : admitRevision(input.admitted, input);
  if (hasErrors(admitted.diagnostics)) return { diagnostics: admitted.diagnostics };
  const { system, namespace, live, capabilities, drift, pins } = input;
  const plan = (): Proposal => expanded(admitted, input);
  // What was found outside is looked at each time.
  if ((drift?.size ?? 0) > 0 || (pins?.size ?? 0) > 0) return plan();
  const last = rememberedOf(live, `${namespace}/${system} proposed`, () => new LastAnswer<Proposal>());
  return last.of(live, [admitted, capabilities, requestText(input)], plan);
}

/** All that is asked beside the declaration; the folder is part of what was admitted. */
function requestText({
  live: _live,
  keyring: _keyring,
  resources: _resources,
  admitted: _admitted,
  folder: _folder,
  ...rest
}: ProposeInput): string {
  const { capabilities: _capabilities, drift: _drift, pins: _pins, ...asked } = rest;
  return canonicalJson(asked);
}

/** What a set goes over may be made anew by the very plan that its members are part of; then they are not known. */
function expanded(admitted: Admitted, input: ProposeInput): Proposal {
  const { system, namespace, live } = input;
  const declared = admitted.resources;
  const hasSets = declared.some(({ kind }) => kind === "ResourceSet");
  const pending = new Set<string>();
  for (;;) {
    const context = { system, namespace, live, pending: (address: string) => pending.has(address) };
    const { resources, unknown, diagnostics } = expandSets(declared, context);
    const found = [...admitted.diagnostics, ...diagnostics];
    if (hasErrors(found)) return { diagnostics: found };
    const proposal = planned({ resources, unknown, diagnostics: found }, input);
    const size = pending.size;
    for (const { action, address } of hasSets ? (proposal.plan?.steps ?? []) : [])
      if (action === "replace" || action === "unknown") pending.add(address);
    if (pending.size === size) return proposal.plan === undefined ? proposal : { ...proposal, declared };
  }
}

type Content = Pick<PlanInput, "resources" | "unknown" | "toRevision" | "undoes" | "moved"> &
  Pick<Proposal, "diagnostics">;

function planned(content: Content, input: ProposeInput): Proposal {
  const { system, namespace, action, live, capabilities, drift } = input;
  const { diagnostics: before, ...what } = content;
  const { plan, diagnostics } = planSystem({
    ...what,
    system,
    namespace,
    action,
    live,
    capabilities,
    drift,
    warnings: before,
    requested: spelled(input),
  });
  return unused(plan, [...before, ...diagnostics], live);
}

/** A plan that takes nothing away that others use. */
function unused(
  plan: Plan | undefined,
  diagnostics: readonly Diagnostic[],
  live: ProposeInput["live"],
): Proposal {
  if (plan === undefined) return { diagnostics };
  const used = [...usedElsewhere(plan, live), ...kindsInUse(plan, live)];
  return used.length > 0 ? { diagnostics: [...diagnostics, ...used] } : { plan, diagnostics };
}

function down(input: ProposeInput): Proposal {
  if (!isThere(input)) return { diagnostics: [unknownSystem(input)] };
  const { system, namespace, action, live } = input;
  const { plan, diagnostics } = planSystem({ system, namespace, action, live, resources: [] });
  return unused(plan, diagnostics, live);
}

function rollback(input: ProposeInput): Proposal {
  const { system, namespace, live } = input;
  if (!isThere(input)) return { diagnostics: [unknownSystem(input)] };
  const revision = revisionToRestore(live, system, namespace, input.toRevision);
  if ("severity" in revision) return { diagnostics: [revision] };
  return restored({ resources: revision.resources, toRevision: revision.number, diagnostics: [] }, input);
}

function undo(input: ProposeInput): Proposal {
  const { system, namespace, live, undoes = "" } = input;
  const change = live.get({ kind: "Change", namespace, name: undoes });
  if ((change?.spec as { readonly system?: string } | undefined)?.system !== system || change === undefined)
    return { diagnostics: [unknownChange(input)] };
  const { resources, moved, forget, diagnostics } = undoOf(change, live);
  if (hasErrors(diagnostics)) return { diagnostics };
  const asked = { ...input, forget: [...forget, ...(input.forget ?? [])] };
  return restored({ resources, moved, undoes, diagnostics }, asked);
}

/** What was admitted and expanded before is taken as it was. */
function restored(content: Content, input: ProposeInput): Proposal {
  return withKinds(kindsIn(content.resources), () => restoredWith(content, input));
}

function restoredWith(content: Content, input: ProposeInput): Proposal {
  const admitted = admitRevision(content.resources, input);
  const diagnostics = [...content.diagnostics, ...admitted.diagnostics];
  if (hasErrors(diagnostics)) return { diagnostics };
  return planned({ ...content, resources: admitted.resources, diagnostics }, input);
}

function isThere({ live, system, namespace }: ProposeInput): boolean {
  return liveSystem(live, system, namespace) !== undefined || heldBy(live, system, namespace).length > 0;
}

function unknownSystem({ live, system, namespace }: ProposeInput): Diagnostic {
  const known = live.list({ kind: "System", namespace }).items.map((resource) => resource.metadata.name);
  const hint =
    didYouMean(system, known) ?? (known.length === 0 ? "Apply it first." : `There is: ${known.join(", ")}.`);
  const message = `There is no system '${system.slice(0, 80)}' in the namespace '${namespace.slice(0, 80)}'.`;
  return {
    severity: "error",
    code: "UnknownSystem",
    address: `system/${system.slice(0, 80)}`,
    message,
    hint,
  };
}

function unknownChange({ live, system, namespace, undoes = "" }: ProposeInput): Diagnostic {
  const known = live
    .list({ kind: "Change", namespace, labels: { [LABELS.system]: system } })
    .items.map((resource) => resource.metadata.name);
  const hint = didYouMean(undoes, known) ?? `tutti changes ${system} lists them.`;
  const message = `The system '${system.slice(0, 80)}' has no change '${undoes.slice(0, 80)}'.`;
  return {
    severity: "error",
    code: "UnknownChange",
    address: `system/${system.slice(0, 80)}`,
    message,
    hint,
  };
}
