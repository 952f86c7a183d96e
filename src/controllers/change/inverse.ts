/** The inverse of a Change: a Change of its own, which says what it takes back. */
import { changeName } from "../../planner/change-name.ts";
import type { AgainContext, ChangeResource } from "../../planner/change.ts";
import { operationsOf } from "../../planner/operations.ts";
import { type Proposal, propose } from "../../planner/propose.ts";
import type { Operation } from "../../store/store.ts";

export function proposeInverse(
  change: ChangeResource,
  { live, keyring, capabilities }: AgainContext,
): Proposal {
  return propose({
    action: "undo",
    undoes: change.metadata.name,
    resources: [],
    system: change.spec.system,
    namespace: change.metadata.namespace ?? "default",
    live,
    keyring,
    ...(capabilities === undefined ? {} : { capabilities }),
  });
}

export interface Inverse {
  readonly operations: readonly Operation[];
  /** Of the Change that they make. */
  readonly name: string;
}

/** What commits it. None when there is nothing left to take back. */
export function inverseOperations(
  { plan }: Proposal,
  context: AgainContext & { readonly actor: string },
): Inverse | undefined {
  if (plan === undefined) return undefined;
  const name = changeName(context.live, plan.system, plan.namespace);
  const operations = operationsOf(plan, { ...context, change: { onFailure: "continue" } });
  return operations.length === 0 ? undefined : { operations, name };
}
