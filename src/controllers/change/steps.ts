/** How far each step of a Change is: told by the resource's own conditions, never by what anybody remembers. */
import { kindNamed, kindOfRoot } from "../../kinds/registry.ts";
import { statusSchema } from "../../kinds/schema.ts";
import { conditionOf, isReady } from "../../model/condition.ts";
import { type Condition, REQUESTS, type Resource } from "../../model/resource.ts";
import {
  type ChangeResource,
  type Stage,
  type StepOutcome,
  isCommitted,
  keyTextOf,
  stagesOf,
  stateOf,
} from "../../planner/change.ts";
import type { Step } from "../../planner/plan.ts";
import type { Snapshot } from "../../store/store.ts";
import { isOwed } from "./retry.ts";

export type Standing =
  | { readonly state: "done"; readonly at: string | undefined }
  | {
      readonly state: "failed";
      readonly at: string | undefined;
      readonly reason: string;
      readonly message: string;
    }
  | { readonly state: "open"; readonly begun: boolean; readonly reason?: string; readonly message?: string };

/** Steps that have been committed, by key text, in the order of the plan. */
export function committedSteps(change: ChangeResource): ReadonlyMap<string, Step> {
  const { spec } = change;
  if (spec.revision === undefined) return new Map();
  const planned = new Map(spec.plan.steps.map((step) => [step.address, step]));
  const steps = stagesOf(change).flatMap((stage) => {
    const actionOf = actionsIn(stage);
    return (
      stage.addresses?.map((address) =>
        committedAs(planned.get(address), address, change, actionOf(address)),
      ) ?? spec.plan.steps.filter(isCommitted)
    );
  });
  return new Map(steps.map((step) => [keyTextOf(step), step]));
}

/** What became known only on the way is in no plan that was written down: it is there, and is to be ready. */
function committedAs(
  planned: Step | undefined,
  address: string,
  change: ChangeResource,
  action: Step["action"],
): Step {
  if (planned !== undefined && isCommitted(planned)) return planned;
  return { action, address, ...keyAt(address, change), changes: [], after: planned?.after ?? [] };
}

function actionsIn({ created = [], deleted = [] }: Stage): (address: string) => Step["action"] {
  const [made, gone] = [new Set(created), new Set(deleted)];
  return (address) => (made.has(address) ? "create" : gone.has(address) ? "delete" : "update");
}

function keyAt(address: string, { metadata }: ChangeResource): Pick<Step, "kind" | "name" | "namespace"> {
  const [root = "", name = ""] = address.split("/");
  const kind = kindOfRoot(root);
  const { namespace = "default" } = metadata;
  return { kind: kind?.kind ?? root, name, namespace: kind?.namespaced === false ? "" : namespace };
}

/** Steps that wait for something to become known, or for their wave. */
export function laterSteps(change: ChangeResource): readonly Step[] {
  const committed = committedSteps(change);
  return change.spec.plan.steps.filter((step) => step.action !== "none" && !committed.has(keyTextOf(step)));
}

/** `resource`: as it is now. */
export function standingOf(step: Step, resource: Resource | undefined, uid: string | undefined): Standing {
  if (LEAVING.has(step.action)) return leaving(step, resource, uid);
  if (resource === undefined) return gone(undefined, "It was deleted by somebody else.");
  const { deletionTimestamp } = resource.metadata;
  if (deletionTimestamp !== undefined)
    return gone(deletionTimestamp, "It is being deleted by somebody else.");
  if (isPassive(resource)) return { state: "done", at: undefined };
  const failure = failureOf(resource);
  return failure === undefined ? working(step, resource) : failed(failure, resource);
}

const LEAVING: ReadonlySet<Step["action"]> = new Set(["delete", "forget", "move"]);

function gone(at: string | undefined, message: string): Standing {
  return { state: "failed", at, reason: "Gone", message };
}

/** What was found out before somebody asked to try again says nothing any more. */
function failed({ lastTransitionTime: at, reason, message }: Condition, resource: Resource): Standing {
  return isOwed(resource)
    ? { state: "open", begun: true, reason, message }
    : { state: "failed", at, reason, message };
}

function working(step: Step, resource: Resource): Standing {
  const ready = conditionOf(resource, "Ready");
  if (isReady(resource) && isMadeAnew(step, resource))
    return { state: "done", at: ready?.lastTransitionTime };
  if (ready === undefined || !isSeen(ready, resource)) return { state: "open", begun: false };
  const { status, reason, message } = ready;
  return {
    state: "open",
    begun: !WAITING.has(reason),
    ...(status === "True" ? {} : { reason, message }),
  };
}

const WAITING: ReadonlySet<string> = new Set(["WaitingFor", "Paused", "Held"]);

function isSeen({ observedGeneration }: Condition, { metadata }: Resource): boolean {
  return (observedGeneration ?? metadata.generation) === metadata.generation;
}

