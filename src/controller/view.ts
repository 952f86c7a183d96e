/**
 * Live, indexed views of the store, kept current by the runtime: what other tools call informers with indexers. The
 * store is in memory already, so a view holds references only.
 */
import { edgesOf, isOwnExpression } from "../kinds/edges.ts";
import { kindNamed, kinds } from "../kinds/registry.ts";
import { hasExpression, parseTemplate } from "../model/expression.ts";
import {
  type Draft,
  type Key,
  LABELS,
  type Resource,
  keyOf,
  keyText,
  parseKeyText,
} from "../model/resource.ts";
import { type Path, forEachString } from "../model/walk.ts";
import type { Change, Snapshot } from "../store/store.ts";

export interface View {
  fill(snapshot: Snapshot): void;
  apply(change: Change): void;
}

const NONE: ReadonlyMap<string, Resource> = new Map();

/** The resources of one kind by a text derived from each, for example the instances by their service. */
export class IndexView<R extends Resource = Resource> implements View {
  readonly #kind: string;
  readonly #indexOf: (resource: R) => string;
  readonly #groups = new Map<string, Map<string, R>>();

  constructor(kind: string, indexOf: (resource: R) => string) {
    this.#kind = kind;
    this.#indexOf = indexOf;
  }

  /** By key text. */
  get(index: string): ReadonlyMap<string, R> {
    return this.#groups.get(index) ?? (NONE as ReadonlyMap<string, R>);
  }

