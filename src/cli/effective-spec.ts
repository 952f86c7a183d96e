/** A Schedule's spec as the control plane sees it: what is not said is what it usually is. */
import { kindNamed } from "../kinds/registry.ts";
import { bodySchema, withDefaults } from "../kinds/schema.ts";
import type { Draft } from "../model/resource.ts";
import type { DeclaredSchedule } from "../workflow/schedule/declared.ts";

export function effectiveSpec({ kind, spec }: Draft): DeclaredSchedule {
  const known = kindNamed(kind);
  if (known === undefined) throw new Error(`There is no kind ${kind}.`);
  return (withDefaults(bodySchema(known), { spec }) as { readonly spec: DeclaredSchedule }).spec;
}
