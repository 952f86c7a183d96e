/** Where a workflow was declared: files that its steps name are relative to that. */
import { isAbsolute, resolve } from "node:path";
import { LABELS } from "../../model/resource.ts";
import type { Store } from "../../store/store.ts";
import { type Attempt, TaskError } from "../engine/step-type.ts";
import { namespaceOf } from "./attempt.ts";

/** Undefined when the workflow belongs to no System, or that to no folder. */
export function workflowFolder(
  attempt: Pick<Attempt, "run" | "workflow">,
  store: Pick<Store, "get">,
): string | undefined {
  const namespace = namespaceOf(attempt);
  const workflow = store.get({ kind: "Workflow", namespace, name: attempt.workflow });
  const name = workflow?.metadata.labels?.[LABELS.system];
  const system = name === undefined ? undefined : store.get({ kind: "System", namespace, name });
  return (system?.spec as { readonly folder?: string } | undefined)?.folder || undefined;
}

/** The absolute path of what a step names. Refuses with NoFolder, which is Terminal. */
export function pathIn(
  path: string,
  attempt: Pick<Attempt, "run" | "workflow">,
  store: Pick<Store, "get">,
): string {
  if (isAbsolute(path)) return path;
  const folder = workflowFolder(attempt, store);
  if (folder !== undefined) return resolve(folder, path);
  throw new TaskError(
    "NoFolder",
    `'${path}' is relative to the folder in which the workflow '${attempt.workflow}' is declared, and it was not applied from a folder. Apply it from one, or write an absolute path.`,
    { terminal: true },
  );
}
