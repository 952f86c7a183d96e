/**
 * Fork: a new run that begins with recorded results of another. The one verb for re-running from a step, redrive (from what
 * failed), replay (everything again) and backfill (everything again with other parameters).
 *
 *     source run (fold of its events) + cut + definition + parameters ──planFork──> first events of the new run
 *
 * What is before the cut is kept, marked with the run it is reused from; the step at the cut and whatever depends on it runs
 * again: in a DAG its descendants, in states everything from that visit on, within a map or parallel only in the items it is
 * in. Steps of finally and compensation are never kept. A kept failure is one that was caught or tolerated.
 *
 * Another definition, or other parameters, may be given where what is kept means the same: the same step at the same path,
 * with the same enclosing items, reading only parameters that are equal and results that are kept. Else it is refused, step by
 * step, and the latest cut that is possible is named.
 *
 * Pure: the same source gives the same events, so a fork is started once however often it is asked for.
 */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Definition } from "../definition/definition.ts";
import type { RunEvent } from "../run/events.ts";
import type { RunState } from "../run/state.ts";

export interface ForkRequest {
  readonly source: { readonly id: string; readonly state: RunState; readonly definition: Definition };
  /**
   * The path of a step of the source. Absent: what failed or was cancelled; everything when nothing was. Empty: everything.
   */
  readonly from?: string;
  /** Absent: the source's. */
  readonly definition?: Definition;
  /** Absent: the source's. */
  readonly input?: unknown;
  /** Absent: the source's. Bulk forks of a workflow without a limit give a queue of their own, so as not to begin at once. */
  readonly priority?: number;
  readonly queue?: { readonly pool: string; readonly slots: number };
  readonly at: number;
}

export type ForkPlan =
  | {
      readonly events: readonly RunEvent[];
      /** Paths whose results are reused, in the order in which they were settled. */
      readonly kept: readonly string[];
      /** Settled in the source, and done again. */
      readonly again: readonly string[];
    }
  | { readonly refused: readonly Diagnostic[] };
