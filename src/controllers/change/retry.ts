/**
 * What has failed, tried again because somebody resumed the Change: the request is a part of the commit that resumes it, and
 * each controller writes which request it has seen together with what it found out. So until it has looked anew, what stands
 * in the conditions is of the attempt before, across any crash.
 *
 *   failed --request written--> owed --its controller has seen it--> under way, or failed again
 */
import { isRetryOwed } from "../../model/readiness.ts";
import { FINALIZERS, RESTARTED_AT, REQUESTS, type Resource } from "../../model/resource.ts";
import type { ChangeResource } from "../../planner/change.ts";
import type { Step } from "../../planner/plan.ts";
import type { Operation, Snapshot } from "../../store/store.ts";

/** It was asked for, and its controller has not seen that yet. Of a Service that is a restart. */
export function isOwed(resource: Resource): boolean {
  if (resource.kind !== "Service") return isRetryOwed(resource);
  const { observedRestart } = (resource.status ?? {}) as { readonly observedRestart?: string };
  const asked = resource.metadata.annotations?.[RESTARTED_AT];
  return asked !== undefined && asked !== observedRestart;
}

interface Standings {
  /** By key text. */
  readonly steps: ReadonlyMap<string, Step>;
  readonly failed: ReadonlySet<string>;
}

/** Once for each time that it is resumed. What was deleted by somebody else is not there to be tried. */
export function retryOperations(
  { metadata, spec }: ChangeResource,
  { steps, failed }: Standings,
  store: Pick<Snapshot, "get">,
): readonly Operation[] {
  const request = `${metadata.uid}/${spec.resumes ?? 0}`;
  return [...failed].flatMap((text): readonly Operation[] => {
    const step = steps.get(text);
    const resource = step && store.get({ kind: step.kind, namespace: step.namespace, name: step.name });
    const name = resource && requestOf(resource);
    if (resource === undefined || name === undefined) return [];
    const annotations = { ...resource.metadata.annotations, [name]: request };
    const asked = { ...resource, metadata: { ...resource.metadata, annotations } };
    return [{ type: "update", resource: asked, expectedVersion: resource.metadata.resourceVersion }];
  });
}

/** Undefined where nobody would answer it. */
function requestOf({ kind, metadata: { finalizers = [], deletionTimestamp } }: Resource): string | undefined {
  if (kind === "Service") return deletionTimestamp === undefined ? RESTARTED_AT : undefined;
  return finalizers.includes(FINALIZERS.provision) ? REQUESTS.retry : undefined;
}
