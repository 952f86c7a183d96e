/**
 * A plan as a Change: how it is written down, proposed again when its time has come, and committed (I7).
 *
 *     plan ──submissionOf──▶ Change (+ Approval)     nothing of the desired state is touched
 *     Change ──proposeAgain──▶ the plan that was agreed to ──beginOperations──▶ resources, Revision, Change: one commit
 *                          └──▶ another one (`isAgreed`): `movedSince` says what moved
 *     (change-operations.ts has the operations)
 *
 *  - What a Change holds is enough to propose it again: what was declared, as admitted, and what was asked beside it.
 *  - A plan that is committed at once makes the same Change in the same commit (operations.ts).
 */
import { createHash } from "node:crypto";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { equal } from "../model/equality.ts";
import { type Draft, LABELS, type Resource } from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import type { Snapshot } from "../store/store.ts";
import { effectsOf } from "./hash.ts";
import type { AttributeChange, Plan, Step } from "./plan.ts";
import { type ProposeInput, type Proposal, propose } from "./propose.ts";
import { waveOf } from "./waves.ts";

export type ChangeState =
  | "Pending"
  | "Queued"
  | "InProgress"
  | "Held"
  | "RollingBack"
  | "Succeeded"
  | "Failed"
  | "RolledBack"
  | "Superseded"
  | "Rejected"
  | "Expired"
  | "Void";

export type OnFailure = "continue" | "hold" | "rollBack";

/** By address: what a resource was when the plan was made. */
export type Base = Readonly<Record<string, { readonly uid: string; readonly generation: number }>>;

/** What was planned beside the declaration itself. */
export type Requested = Omit<
  ProposeInput,
  "resources" | "system" | "namespace" | "live" | "keyring" | "action" | "capabilities" | "drift" | "pins"
>;

/** What is planned beside the declaration, so that it can be planned again. */
export function requestOf(input: Partial<ProposeInput>, { toRevision }: Plan): Requested {
  const { targets, excludes, replaces, forget, adopts, foreseen, undoes } = input;
  const asked = { targets, excludes, replaces, forget, adopts, foreseen, undoes, toRevision };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as Requested;
}

export type ShownPlan = Omit<Plan, "resources">;

export interface ChangeSpec {
  readonly system: string;
  readonly revision?: number;
  readonly action: Plan["action"];
  readonly actor: string;
  readonly plan: ShownPlan;
  readonly hash: string;
  /** By address, what it does alone (`effectsOf`); of one that was not committed at once. */
  readonly effects?: Readonly<Record<string, string>>;
  readonly undoes?: string;
  readonly declared?: readonly Draft[];
  readonly request?: Requested;
  readonly base?: Base;
  readonly onFailure?: OnFailure;
  readonly approval?: string;
  readonly irreversible?: Readonly<Record<string, string>>;
  readonly hold?: boolean;
  readonly resumes?: number;
  readonly withdrawn?: string;
}

export interface Stage {
  readonly revision?: number;
  readonly committedAt: string;
  /** All of the plan when absent. */
  readonly addresses?: readonly string[];
  /** Those of them that it made. */
  readonly created?: readonly string[];
  /** Those of them that it deleted. */
  readonly deleted?: readonly string[];
  readonly wave?: number;
}

export interface StepOutcome {
  readonly address: string;
  readonly action: string;
  readonly state: "Waiting" | "Running" | "Succeeded" | "Failed" | "Held" | "Skipped";
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly failures?: number;
  readonly reason?: string;
  readonly message?: string;
}

export interface ChangeStatus {
  readonly state?: ChangeState;
  readonly message?: string;
  readonly stages?: readonly Stage[];
  readonly deferred?: Readonly<Record<string, string>>;
  readonly steps?: readonly StepOutcome[];
  readonly progress?: { readonly done: number; readonly of: number };
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly resumed?: number;
  readonly passedOver?: readonly string[];
  readonly undoneBy?: string;
  /** Name of the Approval that its next stage waits for. */
  readonly asked?: string;
}

