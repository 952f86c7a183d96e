/** From `service/api` in a step to the resource that it means. */
import { findKind, kindOfRoot } from "../../kinds/registry.ts";
import type { AnyKind } from "../../kinds/kind.ts";
import type { Key } from "../../model/resource.ts";
import type { Target } from "../definition/target.ts";
import { TaskError } from "../engine/step-type.ts";

/** Refuses with UnknownKind, which is Terminal. */
export function keyOfTarget(
  { kind: word, name }: Target,
  namespace: string,
): { readonly kind: AnyKind; readonly key: Key } {
  const kind = kindOfRoot(word) ?? findKind(word);
  if (kind === undefined)
    throw new TaskError("UnknownKind", `There is no kind '${word}'. Write for example service/${name}.`, {
      terminal: true,
    });
  return { kind, key: { kind: kind.kind, namespace: kind.namespaced ? namespace : "", name } };
}
