/**
 * The current content of every resource, in memory (S5: reads never touch the disk).
 *
 * It owns one index a kind: by namespace and name, and by label. Nothing is kept per query. Order is by namespace, then
 * by name, in code units, so that pages of a long list fit together.
 *
 * How order stays cheap: a namespace keeps its entries in a sorted array that is only tidied when somebody lists. A new
 * entry waits in `added`, a removed one is marked; tidying sorts what was added and merges it in one pass. Changing a
 * resource that is there moves nothing.
 *
 * How labels stay small: most label values of a large kind belong to one resource or to many; one is held as the entry
 * itself, only two or more as a Set.
 */
import type { Key, Listing, Query, Resource, Snapshot } from "./store.ts";

interface Entry {
  resource: Resource;
  removed: boolean;
}

type Labels = Readonly<Record<string, string>> | undefined;

export class CurrentState implements Snapshot {
  readonly #kinds = new Map<string, KindIndex>();
  #revision = 0;

  /** The revision of the last change applied. */
  get revision(): number {
    return this.#revision;
  }

  get(key: Key): Resource | undefined {
    return this.#kinds.get(key.kind)?.find(key.namespace, key.name)?.resource;
  }

  list(query: Query): Listing {
    const items = this.#kinds.get(query.kind)?.list(query) ?? [];
    return { items: Object.freeze(items), revision: this.#revision };
  }

  /** Moves on to a revision without a change: when a log is opened whose newest changes are compacted away. */
  advance(revision: number): void {
    this.#revision = revision;
  }

  /** Sets the content of a resource as of `revision`; undefined removes it. */
  set(key: Key, resource: Resource | undefined, revision: number): void {
    this.#revision = revision;
    let kind = this.#kinds.get(key.kind);
    if (kind === undefined) this.#kinds.set(key.kind, (kind = new KindIndex()));
    kind.set(key, resource);
  }
}

class KindIndex {
  readonly #namespaces = new Map<string, NamespaceIndex>();
  readonly #labels = new Map<string, Map<string, Entry | Set<Entry>>>();
  #size = 0;

  find(namespace: string, name: string): Entry | undefined {
    return this.#namespaces.get(namespace)?.find(name);
  }

  list(query: Query): Resource[] {
    const wanted = Object.entries(query.labels ?? {});
    if (wanted.length === 0) return this.#ordered(query.namespace, () => true);
    const isWanted = (entry: Entry): boolean => hasLabels(entry.resource.metadata.labels, wanted);
    const candidates = this.#fewest(wanted);
    // Sorting what was found costs more than a pass over everything in order, once it is a good part of everything.
    if (candidates.length * 8 > this.#size) return this.#ordered(query.namespace, isWanted);
    return candidates
      .filter((entry) => isWanted(entry) && isWithin(entry, query.namespace))
      .map((entry) => entry.resource)
      .sort(byNamespaceAndName);
  }

  set(key: Key, resource: Resource | undefined): void {
    const entry = this.find(key.namespace, key.name);
    if (entry === undefined) {
      if (resource !== undefined) this.#add(key, resource);
      return;
    }
    const before = entry.resource.metadata.labels;
    if (resource === undefined) {
      entry.removed = true;
      this.#size -= 1;
      if (this.#namespaces.get(key.namespace)?.remove(key.name) === 0) this.#namespaces.delete(key.namespace);
      this.#relabel(entry, before, undefined);
      return;
    }
    entry.resource = resource;
    this.#relabel(entry, before, resource.metadata.labels);
  }

  #add(key: Key, resource: Resource): void {
    let namespace = this.#namespaces.get(key.namespace);
    if (namespace === undefined) this.#namespaces.set(key.namespace, (namespace = new NamespaceIndex()));
    const entry: Entry = { resource, removed: false };
    namespace.add(key.name, entry);
    this.#size += 1;
    this.#relabel(entry, undefined, resource.metadata.labels);
  }

  #ordered(namespace: string | undefined, accept: (entry: Entry) => boolean): Resource[] {
    const names = namespace === undefined ? [...this.#namespaces.keys()].sort(byCodeUnits) : [namespace];
    const found: Resource[] = [];
    for (const name of names) {
      for (const entry of this.#namespaces.get(name)?.ordered() ?? []) {
        if (accept(entry)) found.push(entry.resource);
      }
    }
    return found;
  }

  /** The entries that have the rarest of the wanted labels. */
  #fewest(wanted: readonly (readonly [string, string])[]): Entry[] {
    let fewest: Entry | Set<Entry> | undefined;
    for (const [label, value] of wanted) {
      const having = this.#labels.get(label)?.get(value);
      if (having === undefined) return [];
      if (fewest === undefined || sizeOf(having) < sizeOf(fewest)) fewest = having;
    }
    if (fewest === undefined) return [];
    return fewest instanceof Set ? [...fewest] : [fewest];
  }