export type ChangeResource = Resource<ChangeSpec, ChangeStatus | undefined>;

/** On an Approval: the Change that waits for it. */
export const APPROVES = "tutti.dev/change";

/** As it is without a status: it was committed at once, and nobody has looked at it. */
export function stateOf({ spec, status }: ChangeResource): ChangeState {
  return status?.state ?? (spec.revision === undefined ? "Pending" : "InProgress");
}

/** By which the Changes of a System are counted. */
export function numberOf({ metadata }: ChangeResource): number {
  return Number(metadata.name.slice(metadata.name.lastIndexOf("-") + 1)) || 0;
}

/** Those of one System, as far as they can be read. */
export function changesOf(live: Snapshot, system: string, namespace: string): readonly ChangeResource[] {
  return live
    .list({ kind: "Change", namespace, labels: { [LABELS.system]: system } })
    .items.filter((change) => isChange(change) && change.spec.system === system) as readonly ChangeResource[];
}

/** Anybody may write a resource of the kind; what cannot be read as a Change is left alone. */
export function isChange(resource: Resource): resource is ChangeResource {
  const spec = (resource.spec ?? {}) as Partial<ChangeSpec>;
  // What is in the store is frozen, so what was found of it stays true.
  const known = readable.get(spec);
  if (known !== undefined) return known;
  const found = isReadable(spec);
  readable.set(spec, found);
  return found;
}

const readable = new WeakMap<object, boolean>();

function isReadable({ plan, system, hash }: Partial<ChangeSpec>): boolean {
  return (
    typeof system === "string" &&
    typeof hash === "string" &&
    Array.isArray(plan?.steps) &&
    plan.steps.every(
      (step: Partial<Step> | null) => typeof step?.address === "string" && Array.isArray(step.after),
    )
  );
}

export function isTouched({ action }: Step): boolean {
  return action !== "none";
}

