/**
 * Brings Changes to their end: gathers what is known of one, has machine.ts decide, and does that in one commit.
 *
 *     Change, Approval, resources ──view.ts──▶ facts ──machine.ts──▶ decision ──▶ one commit: state, lease, what is done
 *
 *  C1 What is done and the state that says so are in one commit, which names the versions it was decided from: killed
 *     before it, everything is decided anew; killed after it, it is done. Nothing is remembered but what can be seen again.
 *  C2 A Change that is under way is written seldom: when its state changes, when its lease is due, and with the standing of
 *     its steps at intervals that grow with their number; completely when it ends.
 *  C3 Who waits writes nothing.
 */
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { FINAL_STATES } from "../../kinds/change.ts";
import { type Draft, type Key, type Resource, addressOf, keyOf } from "../../model/resource.ts";
import type { Keyring } from "../../model/sealed.ts";
import {
  APPROVES,
  type AgainContext,
  type ApprovalPolicy,
  type ChangeResource,
  type ChangeState,
  type ChangeStatus,
  controlPlaneId,
  stateOf,
} from "../../planner/change.ts";
import { askOperations, beginOperations } from "../../planner/change-operations.ts";
import type { Plan } from "../../planner/plan.ts";
import type { Cause, Operation, Store } from "../../store/store.ts";
import { type Known, Knowledge } from "./facts.ts";
import { ChangeLeases } from "./lease.ts";
import { type Decision, next } from "./machine.ts";
import { retryOperations } from "./retry.ts";
import { forgotten } from "./retention.ts";
import { outcomesOf } from "./steps.ts";
import { ChangesView, type Tracked } from "./view.ts";

export interface ChangeOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly keyring: Keyring;
  /** Added to the runtime before the controller. */
  readonly changes: ChangesView;
  /** What providers say, for plans that are made again. */
  readonly capabilities?: AgainContext["capabilities"];
  /** What stands against a plan that has waited, asked once more before it begins: nothing when absent. */
  readonly preflight?: (plan: Plan) => Promise<readonly Diagnostic[]>;
  /** Who works on Changes; this control plane when absent. */
  readonly holder?: string;
}

/** Milliseconds between two writes of how far the steps are, of a Change of that many. */
const perStep = 10;
const SOONEST = 5_000;
/** Milliseconds between two looks at a gate: alerts and conditions tell of themselves to nobody. */
const GATE = 1_000;

export function changeController(options: ChangeOptions): Controller {
  const { store, changes, keyring } = options;
  const leases = new ChangeLeases(store, options.holder ?? controlPlaneId(keyring));
  const knowledge = new Knowledge(options);
  const written = new Map<string, number>();
  return {
    name: "change",
    *concerns({ key, type, resource }) {
      yield* changes.takeDirty();
      if (key.kind === "Change" && type !== "DELETED") yield key;
      if (key.kind === "Approval") yield* approvedBy(key, resource);
    },
    initial: () => store.list({ kind: "Change" }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, { ...options, leases, knowledge, written }),
  };
}

function* approvedBy({ namespace }: Key, { metadata }: Resource): Generator<Key> {
  const name = metadata.annotations?.[APPROVES];
  if (name !== undefined) yield { kind: "Change", namespace, name };
}

interface Working extends ChangeOptions {
  readonly leases: ChangeLeases;
  readonly knowledge: Knowledge;
  /** When how far it is was written last, by uid. */
  readonly written: Map<string, number>;
}

async function reconcile(key: Key, context: ReconcileContext, working: Working): Promise<Outcome> {
  const { store, clock } = working;
  const found = store.get(key) as ChangeResource | undefined;
  if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
  const first = looked(key, working);
  if (first === undefined) return ended(found, context, working);
  const now = await unobstructed(key, first, working);
  if (now === undefined) return;
  const { change, tracked, known, decision } = now;
  const isWaiting = decision.state === "Pending" || decision.state === "Queued";
  if (isWaiting) return waits(change, decision, known, context, working);
  const claim = working.leases.claim(key, clock.now());
  if (!claim.mine) return { requeueAfter: Math.min(claim.wait, 2 ** 30) };
  const operations = operationsOf(change, tracked, decision, known, working);
  if (operations.length > 0) {
    const isOver = FINAL_STATES.has(decision.state);
    const lease = isOver ? working.leases.released(key) : claim.operations;
    await store.commit([...operations, ...lease], causeOf(change, decision, context));
    return;
  }
  return later(change, tracked, claim, context, { ...working, known });
}

interface Looked {
  readonly change: ChangeResource;
  readonly tracked: Tracked;
  readonly known: Known;
  readonly decision: Decision;
}

/** As it is now; undefined when it is gone. */
function looked(key: Key, { store, changes, knowledge }: Working): Looked | undefined {
  const change = store.get(key) as ChangeResource | undefined;
  const tracked = changes.get(key);
  if (change === undefined || tracked === undefined) return undefined;
  const known = knowledge.of(change, tracked);
  return { change, tracked, known, decision: next(known.facts) };
}

