/** The pools whose slots a workflow's steps take, by name. */
import type { Compensation, Scope, Step } from "./workflow.ts";

/** None of a program's: what it asks for is not known beforehand. */
export function poolsOf(scope: Scope): ReadonlySet<string> {
  const pools = stepsWithin(scope).map((one) => (one as { readonly pool?: string }).pool);
  return new Set(pools.filter((pool) => pool !== undefined));
}

/** All steps, however deep, and what undoes them. */
export function stepsWithin(scope: Scope): readonly (Step | Compensation)[] {
  return scopes(scope).flatMap(({ steps }) =>
    Object.values(steps).flatMap((step) => {
      const undoing = "compensate" in step ? step.compensate : undefined;
      return undoing === undefined ? [step] : [step, undoing];
    }),
  );
}

/** With those within it. */
function scopes(scope: Scope): readonly Scope[] {
  const within = Object.values(scope.steps).flatMap((step) => [
    ...(step.type === "map" ? [step.body] : []),
    ...(step.type === "parallel" ? step.branches : []),
    ...("catch" in step ? (step.catch ?? []).flatMap(({ do: one }) => one ?? []) : []),
  ]);
  return [scope, ...[...within, ...(scope.finally === undefined ? [] : [scope.finally])].flatMap(scopes)];
}
