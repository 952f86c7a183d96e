/**
 * Renaming as operations of one commit: the resource under its new name takes the uid of the former one, with its status,
 * finalizers and owners, and the former one goes without its controllers having anything to let go of. So nothing outside
 * notices: things are found by the identity by which they were made (`tutti.dev/identity`), what is owned keeps its owner, and
 * the instances of a service are handed over as they run.
 */
import { kinds } from "../kinds/registry.ts";
import { type Draft, LABELS, REQUESTS, type Resource, keyOf } from "../model/resource.ts";
import type { Operation, Snapshot } from "../store/store.ts";

/** `target`: under the new name, as it is to be. `isChanged`: other than in its name. */
export function handedOver(
  live: Resource,
  target: Draft,
  isChanged: boolean,
  owned: Owned,
): readonly Operation[] {
  const { uid, resourceVersion } = live.metadata;
  const { finalizers: _finalizers, ...metadata } = live.metadata;
  const former: readonly Operation[] = [
    { type: "update", resource: { ...live, metadata } as Draft, expectedVersion: resourceVersion },
    { type: "delete", key: keyOf(live), uid },
  ];
  const resource = { ...withIdentity(live, target), ...statusFor(live, isChanged) };
  return [...former, { type: "create", resource, uid }, ...inherited(live, target, owned)];
}

/** By which it was made; kept over any number of renamings. */
function withIdentity({ metadata }: Resource, target: Draft): Draft {
  const identity =
    metadata.annotations?.[REQUESTS.identity] ?? JSON.stringify({ name: metadata.name, uid: metadata.uid });
  const annotations = { ...target.metadata.annotations, [REQUESTS.identity]: identity };
  return { ...target, metadata: { ...target.metadata, annotations } };
}

interface Observed {
  readonly observedGeneration?: number;
  readonly conditions?: readonly { readonly observedGeneration?: number }[];
}

/** The generation begins anew: what has been observed of the former one counts only when nothing else changes. */
function statusFor({ status }: Resource, isChanged: boolean): { readonly status?: unknown } {
  if (status === undefined) return {};
  const observedGeneration = isChanged ? 0 : 1;
  const { conditions, ...rest } = status as Observed;
  const renumbered = conditions?.map((condition) =>
    condition.observedGeneration === undefined ? condition : { ...condition, observedGeneration },
  );
  return {
    status: {
      ...rest,
      ...(rest.observedGeneration === undefined ? {} : { observedGeneration }),
      ...(renumbered === undefined ? {} : { conditions: renumbered }),
    },
  };
}

/** By uid, what names a resource as its owner. */
export type Owned = (uid: string) => readonly Resource[];

/** Looks through everything once, when it is first asked. */
export function ownedIn(snapshot: Snapshot, namespace: string): Owned {
  let byOwner: Map<string, Resource[]> | undefined;
  return (uid) => {
    byOwner ??= ownersIn(snapshot, namespace);
    return byOwner.get(uid) ?? [];
  };
}

function ownersIn(snapshot: Snapshot, namespace: string): Map<string, Resource[]> {
  const byOwner = new Map<string, Resource[]>();
  for (const { kind, namespaced } of kinds) {
    if (!namespaced) continue;
    for (const resource of snapshot.list({ kind, namespace }).items) {
      for (const { uid } of resource.metadata.ownerReferences ?? []) {
        const list = byOwner.get(uid);
        if (list === undefined) byOwner.set(uid, [resource]);
        else list.push(resource);
      }
    }
  }
  return byOwner;
}

/** What is owned, and what is a copy of it. */
function inherited({ metadata: { uid } }: Resource, target: Draft, owned: Owned): readonly Operation[] {
  const name = target.metadata.name;
  return owned(uid).map((resource): Operation => {
    const owners = resource.metadata.ownerReferences ?? [];
    const ownerReferences = owners.map((owner) => (owner.uid === uid ? { ...owner, name } : owner));
    const moved = { ...resource, metadata: { ...resource.metadata, ownerReferences } } as Draft;
    return {
      type: "update",
      resource: resource.kind === "Instance" ? copyOf(moved, name) : moved,
      expectedVersion: resource.metadata.resourceVersion,
    };
  });
}

function copyOf(instance: Draft, service: string): Draft {
  const { metadata, spec } = instance;
  return {
    ...instance,
    metadata: { ...metadata, labels: { ...metadata.labels, [LABELS.service]: service } },
    spec: { ...(spec as object), service },
  };
}
