/** Instances that were taken out of the balancers and are kept for a time, to be looked at. They count for nothing. */
import { conditionOf } from "../model/condition.ts";
import { parseDuration } from "../model/duration.ts";
import type { Condition, Resource } from "../model/resource.ts";

type Instance = Resource<unknown, { readonly conditions?: readonly Condition[]; readonly exit?: object }>;

/** `keep`: a duration. */
export function isKept(instance: Resource, keep: string, now: number): boolean {
  return keptUntil(instance, keep) > now;
}

/** Milliseconds since the epoch; 0 for one that is not kept. */
export function keptUntil(instance: Resource, keep: string): number {
  const { metadata, status } = instance as Instance;
  const degraded = conditionOf(instance, "Degraded");
  if (degraded?.status !== "True" || status?.exit !== undefined) return 0;
  if (metadata.deletionTimestamp !== undefined) return 0;
  return Date.parse(degraded.lastTransitionTime) + parseDuration(keep);
}
