/** Between a service's status, written for people and programs, and what the decision remembers. */
import { type Gate, withGate } from "../../controller/gates.ts";
import { conditionOf, withCondition, without } from "../../model/condition.ts";
import { type Condition, RESTARTED_AT, type Resource } from "../../model/resource.ts";
import type { TerminalError } from "../../provider/provider.ts";
import type { Decision, InstanceSnapshot, RolloutMemory } from "./situation.ts";
import type { Template } from "./template.ts";

export interface ServiceStatus {
  readonly observedGeneration?: number;
  readonly observedRestart?: string;
  readonly conditions?: readonly Condition[];
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly updatedReplicas?: number;
  readonly selector?: string;
  readonly template?: string;
  readonly stable?: { readonly hash: string; readonly template: Template };
  readonly candidate?: { readonly hash: string; readonly template: Template };
  readonly failed?: NonNullable<RolloutMemory["failed"]>;
  readonly rollout?: NonNullable<RolloutMemory["rollout"]>;
  readonly crashes?: NonNullable<RolloutMemory["crashes"]>;
  readonly serving?: readonly string[];
  /** Written by the autoscaler. */
  readonly autoscale?: unknown;
}

export function memoryOf(status: ServiceStatus | undefined): RolloutMemory {
  return {
    stable: status?.stable?.hash,
    candidate: status?.candidate?.hash,
    failed: status?.failed,
    rollout: status?.rollout,
    crashes: status?.crashes,
    serving: status?.serving,
  };
}

export interface InstanceStatus {
  readonly conditions?: readonly Condition[];
  readonly state?: string;
  readonly startedAt?: string;
  readonly readyAt?: number;
  readonly exit?: {
    readonly code: number | null;
    readonly signal: string | null;
    readonly at: number;
    readonly message: string;
  };
}

/** On an Instance: the rounds of crashes its template had behind it when it was made. */
export const ATTEMPT = "tutti.dev/attempt";

const snapshots = new WeakMap<Resource, InstanceSnapshot>();

/** Kept with the resource, which never changes: a large service is looked at again and again. */
export function snapshotOf(instance: Resource): InstanceSnapshot {
  let snapshot = snapshots.get(instance);
  if (snapshot === undefined) snapshots.set(instance, (snapshot = toSnapshot(instance)));
  return snapshot;
}

function toSnapshot(instance: Resource): InstanceSnapshot {
  const status = instance.status as InstanceStatus | undefined;
  const ready = conditionOf(instance, "Ready");
  const degraded = conditionOf(instance, "Degraded");
  const isDegraded = degraded?.status === "True";
  return {
    name: instance.metadata.name,
    template: (instance.spec as { readonly template: string }).template,
    ready: ready?.status === "True" && status?.exit === undefined,
    readySince: status?.readyAt,
    createdAt: Date.parse(instance.metadata.creationTimestamp),
    attempt: Number(instance.metadata.annotations?.[ATTEMPT] ?? 0),
    degraded: isDegraded,
    exit: status?.exit,
    reason: isDegraded
      ? degraded.message
      : ready === undefined || ready.status === "True"
        ? ""
        : ready.message,
  };
}

export function statusOf(
  service: Resource,
  before: ServiceStatus | undefined,
  decision: Decision,
  context: {
    readonly now: number;
    readonly hash: string;
    readonly template: Template;
    readonly replicas: number;
    readonly total: number;
    /** Why it is not the declared template that is kept. */
    readonly held: Held | undefined;
  },
): ServiceStatus {
  const generation = service.metadata.generation;
  const { memory } = decision;
  const { replicas, held } = context;
  const complete = decision.complete && held === undefined;
  const state = held ?? decision.state;
  const isFailed = hasFailed(memory, context.hash, held);
  const isKnown = held === undefined || isSaidToFail(before, generation);
  const failure = rolloutFailure(memory, { isFailed, isKnown });
  let conditions = withCondition(
    withGate(before?.conditions, undefined, context.now),
    {
      type: "Ready",
      status: complete ? "True" : "False",
      reason: state.reason,
      message: state.message,
      observedGeneration: generation,
    },
    context.now,
  );
  conditions = withCondition(conditions, available(decision, replicas, generation), context.now);
  conditions = withCondition(
    conditions,
    progressing({ ...decision, complete, state }, failure, generation),
    context.now,
  );
  conditions = withFailed(conditions, refusalOf(held) ?? failure, generation, context.now);
  const kept = [context, ...templatesIn(before)];
  return {
    observedGeneration: generation,
    conditions,
    replicas: context.total,
    readyReplicas: decision.available,
    updatedReplicas: decision.updated,
    selector: `tutti.dev/service=${service.metadata.name}`,
    template: decision.target,
    ...defined({
      observedRestart: service.metadata.annotations?.[RESTARTED_AT],
      stable: recorded(memory.stable, kept),
      candidate: recorded(memory.candidate, kept),
      failed: isFailed ? memory.failed : undefined,
      rollout: memory.rollout,
      crashes: memory.crashes,
      serving: memory.serving,
    }),
  };
}

