/**
 * Names that things were made under and whose resources are called otherwise by now: a thing is found by such a name, in a
 * folder or a database of it, so nothing else may be made under it as long as it is there.
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { madeName } from "../model/made-name.ts";
import { type Resource, addressOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import type { Step } from "./plan.ts";
import { hasThing } from "./requests.ts";

export function checkFormerNames(steps: readonly Step[], live: Snapshot): readonly Diagnostic[] {
  const taken = new Map<string, ReadonlyMap<string, Resource>>();
  return steps.flatMap(({ action, kind, namespace, name, address }): readonly Diagnostic[] => {
    // Instances are found by their own identity, so a service's name can be had again at once.
    if ((action !== "create" && action !== "adopt") || kind === "Service" || !hasThing(kind)) return [];
    const names = taken.get(kind) ?? formerNames(live, kind, namespace);
    taken.set(kind, names);
    const holder = names.get(name);
    if (holder === undefined) return [];
    const message = `The thing of ${addressOf(holder)} was made under this name and still bears it.`;
    const hint = `Choose another name, or delete ${addressOf(holder)} first.`;
    return [{ severity: "error", code: "NameInUse", address, message, hint }];
  });
}

function formerNames(live: Snapshot, kind: string, namespace: string): ReadonlyMap<string, Resource> {
  return new Map(
    live.list({ kind, namespace }).items.flatMap((resource) => {
      const name = madeName(resource.metadata);
      return name === resource.metadata.name ? [] : [[name, resource]];
    }),
  );
}
