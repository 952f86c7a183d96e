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
  const ready = withCondition(run.status?.conditions, conditionOf(run, overview, phase), now);
  return {
    observedGeneration: run.metadata.generation,
    conditions: isHalted(run)
      ? withCondition(ready, halted(run, "False", "WentOn", "It goes on."), now)
      : ready,
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
export function waitingStatus(
  run: Run,
  reason: string,
  message: string,
  now: number,
  phase: RunPhaseName = "Queued",
): RunStatus {
  return {
    ...run.status,
    observedGeneration: run.metadata.generation,
    phase,
    conditions: withCondition(run.status?.conditions, ready(run, "False", reason, message), now),
  };
}

/** Nothing is known of it, and it does not go on, until the engine opens. */
export function unavailableStatus(run: Run, error: unknown, now: number): RunStatus {
  const why = error instanceof Error ? error.message : String(error);
  const message = `The engine of workflows cannot open: ${why.replace(/[.!?]?$/, ".")} It is tried again.`;
  return waitingStatus(run, "EngineUnavailable", message, now, run.status?.phase);
}

/** It never began, for a reason that lies in what it was asked to do. */
export function refusedStatus(run: Run, diagnostics: readonly Diagnostic[], now: number): RunStatus {
  const message = diagnostics.map(sentenceOf).join(" ");
  return {
    ...run.status,
    observedGeneration: run.metadata.generation,
    phase: "Failed",
    endedAt: instant(now),
    failure: { class: "Terminal", error: diagnostics[0]?.code ?? "Refused", message },
    conditions: withCondition(run.status?.conditions, ready(run, "False", "Refused", message), now),
  };
}

/** It does not go on until what its condition `Halted` says is mended. */
export function haltedStatus(run: Run, diagnostics: readonly Diagnostic[], now: number): RunStatus {
  const message = diagnostics.map(sentenceOf).join(" ");
  const notReady = withCondition(run.status?.conditions, ready(run, "False", "Halted", message), now);
  const reason = diagnostics[0]?.code ?? "RunHalted";
  return {
    ...run.status,
    observedGeneration: run.metadata.generation,
    phase: "Halted",
    conditions: withCondition(notReady, halted(run, "True", reason, message), now),
  };
}

export function isHalted(run: Run): boolean {
  return run.status?.phase === "Halted";
}

/** That it was halted stays on record, with since when it goes on. */
function halted(run: Run, status: "True" | "False", reason: string, message: string): NewCondition {
  return { type: "Halted", status, reason, message, observedGeneration: run.metadata.generation };
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
