/**
 * What is owned goes with its last owner, as in Kubernetes: when a resource is deleted, those whose ownerReferences name
 * no living owner any more are deleted too. Foreground deletion (finalizer `foregroundDeletion`) waits for them.
 */
import type { Controller, ReconcileContext } from "../../controller/reconciler.ts";
import type { OwnedView } from "../../controller/view.ts";
import { kinds } from "../../kinds/registry.ts";
import { type Resource, keyOf } from "../../model/resource.ts";
import type { Operation, Store } from "../../store/store.ts";

const FOREGROUND = "foregroundDeletion";

export interface GarbageOptions {
  readonly store: Store;
  readonly owned: OwnedView;
}

export function garbageController({ store, owned }: GarbageOptions): Controller {
  return {
    name: "garbage",
    *concerns({ type, key, resource }) {
      if (type === "DELETED") {
        yield* owned.of(resource.metadata.uid);
        for (const owner of resource.metadata.ownerReferences ?? [])
          yield { kind: owner.kind, namespace: key.namespace, name: owner.name };
      } else if (type === "ADDED") {
        // Its owner may have gone while it was being written.
        if (isOrphan(resource, store)) yield key;
      } else if (
        resource.metadata.finalizers?.includes(FOREGROUND) === true &&
        resource.metadata.deletionTimestamp !== undefined
      )
        yield key;
    },
    initial: () =>
      kinds.flatMap((kind) =>
        store
          .list({ kind: kind.kind })
          .items.filter((resource) => resource.metadata.ownerReferences !== undefined)
          .map(keyOf),
      ),
    reconcile: async (key, context) => {
      const resource = store.get(key);
      if (resource === undefined) return;
      if (resource.metadata.deletionTimestamp !== undefined)
        await foreground(resource, { store, owned }, context);
      else if (isOrphan(resource, store))
        await store.commit(
          [{ type: "delete", key, uid: resource.metadata.uid }],
          context.cause("its owner is gone"),
        );
    },
  };
}

function isOrphan(resource: Resource, store: Store): boolean {
  const owners = resource.metadata.ownerReferences ?? [];
  return (
    owners.length > 0 && owners.every((owner) => ownerOf(owner, resource, store)?.metadata.uid !== owner.uid)
  );
}

function ownerOf(
  owner: { readonly kind: string; readonly name: string },
  resource: Resource,
  store: Store,
): Resource | undefined {
  return (
    store.get({ kind: owner.kind, namespace: resource.metadata.namespace ?? "", name: owner.name }) ??
    store.get({ kind: owner.kind, namespace: "", name: owner.name })
  );
}

async function foreground(
  resource: Resource,
  { store, owned }: GarbageOptions,
  context: ReconcileContext,
): Promise<void> {
  if (resource.metadata.finalizers?.includes(FOREGROUND) !== true) return;
  const dependants = [...owned.of(resource.metadata.uid)];
  const operations: Operation[] = dependants
    .filter((key) => store.get(key)?.metadata.deletionTimestamp === undefined)
    .map((key) => ({ type: "delete", key }));
  if (dependants.length === 0) {
    const finalizers = resource.metadata.finalizers.filter((finalizer) => finalizer !== FOREGROUND);
    operations.push({
      type: "update",
      resource: { ...resource, metadata: { ...resource.metadata, finalizers } },
    });
  }
  if (operations.length > 0) await store.commit(operations, context.cause("foreground deletion"));
}
