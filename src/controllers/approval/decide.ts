/**
 * Approvals: who may decide, and what the decisions come to. Pure; asked by the controller and by the API.
 *
 *   Pending ──a reject──────────────────────────> Rejected
 *           ──every stage has its quorum────────> Approved
 *           ──time is up: deny──> Expired;  approve──> Approved;  escalate──> Pending, of others, who deny when their time is up
 *           ──what is asked about will not be done──> Void
 *
 *  1. A decision is about a hash. Only those about the subject as it stands count; the others stay on record.
 *  2. Within a stage each person decides once, in his own name or on behalf of one other: no quorum is made by one.
 *  3. What was decided stays: nothing is decided about a subject that is approved, rejected or expired.
 */
import { createHash } from "node:crypto";
import { type Diagnostic, refuse } from "../../diagnostics/diagnostic.ts";
import { parseDuration } from "../../model/duration.ts";
import { canonicalJson } from "../../model/equality.ts";
import type { Condition, Resource } from "../../model/resource.ts";
import { jsonSchemaCheck } from "../../workflow/definition/json-schema.ts";

export interface Stage {
  readonly name?: string;
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly quorum: number;
}

export interface ApprovalSpec {
  readonly title?: string;
  readonly subject: unknown;
  readonly hash?: string;
  readonly requester?: string;
  readonly selfApproval: boolean;
  readonly form?: unknown;
  readonly chain: readonly Stage[];
  readonly order: "sequence" | "any";
  readonly delegate: readonly { readonly from: string; readonly to: string; readonly until?: string }[];
  readonly expires?: string;
  readonly onExpire: "deny" | "approve" | "escalate";
  readonly escalate?: Stage & { readonly expires?: string };
  /** Why nobody is to decide it any more. */
  readonly void?: string;
}

export interface Decision {
  readonly by: string;
  readonly onBehalfOf?: string;
  readonly groups?: readonly string[];
  readonly decision: "approve" | "reject";
  readonly stage: number;
  readonly at: string;
  readonly hash: string;
  readonly comment?: string;
  readonly form?: unknown;
}

export type ApprovalState = "Pending" | "Approved" | "Rejected" | "Expired" | "Void";

export interface ApprovalStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly state?: ApprovalState;
  readonly hash?: string;
  readonly decisions?: readonly Decision[];
  readonly open?: readonly number[];
  readonly escalatedAt?: string;
  readonly expiresAt?: string;
  readonly decidedAt?: string;
}

export type Approval = Resource<ApprovalSpec, ApprovalStatus | undefined>;

/** What the decisions so far come to. */
export interface Outcome {
  readonly state: ApprovalState;
  readonly hash: string;
  /** Numbers of the stages that may decide; that of those to whom it was escalated is one beyond the chain. */
  readonly open: readonly number[];
  /** Milliseconds since the epoch, as all times here. */
  readonly escalatedAt: number | undefined;
  readonly expiresAt: number | undefined;
  /** One sentence. */
  readonly why: string;
}

export function hashOfSubject(subject: unknown): string {
  return `sha256:${createHash("sha256")
    .update(canonicalJson(subject ?? null))
    .digest("hex")}`;
}

export function outcomeOf({ metadata, spec, status }: Approval, now: number): Outcome {
  const hash = hashOfSubject(spec.subject);
  if (status !== undefined && isSettled(status, hash)) return settled(status, hash);
  const counted = (status?.decisions ?? []).filter((one) => one.hash === hash);
  const deadline = deadlineOf(spec, metadata.creationTimestamp);
  const rejected = counted.find(({ decision }) => decision === "reject");
  const none = { hash, open: [], escalatedAt: undefined, expiresAt: deadline };
  if (spec.void !== undefined) return { ...none, state: "Void", why: spec.void };
  if (rejected !== undefined)
    return { ...none, state: "Rejected", why: `${nameIn(rejected)} rejected it${said(rejected)}.` };
  const missing = spec.chain.flatMap((stage, index) => (isFull(stage, index, counted) ? [] : [index]));
  if (missing.length === 0) return { ...none, state: "Approved", why: approvedBy(counted) };
  if (deadline === undefined || now < deadline)
    return {
      ...none,
      state: "Pending",
      open: spec.order === "any" ? missing : missing.slice(0, 1),
      why: `It waits for ${missing.map((index) => nameOf(spec, index)).join(", ")}.`,
    };
  return overdue(spec, counted, { hash, deadline, now });
}