  *all(): Generator<R> {
    for (const group of this.#groups.values()) yield* group.values();
  }

  fill(snapshot: Snapshot): void {
    for (const resource of snapshot.list({ kind: this.#kind }).items) this.#put(resource as R);
  }

  apply(change: Change): void {
    if (change.key.kind !== this.#kind) return;
    const previous = change.previous as R | undefined;
    const isGone = change.type === "DELETED";
    // Setting what is there keeps its place; taking it out first would make the map grow and be built anew.
    if (previous !== undefined && (isGone || this.#indexOf(previous) !== this.#indexOf(change.resource as R)))
      this.#drop(previous);
    if (!isGone) this.#put(change.resource as R);
  }

  #put(resource: R): void {
    const index = this.#indexOf(resource);
    let group = this.#groups.get(index);
    if (group === undefined) {
      group = new Map();
      this.#groups.set(index, group);
    }
    group.set(keyText(keyOf(resource)), resource);
  }

  #drop(resource: R): void {
    const index = this.#indexOf(resource);
    const group = this.#groups.get(index);
    group?.delete(keyText(keyOf(resource)));
    if (group?.size === 0) this.#groups.delete(index);
  }
}

/** Who refers to what: for each resource those whose declaration names it, or a parameter of it. */
export class DependentsView implements View {
  readonly #targets = new Map<string, ReadonlyMap<string, Strength>>();
  readonly #dependents = new Map<string, Map<string, Strength>>();

  /** Keys of the resources that refer to `key`: those that go before it when both are deleted. */
  *of(key: Key): Generator<Key> {
    for (const text of this.#dependents.get(keyText(key))?.keys() ?? []) yield parseKeyText(text);
  }

  /** Keys of what this resource refers to. */
  *targetsOf(key: Key): Generator<Key> {
    for (const text of this.#targets.get(keyText(key))?.keys() ?? []) yield parseKeyText(text);
  }

  /** Keys of the resources that need `key` ready, or a value of it: what to look at when it changes. */
  *needing(key: Key): Generator<Key> {
    for (const [text, strength] of this.#dependents.get(keyText(key)) ?? [])
      if (strength === "strong") yield parseKeyText(text);
  }

  fill(snapshot: Snapshot): void {
    for (const kind of kinds) {
      if (kind.declarable)
        for (const resource of snapshot.list({ kind: kind.kind }).items) this.#put(resource);
    }
  }

  apply(change: Change): void {
    if (kindNamed(change.key.kind)?.declarable !== true) return;
    if (change.type === "DELETED") this.#drop(keyText(change.key));
    else if (change.previous?.metadata.generation !== change.resource.metadata.generation)
      this.#put(change.resource);
  }

  #put(resource: Resource): void {
    const text = keyText(keyOf(resource));
    this.#drop(text);
    const targets = targetsOf(resource);
    if (targets.size === 0) return;
    this.#targets.set(text, targets);
    for (const [target, strength] of targets) {
      const dependents = this.#dependents.get(target);
      if (dependents === undefined) this.#dependents.set(target, new Map([[text, strength]]));
      else dependents.set(text, strength);
    }
  }

  #drop(text: string): void {
    for (const target of this.#targets.get(text)?.keys() ?? []) {
      const dependents = this.#dependents.get(target);
      dependents?.delete(text);
      if (dependents?.size === 0) this.#dependents.delete(target);
    }
    this.#targets.delete(text);
  }
}

/** By uid of their owner: what goes when it goes. */
export class OwnedView implements View {
  readonly #owned = new Map<string, Set<string>>();

  /** Keys of the resources that name the owner with this uid. */
  *of(uid: string): Generator<Key> {
    for (const text of this.#owned.get(uid) ?? []) yield parseKeyText(text);
  }

  fill(snapshot: Snapshot): void {
    for (const kind of kinds)
      for (const resource of snapshot.list({ kind: kind.kind }).items) this.#put(resource);
  }

  apply({ type, resource, previous }: Change): void {
    const owners = resource.metadata.ownerReferences;
    if (type !== "DELETED" && previous !== undefined && previous.metadata.ownerReferences === owners) return;
    for (const { uid } of previous?.metadata.ownerReferences ?? []) {
      const owned = this.#owned.get(uid);
      owned?.delete(keyText(keyOf(resource)));
      if (owned?.size === 0) this.#owned.delete(uid);
    }
    if (type !== "DELETED") this.#put(resource);
  }

  #put(resource: Resource): void {
    for (const { uid } of resource.metadata.ownerReferences ?? []) {
      const owned = this.#owned.get(uid);
      if (owned === undefined) this.#owned.set(uid, new Set([keyText(keyOf(resource))]));
      else owned.add(keyText(keyOf(resource)));
    }
  }
}

/** Whom a change concerns beside the resource itself: who needs a value of it, and, when it is gone, who waited for that. */
export function* affectedBy(change: Change, dependents: DependentsView): Generator<Key> {
  const { type, key, resource, previous } = change;
  const isGone = type === "DELETED";
  if (isGone || previous === undefined || changesReferences(previous, resource))
    yield* dependents.needing(key);
  if (isGone) for (const text of targetsOf(resource).keys()) yield parseKeyText(text);
}

function changesReferences(previous: Resource, resource: Resource): boolean {
  return (
    previous.status !== resource.status ||
    previous.metadata.generation !== resource.metadata.generation ||
    previous.metadata.deletionTimestamp !== resource.metadata.deletionTimestamp
  );
}

/** `weak`: it must exist but need not be ready, and nothing is read of it. */
type Strength = "weak" | "strong";

function targetsOf(resource: Resource): ReadonlyMap<string, Strength> {
  const targets = new Map<string, Strength>();
  for (const edge of edgesOf(resource as Draft).edges) {
    const target = keyText(targetKey(edge, resource));
    if (!edge.weak || !targets.has(target)) targets.set(target, edge.weak ? "weak" : "strong");
  }
  const system = resource.metadata.labels?.[LABELS.system];
  if (system !== undefined && resource.kind !== "System" && mentionsParameter(resource))
    targets.set(
      keyText({ kind: "System", namespace: resource.metadata.namespace ?? "default", name: system }),
      "strong",
    );
  return targets;
}

function mentionsParameter({ kind, spec }: Resource): boolean {
  let found = false;
  const inSpec = (text: string, path: Path): void => {
    if (!found && hasExpression(text) && !isOwnExpression(kind, path))
      found = parseTemplate(text).parts.some(
        (part) => typeof part !== "string" && part.references.some(({ root }) => root === "param"),
      );
  };
  forEachString(spec, inSpec, ["spec"]);
  return found;
}

/** References reach into the resource's own namespace, or to kinds that have none. */
export function targetKey(
  edge: { readonly kind: string; readonly name: string },
  from: { readonly metadata: { readonly namespace?: string } },
): Key {
  const namespaced = kindNamed(edge.kind)?.namespaced === true;
  return {
    kind: edge.kind,
    namespace: namespaced ? (from.metadata.namespace ?? "default") : "",
    name: edge.name,
  };
}
