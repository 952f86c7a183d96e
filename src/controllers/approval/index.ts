/**
 * Approvals: says what their decisions come to, and what happens when the time to decide is up. Decisions come over the API,
 * which records them; what they come to is in decide.ts.
 */
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Key, keyOf } from "../../model/resource.ts";
import type { Operation, Store } from "../../store/store.ts";
import { type Approval, type ApprovalStatus, outcomeOf } from "./decide.ts";

export interface ApprovalOptions {
  readonly store: Store;
  readonly clock: Clock;
}

const LONGEST = 86_400_000;

export function approvalController(options: ApprovalOptions): Controller {
  const { store } = options;
  return {
    name: "approval",
    *concerns({ key, type }) {
      if (key.kind === "Approval" && type !== "DELETED") yield key;
    },
    initial: () => store.list({ kind: "Approval" }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options),
  };
}

async function reconcile(
  key: Key,
  context: ReconcileContext,
  { store, clock }: ApprovalOptions,
): Promise<Outcome> {
  const approval = store.get(key) as Approval | undefined;
  if (approval === undefined || approval.metadata.deletionTimestamp !== undefined) return;
  const now = clock.now();
  const status = statusOf(approval, now);
  if (!equal(status, approval.status)) {
    const expectedVersion = approval.metadata.resourceVersion;
    await store.commit(
      [{ type: "status", key, status, expectedVersion }, ...news(approval, status, store, now)],
      context.cause(status.state ?? "Pending"),
    );
  }
  if (status.state !== "Pending" || status.expiresAt === undefined) return;
  return { requeueAfter: Math.min(LONGEST, Math.max(1, Date.parse(status.expiresAt) - now)) };
}

/** The status that says what the decisions come to; those of `approval` are all there are. */
export function statusOf(approval: Approval, now: number): ApprovalStatus {
  const { metadata, status } = approval;
  const { state, hash, open, escalatedAt, expiresAt, why } = outcomeOf(approval, now);
  const reason = state === "Pending" && escalatedAt !== undefined ? "Escalated" : state;
  const ready = {
    type: "Ready",
    status: state === "Approved" ? ("True" as const) : ("False" as const),
    reason,
    message: why,
    observedGeneration: metadata.generation,
  };
  const { decidedAt: before, ...rest } = status ?? {};
  // A subject that is another one now is not decided.
  const decidedAt = status?.hash === hash ? before : undefined;
  return {
    ...withoutTimes(rest),
    observedGeneration: metadata.generation,
    conditions: withCondition(status?.conditions, ready, now),
    state,
    hash,
    open,
    ...(escalatedAt === undefined ? {} : { escalatedAt: instant(escalatedAt) }),
    ...(expiresAt === undefined ? {} : { expiresAt: instant(expiresAt) }),
    ...(state === "Pending" ? {} : { decidedAt: decidedAt ?? instant(now) }),
  };
}

function withoutTimes({
  escalatedAt: _escalatedAt,
  expiresAt: _expiresAt,
  ...rest
}: ApprovalStatus): ApprovalStatus {
  return rest;
}

function news(approval: Approval, status: ApprovalStatus, store: Store, now: number): readonly Operation[] {
  const before = approval.status?.conditions?.find(({ type }) => type === "Ready")?.reason;
  const ready = status.conditions?.find(({ type }) => type === "Ready");
  if (ready === undefined || ready.reason === before || ready.reason === "Pending") return [];
  const type = ready.reason === "Approved" ? ("Normal" as const) : ("Warning" as const);
  const { reason, message } = ready;
  return [eventOperation(store, now, "approval", approval, { type, reason, message })];
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