/**
 * What has come to stand against it while it waited makes it void: it is not begun to fail. While that is asked the world
 * goes on, so it is looked at again: what was asked of another plan says nothing of this one.
 */
async function unobstructed(key: Key, first: Looked, working: Working): Promise<Looked | undefined> {
  const { preflight } = working;
  if (first.decision.act !== "begin" || preflight === undefined) return first;
  const asked = first.known.plan as Plan;
  const obstacle = (await preflight(asked)).find(({ severity }) => severity === "error");
  const now = looked(key, working);
  if (now === undefined || now.decision.act !== "begin" || obstacle === undefined) return now;
  if (now.known.plan?.hash !== asked.hash) return now;
  const where = obstacle.address === undefined ? "" : `${obstacle.address}: `;
  const known = { ...now.known, message: `${where}${obstacle.message}` };
  return { ...now, known, decision: { state: "Void", act: "none" } };
}

/** Of what is declared the cause is who asked for it, and what let it begin now (I5). */
function causeOf(
  { spec, metadata }: ChangeResource,
  { act, state }: Decision,
  context: ReconcileContext,
): Cause {
  if (act !== "begin" && act !== "stage") return context.cause(act === "rollBack" ? "take back" : state);
  return { ...context.cause(""), actor: spec.actor, action: `${spec.action} (change/${metadata.name})` };
}

/** A leftover of a Change that has ended: a crash came before, or it was written by somebody else. */
async function ended(change: ChangeResource, context: ReconcileContext, working: Working): Promise<Outcome> {
  working.written.delete(change.metadata.uid);
  working.knowledge.forget(change);
  const operations = working.leases.released(keyOf(change));
  if (operations.length > 0) await working.store.commit(operations, context.cause("ended"));
}

async function waits(
  change: ChangeResource,
  { state }: Decision,
  { message }: Known,
  context: ReconcileContext,
  { store }: Working,
): Promise<Outcome> {
  const { status } = change;
  if (status?.state === state && status.message === message) return;
  const { message: _message, ...rest } = status ?? {};
  const after: ChangeStatus = { ...rest, state, ...(message === undefined ? {} : { message }) };
  await store.commit([statusOperation(change, after)], context.cause(state));
}

function operationsOf(
  change: ChangeResource,
  tracked: Tracked,
  decision: Decision,
  known: Known,
  working: Working,
): readonly Operation[] {
  const { store, clock, keyring } = working;
  const now = clock.now();
  const marks = undoneOperations(change, store);
  switch (decision.act) {
    case "begin":
    case "stage": {
      const context = { live: store, actor: change.spec.actor, keyring, now };
      return [...beginOperations(change, known.plan as Plan, context), ...marks];
    }
    case "ask": {
      const { operations, approval } = askOperations(
        change,
        known.plan as Plan,
        known.policy as ApprovalPolicy,
        store,
      );
      return [...operations, statusOperation(change, { ...change.status, asked: approval })];
    }
    case "rollBack": {
      const { operations, name } = known.inverse as NonNullable<Known["inverse"]>;
      const status = { ...change.status, state: decision.state, undoneBy: name, ...said(known) };
      return [...operations, statusOperation(change, status), newsOf(change, decision.state, known, working)];
    }
    case "resume":
      return [
        statusOperation(change, { ...resumed(change, tracked, known), state: decision.state }),
        ...retryOperations(change, tracked, store),
      ];
    default:
      if (stateOf(change) === decision.state) return marks;
      return [...marks, ...entered(change, tracked, decision.state, known, { ...working, now })];
  }
}

/** What had failed is tried again and no reason to hold any more; who said no to a stage is asked again. */
function resumed({ spec, status = {} }: ChangeResource, tracked: Tracked, known: Known): ChangeStatus {
  const { message: _message, asked, ...rest } = status;
  const { onFailure, progress } = known.facts;
  // What is to be taken back when it fails stays a reason to do so.
  const passedOver = onFailure === "rollBack" ? [] : passedOverAfter(status, tracked);
  if (known.mark !== undefined) passedOver.push(known.mark);
  return {
    ...rest,
    ...(asked === undefined || progress.further === "failed" ? {} : { asked }),
    resumed: spec.resumes ?? 0,
    passedOver,
  };
}

/** With what was passed over before and is still being tried. */
function passedOverAfter(
  { passedOver: before = [] }: ChangeStatus,
  { steps, open, failed }: Tracked,
): string[] {
  return [...open].flatMap((text) => {
    const address = steps.get(text)?.address ?? text;
    return failed.has(text) || before.includes(address) ? [address] : [];
  });
}

