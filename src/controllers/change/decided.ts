/** What people decided on a plan, as their Approval says. */
import type { ChangeResource } from "../../planner/change.ts";
import type { Snapshot } from "../../store/store.ts";
import type { Facts } from "./machine.ts";

export interface Decided {
  readonly state: Facts["approval"];
  /** One sentence. */
  readonly message: string;
}

/** `hash`: of the plan that is to be carried out. What was decided on another says nothing of it. */
export function decisionOn(
  name: string | undefined,
  { metadata }: ChangeResource,
  hash: string,
  store: Pick<Snapshot, "get">,
): Decided {
  if (name === undefined) return { state: "none", message: "" };
  const approval = store.get({ kind: "Approval", namespace: metadata.namespace ?? "", name });
  if (approval === undefined) return { state: "Gone", message: "Its Approval was deleted." };
  const status = (approval.status ?? {}) as {
    readonly state?: Facts["approval"];
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
  };
  const { subject } = approval.spec as { readonly subject?: { readonly plan?: unknown } };
  if (subject?.plan !== hash)
    return { state: "Void", message: "Its Approval asks for something else by now." };
  const message = status.conditions?.find(({ type }) => type === "Ready")?.message ?? "";
  return { state: status.state ?? "Pending", message };
}
