/** What provision writes: the status of what a provider makes, and what is told of it. */
import { type Gate, withGate } from "../../controller/gates.ts";
import type { DriftStatus } from "../../controller/drift.ts";
import { eventOperation } from "../../controller/events.ts";
import { conditionOf, withCondition, without } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Condition, type Metadata, REQUESTS, type Resource, keyOf } from "../../model/resource.ts";
import type { Observation } from "../../provider/provider.ts";
import type { Operation } from "../../store/store.ts";
import type { Attempt, Failure, Retried } from "./attempt.ts";
import type { Pass } from "./pass.ts";

export interface Spec {
  readonly class: string;
  readonly location: string;
  readonly retain?: boolean;
}

/** A thing that is there still although another one has been made in its place. */
export interface Former {
  readonly incarnation: number;
  /** By which it was made. */
  readonly made: unknown;
  readonly adopted?: unknown;
}

/** What is remembered of making it, beside what providers report. */
interface Memory {
  /** The request to make it anew that was carried out last. */
  readonly replaced?: string;
  /** The resolved spec it was made from, or is being made from: what removal goes by after the declaration has changed. */
  readonly made?: unknown;
  /** Which of those that were made one beside the other, from 1; 1 when absent. */
  readonly incarnation?: number;
  readonly former?: readonly Former[];
  /** By what it was adopted. */
  readonly adopted?: unknown;
  readonly attempt?: Attempt;
}

export interface Status extends DriftStatus, Memory, Retried {
  readonly conditions?: readonly Condition[];
  readonly observedGeneration?: number;
  /** Of a Database, added up from its Backups by another controller. */
  readonly lastBackup?: string;
  readonly [output: string]: unknown;
}
export type Provisioned = Resource<Spec, Status>;

export interface Report {
  /** Of the condition Ready; left as it is when absent. */
  readonly ready?: { readonly ready: boolean; readonly reason: string; readonly message: string };
  /** What was observed; outputs stay as they are when absent. */
  readonly observation?: Pick<Observation, "outputs">;
  /** Written over what is remembered; undefined takes away. */
  readonly remember?: { readonly [name in keyof Memory | "drift"]?: unknown };
  /** Under way; when absent none, or, where nothing is said of Ready, as before. */
  readonly attempt?: Attempt | undefined;
  readonly failure?: Failure | undefined;
  readonly gate?: Gate;
}

/** Refused with Conflict when somebody else writes the status at the same time: it is looked at again. */
export async function record(pass: Pass, report: Report): Promise<void> {
  const { store, clock } = pass.options;
  const latest = pass.latest();
  if (latest === undefined) return;
  const now = clock.now();
  const status = statusAfter(latest.status, report, pass.resource.metadata, now);
  if (equal(status, latest.status)) return;
  const key = keyOf(latest);
  const operations: Operation[] = [
    { type: "status", key, status, expectedVersion: latest.metadata.resourceVersion },
  ];
  if (report.ready !== undefined && isNews(conditionOf(latest, "Ready"), report.ready))
    operations.push(
      eventOperation(store, now, "provision", latest, {
        type: report.ready.ready || CALM.has(report.ready.reason) ? "Normal" : "Warning",
        reason: report.ready.reason,
        message: report.ready.message,
      }),
    );
  await store.commit(operations, pass.context.cause(report.ready?.reason ?? "make"));
}

const CALM: ReadonlySet<string> = new Set(["WaitingFor", "Replacing"]);

function isNews(
  before: Condition | undefined,
  { ready, reason }: { readonly ready: boolean; readonly reason: string },
): boolean {
  if (reason === "NotReady") return false;
  return (before?.status === "True") !== ready || (!ready && before?.reason !== reason);
}

export function statusAfter(
  before: Status | undefined,
  report: Report,
  { generation, annotations }: Pick<Metadata, "generation" | "annotations">,
  now: number,
): Status {
  const { observation, remember, ready, gate } = report;
  const { observedGeneration } = before ?? {};
  const attempt = report.attempt ?? (ready === undefined && gate === undefined ? before?.attempt : undefined);
  const retried = retriedAfter(before, gate, annotations);
  const status = {
    // What was observed is all there is: an output that is not reported any more is gone.
    ...(observation === undefined ? before : { ...kept(before), ...observation.outputs }),
    observedGeneration: ready === undefined ? observedGeneration : generation,
    conditions:
      gate === undefined
        ? conditionsAfter(before, { ...report, attempt }, { generation, retried }, now)
        : gatedConditions(before?.conditions, gate, generation, now),
    ...remember,
    attempt,
    retried,
  };
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined));
}

/** Behind a gate nothing is tried. */
function retriedAfter(
  before: Status | undefined,
  gate: Gate | undefined,
  annotations: Metadata["annotations"],
): string | undefined {
  return gate === undefined ? annotations?.[REQUESTS.retry] : before?.retried;
}

function conditionsAfter(
  before: Status | undefined,
  { ready, failure, attempt }: Report,
  {
    generation: observedGeneration,
    retried,
  }: { readonly generation: number; readonly retried: string | undefined },
  now: number,
): readonly Condition[] | undefined {
  let conditions = withGate(before?.conditions, undefined, now);
  if (ready !== undefined) {
    const { reason, message } = ready;
    const status = ready.ready ? ("True" as const) : ("False" as const);
    conditions = withCondition(
      conditions,
      { type: "Ready", status, reason, message, observedGeneration },
      now,
    );
  }
  if (failure !== undefined)
    return withCondition(conditions, { type: "Failed", status: "True", ...failure, observedGeneration }, now);
  const isStill =
    attempt !== undefined && attempt.since === before?.attempt?.since && retried === before.retried;
  return isStill ? conditions : without(conditions, "Failed");
}

/** All stays as it was said last. */
function gatedConditions(
  before: Status["conditions"],
  gate: Gate,
  observedGeneration: number,
  now: number,
): readonly Condition[] | undefined {
  const isSaid = before?.some(({ type }) => type === "Ready") === true;
  const conditions = isSaid
    ? before
    : withCondition(before, { type: "Ready", status: "False", ...gate, observedGeneration }, now);
  return withGate(conditions, gate, now);
}

function kept(status: Status | undefined): Partial<Status> {
  return Object.fromEntries(KEPT.map((name) => [name, status?.[name]]));
}

/** What others wrote, and what is remembered. */
const KEPT = [
  "drift",
  "setBack",
  "reverted",
  "lastBackup",
  "made",
  "replaced",
  "incarnation",
  "former",
  "adopted",
] as const;