/** Why what is declared is not what is run. */
export interface Held {
  readonly reason: string;
  readonly message: string;
  /** There is no use in waiting. */
  readonly error?: TerminalError;
}

interface Failure {
  readonly reason: string;
  readonly message: string;
}

/** While the declared template is not known, neither is whether it is the one that failed. */
function hasFailed({ failed }: RolloutMemory, hash: string, held: Held | undefined): boolean {
  return held === undefined ? failed?.hash === hash : failed !== undefined;
}

function refusalOf(held: Held | undefined): Failure | undefined {
  return held?.error === undefined ? undefined : { reason: held.reason, message: held.message };
}

/** What is declared has failed, and will not come by itself. */
function rolloutFailure(
  { failed, rollout }: RolloutMemory,
  { isFailed, isKnown }: { readonly isFailed: boolean; readonly isKnown: boolean },
): Failure | undefined {
  if (!isKnown) return undefined;
  if (isFailed) return { reason: "RolledBack", message: failed?.message ?? "" };
  return rollout?.problem === undefined ? undefined : { reason: "RolloutFailed", message: rollout.problem };
}

/** Of this very declaration. What failed before it was declared says nothing of what is declared now and waits. */
function isSaidToFail(before: ServiceStatus | undefined, generation: number): boolean {
  const progress = conditionOf({ status: before }, "Progressing");
  return (
    progress?.observedGeneration === generation &&
    (progress.reason === "RolledBack" || progress.reason === "RolloutFailed")
  );
}

function withFailed(
  conditions: readonly Condition[],
  failure: Failure | undefined,
  observedGeneration: number,
  now: number,
): readonly Condition[] {
  if (failure === undefined) return without(conditions, "Failed") ?? [];
  return withCondition(conditions, { type: "Failed", status: "True", ...failure, observedGeneration }, now);
}

/** Of a service of which nothing runs and nothing can be begun. */
export function notReadyConditions(
  { status, metadata }: Resource<unknown, ServiceStatus>,
  held: Held,
  now: number,
): readonly Condition[] {
  const { reason, message, error } = held;
  const observedGeneration = metadata.generation;
  const conditions = withCondition(
    withGate(status?.conditions, undefined, now),
    { type: "Ready", status: "False", reason, message, observedGeneration },
    now,
  );
  return withFailed(
    conditions,
    error === undefined ? undefined : { reason, message },
    observedGeneration,
    now,
  );
}

/** All else stays as it was said last. */
export function gatedConditions(
  { status, metadata }: Resource<unknown, ServiceStatus>,
  gate: Gate,
  now: number,
): readonly Condition[] {
  const before = status?.conditions;
  const isSaid = before?.some(({ type }) => type === "Ready") === true;
  const observedGeneration = metadata.generation;
  const conditions = isSaid
    ? before
    : withCondition(before, { type: "Ready", status: "False", ...gate, observedGeneration }, now);
  return withGate(conditions, gate, now) ?? [];
}

/** What a failed rollout may go back to. */
export function templatesIn(status: ServiceStatus | undefined): readonly ServiceStatus["stable"][] {
  return [status?.candidate, status?.stable];
}

/** The template of this hash, among those that may be meant. */
export function recorded(
  wanted: string | undefined,
  among: readonly ServiceStatus["stable"][],
): ServiceStatus["stable"] {
  const found = among.find((each) => each?.hash === wanted);
  return found === undefined ? undefined : { hash: found.hash, template: found.template };
}

function available(
  { available: ready }: Decision,
  replicas: number,
  observedGeneration: number,
): Omit<Condition, "lastTransitionTime"> {
  const serves = ready > 0 || replicas === 0;
  return {
    type: "Available",
    status: serves ? "True" : "False",
    reason: serves ? "HasReadyInstances" : "NoReadyInstance",
    message: `${ready} instances are ready.`,
    observedGeneration,
  };
}

function progressing(
  decision: Decision,
  failure: Failure | undefined,
  observedGeneration: number,
): Omit<Condition, "lastTransitionTime"> {
  const base = { type: "Progressing", observedGeneration };
  if (failure !== undefined) return { ...base, status: "False", ...failure };
  return {
    ...base,
    status: decision.complete ? "False" : "True",
    reason: decision.complete ? "Complete" : decision.state.reason,
    message: decision.complete ? "The rollout is complete." : decision.state.message,
  };
}

type Defined<T> = { readonly [name in keyof T]?: NonNullable<T[name]> };

function defined<T extends object>(members: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(members).filter(([, member]) => member !== undefined),
  ) as Defined<T>;
}
