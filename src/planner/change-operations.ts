/** The operations by which a plan becomes a Change: at once, waiting for people or its turn, or when its time has come. */
import { type Draft, type Key, LABELS, addressOf, keyOf } from "../model/resource.ts";
import { masked } from "../model/masked.ts";
import type { Keyring } from "../model/sealed.ts";
import type { Operation, Snapshot } from "../store/store.ts";
import { changeName } from "./change-name.ts";
import {
  APPROVES,
  type ApprovalPolicy,
  type ChangeResource,
  type ChangeState,
  type ChangeStatus,
  type OnFailure,
  type Requested,
  type Stage,
  approvalOf,
  baseOf,
  changePolicy,
  changesOf,
  irreversibleOf,
  isCommitted,
  isTouched,
  keyTextOf,
  stateOf,
  placeOf,
  stagesOf,
  touchedBy,
} from "./change.ts";
import { effectsOf } from "./hash.ts";
import { type OperationsContext, operationsOf } from "./operations.ts";
import { liveSystem } from "./ownership.ts";
import { type Plan, type Step, recordedPlan } from "./plan.ts";

/** A plan that is to be carried out: by whom it was asked for, and how. */
export interface Submitted {
  readonly plan: Plan;
  /** As admitted, before it was expanded; nothing for what is not an `apply`. */
  readonly declared: readonly Draft[];
  readonly request: Requested;
  readonly actor: string;
  readonly live: Snapshot;
  readonly keyring: Keyring;
  /** Instead of what the System says. */
  readonly onFailure?: OnFailure;
}

export interface Submission {
  /** Of one commit; none when there is nothing to do, or it was asked for before. */
  readonly operations: readonly Operation[];
  /** Name of the Change; absent when there is nothing to do. */
  readonly change?: string;
  readonly state?: ChangeState;
  /** Name of the Approval that it waits for. */
  readonly approval?: string;
}

/** What is to be committed so that the plan is carried out, as the System's policies say. */
export function submissionOf(submitted: Submitted): Submission {
  const { plan, live } = submitted;
  if (!plan.steps.some(isTouched)) return { operations: [] };
  const policies = changePolicy(liveSystem(live, plan.system, plan.namespace), plan.resources);
  const policy = approvalOf(policies, plan);
  const others = changesOf(live, plan.system, plan.namespace);
  const first = policies.concurrency === "queue" ? others.find((other) => isBefore(other, plan)) : undefined;
  if (policy === undefined && first === undefined) return atOnce(submitted);
  const same = others.find((other) => WAITING.has(stateOf(other)) && other.spec.hash === plan.hash);
  if (same !== undefined) return { operations: [], ...waitingAs(same) };
  if (policy !== undefined) return waiting({ ...submitted, policy });
  return waiting({ ...submitted, ...(first === undefined ? {} : { message: turnText(keyOf(first)) }) });
}

const WAITING: ReadonlySet<string> = new Set(["Pending", "Queued"]);
const FIRST: ReadonlySet<string> = new Set(["InProgress", "Held", "RollingBack", "Queued"]);

/** Whether it has to end before the plan may begin. What takes it back takes its place, before all who wait for it. */
function isBefore(other: ChangeResource, plan: Plan): boolean {
  const state = stateOf(other);
  if (!FIRST.has(state) || other.metadata.name === plan.undoes) return false;
  if (state === "Queued" && plan.undoes !== undefined) return false;
  const touched = new Set(plan.steps.filter(isTouched).map(keyTextOf));
  return other.spec.plan.steps.some((step) => isTouched(step) && touched.has(keyTextOf(step)));
}

function waitingAs(change: ChangeResource): Omit<Submission, "operations"> {
  const { approval } = change.spec;
  return {
    change: change.metadata.name,
    state: stateOf(change),
    ...(approval === undefined ? {} : { approval }),
  };
}

