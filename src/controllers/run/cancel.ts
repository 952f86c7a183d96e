/** Cancelling a Run, whether the engine has begun it or not. */
import type { Clock } from "../../clock/clock.ts";
import { type Run, hasEnded, runId } from "../../controller/runs.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { withCondition } from "../../model/condition.ts";
import { keyOf } from "../../model/resource.ts";
import type { Cause, Store } from "../../store/store.ts";
import type { Engine } from "../../workflow/engine/engine.ts";
import type { Refusal } from "../../workflow/run/machine.ts";

export interface Cancelling {
  readonly store: Store;
  readonly clock: Clock;
  readonly engine: Pick<Engine, "cancel">;
  readonly reason: string;
  /** What is to clean up has so long, milliseconds. */
  readonly grace: number;
  readonly cause: Cause;
}

/** Undefined when it stops. Rejects with Conflict when the Run was written at the same time. */
export async function cancelRun(run: Run, cancelling: Cancelling): Promise<Refusal | undefined> {
  const { engine, reason, grace } = cancelling;
  try {
    return await engine.cancel(runId(run), reason, grace);
  } catch (error) {
    if (!isUnknownRun(error)) throw error;
    if (hasEnded(run)) return "RunEnded";
    await endBeforeItBegan(run, cancelling);
    return undefined;
  }
}

/** The controller starts none that has ended. */
async function endBeforeItBegan(run: Run, { store, clock, reason, cause }: Cancelling): Promise<void> {
  const now = clock.now();
  const condition = { type: "Ready", status: "False", reason: "Cancelled", message: reason } as const;
  const status = {
    ...run.status,
    phase: "Cancelled",
    reason,
    endedAt: new Date(now).toISOString(),
    conditions: withCondition(run.status?.conditions, condition, now),
  };
  const expectedVersion = run.metadata.resourceVersion;
  await store.commit([{ type: "status", key: keyOf(run), status, expectedVersion }], cause);
}

export function isUnknownRun(error: unknown): boolean {
  return error instanceof DiagnosticError && error.diagnostics[0]?.code === "UnknownRun";
}
