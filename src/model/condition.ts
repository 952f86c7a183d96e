import type { Condition, Status } from "./resource.ts";

export type NewCondition = Omit<Condition, "lastTransitionTime">;

/**
 * The conditions with `next` set: `lastTransitionTime` moves only when the status does, as the Kubernetes API
 * conventions ask. Order is kept, so that nothing changes when nothing has changed.
 */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  next: NewCondition,
  now: number,
): readonly Condition[] {
  const before = conditions?.find((condition) => condition.type === next.type);
  const lastTransitionTime =
    before !== undefined && before.status === next.status ? before.lastTransitionTime : timestamp(now);
  const condition: Condition = { ...next, lastTransitionTime };
  if (before === undefined) return [...(conditions ?? []), condition];
  return (conditions ?? []).map((other) => (other === before ? condition : other));
}

/** The same ones where there is none of this type. */
export function without(
  conditions: readonly Condition[] | undefined,
  type: string,
): readonly Condition[] | undefined {
  return conditions?.some((condition) => condition.type === type) === true
    ? conditions.filter((condition) => condition.type !== type)
    : conditions;
}

export function conditionOf(resource: { readonly status?: unknown }, type: string): Condition | undefined {
  return (resource.status as Status | undefined)?.conditions?.find((condition) => condition.type === type);
}

/** Ready at its current generation: a controller has seen what people wrote last. */
export function isReady(resource: {
  readonly metadata: { readonly generation: number };
  readonly status?: unknown;
}): boolean {
  const ready = conditionOf(resource, "Ready");
  return (
    ready?.status === "True" &&
    (ready.observedGeneration ?? resource.metadata.generation) === resource.metadata.generation
  );
}

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export function timestamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
}
