/** Where the module of a Workflow's handlers is. */
import { isAbsolute, resolve } from "node:path";
import { LABELS, type Resource } from "../model/resource.ts";
import type { Store } from "../store/store.ts";

/** Absolute; relative ones are of the folder of the declaration. Undefined when it has none, or that folder is not known. */
export function handlersModule({ metadata, spec }: Resource, store: Store): string | undefined {
  const { handlers } = spec as { readonly handlers?: string };
  if (handlers === undefined || isAbsolute(handlers)) return handlers;
  const name = metadata.labels?.[LABELS.system] ?? "";
  const system = store.get({ kind: "System", namespace: metadata.namespace ?? "default", name });
  const { folder } = (system?.spec ?? {}) as { readonly folder?: string };
  return folder === undefined ? undefined : resolve(folder, handlers);
}