function isSettled({ state = "Pending", hash: decided }: ApprovalStatus, hash: string): boolean {
  return state !== "Pending" && decided === hash;
}

function deadlineOf({ expires }: ApprovalSpec, created: string): number | undefined {
  return expires === undefined ? undefined : Math.max(Date.parse(created), 0) + parseDuration(expires);
}

/** What was decided stays. */
function settled(
  { state = "Pending", conditions, escalatedAt, expiresAt }: ApprovalStatus,
  hash: string,
): Outcome {
  return {
    state,
    hash,
    open: [],
    escalatedAt: timeIn(escalatedAt),
    expiresAt: timeIn(expiresAt),
    why: conditions?.find(({ type }) => type === "Ready")?.message ?? "",
  };
}

function timeIn(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

function overdue(
  spec: ApprovalSpec,
  counted: readonly Decision[],
  { hash, deadline, now }: { readonly hash: string; readonly deadline: number; readonly now: number },
): Outcome {
  const none = { hash, open: [], escalatedAt: undefined, expiresAt: deadline };
  if (spec.onExpire === "approve")
    return { ...none, state: "Approved", why: "Nobody decided in time, which approves it." };
  const { escalate } = spec;
  if (spec.onExpire === "deny" || escalate === undefined)
    return { ...none, state: "Expired", why: "Not everybody who is asked decided in time, which denies it." };
  const last = spec.chain.length;
  const expiresAt = escalate.expires === undefined ? undefined : deadline + parseDuration(escalate.expires);
  const escalated = { hash, open: [], escalatedAt: deadline, expiresAt };
  if (isFull(escalate, last, counted)) return { ...escalated, state: "Approved", why: approvedBy(counted) };
  if (expiresAt !== undefined && now >= expiresAt)
    return { ...escalated, state: "Expired", why: "Those to whom it was escalated did not decide in time." };
  return { ...escalated, state: "Pending", open: [last], why: `It was escalated to ${nameOf(spec, last)}.` };
}

function isFull({ quorum }: Stage, index: number, counted: readonly Decision[]): boolean {
  return counted.filter(({ stage, decision }) => stage === index && decision === "approve").length >= quorum;
}

function stageAt({ chain, escalate }: ApprovalSpec, index: number): Stage | undefined {
  return index === chain.length ? escalate : chain[index];
}

function nameOf(spec: ApprovalSpec, index: number): string {
  const { name, users = [], groups = [] } = stageAt(spec, index) ?? {};
  const who = [...users, ...groups.map((group) => `the group ${group}`)];
  return name ?? (who.length === 0 ? "anybody" : who.join(" or "));
}

function nameIn({ by, onBehalfOf }: Decision): string {
  return onBehalfOf === undefined ? by : `${by} on behalf of ${onBehalfOf}`;
}

function said({ comment }: Decision): string {
  return comment === undefined || comment === "" ? "" : `: ${comment.replace(/[.\s]+$/, "")}`;
}

function approvedBy(counted: readonly Decision[]): string {
  return `Approved by ${counted.map(nameIn).join(", ")}.`;
}

export interface Actor {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface Asked {
  readonly decision: "approve" | "reject";
  /** Of what the actor has seen; the subject as it stands when absent. */
  readonly hash?: string;
  readonly comment?: string;
  readonly form?: unknown;
  readonly onBehalfOf?: string;
}

/** The decision to be recorded. Refuses with a DiagnosticError who may not decide, or what cannot be decided. */
export function decisionOf(approval: Approval, actor: Actor, asked: Asked, now: number): Decision {
  const { spec, status } = approval;
  const outcome = outcomeOf(approval, now);
  if (outcome.state !== "Pending")
    refuse({
      code: "AlreadyDecided",
      message: `It is decided: ${outcome.why}`,
      hint: "Ask anew, with another Approval.",
    });
  if (asked.hash !== undefined && asked.hash !== outcome.hash)
    refuse({
      code: "SubjectChanged",
      path: "hash",
      message: "What is to be approved is not what it was when you saw it.",
      hint: `Look at it again; it has the hash ${outcome.hash} now.`,
    });
  const person = personOf(spec, actor, asked, now);
  const stage = stageFor(spec, outcome, actor, asked);
  requireFirst(status?.decisions ?? [], outcome.hash, stage, actor.name, person);
  requireForm(spec, asked);
  return {
    by: actor.name,
    ...(asked.onBehalfOf === undefined ? {} : { onBehalfOf: asked.onBehalfOf }),
    ...(actor.groups.length === 0 ? {} : { groups: actor.groups }),
    decision: asked.decision,
    stage,
    at: new Date(now).toISOString(),
    hash: outcome.hash,
    ...(asked.comment === undefined ? {} : { comment: asked.comment }),
    ...(asked.form === undefined ? {} : { form: asked.form }),
  };
}

/** Whose right it is. */
function personOf(spec: ApprovalSpec, actor: Actor, { onBehalfOf }: Asked, now: number): string {
  const person = onBehalfOf ?? actor.name;
  if (!spec.selfApproval && spec.requester !== undefined && [person, actor.name].includes(spec.requester))
    refuse({
      code: "SelfApproval",
      message: `${spec.requester} asks for it, and cannot decide it.`,
      hint: "Have somebody else decide.",
    });
  const isAllowed = spec.delegate.some(
    ({ from, to, until }) =>
      from === person && to === actor.name && (until === undefined || now < Date.parse(until)),
  );
  if (onBehalfOf !== undefined && onBehalfOf !== actor.name && !isAllowed)
    refuse({
      code: "NoDelegation",
      path: "onBehalfOf",
      message: `No delegation says that ${actor.name} may decide on behalf of ${onBehalfOf} now.`,
      hint: "Record one in spec.delegate.",
    });
  return person;
}

function stageFor(spec: ApprovalSpec, { open }: Outcome, actor: Actor, { onBehalfOf }: Asked): number {
  const found = open.find((index) => {
    const { users = [], groups = [] } = stageAt(spec, index) ?? {};
    if (users.length === 0 && groups.length === 0) return true;
    if (users.includes(onBehalfOf ?? actor.name)) return true;
    // Whose groups another has is not known: what is delegated is a right of that person's own.
    return onBehalfOf === undefined && groups.some((group) => actor.groups.includes(group));
  });
  return (
    found ??
    refuse({
      code: "NotAnApprover",
      message: `${onBehalfOf ?? actor.name} is not among those who decide now.`,
      hint: `It waits for ${open.map((index) => nameOf(spec, index)).join(", ")}.`,
    })
  );
}

function requireFirst(
  decisions: readonly Decision[],
  hash: string,
  stage: number,
  name: string,
  person: string,
): void {
  const involved = new Set([name, person]);
  const before = decisions.find(
    (one) =>
      one.hash === hash &&
      one.stage === stage &&
      [one.by, one.onBehalfOf ?? one.by].some((who) => involved.has(who)),
  );
  if (before !== undefined)
    refuse({
      code: "AlreadyDecided",
      message: `${nameIn(before)} has decided in this stage already.`,
      hint: "Each person decides once in a stage.",
    });
}

function requireForm({ form }: ApprovalSpec, asked: Asked): void {
  if (form === undefined || asked.decision === "reject") return;
  const [first] = jsonSchemaCheck(form)(asked.form ?? {});
  if (first !== undefined)
    refuse({
      code: "InvalidForm",
      path: first.path === "" ? "form" : `form.${first.path}`,
      message: first.message,
      hint: "The form is in spec.form.",
    });
}

/** What the schema cannot say of an Approval. */
export function checkApproval(spec: ApprovalSpec): readonly Omit<Diagnostic, "severity" | "address">[] {
  const found: Omit<Diagnostic, "severity" | "address">[] = [];
  if (spec.hash !== undefined && spec.hash !== hashOfSubject(spec.subject))
    found.push({
      code: "InvalidHash",
      path: "spec.hash",
      message: "It is not the hash of the subject.",
      hint: "Leave it out, or give sha256: and the SHA-256 of the subject's canonical JSON.",
    });
  if ((spec.onExpire === "escalate") !== (spec.escalate !== undefined))
    found.push({
      code: "InvalidApproval",
      path: "spec.escalate",
      message: "'onExpire: escalate' and 'escalate' belong together.",
      hint: "Say to whom it is escalated.",
    });
  for (const [index, stage] of [
    ...spec.chain,
    ...(spec.escalate === undefined ? [] : [spec.escalate]),
  ].entries())
    if (stage.groups.length === 0 && stage.users.length > 0 && stage.quorum > new Set(stage.users).size)
      found.push({
        code: "InvalidApproval",
        path: index < spec.chain.length ? `spec.chain[${index}].quorum` : "spec.escalate.quorum",
        message: `${stage.quorum} must approve, and ${stage.users.length} may.`,
        hint: "Lower the quorum, or name more people.",
      });
  return found;
}
