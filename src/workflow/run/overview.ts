/**
 * A run in few words, for who looks at many: how far it is, and what it is at. Its counts are those of all its steps, also of
 * those that are forgotten; it looks at steps only as far as it names some.
 */
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
  /** Of all steps that were asked for. */
  readonly total: number;
  readonly counts: Readonly<Record<StepPhase, number>>;
  /** Paths of the first few that are not settled. */
  readonly open: readonly string[];
  /** Path of the step whose failure is the verdict. */
  readonly failedStep: string | undefined;
}

const MOST_OPEN = 10;

export function overviewOf(state: RunState): Overview {
  const { phase, definition, createdAt, endedAt, verdict, counts } = state;
  return {
    phase,
    definition,
    createdAt,
    endedAt,
    verdict,
    total: Object.values(counts).reduce((sum, one) => sum + one, 0),
    counts: { ...counts },
    open: openIn(state),
    failedStep: failedStepOf(state),
  };
}

function openIn({ steps, counts }: RunState): readonly string[] {
  const { queued, claimed, running, stopping, backoff } = counts;
  const wanted = Math.min(MOST_OPEN, queued + claimed + running + stopping + backoff);
  const open: string[] = [];
  if (wanted === 0) return open;
  for (const [path, step] of steps) if (!isSettled(step) && open.push(path) === wanted) break;
  return open;
}

function failedStepOf({ steps, verdict }: RunState): string | undefined {
  if (verdict?.is !== "failed") return undefined;
  for (const [path, { failure }] of steps) if (isSame(failure, verdict.failure)) return path;
  return undefined;
}

function isSame(
  one: { readonly error: string; readonly message: string } | undefined,
  other: { readonly error: string; readonly message: string },
): boolean {
  return one?.error === other.error && one.message === other.message;
}
