/** What is known of a Change, as machine.ts asks for it, with the sentence that tells people why. */
import type { Clock } from "../../clock/clock.ts";
import type { Key } from "../../model/resource.ts";
import {
  type AgainContext,
  type ApprovalPolicy,
  type ChangeResource,
  approvalOf,
  changePolicy,
  changesOf,
  errorsText,
  isAgreed,
  isTouched,
  keyTextOf,
  movedSince,
  movedText,
  numberOf,
  proposeAgain,
  stateOf,
} from "../../planner/change.ts";
import { turnText } from "../../planner/change-operations.ts";
import { isOfFormerLife } from "../../planner/lives.ts";
import { isTerminating, liveSystem } from "../../planner/ownership.ts";
import type { Plan, Step } from "../../planner/plan.ts";
import type { Proposal } from "../../planner/propose.ts";
import { revisionsOf } from "../../planner/revisions.ts";
import type { Store } from "../../store/store.ts";
import { type Decided, decisionOn } from "./decided.ts";
import { type Inverse, inverseOperations, proposeInverse } from "./inverse.ts";
import { type Decision, type Facts, type Progress, next } from "./machine.ts";
import { type Staged, placed, stageOf } from "./stages.ts";
import { standingOf, uidOf } from "./steps.ts";
import { type ChangesView, type Tracked, isStuck } from "./view.ts";

export interface Known {
  readonly facts: Facts;
  /** What is to be committed, or asked about, where that is to be done. */
  readonly plan?: Plan;
  /** Who has to approve what is asked about. */
  readonly policy?: ApprovalPolicy;
  readonly inverse?: Inverse;
  /** One sentence: why it is as it is. */
  readonly message?: string;
  /** When it is to be looked at again although nothing has happened, milliseconds since the epoch. */
  readonly until?: number;
  /** A gate that somebody who resumes it passes over. */
  readonly mark?: string;
}

export interface KnowledgeOptions extends Omit<AgainContext, "live"> {
  readonly clock: Clock;
  readonly store: Store;
  readonly changes: ChangesView;
}

export class Knowledge {
  readonly #options: KnowledgeOptions;
  /** By uid of a Change that waits: the newest revision at which it was found as it was agreed to. */
  readonly #verified = new Map<string, number>();

  constructor(options: KnowledgeOptions) {
    this.#options = options;
  }

  of(change: ChangeResource, tracked: Tracked): Known {
    if (tracked.isBegun) this.forget(change);
    return tracked.isBegun ? this.#begun(change, tracked) : this.#waiting(change, tracked);
  }

  forget({ metadata }: ChangeResource): void {
    this.#verified.delete(metadata.uid);
  }

  #waiting(change: ChangeResource, tracked: Tracked): Known {
    const { store } = this.#options;
    const approval = approvalFor(change, store);
    const before = blockerOf(change, tracked, this.#options);
    const facts: Facts = {
      ...NOTHING,
      state: tracked.state,
      approval: approval.state,
      withdrawn: change.spec.withdrawn !== undefined,
      blocked: before !== undefined,
      hold: change.spec.hold === true,
    };
    // Looked at only when it matters, and again when it is to begin: a plan of a large System takes a while.
    const isOut = next(facts).state !== "InProgress" && this.#isVerified(change);
    if (isOut || next({ ...facts, moved: true }).state !== "Void")
      return { facts, ...waitingFor(change, facts, approval, before) };
    const proposal = proposeAgain(placed(change), this.#again());
    const { plan } = proposal;
    if (plan === undefined || !isAgreed(change.spec, plan, store))
      return { facts: { ...facts, moved: true }, message: whyVoid(change, proposal, store) };
    this.#verified.set(change.metadata.uid, this.#revision(change));
    return { facts, plan, ...waitingFor(change, facts, approval, before) };
  }

  #isVerified(change: ChangeResource): boolean {
    const { plan, base = {} } = change.spec;
    return (
      this.#verified.get(change.metadata.uid) === this.#revision(change) &&
      movedSince({ plan, base }, this.#options.store, undefined).length === 0
    );
  }

  #revision({ spec, metadata }: ChangeResource): number {
    const { store } = this.#options;
    return revisionsOf(store, spec.system, metadata.namespace ?? "default")[0]?.number ?? 0;
  }

