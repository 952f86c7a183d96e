/** The own kinds among manifests: what may be declared beside them, before anybody has agreed to the definitions. */
import type { Draft } from "../model/resource.ts";
import { customResourceDefinition } from "./custom-resource-definition.ts";
import type { AnyKind } from "./kind.ts";
import { ownKind } from "./own-kind.ts";
import { isBuiltIn, learn } from "./registry.ts";
import { type Validated, validateAs } from "./validate.ts";

export const DEFINITION = customResourceDefinition.kind;

/** `manifests` may be anything at all; definitions that are wrong give no kind. */
export function kindsIn(manifests: unknown): readonly AnyKind[] {
  if (!Array.isArray(manifests)) return [];
  return manifests.flatMap((manifest: unknown) => {
    if ((manifest as { readonly kind?: unknown } | null | undefined)?.kind !== DEFINITION) return [];
    const resource = admitted(manifest as Readonly<Record<string, unknown>>);
    const made = resource === undefined ? undefined : ownKind(resource);
    return made !== undefined && "kind" in made && !isBuiltIn(made.kind.kind) ? [made.kind] : [];
  });
}

function admitted(manifest: Readonly<Record<string, unknown>>): Validated["resource"] {
  try {
    return validateAs(customResourceDefinition as unknown as AnyKind, manifest).resource;
  } catch (error) {
    // Nested too deep: admission says so.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Of definitions that somebody has committed: their kinds are known from now on. */
export function learnAll(definitions: readonly Pick<Draft, "spec">[]): void {
  for (const definition of definitions) {
    const made = ownKind(definition);
    if ("kind" in made) learn(made.kind);
  }
}
