/**
 * A plan as the operations of one commit: everything in it becomes visible at once, or nothing does (I1).
 *
 * **Replacing.** A thing that cannot be changed in place has to be removed and made anew. Deleting and creating its
 * resource in one commit is not sound: a resource with finalizers stays until its controller has let go, so the create
 * would find it there; two commits would show a world without it, and a crash between them would leave it so. Therefore
 * a replacement is an update, which keeps uid, history and status, marked with the annotation `tutti.dev/replace` whose
 * value is the plan's hash. The controller of such a kind
 *   1. records in the status, before it makes anything, what it made and from which spec (I3), and once it is made the
 *      value of the annotation that this carries out;
 *   2. finding the annotation and another value, or none, recorded: removes the thing by the *recorded* spec, then
 *      ensures it by the present one, then records the annotation's value.
 * A crash at any point leaves the annotation in force, so what is owed is paid (I8). The planner never takes the
 * annotation away, and a later replacement overwrites it: whatever was made last is what the status tells, so the steps
 * between need not be carried out. A replacement keeps data exactly when the spec that it was made by says `retain`.
 *
 * **Renaming** (renamed.ts) gives the thing, and all that is owned, to the resource under its new name in the same commit.
 *
 * **Not yet.** A step that is `unknown` writes nothing: it is planned again when what it waits for is ready.
 *
 * **Deleting.** All of a System goes in one commit; finalizers keep what needs undoing, and the controllers undo in
 * reverse order. The System itself holds the finalizer `tutti.dev/system`: its controller takes that away when all else is gone,
 * with a last Revision that says so.
 *
 * Invariants
 *  O1 A plan with nothing to do gives no operation.
 *  O2 Every update and delete names the resourceVersion it was planned against, every create asserts that there is none:
 *     between plan and commit nothing can slip in. Statuses move all the time, so on Conflict the caller plans again and
 *     goes on when the hash is still the same.
 *  O3 Nothing is written that is not in the plan, but for the namespace, the Revision and the Change.
 */
import { randomBytes } from "node:crypto";
import { validate } from "../kinds/validate.ts";
import { conditionOf } from "../model/condition.ts";
import { equal } from "../model/equality.ts";
import {
  type Draft,
  FINALIZERS,
  LABELS,
  REQUESTS,
  RESTARTED_AT,
  type Resource,
  addressOf,
  keyOf,
} from "../model/resource.ts";
import type { Keyring } from "../model/sealed.ts";
import type { Operation, Snapshot } from "../store/store.ts";
import { changeName } from "./change-name.ts";
import { liveSystem } from "./ownership.ts";
import { type Action, type Drifted, type Plan, type Step, recordedPlan } from "./plan.ts";
import { isSetBack } from "./refreshed.ts";
import { type Renaming, handedOver, inheritances } from "./handover.ts";
import { contentRecord, revisionsOf } from "./revisions.ts";
import { isSecret, withGenerated } from "./secrets.ts";
import { bodyOf, targetOf } from "./target.ts";
import { stageOf } from "./waves.ts";

export interface OperationsContext {
  /** The snapshot that the plan was made from. */
  readonly live: Snapshot;
  /** `user:admin`. */
  readonly actor: string;
  readonly keyring: Keyring;
  /** `size` random bytes fit for passwords; the operating system's when absent. */
  readonly random?: (size: number) => Uint8Array;
  /** What the Change says beside the plan: what is done on failure, what it was asked with. */
  readonly change?: Readonly<Record<string, unknown>>;
}

/** The operations of one commit, of plans with waves the first that has work left; none when there is nothing to do. */
export function operationsOf(plan: Plan, context: OperationsContext): readonly Operation[] {
  if (plan.steps.every((step) => step.action === "none")) return [];
  const { live } = context;
  const newest = revisionsOf(live, plan.system, plan.namespace)[0];
  const stage = stageOf(plan, newest?.resources ?? []);
  const previous = new Map((newest?.resources ?? []).map((draft) => [addressOf(draft), draft]));
  const drafts = new Map(stage.resources.map((draft) => [addressOf(draft), draft]));
  const operations = stage.steps.flatMap((step) => {
    const draft = drafts.get(step.address);
    const before = previous.get(step.movedFrom ?? step.address);
    return operationOf(step, { draft, previous: before, plan, context });
  });
  const heirs = inheritances(renamingsIn(stage.steps, live), live, plan.namespace);
  const number = (newest?.number ?? 0) + 1;
  return [...namespaceOf(stage, live), ...operations, ...heirs, ...records(plan, stage, number, context)];
}