function atOnce({ plan, declared, request, actor, live, keyring, onFailure }: Submitted): Submission {
  const irreversible = irreversibleOf(plan);
  const isStaged = placeOf(plan.steps).addresses !== undefined;
  const change = {
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(irreversible === undefined ? {} : { irreversible }),
    ...(isStaged ? { declared, request, base: baseOf(plan, live) } : {}),
  };
  const operations = operationsOf(plan, { live, actor, keyring, change });
  const made = operations.find(
    (operation) => operation.type === "create" && operation.resource.kind === "Change",
  );
  if (made?.type !== "create") return { operations };
  return { operations, change: made.resource.metadata.name, state: "InProgress" };
}

interface Waiting extends Submitted {
  /** Who must approve; it waits for its turn only when absent. */
  readonly policy?: ApprovalPolicy;
  /** What it waits for, one sentence. */
  readonly message?: string;
}

/** Why a Change waits for another. */
export function turnText(first: Key): string {
  return `It waits for ${addressOf(first)}, which touches the same resources.`;
}

/** Written down; nothing of the desired state is among the operations. */
function waiting(asked: Waiting): Submission {
  const { plan, live, actor, policy } = asked;
  const name = changeName(live, plan.system, plan.namespace);
  const approval = policy === undefined ? undefined : approvalDraft(asked, policy, name);
  const irreversible = irreversibleOf(plan);
  const state = policy === undefined ? ("Queued" as const) : ("Pending" as const);
  const change = {
    apiVersion: "tutti.dev/v1",
    kind: "Change",
    metadata: { name, namespace: plan.namespace, labels: { [LABELS.system]: plan.system } },
    spec: {
      system: plan.system,
      action: plan.action,
      actor,
      plan: recordedPlan(plan),
      hash: plan.hash,
      effects: effectsOf(plan, live),
      ...(plan.undoes === undefined ? {} : { undoes: plan.undoes }),
      declared: asked.declared,
      request: asked.request,
      base: baseOf(plan, live),
      ...(asked.onFailure === undefined ? {} : { onFailure: asked.onFailure }),
      ...(approval === undefined ? {} : { approval: approval.metadata.name }),
      ...(irreversible === undefined ? {} : { irreversible }),
    },
    status: { state, ...(asked.message === undefined ? {} : { message: asked.message }) },
  };
  return {
    operations: [
      ...namespaceOf(plan, live),
      { type: "create", resource: change },
      ...(approval === undefined ? [] : [{ type: "create", resource: approval } as const]),
    ],
    change: name,
    state,
    ...(approval === undefined ? {} : { approval: approval.metadata.name }),
  };
}

function namespaceOf({ namespace }: Plan, live: Snapshot): readonly Operation[] {
  if (live.get({ kind: "Namespace", namespace: "", name: namespace }) !== undefined) return [];
  const resource = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace }, spec: {} };
  return [{ type: "create", resource }];
}

/** Asks about a stage of a Change that has become known only on the way. */
export function askOperations(
  change: ChangeResource,
  plan: Plan,
  policy: ApprovalPolicy,
  live: Snapshot,
): { readonly operations: readonly Operation[]; readonly approval: string } {
  const draft = approvalDraft({ plan, actor: change.spec.actor, live }, policy, change.metadata.name);
  return { operations: [{ type: "create", resource: draft }], approval: draft.metadata.name };
}

const MOST_SHOWN = 500;

function approvalDraft(
  { plan, actor, live }: Pick<Waiting, "plan" | "actor" | "live">,
  policy: ApprovalPolicy,
  change: string,
): Draft {
  const name = freeApproval(live, plan.namespace, change);
  const { chain, order, selfApproval, expires, onExpire } = policy;
  return {
    apiVersion: "tutti.dev/v1",
    kind: "Approval",
    metadata: {
      name,
      namespace: plan.namespace,
      labels: { [LABELS.system]: plan.system },
      annotations: { [APPROVES]: change },
    },
    spec: {
      title: titleOf(plan),
      subject: masked(subjectOf(plan, change)),
      requester: actor.replace(/^user:/, ""),
      chain,
      order,
      selfApproval,
      ...(expires === undefined ? {} : { expires }),
      onExpire,
      delegate: [],
    },
  };
}

