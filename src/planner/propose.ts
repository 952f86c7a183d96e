/** The way from what came in to a plan, for whoever offers plans to people and programs. */
import { type Diagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import type { Draft } from "../model/resource.ts";
import { didYouMean } from "../diagnostics/suggestion.ts";
import { type AdmitInput, admit, admitRevision } from "./admit.ts";
import { heldBy, liveSystem } from "./ownership.ts";
import { planSystem } from "./plan-system.ts";
import type { Drifted, Plan } from "./plan.ts";
import { revisionToRestore } from "./revisions.ts";

export interface ProposeInput extends AdmitInput {
  readonly action: Plan["action"];
  /** What was admitted before (`Proposal.declared`), instead of `resources`. */
  readonly admitted?: readonly Draft[];
  /** For `rollback`; the revision before the latest when absent. */
  readonly toRevision?: number;
  /** For `undo`: name of the Change that is taken back. */
  readonly undoes?: string;
  /** Addresses: only these, with all that they need. The rest stays as the last Revision has it. */
  readonly targets?: readonly string[];
  /** Addresses: all but these, and what needs them. */
  readonly excludes?: readonly string[];
  /** Addresses of what is made anew although nothing asks for it. */
  readonly replaces?: readonly string[];
  /** Addresses of resources that go while their things stay. */
  readonly forget?: readonly string[];
  /** By address, the id of the existing thing that is taken instead of making one. */
  readonly adopts?: Readonly<Record<string, string>>;
  /** What providers say of a class; nothing is known of any when absent. */
  readonly capabilities?: (draft: Draft) => Capabilities;
  /** By address, how things were found other than they were made. */
  readonly drift?: ReadonlyMap<string, readonly Drifted[]>;
}

/** Facts about the class of a resource that a plan depends on. */
export interface Capabilities {
  /** A second one can be made while the first is there. */
  readonly canCreateBeforeDestroy: boolean;
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
  const { action, system, namespace, live } = input;
  if (action === "down")
    return isThere(input)
      ? { plan: planSystem({ system, namespace, action, live, resources: [] }), diagnostics: [] }
      : { diagnostics: [unknownSystem(input)] };
  if (action === "rollback") return rollback(input);
  const admitted = input.admitted === undefined ? admit(input) : admitRevision(input.admitted, input);
  if (hasErrors(admitted.diagnostics)) return { diagnostics: admitted.diagnostics };
  const plan = planSystem({
    system,
    namespace,
    action,
    live,
    resources: admitted.resources,
    warnings: admitted.diagnostics,
  });
  return { plan, declared: admitted.resources, diagnostics: admitted.diagnostics };
}

function rollback(input: ProposeInput): Proposal {
  const { action, system, namespace, live } = input;
  if (!isThere(input)) return { diagnostics: [unknownSystem(input)] };
  const revision = revisionToRestore(live, system, namespace, input.toRevision);
  if ("severity" in revision) return { diagnostics: [revision] };
  const admitted = admitRevision(revision.resources, input);
  if (hasErrors(admitted.diagnostics)) return { diagnostics: admitted.diagnostics };
  const plan = planSystem({
    system,
    namespace,
    action,
    live,
    resources: admitted.resources,
    toRevision: revision.number,
    warnings: admitted.diagnostics,
  });
  return { plan, diagnostics: admitted.diagnostics };
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