interface Work {
  readonly draft: Draft | undefined;
  readonly previous: Draft | undefined;
  readonly plan: Plan;
  readonly context: OperationsContext;
}

function renamingsIn(steps: readonly Step[], live: Snapshot): readonly Renaming[] {
  return steps.flatMap(({ action, movedFrom, kind, namespace, name }) => {
    if (movedFrom === undefined || action === "none" || action === "unknown") return [];
    const found = live.get({ kind, namespace, name: movedFrom.split("/")[1] ?? "" });
    return found === undefined ? [] : [{ live: found, name }];
  });
}

function operationOf(step: Step, work: Work): readonly Operation[] {
  const { action, kind, namespace, baseVersion } = step;
  if (action === "none" || action === "unknown") return [];
  const key = { kind, namespace, name: step.movedFrom?.split("/")[1] ?? step.name };
  const expected = baseVersion === undefined ? {} : { expectedVersion: baseVersion };
  if (action === "delete") return [{ type: "delete", key, ...expected }];
  const live = work.context.live.get(key);
  if (action === "forget") return live === undefined ? [] : forgetting(live);
  return work.draft === undefined ? [] : writing(step, work.draft, live, work);
}

function writing(
  step: Step,
  draft: Draft,
  live: Resource | undefined,
  { previous, plan, context }: Work,
): readonly Operation[] {
  const wanted = generated(targetOf({ draft, live, previous }), context);
  const target = triedAgain(asked(step, wanted, plan, context.live), live, context.live);
  if (live === undefined) return [{ type: "create", resource: target }];
  if (step.movedFrom !== undefined) return handedOver(live, target, step.changes.length > 0);
  // The values of its expressions change, but not what is written: its controller sees those by itself.
  if (isSameContent(live as Draft, target)) return [];
  const { resourceVersion } = live.metadata;
  return [{ type: "update", resource: target, expectedVersion: step.baseVersion ?? resourceVersion }];
}

/** With what is asked of its controller. */
function asked(step: Step, target: Draft, { hash }: Plan, { revision }: Snapshot): Draft {
  const { action, adopts, drift } = step;
  if (action === "update" && isSetBack(drift))
    return annotated(target, REQUESTS.revert, askedBack(drift, revision));
  if (action === "adopt") return annotated(target, REQUESTS.adopt, adopts ?? "");
  if (isRenamedInNetworks(step, target)) return annotated(target, RESTARTED_AT, hash);
  if (action !== "replace") return target;
  // Instances are made anew by a rollout, so that the service goes on.
  return annotated(target, target.kind === "Service" ? RESTARTED_AT : REQUESTS.replace, hash);
}

/**
 * What is only set back keeps its generation, and so what was found out of it before: its controller is asked to try again.
 */
function triedAgain(target: Draft, live: Resource | undefined, { revision }: Snapshot): Draft {
  const isAsked =
    live !== undefined &&
    target.metadata.annotations?.[REQUESTS.revert] !== live.metadata.annotations?.[REQUESTS.revert];
  return isAsked && conditionOf(live, "Failed")?.status === "True" && provides(live)
    ? annotated(target, REQUESTS.retry, `at ${revision}`)
    : target;
}

function provides({ metadata: { finalizers = [] } }: Resource): boolean {
  return finalizers.includes(FINALIZERS.provision);
}

/** Others find its instances there by the service's name, which those that run keep: a rollout gives them the new one. */
function isRenamedInNetworks({ movedFrom }: Step, { kind, spec }: Draft): boolean {
  const { networks = [] } = (spec ?? {}) as { readonly networks?: readonly unknown[] };
  return movedFrom !== undefined && kind === "Service" && networks.length > 0;
}

