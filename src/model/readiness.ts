/** How far a resource has come, from what its own conditions say of it. */
import { type Condition, REQUESTS, RESTARTED_AT, type Resource } from "./resource.ts";

export interface Readiness {
  readonly state: "ready" | "waiting" | "failed";
  /** One sentence: what it waits for, or what is wrong. */
  readonly reason?: string;
}

const PASSIVE: ReadonlySet<string> = new Set(["ConfigMap", "Secret", "Namespace", "Location"]);
/** Reasons that pass by themselves or are tried again; any other reason of a thing that some engine makes is final. */
const PASSING: ReadonlySet<string> = new Set([
  "WaitingFor",
  "Replacing",
  "NotReady",
  "Failed",
  "Ready",
  "Pending",
  "Scaling",
  "RollingOut",
  "CrashLoop",
  "Starting",
  "AllReady",
]);
const FINAL: ReadonlySet<string> = new Set(["RolledBack", "RolloutFailed"]);

interface SeenStatus {
  readonly conditions?: readonly Condition[];
  readonly observedRestart?: string;
  readonly retried?: string;
  readonly crashes?: { readonly count?: number };
}

/** Of one that is to stay. Failed: waiting alone will not make it ready. */
export function readinessOf(resource: Resource): Readiness {
  if (PASSIVE.has(resource.kind)) return { state: "ready" };
  const status = (resource.status ?? {}) as SeenStatus;
  const conditions = status.conditions ?? [];
  const ready = conditions.find((condition) => condition.type === "Ready");
  if (ready === undefined || isStale(ready, resource, status)) return { state: "waiting" };
  const failure = failureOf(ready, conditions, status.crashes?.count ?? 0);
  if (failure !== undefined) return { state: "failed", reason: failure };
  return ready.status === "True" ? { state: "ready" } : { state: "waiting", reason: ready.message };
}

/** Somebody asked to try again, and who makes it has not seen that yet. */
export function isRetryOwed({ metadata, status }: Resource): boolean {
  const asked = metadata.annotations?.[REQUESTS.retry];
  return asked !== undefined && asked !== ((status ?? {}) as SeenStatus).retried;
}

/** Written before the controller has seen what people want now: another content, a restart, or another try. */
function isStale(condition: Condition, resource: Resource, status: SeenStatus): boolean {
  const { metadata } = resource;
  return (
    isRetryOwed(resource) ||
    (condition.observedGeneration ?? metadata.generation) !== metadata.generation ||
    status.observedRestart !== metadata.annotations?.[RESTARTED_AT]
  );
}

/** A program that ended that often in a row is not waiting for something else to start. */
const MANY_CRASHES = 5;

/** Why it will not get ready by waiting, or undefined. */
function failureOf(ready: Condition, conditions: readonly Condition[], crashes: number): string | undefined {
  const progress = conditions.find((condition) => condition.type === "Progressing");
  if (progress?.status === "False" && FINAL.has(progress.reason)) return progress.message;
  if (ready.reason === "CrashLoop" && crashes >= MANY_CRASHES) return ready.message;
  const isFinal = ready.status === "False" && !PASSING.has(ready.reason);
  return isFinal ? ready.message : undefined;
}
