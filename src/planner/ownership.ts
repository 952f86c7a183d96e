/** Which System a live resource belongs to, and what a System has declared so far. */
import { kinds } from "../kinds/registry.ts";
import { type Draft, LABELS, type Resource } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";

/** On kinds that belong to no namespace: the namespace of the System, whose name alone would not tell. */
export const SYSTEM_NAMESPACE = "tutti.dev/system-namespace";

/** Held by a System until all that it is made of is gone, and its controller has recorded that. */
export const SYSTEM_FINALIZER = "tutti.dev/system";

export function belongsTo(resource: Draft, system: string, namespace: string): boolean {
  if (resource.metadata.labels?.[LABELS.system] !== system) return false;
  const home = resource.metadata.namespace ?? resource.metadata.annotations?.[SYSTEM_NAMESPACE];
  return home === namespace;
}

export function isTerminating(resource: Resource): boolean {
  return resource.metadata.deletionTimestamp !== undefined;
}

/**
 * What a System holds now, without itself and without what is on its way out. What a controller made for a declared
 * resource carries an owner and goes with it, so it is not listed even when it bears the label.
 */
export function heldBy(live: Snapshot, system: string, namespace: string): readonly Resource[] {
  return kinds.flatMap((kind) => {
    // What people declare, but the System itself.
    if (!kind.declarable || kind.kind === "System") return [];
    const query = { kind: kind.kind, labels: { [LABELS.system]: system } };
    return live
      .list(kind.namespaced ? { ...query, namespace } : query)
      .items.filter(
        (resource) =>
          belongsTo(resource, system, namespace) &&
          !isTerminating(resource) &&
          (resource.metadata.ownerReferences ?? []).length === 0,
      );
  });
}

export function liveSystem(live: Snapshot, system: string, namespace: string): Resource | undefined {
  return live.get({ kind: "System", namespace, name: system });
}