function leaving(step: Step, resource: Resource | undefined, uid: string | undefined): Standing {
  // Somebody else's, of the same name.
  if (resource === undefined || (uid !== undefined && resource.metadata.uid !== uid))
    return { state: "done", at: undefined };
  if (step.action === "move") return standingOf({ ...step, action: "update" }, resource, uid);
  const failure = failureOf(resource);
  // What failed to be made may still be removed.
  const { attempt } = (resource.status ?? {}) as { readonly attempt?: { readonly operation?: string } };
  if (failure !== undefined && attempt?.operation === "delete") return failed(failure, resource);
  return { state: "open", begun: resource.metadata.deletionTimestamp !== undefined };
}

/** Nothing is made for it: it is there as soon as it is written. Of a System the parts are waited for by themselves. */
function isPassive({ kind }: Resource): boolean {
  const known = passive.get(kind);
  if (known !== undefined) return known;
  const schema = kindNamed(kind);
  const isOne =
    PASSIVE.has(kind) || schema === undefined || !("conditions" in (statusSchema(schema).properties ?? {}));
  passive.set(kind, isOne);
  return isOne;
}

const PASSIVE: ReadonlySet<string> = new Set(["System", "Location", "ResourceSet"]);
const passive = new Map<string, boolean>();

/** Reasons of a Service's condition that say that it will not become what was declared. */
const ROLLOUT_FAILED: ReadonlySet<string> = new Set(["RolloutFailed", "RolledBack"]);

export function failureOf(resource: Resource): Condition | undefined {
  const { generation } = resource.metadata;
  const isPresent = ({ observedGeneration }: Condition): boolean =>
    (observedGeneration ?? generation) === generation;
  const failed = conditionOf(resource, "Failed");
  if (failed?.status === "True" && isPresent(failed)) return failed;
  const progressing = conditionOf(resource, "Progressing");
  return progressing?.status === "False" && ROLLOUT_FAILED.has(progressing.reason) && isPresent(progressing)
    ? progressing
    : undefined;
}

/** What is made anew keeps its generation until its controller has begun. */
function isMadeAnew({ action, kind }: Step, { metadata, status }: Resource): boolean {
  if (action !== "replace" || kind === "Service") return true;
  const wanted = metadata.annotations?.[REQUESTS.replace];
  const { replaced, made } = (status ?? {}) as { readonly replaced?: string; readonly made?: unknown };
  return wanted === undefined || made === undefined || replaced === wanted;
}

export interface Timing {
  /** Milliseconds since the epoch, by key text. */
  readonly started: ReadonlyMap<string, number>;
  readonly ended: ReadonlyMap<string, number>;
}

const NOT_TIMED: Timing = { started: new Map(), ended: new Map() };

/** What became of every step of the plan, and why. `timing`: what was seen; else what conditions tell, in whole seconds. */
export function outcomesOf(
  change: ChangeResource,
  live: Pick<Snapshot, "get">,
  timing: Timing = NOT_TIMED,
): readonly StepOutcome[] {
  const state = stateOf(change);
  const committed = committedSteps(change);
  const began = change.status?.startedAt ?? change.metadata.creationTimestamp;
  const outcomes = [...committed].map(([text, step]) => {
    const resource = live.get({ kind: step.kind, namespace: step.namespace, name: step.name });
    const standing = standingOf(step, resource, uidOf(change, step));
    return outcomeOf(step, standing, { began, text, timing, held: state === "Held" });
  });
  const rest = change.spec.plan.steps
    .filter((step) => step.action !== "none" && !committed.has(keyTextOf(step)))
    .map((step): StepOutcome => notBegun(step, change));
  return [...outcomes, ...rest];
}

function notBegun({ address, action, because }: Step, change: ChangeResource): StepOutcome {
  const isOver = !WAITS.has(stateOf(change));
  return {
    address,
    action,
    state: isOver ? "Skipped" : "Waiting",
    ...(because === undefined ? {} : { message: because }),
  };
}

const WAITS: ReadonlySet<string> = new Set(["Pending", "Queued", "InProgress", "Held"]);

/** As it was when it was planned. */
export function uidOf({ spec }: ChangeResource, { address }: Step): string | undefined {
  return spec.base?.[address]?.uid;
}

interface OutcomeContext {
  readonly began: string;
  readonly text: string;
  readonly timing: Timing;
  readonly held: boolean;
}

function outcomeOf(step: Step, standing: Standing, context: OutcomeContext): StepOutcome {
  const { address, action } = step;
  const startedAt = instant(context.timing.started.get(context.text)) ?? context.began;
  if (standing.state === "open")
    return {
      address,
      action,
      state: standing.begun ? "Running" : context.held ? "Held" : "Waiting",
      ...(standing.begun ? { startedAt } : {}),
      ...(standing.reason === undefined ? {} : { reason: standing.reason }),
      ...(standing.message === undefined ? {} : { message: standing.message }),
    };
  const seen = instant(context.timing.ended.get(context.text)) ?? standing.at;
  const endedAt = seen === undefined || seen < startedAt ? startedAt : seen;
  const times = { startedAt, endedAt };
  if (standing.state === "done") return { address, action, state: "Succeeded", ...times };
  return { address, action, state: "Failed", ...times, reason: standing.reason, message: standing.message };
}

function instant(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}
