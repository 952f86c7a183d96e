/**
 * A set whose value has become another one while no Change is under way: an output of another System, a thing that tells something
 * new. Its members follow by a Change of their own, under the System's policies: where those ask for approval, it waits for that.
 *
 *  - Only members are touched: where more would change than that, it is left to whoever applies the System.
 *  - What was refused or has failed is not tried again as long as it would be the very same.
 */
import { FINAL_STATES } from "../../kinds/change.ts";
import { type Draft, LABELS, type Resource, addressOf } from "../../model/resource.ts";
import type { Keyring } from "../../model/sealed.ts";
import {
  type AgainContext,
  type ChangeResource,
  changesOf,
  isTouched,
  proposeAgain,
  stateOf,
} from "../../planner/change.ts";
import { submissionOf } from "../../planner/change-operations.ts";
import { SET } from "../../planner/expansion.ts";
import type { Plan } from "../../planner/plan.ts";
import { revisionsOf } from "../../planner/revisions.ts";
import type { Operation, Store } from "../../store/store.ts";

export interface FollowOptions {
  readonly store: Store;
  readonly keyring: Keyring;
  readonly capabilities?: AgainContext["capabilities"];
}

const ACTOR = "controller:set";

/** One commit; nothing when it is not to be done, or not now. */
export function following(
  set: Resource,
  { store, keyring, capabilities }: FollowOptions,
): readonly Operation[] {
  const system = set.metadata.labels?.[LABELS.system] ?? "";
  const { namespace = "default" } = set.metadata;
  const changes = changesOf(store, system, namespace);
  if (changes.some((change) => !FINAL_STATES.has(stateOf(change)))) return [];
  const declared = revisionsOf(store, system, namespace)[0]?.resources;
  if (declared === undefined) return [];
  const { plan, declared: content = [] } = proposeAgain(
    { system, namespace, action: "apply", declared },
    { live: store, keyring, ...(capabilities === undefined ? {} : { capabilities }) },
  );
  if (plan === undefined || !isOfMembers(plan, store) || isRefused(plan, changes)) return [];
  return submissionOf({ plan, declared: content, request: {}, actor: ACTOR, live: store, keyring })
    .operations;
}

function isRefused({ hash }: Plan, changes: readonly ChangeResource[]): boolean {
  return changes.some((change) => change.spec.hash === hash && stateOf(change) !== "Succeeded");
}

function isOfMembers(plan: Plan, live: Store): boolean {
  const declared = new Map<string, Draft>(plan.resources.map((draft) => [addressOf(draft), draft]));
  return plan.steps.filter(isTouched).every(({ address, kind, namespace, name }) => {
    const member = declared.get(address) ?? live.get({ kind, namespace, name });
    return member?.metadata.labels?.[SET] !== undefined;
  });
}