function freeApproval(live: Snapshot, namespace: string, change: string): string {
  const isTaken = (name: string): boolean => live.get({ kind: "Approval", namespace, name }) !== undefined;
  if (!isTaken(change)) return change;
  for (let count = 2; ; count += 1) if (!isTaken(`${change}-${count}`)) return `${change}-${count}`;
}

function titleOf({ action, system, toRevision, undoes }: Plan): string {
  if (action === "down") return `Take down ${system}?`;
  if (action === "rollback") return `Go back to revision ${toRevision ?? ""} of ${system}?`;
  return action === "undo" ? `Take back ${undoes ?? "a change"} of ${system}?` : `Change ${system}?`;
}

/** What an approver must see: which things, what of them, what is lost. Values stay as sealed as they are in the plan. */
function subjectOf(plan: Plan, change: string): object {
  const touched = plan.steps.filter(isTouched);
  return {
    change,
    system: plan.system,
    namespace: plan.namespace,
    action: plan.action,
    plan: plan.hash,
    summary: Object.fromEntries(Object.entries(plan.summary).filter(([, count]) => count > 0)),
    steps: touched.slice(0, MOST_SHOWN).map(shownStep),
    ...(touched.length > MOST_SHOWN ? { more: touched.length - MOST_SHOWN } : {}),
  };
}

function shownStep({ action, address, changes, replaceBecause, loses, irreversible }: Step): object {
  return {
    action,
    address,
    ...(changes.length === 0 ? {} : { changes: changes.map(shownChange) }),
    ...(replaceBecause === undefined ? {} : { replaceBecause }),
    ...(loses === undefined ? {} : { loses }),
    ...(irreversible === undefined ? {} : { irreversible }),
  };
}

/** A digest for what is secret: whoever approves sees that another value is another approval, and not which. */
function shownChange({ path, before, after, secret }: Step["changes"][number]): object {
  if (secret === true) return { path, secret: true };
  return {
    path,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}

/** The commit by which a Change that was written down before begins, or goes on with a further stage. */
export function beginOperations(
  change: ChangeResource,
  plan: Plan,
  context: OperationsContext & { readonly now: number },
): readonly Operation[] {
  const key = keyOf(change);
  const { now } = context;
  let revision: number | undefined;
  const others = operationsOf(plan, context).flatMap((operation): readonly Operation[] => {
    if (operation.type !== "create") return [operation];
    const { resource } = operation;
    if (resource.kind === "Change") return [];
    if (resource.kind !== "Revision") return [operation];
    const spec = resource.spec as { readonly number: number };
    revision = spec.number;
    return [{ type: "create", resource: { ...resource, spec: { ...spec, change: key.name } } }];
  });
  const at = new Date(now).toISOString();
  const stage: Stage = {
    committedAt: at,
    ...ofStage(change, plan),
    ...(revision === undefined ? {} : { revision }),
  };
  const { message: _message, ...before } = change.status ?? {};
  const status: ChangeStatus = {
    ...before,
    state: "InProgress",
    startedAt: change.status?.startedAt ?? at,
    stages: [...stagesOf(change), stage],
  };
  const number = revision ?? newestRevision(context.live, plan);
  const spec = { ...change.spec, revision: change.spec.revision ?? number };
  const { status: _status, ...draft } = change;
  return [
    ...others,
    // The version is that of before both.
    { type: "status", key, status, expectedVersion: change.metadata.resourceVersion },
    { type: "update", resource: { ...draft, spec } as Draft },
  ];
}

/** A further stage is never all of what the Change is about. */
function ofStage(
  change: ChangeResource,
  { steps }: Plan,
): Pick<Stage, "addresses" | "created" | "deleted" | "wave"> {
  const place = placeOf(steps);
  if (place.addresses !== undefined || stagesOf(change).length === 0) return place;
  return { ...place, ...touchedBy(steps.filter(isCommitted)) };
}

function newestRevision(live: Snapshot, { system, namespace }: Plan): number {
  const numbers = live
    .list({ kind: "Revision", namespace, labels: { [LABELS.system]: system } })
    .items.map(({ spec }) => (spec as { readonly number: number }).number);
  return Math.max(0, ...numbers);
}
