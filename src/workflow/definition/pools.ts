/** The pools whose slots a workflow's steps take, by name. */
import type { Scope, Step } from "./workflow.ts";

/** None of a program's: what it asks for is not known beforehand. */
export function poolsOf(scope: Scope): ReadonlySet<string> {
  return new Set(scopes(scope).flatMap(({ steps }) => Object.values(steps).flatMap(poolsOfStep)));
}

function poolsOfStep(step: Step): readonly string[] {
  const undoing = "compensate" in step ? step.compensate : undefined;
  return [step, undoing].flatMap((one) => {
    const { pool } = (one ?? {}) as { readonly pool?: string };
    return pool === undefined ? [] : [pool];
  });
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
