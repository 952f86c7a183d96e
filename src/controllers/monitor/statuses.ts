/** Whether what is declared is in force, as its condition Ready. */
import { withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, type Resource, keyOf } from "../../model/resource.ts";
import type { Operation } from "../../store/store.ts";
import type { Problem } from "./monitors.ts";

const IN_FORCE: Problem = { reason: "InForce", message: "It is in force." };

/** No operation when it says so already. `well`: what is said when there is no problem. */
export function readiness(
  resource: Resource,
  problem: Problem | undefined,
  now: number,
  more: Readonly<Record<string, unknown>>,
  well = IN_FORCE,
): readonly Operation[] {
  const before = (resource.status ?? {}) as { readonly conditions?: readonly Condition[] };
  const status = {
    ...before,
    ...more,
    observedGeneration: resource.metadata.generation,
    conditions: withCondition(
      before.conditions,
      {
        type: "Ready",
        status: problem === undefined ? "True" : "False",
        reason: (problem ?? well).reason,
        message: (problem ?? well).message,
        observedGeneration: resource.metadata.generation,
      },
      now,
    ),
  };
  if (equal(status, resource.status)) return [];
  return [
    {
      type: "status",
      key: keyOf(resource),
      status,
      expectedVersion: resource.metadata.resourceVersion,
    },
  ];
}
