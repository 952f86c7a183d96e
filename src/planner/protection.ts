/** What may not go: protection is asked of what is live, so it outlives its declaration. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { lifecycleOf } from "../kinds/lifecycle.ts";
import { LABELS, type Resource, addressOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import { heldBy } from "./ownership.ts";
import type { Step } from "./plan.ts";
import { revisionsOf } from "./revisions.ts";

/** Of every step that would delete or make anew what is protected, or delete what is to be left as it is. */
export function checkProtected(steps: readonly Step[], live: Snapshot): readonly Diagnostic[] {
  return steps.flatMap((step) => {
    if (step.action !== "delete" && step.action !== "replace") return [];
    const name = step.movedFrom?.split("/")[1] ?? step.name;
    const resource = live.get({ kind: step.kind, namespace: step.namespace, name });
    if (resource === undefined) return [];
    const { protect, paused } = lifecycleOf(resource);
    if (paused && !protect && step.action === "delete") return [stays(resource)];
    if (!protect) return [];
    const done = step.action === "delete" ? "deleted" : `made anew, for ${becauseOf(step)}`;
    return [refusal(resource, `It is protected and would be ${done}`, live)];
  });
}

/** It would be on its way out until somebody resumes it, and everything that it needs with it. */
function stays(resource: Resource): Diagnostic {
  const address = addressOf(resource);
  return {
    severity: "error",
    code: "Paused",
    address,
    message: "It is paused, so it is left as it is, and would be deleted.",
    hint: `Let it go on first: tutti resume ${address}`,
  };
}

function becauseOf({ replaceBecause = [] }: Step): string {
  return replaceBecause.length === 0
    ? "that was asked for"
    : `${replaceBecause.join(" and ")} cannot be changed in place`;
}

/** Of a deletion of this one resource, a System with all that it holds; undefined when it may go. */
export function protectionOf(resource: Resource, live: Snapshot): Diagnostic | undefined {
  const { name, namespace = "" } = resource.metadata;
  const held = resource.kind === "System" ? heldBy(live, name, namespace) : [];
  const found = [resource, ...held].find((one) => lifecycleOf(one).protect);
  return found === undefined ? undefined : refusal(found, "It is protected and cannot be deleted", live);
}

function refusal(resource: Resource, message: string, live: Snapshot): Diagnostic {
  const annotated = resource.metadata.annotations?.["tutti.dev/protect"] === "true";
  const field = annotated ? "the annotation tutti.dev/protect" : "spec.lifecycle.protect";
  return {
    severity: "error",
    code: "Protected",
    address: addressOf(resource),
    message: `${message}; ${declaredBy(resource, live)}.`,
    hint: `Apply it once with ${field} set to false, then do this.`,
  };
}

/** `declared so by change/shop-3 of system/shop`. */
function declaredBy(resource: Resource, live: Snapshot): string {
  const { namespace = "" } = resource.metadata;
  const system =
    resource.kind === "System" ? resource.metadata.name : resource.metadata.labels?.[LABELS.system];
  if (system === undefined) return "it belongs to no system";
  const address = addressOf(resource);
  let first: string | undefined;
  for (const { resources, change } of revisionsOf(live, system, namespace)) {
    const draft = resources.find((one) => addressOf(one) === address);
    if (draft === undefined || !lifecycleOf(draft).protect) break;
    first = change;
  }
  const whose = `system/${system}`;
  return first === undefined ? `it is of ${whose}` : `declared so by change/${first} of ${whose}`;
}