export function irreversibleOf(plan: ShownPlan): Readonly<Record<string, string>> | undefined {
  const entries = plan.steps.flatMap((step): [string, string][] => {
    const why = step.irreversible ?? step.loses;
    return why === undefined ? [] : [[step.address, why]];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

export function baseOf(plan: ShownPlan, live: Snapshot): Base {
  const entries = plan.steps.filter(isTouched).flatMap((step) => {
    const resource = live.get({ kind: step.kind, namespace: step.namespace, name: step.name });
    if (resource === undefined) return [];
    const { uid, generation } = resource.metadata;
    return [[step.address, { uid, generation }] as const];
  });
  return Object.fromEntries(entries);
}

/** What is kept of a plan to tell later what has moved: its steps but for those that change nothing, and their base. */
export interface Outline {
  readonly plan: { readonly steps: ShownPlan["steps"] };
  readonly base: Base;
}

export function outlineOf(plan: ShownPlan, live: Snapshot): Outline {
  return { plan: { steps: plan.steps.filter(isTouched) }, base: baseOf(plan, live) };
}

export interface Moved {
  readonly address: string;
  /** How, one sentence. */
  readonly message: string;
}

const MOST_MOVED = 50;

/** What is not as it was when the plan was made, among what it touches and what it would touch now. */
export function movedSince(
  { plan, base }: Outline,
  live: Snapshot,
  now: Outline["plan"] | undefined,
): readonly Moved[] {
  const found = new Map<string, string>();
  for (const step of plan.steps.filter(isTouched)) {
    const message = movement(step, base[step.address], live);
    if (message !== undefined) found.set(step.address, message);
  }
  if (now !== undefined && found.size === 0)
    for (const [address, message] of otherSteps(plan, now)) found.set(address, message);
  return [...found].slice(0, MOST_MOVED).map(([address, message]) => ({ address, message }));
}

function movement(step: Step, base: Base[string] | undefined, live: Snapshot): string | undefined {
  const resource = live.get({ kind: step.kind, namespace: step.namespace, name: step.name });
  if (base === undefined) return resource === undefined ? undefined : "It is there by now.";
  if (resource === undefined) return "It is gone.";
  const { uid, generation, deletionTimestamp } = resource.metadata;
  if (uid !== base.uid) return "It was deleted and made again.";
  if (deletionTimestamp !== undefined && step.action !== "delete") return "It is being deleted.";
  return generation === base.generation
    ? undefined
    : `It was changed: generation ${base.generation} is ${generation} now.`;
}

function* otherSteps(before: Outline["plan"], now: Outline["plan"]): Generator<[string, string]> {
  const former = new Map(before.steps.map((step) => [step.address, step]));
  for (const { address, action, changes } of now.steps) {
    const { action: was, changes: were } = former.get(address) ?? { action: "none", changes: [] };
    if (was !== action) yield [address, `It was ${WORDS[was]}, and is ${WORDS[action]} now.`];
    else if (!equal(were, changes)) yield [address, otherChanges(were, changes)];
    former.delete(address);
  }
  for (const [address, { action }] of former)
    if (action !== "none") yield [address, `It was ${WORDS[action]}, and is in the plan no more.`];
}

function otherChanges(before: Step["changes"], now: Step["changes"]): string {
  const isIn = (all: Step["changes"], change: AttributeChange): boolean =>
    all.some((one) => equal(one, change));
  const other = [...before.filter((one) => !isIn(now, one)), ...now.filter((one) => !isIn(before, one))];
  const paths = [...new Set(other.map(({ path }) => path))].slice(0, 5);
  return `It would be changed in another way: ${paths.join(", ")}.`;
}

const WORDS: Readonly<Record<Step["action"], string>> = {
  create: "to be created",
  update: "to be changed",
  replace: "to be made anew",
  delete: "to be deleted",
  none: "left as it is",
  adopt: "to be adopted",
  move: "to be renamed",
  unknown: "to be seen",
  forget: "to be forgotten",
};

/** `database/orders was changed: ...; service/api is gone.`, for a message. */
export function movedText(moved: readonly Moved[]): string {
  const first = moved.slice(0, 5).map(({ address, message }) => `${address}: ${message}`);
  return first.join(" ") + (moved.length > 5 ? ` And ${moved.length - 5} more.` : "");
}

export interface AgainContext {
  readonly live: Snapshot;
  readonly keyring: Keyring;
  readonly capabilities?: ProposeInput["capabilities"];
}

/** What the Change comes to now. Of the same hash it is the very plan that was agreed to. */
export function proposeAgain(
  {
    system,
    namespace,
    action,
    declared = [],
    request = {},
  }: Pick<ChangeSpec, "system" | "action" | "declared" | "request"> & { readonly namespace: string },
  { live, keyring, ...facts }: AgainContext,
): Proposal {
  const defined = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
  // Nothing declared would mean to delete everything: it was not written down, which is not the same.
  if (action === "apply" && declared.length === 0) return { diagnostics: [notDeclared(system)] };
  return propose({
    ...request,
    ...defined,
    resources: [],
    admitted: declared,
    system,
    namespace,
    action,
    live,
    keyring,
  });
}

/**
 * Whether this is what was agreed to: the very plan, or one that does nothing else than was shown, to the same things. What of
 * that others have done by now, just so, is not left to do.
 */
export function isAgreed(
  { hash, effects }: Pick<ChangeSpec, "hash" | "effects">,
  plan: Plan,
  live: Snapshot,
): boolean {
  if (plan.hash === hash) return true;
  const now = effects === undefined ? [] : Object.entries(effectsOf(plan, live));
  return now.length > 0 && now.every(([address, effect]) => effects?.[address] === effect);
}

function notDeclared(system: string): Diagnostic {
  return {
    severity: "error",
    code: "NotDeclared",
    address: `system/${system}`,
    message: "What was declared was not written down with the Change, so it cannot be planned again.",
    hint: "Apply the declaration again.",
  };
}

export interface ApprovalPolicy {
  readonly when: "always" | "destructive" | "never";
  readonly chain: readonly object[];
  readonly order: string;
  readonly selfApproval: boolean;
  readonly expires?: string;
  readonly onExpire: string;
}

/** What the System says of how it is changed: as it is now; of one that is not there, as it is declared. */
export function changePolicy(live: Resource | undefined, declared: readonly Draft[]): ChangePolicy {
  const system = live ?? declared.find(({ kind }) => kind === "System");
  return (system?.spec as { readonly changes?: ChangePolicy } | undefined)?.changes ?? {};
}

export interface ChangePolicy {
  readonly approval?: ApprovalPolicy;
  readonly stages?: "approved" | "ask";
  readonly onFailure?: OnFailure;
  readonly concurrency?: "supersede" | "queue";
  /** A duration. */
  readonly keep?: string;
}

/** The policy that the plan falls under; undefined when nobody has to approve it. */
export function approvalOf(
  { approval }: ChangePolicy,
  plan: Pick<Plan, "destructive">,
): ApprovalPolicy | undefined {
  if (approval === undefined || approval.when === "never") return undefined;
  return approval.when === "always" || plan.destructive ? approval : undefined;
}

/** Key text of what a step is about. */
export function keyTextOf({ kind, namespace, name }: Step): string {
  return `${kind}/${namespace}/${name}`;
}

/** What is committed at once: the rest is not known yet. */
export function isCommitted({ action }: Step): boolean {
  return action !== "none" && action !== "unknown";
}

/** The commits that it has made so far. The first of one that was committed at once is in no status: the plan tells it. */
export function stagesOf({ spec, status, metadata }: ChangeResource): readonly Stage[] {
  if (status?.stages !== undefined) return status.stages;
  if (spec.revision === undefined) return [];
  const { steps } = spec.plan;
  return [
    {
      revision: spec.revision,
      committedAt: metadata.creationTimestamp,
      ...placeOf(steps),
    },
  ];
}

/** What of the steps one commit makes: all of it, or which of them, and of which wave. */
export function placeOf(steps: readonly Step[]): Pick<Stage, "addresses" | "created" | "deleted" | "wave"> {
  const wave = waveOf({ steps });
  const isNow = (step: Step): boolean => isCommitted(step) && (step.wave ?? 0) <= (wave ?? 0);
  const isWhole = steps.every((step) => step.action === "none" || isNow(step));
  return {
    ...(isWhole ? {} : touchedBy(steps.filter(isNow))),
    ...(wave === undefined ? {} : { wave }),
  };
}

/** What goes is named as such: members that fall away are in no plan that was written down. */
export function touchedBy(steps: readonly Step[]): Pick<Stage, "addresses" | "created" | "deleted"> {
  const thoseTo = (wanted: Step["action"]): readonly string[] =>
    steps.flatMap(({ action, address }) => (action === wanted ? [address] : []));
  const created = thoseTo("create");
  const deleted = thoseTo("delete");
  return {
    addresses: steps.map(({ address }) => address),
    ...(created.length === 0 ? {} : { created }),
    ...(deleted.length === 0 ? {} : { deleted }),
  };
}

/** A stable name for one control plane, which tells nothing of its key. */
export function controlPlaneId(keyring: Keyring): string {
  return createHash("sha256").update(keyring.derive("tutti/control-plane")).digest("hex").slice(0, 16);
}

export function errorsText(diagnostics: readonly Diagnostic[]): string {
  return diagnostics
    .filter(({ severity }) => severity === "error")
    .slice(0, 3)
    .map(({ address, message }) => (address === undefined ? message : `${address}: ${message}`))
    .join(" ");
}
