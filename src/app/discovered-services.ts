/**
 * The references of Services that were discovered: an engine's networks and volumes become the resources that they are, or
 * would be by the same discovery. What is neither is left out, and said.
 */
import type { Discovered } from "../provider/discovery.ts";
import type { Store } from "../store/store.ts";

interface Users {
  readonly networks?: readonly string[];
  readonly volumes?: readonly { readonly volume: string; readonly path: string }[];
}

export function withReferences(
  items: readonly Discovered[],
  namespace: string,
  store: Pick<Store, "list">,
): readonly Discovered[] {
  const named = (kind: string, id: string): string | undefined =>
    adopter(kind, id, namespace, store) ??
    items.find((item) => item.kind === kind && item.id === id && item.ownedBy === undefined)?.declaration
      .metadata.name;
  return items.map((item) => (item.kind === "Service" ? connected(item, named) : item));
}

function connected(item: Discovered, named: (kind: string, id: string) => string | undefined): Discovered {
  const { networks = [], volumes = [], ...spec } = item.declaration.spec as Users;
  const remarks: string[] = [];
  const found = (kind: string, id: string): readonly string[] => {
    const name = named(kind, id);
    if (name !== undefined) return [name];
    remarks.push(`Its ${kind.toLowerCase()} ${id} is left out: adopt it as well, then name it there.`);
    return [];
  };
  const references = {
    networks: networks.flatMap((id) => found("Network", id)),
    volumes: volumes.flatMap(({ volume: id, path }) =>
      found("Volume", id).map((volume) => ({ volume, path })),
    ),
  };
  return {
    ...item,
    remarks: [...(item.remarks ?? []), ...remarks],
    declaration: { ...item.declaration, spec: { ...spec, ...references } },
  };
}

function adopter(
  kind: string,
  id: string,
  namespace: string,
  store: Pick<Store, "list">,
): string | undefined {
  return store
    .list({ kind, namespace })
    .items.find(({ status }) => (status as { readonly adopted?: unknown } | undefined)?.adopted === id)
    ?.metadata.name;
}
