/**
 * What each System is made of, counted as it changes: adding up costs what has changed, not what there is.
 *
 *  P1 A part is a resource of a kind that people declare, in the System's namespace, with its label.
 *  P2 After `apply` the counts are what `store.list` over all kinds would give.
 */
import type { View } from "../../controller/view.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import { kindNamed, kinds } from "../../kinds/registry.ts";
import { isReady } from "../../model/condition.ts";
import { type Key, LABELS, type Resource, addressOf } from "../../model/resource.ts";
import type { Change, Snapshot } from "../../store/store.ts";

const PASSIVE: ReadonlySet<string> = new Set(["ConfigMap", "Secret", "Namespace", "Location"]);

/** The parts of one System, by address. */
export interface Parts {
  readonly all: ReadonlyMap<string, Resource>;
  /** Those that are not ready, or on their way out. */
  readonly open: ReadonlyMap<string, Resource>;
  /** Those that can be reached at some address. */
  readonly reachable: ReadonlyMap<string, Resource>;
}

class Counted implements Parts {
  readonly all = new Map<string, Resource>();
  readonly open = new Map<string, Resource>();
  readonly reachable = new Map<string, Resource>();

  put(address: string, resource: Resource): void {
    this.all.set(address, resource);
    this.#keep(this.open, address, resource, !isDone(resource));
    this.#keep(this.reachable, address, resource, urlsOf(resource).length > 0);
  }

  drop(address: string): void {
    for (const map of [this.all, this.open, this.reachable]) map.delete(address);
  }

  #keep(map: Map<string, Resource>, address: string, resource: Resource, isIn: boolean): void {
    if (isIn) map.set(address, resource);
    else map.delete(address);
  }
}

const NONE: Parts = new Counted();

export class PartsView implements View {
  /** By namespace and name of the System. */
  readonly #systems = new Map<string, Counted>();

  of(system: Key): Parts {
    return this.#systems.get(`${system.namespace}/${system.name}`) ?? NONE;
  }

  fill(snapshot: Snapshot): void {
    for (const { kind } of kinds.filter(canBePart)) {
      for (const resource of snapshot.list({ kind }).items) this.#put(homeOf(resource), resource);
    }
  }

  apply({ type, key, resource, previous }: Change): void {
    if (!canBePart(kindNamed(key.kind))) return;
    const home = type === "DELETED" ? undefined : homeOf(resource);
    const before = previous === undefined ? undefined : homeOf(previous);
    if (before !== undefined && before !== home) this.#drop(before, addressOf(resource));
    this.#put(home, resource);
  }

  #put(home: string | undefined, resource: Resource): void {
    if (home === undefined) return;
    let parts = this.#systems.get(home);
    if (parts === undefined) this.#systems.set(home, (parts = new Counted()));
    parts.put(addressOf(resource), resource);
  }

  #drop(home: string, address: string): void {
    const parts = this.#systems.get(home);
    parts?.drop(address);
    if (parts?.all.size === 0) this.#systems.delete(home);
  }
}

/** Nothing is made of it: it is as soon as it is declared. */
function isPassive(name: string): boolean {
  const kind = kindNamed(name);
  return PASSIVE.has(name) || (kind?.definition !== undefined && kind.finalizers.length === 0);
}

function canBePart(kind: AnyKind | undefined): boolean {
  return kind?.declarable === true && kind.kind !== "System";
}

function homeOf({ metadata }: Resource): string | undefined {
  const system = metadata.labels?.[LABELS.system];
  return system === undefined || metadata.namespace === undefined
    ? undefined
    : `${metadata.namespace}/${system}`;
}

/** Ready, and not on its way out. */
function isDone(resource: Resource): boolean {
  return resource.metadata.deletionTimestamp === undefined && (isPassive(resource.kind) || isReady(resource));
}

export function urlsOf(resource: Resource): readonly string[] {
  return (resource.status as { readonly urls?: readonly string[] } | undefined)?.urls ?? [];
}

/** The first few by kind, then by name, without sorting all. */
export function firstOf(resources: Iterable<Resource>, count: number): readonly Resource[] {
  const ranks = new Map(kinds.map(({ kind }, rank) => [kind, rank]));
  const isBefore = (a: Resource, b: Resource): boolean =>
    a.kind === b.kind
      ? a.metadata.name < b.metadata.name
      : (ranks.get(a.kind) ?? -1) < (ranks.get(b.kind) ?? -1);
  const first: Resource[] = [];
  for (const resource of resources) {
    const last = first.at(-1);
    if (first.length === count && last !== undefined && !isBefore(resource, last)) continue;
    const place = first.findIndex((other) => isBefore(resource, other));
    first.splice(place < 0 ? first.length : place, 0, resource);
    if (first.length > count) first.pop();
  }
  return first;
}