/** `revision`: tells this request from the same one at another time. */
function askedBack(drift: readonly Drifted[] = [], revision: number): string {
  const paths = drift.flatMap(({ path, answer = "revert" }) =>
    path === undefined || answer !== "revert" ? [] : [path],
  );
  return JSON.stringify({ at: revision, paths });
}

/** Its controller is told to let go of the thing before it is told that the resource goes. */
function forgetting(live: Resource): readonly Operation[] {
  const { resourceVersion, uid } = live.metadata;
  const resource = annotated(live as Draft, REQUESTS.forget, "true");
  return [
    { type: "update", resource, expectedVersion: resourceVersion },
    { type: "delete", key: keyOf(live), uid },
  ];
}

function generated(target: Draft, { keyring, random = randomBytes }: OperationsContext): Draft {
  return isSecret(target) ? withGenerated(target, keyring, random) : target;
}

function annotated(target: Draft, name: string, value: string): Draft {
  const annotations = { ...target.metadata.annotations, [name]: value };
  return { ...target, metadata: { ...target.metadata, annotations } };
}

function isSameContent(live: Draft, target: Draft): boolean {
  const { labels, annotations, finalizers } = live.metadata;
  const now = target.metadata;
  return (
    equal(
      [labels ?? {}, annotations ?? {}, finalizers ?? []],
      [now.labels ?? {}, now.annotations ?? {}, now.finalizers ?? []],
    ) && equal(bodyOf(live), bodyOf(target))
  );
}

/** The namespace comes with the first System in it, and stays when that goes: others may be in it by then. */
function namespaceOf(plan: Plan, live: Snapshot): readonly Operation[] {
  const manifest = { kind: "Namespace", metadata: { name: plan.namespace } };
  const { resource } = validate(manifest);
  if (plan.action === "down" || resource === undefined || live.get(keyOf(resource)) !== undefined) return [];
  const declared = plan.resources.some(
    (draft) => draft.kind === "Namespace" && draft.metadata.name === plan.namespace,
  );
  return declared ? [] : [{ type: "create", resource }];
}

/**
 * The Revision, with the content of the stage, and the Change, with the whole plan and how it came to be. A System that goes has
 * no further revision but of what is left of it between two waves.
 */
function records(
  plan: Plan,
  stage: Plan,
  next: number,
  { live, actor, change: more }: OperationsContext,
): readonly Operation[] {
  if (plan.action === "down" && liveSystem(live, plan.system, plan.namespace) === undefined) return [];
  const labels = { [LABELS.system]: plan.system };
  const { namespace } = plan;
  const name = changeName(live, plan.system, namespace);
  const isGoing = plan.action === "down" && stage === plan;
  const content = contentRecord(stage.resources, live, plan);
  const revision: Draft = {
    apiVersion: "tutti.dev/v1",
    kind: "Revision",
    metadata: { name: `${plan.system}-${next}`, namespace, labels },
    spec: { system: plan.system, number: next, change: name, ...content, summary: summaryOf(stage) },
  };
  const change: Draft = {
    apiVersion: "tutti.dev/v1",
    kind: "Change",
    metadata: { name, namespace, labels },
    spec: {
      system: plan.system,
      revision: isGoing ? next - 1 : next,
      action: plan.action,
      actor,
      plan: recordedPlan(plan),
      hash: plan.hash,
      ...(plan.undoes === undefined ? {} : { undoes: plan.undoes }),
      ...more,
    },
  };
  const created = isGoing ? [change] : [revision, change];
  return created.map((resource) => ({ type: "create", resource }));
}

const WORDS: readonly (readonly [Action, string])[] = [
  ["create", "create"],
  ["update", "update"],
  ["replace", "replace"],
  ["delete", "delete"],
  ["adopt", "adopt"],
  ["move", "rename"],
  ["forget", "forget"],
  ["unknown", "be seen"],
];

/** `2 to create, 1 to update`. */
export function summaryOf(plan: Plan): string {
  const counts = WORDS.flatMap(([action, word]) =>
    plan.summary[action] === 0 ? [] : [`${plan.summary[action]} to ${word}`],
  );
  const back = plan.toRevision === undefined ? "" : `back to revision ${plan.toRevision}: `;
  return back + (counts.length === 0 ? "nothing to do" : counts.join(", "));
}