  #again(): AgainContext {
    const { store, keyring, capabilities } = this.#options;
    return { live: store, keyring, ...(capabilities === undefined ? {} : { capabilities }) };
  }

  #begun(change: ChangeResource, tracked: Tracked): Known {
    const { store } = this.#options;
    const isWhole = tracked.later.length === 0;
    const successor = successorOf(change, tracked, store);
    const isFormer = isOfSystemThatGoes(change, store);
    const failed = unforgiven(change, tracked);
    const base: Facts = {
      ...NOTHING,
      ...askedOf(change),
      state: tracked.state,
      superseded: successor !== undefined || isFormer,
      onFailure: onFailureOf(change, store),
      progress: { ...progressOf(tracked, failed.length), further: isWhole ? "none" : "waits" },
      inverse: inverseState(change, store),
    };
    const staged = isWhole ? undefined : stageOf(change, tracked, { ...this.#options, again: this.#again() });
    const facts = staged === undefined ? base : withFurther(base, staged);
    const decision = next(facts);
    if (decision.act === "rollBack") return this.#rollBack(change, tracked, facts, staged?.message);
    const { further: _further, ...found } = staged ?? { further: "none" };
    const message = staged?.message ?? messageOf(decision, change, tracked, { successor, failed, store });
    return { facts, ...found, ...(message === undefined ? {} : { message }) };
  }

  #rollBack(change: ChangeResource, tracked: Tracked, facts: Facts, stopped?: string): Known {
    const { store } = this.#options;
    const actor = "controller:change";
    const proposal = proposeInverse(change, this.#again());
    const inverse = inverseOperations(proposal, { ...this.#again(), live: store, actor });
    const why = tracked.failed.size > 0 ? failureText(tracked, store) : (stopped ?? "");
    if (inverse !== undefined) {
      const lost = Object.values(change.spec.irreversible ?? {});
      const message = `${why} It is taken back by change/${inverse.name}${lost.length === 0 ? "." : `, but for what cannot be: ${lost.join(" ")}`}`;
      return { facts, inverse, message };
    }
    const errors = errorsText(proposal.diagnostics);
    const reason = errors === "" ? "there is nothing to take back" : `it cannot be taken back: ${errors}`;
    // Without an inverse it goes on with what it can, and then has failed.
    return { facts: { ...facts, onFailure: "continue" }, message: `${why} Of itself ${reason}` };
  }
}

/** A gate that has not passed is a failure like that of a step: held, taken back or the end, but never the next wave. */
function withFurther(facts: Facts, { further, isStopped = false }: Staged): Facts {
  const { progress } = facts;
  if (!isStopped) return { ...facts, progress: { ...progress, further } };
  const { failed, failures } = progress;
  return {
    ...facts,
    progress: { ...progress, failed: failed + 1, failures: failures + 1, stuck: true, further },
  };
}

/** Somebody deletes the System, or has: nothing is to be held back for what it was to become. */
function isOfSystemThatGoes(change: ChangeResource, store: Store): boolean {
  const { action, system } = change.spec;
  if (action === "down") return false;
  const live = liveSystem(store, system, change.metadata.namespace ?? "default");
  // To take back what takes it down is begun while it goes.
  return (live !== undefined && isTerminating(live) && action !== "undo") || isOfFormerLife(change, store);
}

const NOTHING: Facts = {
  state: "InProgress",
  approval: "none",
  withdrawn: false,
  blocked: false,
  moved: false,
  superseded: false,
  onFailure: "continue",
  progress: { open: 0, failed: 0, failures: 0, stuck: false, further: "none" },
  hold: false,
  resume: false,
  inverse: "none",
};

function askedOf({ spec, status }: ChangeResource): Pick<Facts, "hold" | "resume"> {
  return { hold: spec.hold === true, resume: (spec.resumes ?? 0) > (status?.resumed ?? 0) };
}

/** Nobody was asked about what has to be approved by now: it was written by hand, or the policy came later. */
function approvalFor(change: ChangeResource, store: Store): Decided {
  const { approval, hash, plan, system, declared = [] } = change.spec;
  if (approval !== undefined) return decisionOn(approval, change, hash, store);
  const live = liveSystem(store, system, change.metadata.namespace ?? "default");
  if (approvalOf(changePolicy(live, declared), plan) === undefined) return { state: "none", message: "" };
  return { state: "Void", message: "It has to be approved by now, and nobody was asked: ask for it again." };
}

function whyVoid({ spec }: ChangeResource, { plan, diagnostics }: Proposal, store: Store): string {
  if (plan === undefined) return `It cannot be planned any more: ${errorsText(diagnostics)}`;
  const how = movedText(movedSince({ plan: spec.plan, base: spec.base ?? {} }, store, plan));
  return `The base has moved, so this would be another change now. ${how}`.trim();
}

function waitingFor(
  change: ChangeResource,
  facts: Facts,
  approval: Decided,
  before: Key | undefined,
): Pick<Known, "message"> {
  const { state } = next(facts);
  if (facts.withdrawn) return { message: `It was withdrawn by ${change.spec.withdrawn ?? "somebody"}.` };
  if (state === "Queued" && before !== undefined) return { message: turnText(before) };
  if (state === "Queued" && facts.hold) return { message: "It is held: tutti resume." };
  return approval.message === "" ? {} : { message: approval.message };
}

const UNDER_WAY: ReadonlySet<string> = new Set(["InProgress", "Held", "RollingBack"]);

/** The Change that has to end first. */
function blockerOf(
  change: ChangeResource,
  tracked: Tracked,
  { store, changes }: KnowledgeOptions,
): Key | undefined {
  const { system, undoes } = change.spec;
  const namespace = change.metadata.namespace ?? "default";
  const policy = changePolicy(liveSystem(store, system, namespace), change.spec.declared ?? []);
  if (policy.concurrency !== "queue") return undefined;
  for (const other of changes.overlapping(tracked)) {
    const { metadata } = other.change;
    // What takes a Change back takes its place, and does not wait for who waits for that.
    if (metadata.name === undoes) continue;
    const isFirst = undoes === undefined && other.state === "Queued" && isBefore(other.change, change);
    if (UNDER_WAY.has(other.state) || isFirst)
      return { kind: "Change", namespace: metadata.namespace ?? "", name: metadata.name };
  }
  return undefined;
}

function isBefore(one: ChangeResource, other: ChangeResource): boolean {
  const order = one.metadata.creationTimestamp.localeCompare(other.metadata.creationTimestamp);
  return order !== 0 ? order < 0 : numberOf(one) < numberOf(other);
}

const NOT_BEGUN: ReadonlySet<string> = new Set(["Pending", "Queued", "Rejected", "Expired", "Void"]);

/** A Change that has begun after this one and touches something of it. */
function successorOf(
  change: ChangeResource,
  { steps, later: coming }: Tracked,
  store: Store,
): string | undefined {
  const { system, revision = 0 } = change.spec;
  const mine = change.metadata.name;
  const later = changesOf(store, system, change.metadata.namespace ?? "default").filter((other) => {
    const theirs = other.spec.revision ?? 0;
    if (other.metadata.name === mine || NOT_BEGUN.has(stateOf(other))) return false;
    if (other.spec.action === "down") return theirs >= revision && change.spec.action !== "down";
    return theirs > revision;
  });
  const mineToo = new Set(coming);
  const isMine = (step: Step): boolean => steps.has(keyTextOf(step)) || mineToo.has(keyTextOf(step));
  const found = later.find(
    (other) =>
      other.metadata.name !== change.status?.undoneBy &&
      other.spec.plan.steps.some((step) => isTouched(step) && isMine(step)),
  );
  const inverse = later.find(({ metadata }) => metadata.name === change.status?.undoneBy);
  return (found ?? (stateOf(change) === "RollingBack" ? undefined : inverse))?.metadata.name;
}

function onFailureOf({ spec, metadata }: ChangeResource, store: Store): Facts["onFailure"] {
  const { system, declared = [] } = spec;
  const live = liveSystem(store, system, metadata.namespace ?? "default");
  return spec.onFailure ?? changePolicy(live, declared).onFailure ?? "continue";
}

function unforgiven({ status }: ChangeResource, { failed, steps }: Tracked): readonly string[] {
  const passedOver = new Set(status?.passedOver ?? []);
  return [...failed].filter((text) => !passedOver.has(steps.get(text)?.address ?? ""));
}

function progressOf(tracked: Tracked, failed: number): Omit<Progress, "further"> {
  const { open, failed: failures } = tracked;
  return { open: open.size, failed, failures: failures.size, stuck: isStuck(tracked) };
}

function inverseState({ status, metadata }: ChangeResource, store: Store): Facts["inverse"] {
  if (status?.undoneBy === undefined) return "none";
  const key = { kind: "Change", namespace: metadata.namespace ?? "", name: status.undoneBy };
  const inverse = store.get(key) as ChangeResource | undefined;
  if (inverse === undefined) return "Failed";
  const state = stateOf(inverse);
  if (state === "Succeeded") return "Succeeded";
  return UNDER_WAY.has(state) || state === "Queued" || state === "Pending" ? "open" : "Failed";
}

function failureText({ failed, steps, change }: Tracked, store: Store): string {
  const told = [...failed].slice(0, 3).map((text) => {
    const step = steps.get(text);
    if (step === undefined) return text;
    const resource = store.get({ kind: step.kind, namespace: step.namespace, name: step.name });
    const standing = standingOf(step, resource, uidOf(change, step));
    return standing.state === "failed" ? `${step.address} has failed: ${standing.message}` : step.address;
  });
  return told.join(" ") + (failed.size > 3 ? ` And ${failed.size - 3} more.` : "");
}

function supersededText({ spec }: ChangeResource, successor: string | undefined): string {
  return successor === undefined
    ? `system/${spec.system} is deleted.`
    : `change/${successor} touches the same resources and took its place.`;
}

function messageOf(
  { state, act }: Decision,
  change: ChangeResource,
  tracked: Tracked,
  {
    successor,
    store,
  }: { readonly successor: string | undefined; readonly failed: readonly string[]; readonly store: Store },
): string | undefined {
  if (act !== "none") return undefined;
  if (state === "Superseded") return supersededText(change, successor);
  if (state === "Failed") {
    if (change.status?.state === "RollingBack")
      return `Taking it back has failed: see change/${change.status.undoneBy ?? ""}.`;
    return failureText(tracked, store);
  }
  if (state === "RolledBack") return change.status?.message;
  if (state === "Held")
    return tracked.failed.size > 0
      ? failureText(tracked, store)
      : "Somebody asked for nothing further to begin.";
  return undefined;
}
