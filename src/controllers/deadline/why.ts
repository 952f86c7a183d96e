/** What a step of a late run waits for, as it is at present: the condition of a resource, another run. */
import { type Run, type RunStatus } from "../../controller/runs.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { findKind, kindOfRoot } from "../../kinds/registry.ts";
import { conditionOf } from "../../model/condition.ts";
import type { Snapshot } from "../../store/store.ts";
import { parseConditionText } from "../../workflow/definition/target.ts";
import type { Step } from "../../workflow/definition/workflow.ts";

/** Undefined where nothing more is known than what the step says. */
export function awaitedBy(step: Step, { metadata }: Run, store: Pick<Snapshot, "get">): string | undefined {
  const namespace = metadata.namespace ?? "default";
  if (step.type === "wait" && step.condition !== undefined)
    return conditionText(step.condition, namespace, store);
  if (step.type !== "workflow") return undefined;
  const child = childOf(metadata.name, step.workflow, namespace, store);
  return child === undefined
    ? undefined
    : `run/${child.name} of workflow/${step.workflow}, which is at ${child.at}.`;
}

function conditionText(text: string, namespace: string, store: Pick<Snapshot, "get">): string | undefined {
  try {
    const { kind: word, name, condition } = parseConditionText(text);
    const kind = findKind(word) ?? kindOfRoot(word);
    if (kind === undefined) return undefined;
    const resource = store.get({ kind: kind.kind, namespace: kind.namespaced ? namespace : "", name });
    if (resource === undefined) return `${text}; ${word}/${name} does not exist.`;
    const found = conditionOf(resource, condition);
    return found === undefined
      ? `${text}; nothing is known of that yet.`
      : `${text}; it is ${found.status} (${found.reason}): ${found.message}`;
  } catch (error) {
    if (error instanceof DiagnosticError) return undefined;
    throw error;
  }
}

function childOf(
  parent: string,
  workflow: string,
  namespace: string,
  store: Pick<Snapshot, "get"> & Partial<Pick<Snapshot, "list">>,
): { readonly name: string; readonly at: string } | undefined {
  const runs = (store.list?.({ kind: "Run", namespace }).items ?? []) as readonly Run[];
  const child = runs.find(
    ({ metadata, spec, status }) =>
      spec.workflow === workflow &&
      status?.endedAt === undefined &&
      metadata.ownerReferences?.some(({ kind, name }) => kind === "Run" && name === parent) === true,
  );
  if (child === undefined) return undefined;
  const { now: at, phase = "Queued" } = (child.status ?? {}) as RunStatus;
  return { name: child.metadata.name, at: at?.[0] === undefined ? phase : `step '${at[0]}'` };
}
