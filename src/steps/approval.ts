/**
 * `approval`: asks people, by a resource that the approval controller decides on, and waits for what comes of it.
 *
 * The Approval's name follows from the step and its try: a second attempt finds the question and the answers it has. When
 * the step is no longer wanted a question that is open goes, so that nobody answers it for nothing.
 */
import type { Key, Resource } from "../model/resource.ts";
import { type Store, StoreError } from "../store/store.ts";
import type { ApprovalStage, ApprovalStep } from "../workflow/definition/workflow.ts";
import { type Attempt, type StepType, TaskError } from "../workflow/engine/step-type.ts";
import { namespaceOf, ownersOf, resourceNameOf, runNameOf, stepOf } from "../workflow/step/attempt.ts";
import { causeOf } from "../workflow/step/cause.ts";
import { untilSeen } from "../workflow/step/until.ts";

interface Decision {
  readonly by: string;
  readonly decision: "approve" | "reject";
  readonly hash: string;
  readonly comment?: string;
  readonly form?: unknown;
}

interface Status {
  readonly state?: "Pending" | "Approved" | "Rejected" | "Expired";
  readonly hash?: string;
  readonly decisions?: readonly Decision[];
}

export interface ApprovalResult {
  readonly decision: "approve";
  /** Who approved last; null when nobody did, and it was approved because it expired. */
  readonly by: string | null;
  readonly comment: string | null;
  readonly form: unknown;
  readonly decisions: readonly Decision[];
}

export function approvalSteps({ store }: { readonly store: Store }): StepType {
  return { execute: (attempt) => approve(attempt, store) };
}

async function approve(attempt: Attempt, store: Store): Promise<ApprovalResult> {
  const key: Key = { kind: "Approval", namespace: namespaceOf(attempt), name: resourceNameOf(attempt) };
  if (store.get(key) === undefined) await ask(key, attempt, store);
  attempt.log(`approval/${key.name}`);
  try {
    return await untilSeen(
      store,
      () => outcomeOf(key, store.get(key)),
      (change) =>
        change.key.kind === key.kind &&
        change.key.name === key.name &&
        change.key.namespace === key.namespace,
      attempt.signal,
    );
  } catch (error) {
    if (attempt.signal.aborted) await withdraw(key, attempt, store);
    throw error;
  }
}

async function ask(key: Key, attempt: Attempt, store: Store): Promise<void> {
  const resource = {
    apiVersion: "tutti.dev/v1",
    kind: key.kind,
    metadata: { name: key.name, namespace: key.namespace, ...ownersOf(attempt, store) },
    spec: specOf(stepOf(attempt, "approval"), attempt),
  };
  try {
    await store.commit([{ type: "create", resource }], causeOf(attempt, "ask for approval", store));
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "AlreadyExists")) throw error;
  }
}

function specOf(step: ApprovalStep, attempt: Attempt): object {
  const { title, subject, form, assignees, quorum, chain, order, delegate, expires, onExpire, escalate } =
    step;
  const stages = chain ?? [
    { ...(assignees === undefined ? {} : { users: assignees }), ...(quorum === undefined ? {} : { quorum }) },
  ];
  const given = { title, form, expires, escalate: escalate === undefined ? undefined : stageOf(escalate) };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    subject,
    chain: stages.map(stageOf),
    order: order ?? "sequence",
    delegate: delegate ?? [],
    selfApproval: false,
    onExpire: onExpire ?? "deny",
    run: { name: runNameOf(attempt), step: attempt.path },
  };
}

function stageOf<T extends ApprovalStage>(stage: T): T & Required<Omit<ApprovalStage, "name">> {
  return {
    ...stage,
    users: stage.users ?? [],
    groups: stage.groups ?? [],
    quorum: stage.quorum ?? 1,
  };
}

/** Undefined as long as it is open. */
function outcomeOf(key: Key, approval: Resource | undefined): ApprovalResult | undefined {
  if (approval === undefined)
    throw new TaskError("ApprovalGone", `The question approval/${key.name} was deleted unanswered.`, {
      terminal: true,
    });
  const { state = "Pending", hash, decisions = [] } = (approval.status ?? {}) as Status;
  // Those of another hash were about something else.
  const counted = decisions.filter((one) => hash === undefined || one.hash === hash);
  if (state === "Pending") return undefined;
  if (state === "Approved") return approved(counted);
  throw state === "Expired"
    ? new TaskError("ApprovalExpired", `Nobody decided on approval/${key.name} in time.`, { terminal: true })
    : rejection(counted);
}

function approved(decisions: readonly Decision[]): ApprovalResult {
  const last = decisions.findLast(({ decision }) => decision === "approve");
  const { by = null, comment = null, form = null } = last ?? {};
  return { decision: "approve", by, comment, form, decisions };
}

function rejection(decisions: readonly Decision[]): TaskError {
  const last = decisions.findLast(({ decision }) => decision === "reject");
  const said = last?.comment === undefined ? "." : `: ${last.comment}`;
  return new TaskError("Rejected", `${last?.by ?? "Somebody"} rejected it${said}`, {
    terminal: true,
    details: { by: last?.by ?? null, comment: last?.comment ?? null },
  });
}

async function withdraw(key: Key, attempt: Attempt, store: Store): Promise<void> {
  const { state = "Pending" } = (store.get(key)?.status ?? {}) as Status;
  if (store.get(key) === undefined || state !== "Pending") return;
  await store
    .commit([{ type: "delete", key }], causeOf(attempt, "withdraw the question", store))
    .catch(() => undefined); // decided or gone in this moment
}
