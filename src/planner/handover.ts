/**
 * Renaming as operations of one commit: the resource under its new name takes the uid of the former one, with its status,
 * finalizers and owners, and the former one goes without its controllers having anything to let go of. So nothing outside
 * notices: things are found by the identity by which they were made (`tutti.dev/identity`), what is owned keeps its owner, and
 * the instances of a service are handed over as they run.
 */
import { edgesOf } from "../kinds/edges.ts";
import { kindNamed, kinds } from "../kinds/registry.ts";
import { bodySchema, schemaAt } from "../kinds/schema.ts";
import { type Draft, LABELS, REQUESTS, type Resource, addressOf, keyOf } from "../model/resource.ts";
import type { Path } from "../model/walk.ts";
import type { Operation, Snapshot } from "../store/store.ts";

/** `target`: under the new name, as it is to be. `isChanged`: other than in its name. */
export function handedOver(live: Resource, target: Draft, isChanged: boolean): readonly Operation[] {
  const { uid, resourceVersion } = live.metadata;
  const { finalizers: _finalizers, ...metadata } = live.metadata;
  const former: readonly Operation[] = [
    { type: "update", resource: { ...live, metadata } as Draft, expectedVersion: resourceVersion },
    { type: "delete", key: keyOf(live), uid },
  ];
  const resource = { ...withIdentity(live, target), ...statusFor(live, isChanged) };
  return [...former, { type: "create", resource, uid }];
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

/** One that has another name now. */
export interface Renaming {
  readonly live: Resource;
  readonly name: string;
}

/**
 * What comes with what is renamed: what it owns, the copies of a service, and what names it in a field that cannot be changed
 * and was declared by nobody (its backups). One operation each, however many of the renamings concern it.
 */
export function inheritances(
  renamings: readonly Renaming[],
  snapshot: Snapshot,
  namespace: string,
): readonly Operation[] {
  if (renamings.length === 0) return [];
  const names: Names = {
    byUid: new Map(renamings.map(({ live, name }) => [live.metadata.uid, name])),
    byAddress: new Map(renamings.map(({ live, name }) => [addressOf(live), name])),
  };
  const renamed = new Set(names.byUid.keys());
  return kinds
    .filter((kind) => kind.namespaced)
    .flatMap(({ kind }) => snapshot.list({ kind, namespace }).items)
    .flatMap((resource): readonly Operation[] => {
      if (renamed.has(resource.metadata.uid)) return [];
      const heir = inherited(resource, names);
      const expectedVersion = resource.metadata.resourceVersion;
      return heir === undefined ? [] : [{ type: "update", resource: heir, expectedVersion }];
    });
}

interface Names {
  readonly byUid: ReadonlyMap<string, string>;
  readonly byAddress: ReadonlyMap<string, string>;
}

/** Undefined when it has nothing to do with them. */
function inherited(resource: Resource, { byUid, byAddress }: Names): Draft | undefined {
  const { ownerReferences = [], labels } = resource.metadata;
  const isOwned = ownerReferences.some(({ uid }) => byUid.has(uid));
  const isDeclared = labels?.[LABELS.system] !== undefined && ownerReferences.length === 0;
  const named = isDeclared || resource.kind === "Instance" ? [] : fixedNames(resource, byAddress);
  if (!isOwned && named.length === 0) return undefined;
  const owners = ownerReferences.map((owner) => ({ ...owner, name: byUid.get(owner.uid) ?? owner.name }));
  const metadata = { ...resource.metadata, ...(isOwned ? { ownerReferences: owners } : {}) };
  const renamed = named.reduce<unknown>((value, [path, name]) => withValue(value, path, name), resource);
  const heir = { ...(renamed as Draft), metadata } as Draft;
  const service = owners.find(({ kind }) => kind === "Service")?.name;
  return resource.kind === "Instance" && service !== undefined ? copyOf(heir, service) : heir;
}

function fixedNames(
  resource: Resource,
  byAddress: ReadonlyMap<string, string>,
): readonly (readonly [Path, string])[] {
  const kind = kindNamed(resource.kind);
  if (kind === undefined) return [];
  return edgesOf(resource as Draft).edges.flatMap(({ to, path, reference }) => {
    const name = byAddress.get(to);
    const isFixed = reference === undefined && schemaAt(bodySchema(kind), path)?.immutable === true;
    return name === undefined || !isFixed ? [] : [[path, name] as const];
  });
}

function withValue(value: unknown, [step, ...rest]: Path, leaf: unknown): unknown {
  if (step === undefined) return leaf;
  const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
  const members = copy as Record<string | number, unknown>;
  members[step] = withValue(members[step], rest, leaf);
  return copy;
}

function copyOf(instance: Draft, service: string): Draft {
  const { metadata, spec } = instance;
  return {
    ...instance,
    metadata: { ...metadata, labels: { ...metadata.labels, [LABELS.service]: service } },
    spec: { ...(spec as object), service },
  };
}
