/** What a Run's status says of the engine's run. */
import { createHash } from "node:crypto";
import type { Run, RunPhaseName, RunStatus } from "../../controller/runs.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { type NewCondition, withCondition } from "../../model/condition.ts";
import type { Overview } from "../../workflow/run/overview.ts";
import type { RunPhase } from "../../workflow/run/state.ts";

/** Larger outputs are asked for where the run's journal is read. */
const MOST_OUTPUT = 32_768;

const PHASES: Readonly<Record<RunPhase, RunPhaseName>> = {
  queued: "Queued",
  running: "Running",
  paused: "Paused",
  stopping: "Stopping",
  succeeded: "Succeeded",
  failed: "Failed",
  cancelled: "Cancelled",
};

export function statusOf(run: Run, overview: Overview, now: number): RunStatus {
  const { counts, open } = overview;
  const phase = PHASES[overview.phase];
  const isOver = overview.endedAt > 0;
  return {
    observedGeneration: run.metadata.generation,
    conditions: withCondition(run.status?.conditions, conditionOf(run, overview, phase), now),
    phase,
    definition: overview.definition,
    startedAt: instant(overview.createdAt),
    ...(isOver ? { endedAt: instant(overview.endedAt) } : {}),
    ...verdictOf(overview),
    steps: {
      total: overview.total,
      queued: counts.queued,
      running: counts.claimed + counts.running + counts.stopping,
      waiting: counts.backoff,
      succeeded: counts.succeeded,
      failed: counts.failed,
      cancelled: counts.cancelled,
    },
    ...(isOver || open.length === 0 ? {} : { now: open }),
    ...(run.status?.late === undefined ? {} : { late: run.status.late }),
  };
}

function verdictOf({ verdict, failedStep }: Overview): Partial<RunStatus> {
  switch (verdict?.is) {
    case "succeeded":
      return outputOf(verdict.output);
    case "failed":
      return { failure: failureOf(verdict.failure, failedStep) };
    case "cancelled":
      return verdict.reason === "" ? {} : { reason: verdict.reason };
    default:
      return {};
  }
}

/** It cannot begin yet. */
export function waitingStatus(run: Run, reason: string, message: string, now: number): RunStatus {
  return {
    ...run.status,
    observedGeneration: run.metadata.generation,
    phase: "Queued",
    conditions: withCondition(run.status?.conditions, ready(run, "False", reason, message), now),
  };
}

/** It never began, or does not go on: for a reason that lies in what it was asked to do. */
export function refusedStatus(
  run: Run,
  reason: "Refused" | "Halted",
  diagnostics: readonly Diagnostic[],
  now: number,
): RunStatus {
  const message = diagnostics.map(sentenceOf).join(" ");
  const conditions = withCondition(run.status?.conditions, ready(run, "False", reason, message), now);
  // One that is halted goes on when what halted it is mended and the control plane starts anew.
  if (reason === "Halted") return { ...run.status, observedGeneration: run.metadata.generation, conditions };
  return {
    ...run.status,
    observedGeneration: run.metadata.generation,
    phase: "Failed",
    endedAt: instant(now),
    failure: { class: "Terminal", error: diagnostics[0]?.code ?? reason, message },
    conditions,
  };
}

function sentenceOf({ path, message, hint }: Diagnostic): string {
  const where = path === undefined || path === "" ? "" : `${path}: `;
  return `${where}${message}${hint === undefined ? "" : ` ${hint}`}`;
}

function conditionOf(run: Run, { verdict, open, total }: Overview, phase: RunPhaseName): NewCondition {
  if (phase === "Succeeded")
    return ready(run, "True", phase, `All is done; ${total === 1 ? "1 step" : `${total} steps`}.`);
  if (phase === "Failed" && verdict?.is === "failed")
    return ready(run, "False", phase, `${verdict.failure.error}: ${verdict.failure.message}`);
  if (phase === "Cancelled" && verdict?.is === "cancelled")
    return ready(run, "False", phase, verdict.reason === "" ? "It was cancelled." : verdict.reason);
  const first = open[0];
  return ready(run, "False", phase, first === undefined ? "It is between two steps." : `It is at ${first}.`);
}

function ready(run: Run, status: "True" | "False", reason: string, message: string): NewCondition {
  return { type: "Ready", status, reason, message, observedGeneration: run.metadata.generation };
}

function outputOf(output: unknown): Partial<RunStatus> {
  const text = JSON.stringify(output ?? null);
  if (text.length <= MOST_OUTPUT) return { output };
  return {
    outputHash: `sha256:${createHash("sha256").update(text).digest("hex")}`,
    outputBytes: Buffer.byteLength(text),
  };
}

function failureOf(
  failure: { readonly class: string; readonly error: string; readonly message: string },
  step: string | undefined,
): NonNullable<RunStatus["failure"]> {
  return {
    class: failure.class,
    error: failure.error,
    message: failure.message.slice(0, 4096),
    ...(step === undefined ? {} : { step }),
  };
}

/** With milliseconds: runs are shorter than a second. */
function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
