/** What is live under the names that a declaration uses: whether this System may write there. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { DEFINITION } from "../kinds/declared-kinds.ts";
import { equal } from "../model/equality.ts";
import { type Draft, LABELS, type Resource, addressOf, keyOf } from "../model/resource.ts";
import { belongsTo, isTerminating } from "./ownership.ts";
import type { ReferenceContext } from "./references.ts";

/** What already exists under the declared names. */
export function checkLive(
  resources: readonly Draft[],
  { live, system, namespace }: ReferenceContext,
): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const home = live.get({ kind: "Namespace", namespace: "", name: namespace });
  if (home !== undefined && isTerminating(home)) {
    diagnostics.push({
      severity: "error",
      code: "BeingDeleted",
      address: addressOf(home),
      message: "The namespace is being deleted.",
      hint: "Wait until it is gone.",
    });
  }
  for (const draft of resources) {
    const existing = live.get({
      ...keyOf(draft),
      namespace: draft.metadata.namespace === undefined ? "" : namespace,
    });
    const found = existing === undefined ? undefined : obstacle(draft, existing, system, namespace);
    if (found !== undefined) diagnostics.push({ severity: "error", address: addressOf(draft), ...found });
  }
  return diagnostics;
}

type Found = Pick<Diagnostic, "code" | "path" | "message" | "hint">;

function obstacle(draft: Draft, existing: Resource, system: string, namespace: string): Found | undefined {
  if (isTerminating(existing)) {
    return {
      code: "BeingDeleted",
      message: "It is still being deleted.",
      hint: "Wait until it is gone, then apply again.",
    };
  }
  // Whose a kind is, and whether it is declared alike: own-kinds.ts.
  if (draft.kind === "System" || draft.kind === DEFINITION) return undefined;
  if (!belongsTo(existing as Draft, system, namespace)) {
    const owner = existing.metadata.labels?.[LABELS.system];
    const whose = owner === undefined ? "belongs to no system" : `belongs to the system '${owner}'`;
    const hint = "Choose another name, or delete the existing one first.";
    return { code: "AlreadyExists", path: "metadata.name", message: `It exists already and ${whose}.`, hint };
  }
  if (!isFrozenChange(draft, existing as Draft)) return undefined;
  const hint = "Declare the new data under another name.";
  return { code: "Immutable", message: "It is marked as immutable, and its data would change.", hint };
}

/** A ConfigMap or Secret that was declared immutable keeps its data, as in Kubernetes. */
function isFrozenChange(draft: Draft, existing: Draft): boolean {
  const after = draft as unknown as Readonly<Record<string, object | undefined>>;
  const before = existing as unknown as Readonly<Record<string, unknown>>;
  if (before["immutable"] !== true) return false;
  const kept = Object.keys(after["generate"] ?? {});
  const data = { ...pick((before["data"] ?? {}) as object, kept), ...after["data"] };
  return (
    !equal(data, before["data"] ?? {}) ||
    !equal(after["binaryData"], before["binaryData"]) ||
    (after["immutable"] as unknown) !== true
  );
}

function pick(from: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));
}
