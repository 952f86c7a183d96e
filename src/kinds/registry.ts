/**
 * Every kind that this process knows: those of index.ts, which are always there, and own kinds, which people declare
 * (own-kind.ts) and which come and go while it runs.
 *
 *     index.ts ────────────────> known <──learn, forget── who has seen a CustomResourceDefinition: committed, or told by the API
 *     withKinds(declared, work) ──> known to `work` alone: a plan's own definitions, before anybody has agreed to them
 *
 *  - `kinds` is one list for the life of the process: whoever keeps something made from it compares `kindsRevision`.
 *  - No own kind takes the name of another kind, whatever its group is: references and addresses name kinds without groups.
 */
import type { AnyKind } from "./kind.ts";
import * as registered from "./index.ts";

const builtIn = Object.values(registered) as unknown as readonly AnyKind[];
const known: AnyKind[] = [...builtIn];
const byKind = new Map(known.map((kind) => [kind.kind, kind]));
const byRoot = new Map(known.map((kind) => [kind.root, kind]));
let revision = 0;
let scoped: readonly AnyKind[] = [];

/** Every kind that this process knows now. */
export const kinds: readonly AnyKind[] = known;

/** Another number whenever `kinds` are others. */
export function kindsRevision(): number {
  return revision;
}

/** From now on the own kind is known, in place of the one of its name. */
export function learn(kind: AnyKind): void {
  if (byKind.get(kind.kind) === kind || isBuiltIn(kind.kind)) return;
  drop(kind.kind);
  known.push(kind);
  byKind.set(kind.kind, kind);
  byRoot.set(kind.root, kind);
  revision += 1;
}

/** The own kind of this name is known no more. */
export function forget(name: string): void {
  if (isBuiltIn(name) || !byKind.has(name)) return;
  drop(name);
  revision += 1;
}

function drop(name: string): void {
  const at = known.findIndex((kind) => kind.kind === name);
  if (at < 0) return;
  byRoot.delete(known[at]?.root ?? "");
  byKind.delete(name);
  known.splice(at, 1);
}

/** `work` is done at once, and for it alone these are known too, in place of those of the same name. */
export function withKinds<T>(more: readonly AnyKind[], work: () => T): T {
  if (more.length === 0) return work();
  const before = scoped;
  scoped = [...more, ...before];
  try {
    return work();
  } finally {
    scoped = before;
  }
}

export function isBuiltIn(name: string): boolean {
  return builtIn.some((kind) => kind.kind === name);
}

/** By its name as written in manifests: `LoadBalancer`. */
export function kindNamed(name: string): AnyKind | undefined {
  return inScope((kind) => kind.kind === name) ?? byKind.get(name);
}

/** By the root name in references: `loadBalancer`. */
export function kindOfRoot(root: string): AnyKind | undefined {
  return inScope((kind) => kind.root === root) ?? byRoot.get(root);
}

/** By whatever people type: `svc`, `service`, `services`, `Service`, `services.tutti.dev`. */
export function findKind(word: string): AnyKind | undefined {
  const lower = word.toLowerCase();
  const isMeant = (kind: AnyKind): boolean =>
    [kind.singular, kind.plural, ...kind.shortNames, `${kind.plural}.${kind.group}`].includes(lower);
  return inScope(isMeant) ?? known.find(isMeant);
}

function inScope(isMeant: (kind: AnyKind) => boolean): AnyKind | undefined {
  return scoped.length === 0 ? undefined : scoped.find(isMeant);
}

/** Every word by which a kind can be asked for, for completion and suggestions. */
export function kindWords(): readonly string[] {
  return kinds.flatMap((kind) => [kind.singular, kind.plural, ...kind.shortNames]);
}