/** The state is another now, and nothing else is done. */
function entered(
  change: ChangeResource,
  tracked: Tracked,
  state: ChangeState,
  known: Known,
  working: Working & { readonly now: number },
): readonly Operation[] {
  const { message: _message, deferred: _deferred, ...before } = change.status ?? {};
  const isOver = FINAL_STATES.has(state);
  const next: ChangeResource = { ...change, status: { ...before, state } };
  const steps = outcomesOf(next, working.store, tracked);
  const status: ChangeStatus = {
    ...before,
    state,
    ...said(known),
    ...(tracked.isBegun ? { startedAt: startOf(change), steps, progress: progressOf(tracked) } : {}),
    ...(isOver ? { finishedAt: new Date(working.now).toISOString() } : {}),
  };
  const isNews = state !== "Succeeded";
  return [
    statusOperation(change, status),
    ...(isNews ? [newsOf(change, state, known, working)] : []),
    ...(isOver ? conclusion(change, known, working.store) : []),
  ];
}

function startOf(change: ChangeResource): string {
  return change.status?.startedAt ?? change.metadata.creationTimestamp;
}

function progressOf({ steps, open }: Tracked): { readonly done: number; readonly of: number } {
  return { done: steps.size - open.size, of: steps.size };
}

function said({ message }: Known): { readonly message?: string } {
  return message === undefined ? {} : { message };
}

function statusOperation(change: ChangeResource, status: ChangeStatus): Operation {
  const expectedVersion = change.metadata.resourceVersion;
  return { type: "status", key: keyOf(change), status, expectedVersion };
}

function newsOf(
  change: ChangeResource,
  reason: ChangeState,
  known: Known,
  { store, clock }: Working,
): Operation {
  const message = known.message ?? `${addressOf(change)} is ${reason}.`;
  const type = reason === "Superseded" ? ("Normal" as const) : ("Warning" as const);
  return eventOperation(store, clock.now(), "change", change, { type, reason, message });
}

/** What goes with its end: it is never proposed again, nobody is to decide on it, and there is a bound to what is kept. */
function conclusion(change: ChangeResource, known: Known, store: Store): readonly Operation[] {
  const { declared, base: _base, effects: _effects, ...spec } = change.spec;
  const { status: _status, ...draft } = change;
  return [
    ...(declared === undefined ? [] : [{ type: "update", resource: { ...draft, spec } as Draft } as const]),
    ...askedInVain(change, known, store),
    ...forgotten(change, store).map((key): Operation => ({ type: "delete", key })),
  ];
}

/** Nobody is to decide what will not be done. */
function askedInVain(
  { metadata, spec, status }: ChangeResource,
  { message = "Its change has ended." }: Known,
  store: Store,
): readonly Operation[] {
  return [spec.approval, status?.asked].flatMap((name): readonly Operation[] => {
    const key = { kind: "Approval", namespace: metadata.namespace ?? "", name: name ?? "" };
    const approval = store.get(key);
    const { state = "Pending" } = (approval?.status ?? {}) as { readonly state?: string };
    if (approval === undefined || state !== "Pending") return [];
    const resource = { ...approval, spec: { ...(approval.spec as object), void: message } };
    return [{ type: "update", resource, expectedVersion: approval.metadata.resourceVersion }];
  });
}

/** The Change that this one takes back says so. */
function undoneOperations({ spec, metadata }: ChangeResource, store: Store): readonly Operation[] {
  if (spec.undoes === undefined || spec.revision === undefined) return [];
  const key = { kind: "Change", namespace: metadata.namespace ?? "", name: spec.undoes };
  const undone = store.get(key) as ChangeResource | undefined;
  if (undone === undefined || undone.status?.undoneBy === metadata.name) return [];
  return [statusOperation(undone, { ...undone.status, undoneBy: metadata.name })];
}

/** Under way, and nothing to be decided: its lease is kept, and how far it is is written now and then. */
async function later(
  change: ChangeResource,
  tracked: Tracked,
  claim: { readonly operations: readonly Operation[]; readonly due: number },
  context: ReconcileContext,
  { store, clock, written, known }: Working & { readonly known: Known },
): Promise<Outcome> {
  const now = clock.now();
  const { uid } = change.metadata;
  const { until, message } = known;
  const isSaid = message === undefined || message === change.status?.message;
  const interval = Math.max(SOONEST, tracked.steps.size * perStep);
  const last = written.get(uid) ?? now;
  if (!written.has(uid)) written.set(uid, now);
  const isDue = now - last >= interval;
  const again = until === undefined ? interval : Math.min(GATE, Math.max(0, until - now));
  if (claim.due > 0 && !isDue && isSaid)
    return { requeueAfter: Math.min(claim.due, last + interval - now, again) };
  const status: ChangeStatus = {
    ...change.status,
    state: tracked.state,
    startedAt: startOf(change),
    progress: progressOf(tracked),
    ...said(known),
    ...(isDue ? { steps: outcomesOf(change, store, tracked) } : {}),
  };
  if (isDue) written.set(uid, now);
  await store.commit([statusOperation(change, status), ...claim.operations], context.cause("under way"));
  return { requeueAfter: again };
}

export { ChangesView };
export { outcomesOf } from "./steps.ts";
