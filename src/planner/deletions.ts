/** The steps for what a System holds and no longer declares: users before what they use, after everything else. */
import { edgesOf } from "../kinds/edges.ts";
import { type Draft, type Resource, addressOf } from "../model/resource.ts";
import type { Snapshot } from "../store/store.ts";
import { outcomeOf } from "./consequences.ts";
import type { World } from "./effective.ts";
import { orderOf } from "./order.ts";
import { isTerminating } from "./ownership.ts";
import type { Step } from "./plan.ts";

export interface DeletionContext {
  readonly live: Snapshot;
  readonly before: World;
  /** Steps of what stays. */
  readonly staying: readonly Step[];
  readonly forget: ReadonlySet<string>;
  /** The System, when it goes too. */
  readonly itself: Resource | undefined;
}

/** `gone`: what is held, not declared, and not on its way out. */
export function deletionsOf(gone: readonly Resource[], context: DeletionContext): readonly Step[] {
  const { live, before, staying, forget, itself } = context;
  const byAddress = new Map(gone.map((resource) => [addressOf(resource), resource]));
  const ordered = orderOf(gone as readonly Draft[]);
  const users = gone.length === 0 ? new Map<string, string[]>() : formerUsers(staying, live);
  const open = new Map(staying.flatMap((step) => (step.action === "unknown" ? [[step.address, step]] : [])));
  const steps = ordered.addresses.toReversed().map((address) => {
    const resource = byAddress.get(address) as Resource;
    const after = [...new Set([...ordered.dependents(address), ...(users.get(address) ?? [])])].toSorted();
    const step = deletion(resource, after, forget.has(address) ? "forget" : "delete", before);
    const user = after.map((one) => open.get(one)).find((one) => one !== undefined);
    if (user === undefined) return step;
    const later = deferred(step, user);
    open.set(address, later);
    return later;
  });
  if (itself === undefined || isTerminating(itself)) return steps;
  return [...steps, deletion(itself, steps.map((step) => step.address).toSorted(), "delete", before)];
}

/** It cannot go before what uses it, and what becomes of that is not known yet. */
function deferred(
  { loses: _loses, keeps: _keeps, irreversible: _irreversible, ...step }: Step,
  user: Step,
): Step {
  return {
    ...step,
    action: "unknown",
    unknownUntil: user.unknownUntil ?? [],
    because: `It is deleted when ${user.address}, which uses it now, has been planned.`,
  };
}

function deletion(
  resource: Resource,
  after: readonly string[],
  action: "delete" | "forget",
  before: World,
): Step {
  return {
    action,
    address: addressOf(resource),
    kind: resource.kind,
    name: resource.metadata.name,
    namespace: resource.metadata.namespace ?? "",
    changes: [],
    ...outcomeOf(action, resource, before),
    after,
    baseVersion: resource.metadata.resourceVersion,
  };
}

/** By address, the resources that stay and refer to it as they are now: they must let go of it before it goes. */
function formerUsers(staying: readonly Step[], live: Snapshot): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const step of staying) {
    if (step.action === "none" || step.action === "create") continue;
    const name = step.movedFrom?.split("/")[1] ?? step.name;
    const resource = live.get({ kind: step.kind, namespace: step.namespace, name });
    for (const { to } of resource === undefined ? [] : edgesOf(resource as Draft).edges) {
      const list = users.get(to);
      if (list === undefined) users.set(to, [step.address]);
      else list.push(step.address);
    }
  }
  return users;
}
