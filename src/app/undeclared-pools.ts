/** Pools that steps of workflows share and that are declared nowhere. Warnings: such a pool limits nothing. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { addressOf } from "../model/resource.ts";
import type { Plan } from "../planner/plan.ts";
import type { Snapshot } from "../store/store.ts";
import { poolsOf } from "../workflow/definition/pools.ts";
import type { Scope } from "../workflow/definition/workflow.ts";

export function undeclaredPools({ resources }: Plan, store: Pick<Snapshot, "get">): readonly Diagnostic[] {
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
