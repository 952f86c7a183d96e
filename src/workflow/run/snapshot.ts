/** The state of a run as a text, and back: what stands for its events once those are too many to be read again. */
import { type RunState, emptyRun, noSteps } from "./state.ts";

export function snapshotOf(run: RunState): string {
  const { scopes: _scopes, signals, taken, steps, notes, ...rest } = run;
  return JSON.stringify({
    ...rest,
    signals: [...signals],
    taken: [...taken],
    steps: [...steps],
    notes: [...notes],
  });
}

export function stateOf(text: string): RunState {
  const { signals, taken, steps, notes, counts, ...rest } = JSON.parse(text) as Omit<
    RunState,
    "signals" | "taken" | "steps" | "notes" | "deadline" | "counts"
  > & {
    /** Absent in snapshots of a time when only what was remembered was counted. */
    readonly counts?: RunState["counts"];
    readonly deadline: number | null;
    readonly taken: readonly string[];
    readonly signals: Iterable<readonly [string, NonNullable<ReturnType<RunState["signals"]["get"]>>]>;
    readonly steps: Iterable<readonly [string, NonNullable<ReturnType<RunState["steps"]["get"]>>]>;
    readonly notes: Iterable<readonly [string, NonNullable<ReturnType<RunState["notes"]["get"]>>]>;
  };
  const known = new Map(steps);
  return {
    ...emptyRun(),
    ...rest,
    deadline: rest.deadline ?? Infinity,
    signals: new Map(signals),
    taken: new Set(taken),
    steps: known,
    notes: new Map(notes),
    counts: counts ?? countsOf(known),
  };
}

function countsOf(steps: RunState["steps"]): RunState["counts"] {
  const counts = noSteps();
  for (const { phase } of steps.values()) counts[phase]++;
  return counts;
}
