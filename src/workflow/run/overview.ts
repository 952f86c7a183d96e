/** A run in few words, for who looks at many: how far it is, and what it is at. Linear in its steps, copies none of them. */
import type { Verdict } from "./events.ts";
import { type RunPhase, type RunState, type StepPhase, isSettled } from "./state.ts";

export interface Overview {
  readonly phase: RunPhase;
  /** Hash. */
  readonly definition: string;
  readonly createdAt: number;
  /** 0 until it has ended. */
  readonly endedAt: number;
  readonly verdict: Verdict | undefined;
  readonly total: number;
  readonly counts: Readonly<Record<StepPhase, number>>;
  /** Paths of the first few that are not settled. */
  readonly open: readonly string[];
  /** Path of the step whose failure is the verdict. */
  readonly failedStep: string | undefined;
}

const MOST_OPEN = 10;

export function overviewOf(state: RunState): Overview {
  const counts: Record<StepPhase, number> = {
    queued: 0,
    claimed: 0,
    running: 0,
    stopping: 0,
    backoff: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
  };
  const open: string[] = [];
  const failure = state.verdict?.is === "failed" ? state.verdict.failure : undefined;
  let failedStep: string | undefined;
  for (const [path, step] of state.steps) {
    counts[step.phase]++;
    if (!isSettled(step) && open.length < MOST_OPEN) open.push(path);
    if (failure !== undefined && failedStep === undefined && isSame(step.failure, failure)) failedStep = path;
  }
  const { phase, definition, createdAt, endedAt, verdict } = state;
  return {
    phase,
    definition,
    createdAt,
    endedAt,
    verdict,
    total: state.steps.size,
    counts,
    open,
    failedStep,
  };
}

function isSame(
  one: { readonly error: string; readonly message: string } | undefined,
  other: { readonly error: string; readonly message: string },
): boolean {
  return one?.error === other.error && one.message === other.message;
}
