/** What only machinery above the kinds can say of a resource: whether its rules, queries and workflows can be read. */
import { checkRules } from "../controllers/monitor/check-rules.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { type Draft, addressOf } from "../model/resource.ts";
import { checkDefinition } from "../workflow/definition/resource.ts";

/** Asked at admission and before a plan is shown. */
export function checkDeclared(resource: Draft): readonly Diagnostic[] {
  if (resource.kind !== "Workflow") return checkRules(resource);
  return checkDefinition(resource).map((found) => ({ ...found, address: addressOf(resource) }));
}
