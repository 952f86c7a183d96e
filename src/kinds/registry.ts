import type { AnyKind } from "./kind.ts";
import * as registered from "./index.ts";

/** Every kind that this control plane knows. */
export const kinds: readonly AnyKind[] = Object.values(registered) as unknown as readonly AnyKind[];

const byKind = new Map(kinds.map((kind) => [kind.kind, kind]));
const byRoot = new Map(kinds.map((kind) => [kind.root, kind]));

/** By its name as written in manifests: `LoadBalancer`. */
export function kindNamed(name: string): AnyKind | undefined {
  return byKind.get(name);
}

/** By the root name in references: `loadBalancer`. */
export function kindOfRoot(root: string): AnyKind | undefined {
  return byRoot.get(root);
}

/** By whatever people type: `svc`, `service`, `services`, `Service`, `services.tutti.dev`. */
export function findKind(word: string): AnyKind | undefined {
  const lower = word.toLowerCase();
  return kinds.find((kind) =>
    [kind.singular, kind.plural, ...kind.shortNames, `${kind.plural}.${kind.group}`].includes(lower),
  );
}

/** Every word by which a kind can be asked for, for completion and suggestions. */
export function kindWords(): readonly string[] {
  return kinds.flatMap((kind) => [kind.singular, kind.plural, ...kind.shortNames]);
}