  #relabel(entry: Entry, before: Labels, after: Labels): void {
    if (before === after) return;
    for (const [label, value] of Object.entries(before ?? {})) {
      if (after === undefined || !Object.hasOwn(after, label) || after[label] !== value)
        this.#unindex(label, value, entry);
    }
    for (const [label, value] of Object.entries(after ?? {})) {
      if (before === undefined || !Object.hasOwn(before, label) || before[label] !== value)
        this.#index(label, value, entry);
    }
  }

  #index(label: string, value: string, entry: Entry): void {
    let values = this.#labels.get(label);
    if (values === undefined) this.#labels.set(label, (values = new Map<string, Entry | Set<Entry>>()));
    const having = values.get(value);
    if (having === undefined) values.set(value, entry);
    else if (having instanceof Set) having.add(entry);
    else values.set(value, new Set([having, entry]));
  }

  #unindex(label: string, value: string, entry: Entry): void {
    const values = this.#labels.get(label);
    const having = values?.get(value);
    if (values === undefined || having === undefined) return;
    if (having instanceof Set && having.size > 1) {
      having.delete(entry);
      return;
    }
    values.delete(value);
    if (values.size === 0) this.#labels.delete(label);
  }
}

class NamespaceIndex {
  readonly #names = new Map<string, Entry>();
  #sorted: Entry[] = [];
  #added: Entry[] = [];
  #hasRemoved = false;

  find(name: string): Entry | undefined {
    return this.#names.get(name);
  }

  add(name: string, entry: Entry): void {
    this.#names.set(name, entry);
    this.#added.push(entry);
  }

  /** How many are left. The entry has been marked removed. */
  remove(name: string): number {
    this.#names.delete(name);
    this.#hasRemoved = true;
    // A namespace that nobody lists must not collect the dead for ever.
    if (this.#sorted.length + this.#added.length > 2 * this.#names.size + 64) this.#tidy();
    return this.#names.size;
  }

  /** By name. Valid until the next change. */
  ordered(): readonly Entry[] {
    if (this.#added.length > 0 || this.#hasRemoved) this.#tidy();
    return this.#sorted;
  }

  #tidy(): void {
    const added = this.#added
      .filter((entry) => !entry.removed)
      .sort((a, b) => byCodeUnits(a.resource.metadata.name, b.resource.metadata.name));
    const kept = this.#hasRemoved ? this.#sorted.filter((entry) => !entry.removed) : this.#sorted;
    this.#sorted = merge(kept, added);
    this.#added = [];
    this.#hasRemoved = false;
  }
}

function merge(a: Entry[], b: Entry[]): Entry[] {
  if (b.length === 0) return a;
  if (a.length === 0) return b;
  const merged: Entry[] = [];
  let next = 0;
  for (const entry of a) {
    for (let other = b[next]; other !== undefined; other = b[next]) {
      if (other.resource.metadata.name > entry.resource.metadata.name) break;
      merged.push(other);
      next += 1;
    }
    merged.push(entry);
  }
  for (; next < b.length; next += 1) merged.push(b[next] as Entry);
  return merged;
}

/** Whether a resource is among what a query asks for. */
export function matches(resource: Resource, query: Query): boolean {
  if (resource.kind !== query.kind) return false;
  if (query.namespace !== undefined && (resource.metadata.namespace ?? "") !== query.namespace) return false;
  return hasLabels(resource.metadata.labels, Object.entries(query.labels ?? {}));
}

/** The order of every list: by namespace, then by name. */
export function byNamespaceAndName(a: Resource, b: Resource): number {
  const namespaces = byCodeUnits(a.metadata.namespace ?? "", b.metadata.namespace ?? "");
  return namespaces === 0 ? byCodeUnits(a.metadata.name, b.metadata.name) : namespaces;
}

function byCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function hasLabels(labels: Labels, wanted: readonly (readonly [string, string])[]): boolean {
  if (wanted.length === 0) return true;
  return (
    labels !== undefined &&
    wanted.every(([label, value]) => Object.hasOwn(labels, label) && labels[label] === value)
  );
}

function isWithin(entry: Entry, namespace: string | undefined): boolean {
  return namespace === undefined || (entry.resource.metadata.namespace ?? "") === namespace;
}

function sizeOf(having: Entry | Set<Entry>): number {
  return having instanceof Set ? having.size : 1;
}
