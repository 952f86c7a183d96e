/** What the command line asks of a rehearsal and what it shows of it; `src/app/rehearsal` plays it. */
import type { Proposed } from "../client/client.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Action } from "../planner/plan.ts";

export interface RehearsalRequest {
  readonly system: string;
  readonly namespace: string;
  readonly proposed: Proposed;
  /** Absolute path of a file of assumptions. */
  readonly file?: string;
  /** As written on the command line; they win over the file. */
  readonly flags: RehearsalFlags;
  /** Nothing is there yet, whatever is. */
  readonly empty: boolean;
}

export interface RehearsalFlags {
  readonly seed?: string;
  readonly latency?: readonly string[];
  readonly fail?: readonly string[];
  readonly hang?: readonly string[];
  readonly quota?: readonly string[];
  readonly crashAt?: string;
  readonly approveAfter?: string;
  readonly until?: string;
}

export type MomentType =
  | "begins"
  | "retries"
  | "waits"
  | "fails"
  | "failed"
  | "ready"
  | "gone"
  | "change"
  | "stage"
  | "approval"
  | "crash"
  | "outside";

/** One line of the timeline. */
export interface Moment {
  /** Milliseconds since the plan was applied. */
  readonly at: number;
  readonly type: MomentType;
  readonly address: string;
  /** Behind the address: `begins (create)`. */
  readonly text: string;
}

/** Something that is not done at the end. */
export interface Stop {
  readonly at: number;
  readonly address: string;
  /** One sentence: why it does not go on by itself. */
  readonly why: string;
  /** Addresses of what cannot begin or end before it. */
  readonly holdsUp: readonly string[];
}

/** A stretch of the critical path. */
export interface Stretch {
  readonly address: string;
  readonly from: number;
  readonly until: number;
}

export interface Rehearsal {
  readonly system: string;
  readonly namespace: string;
  readonly seed: number;
  /** `runs to its end`, or where it would stop. */
  readonly outcome: "done" | "stops";
  readonly summary: Readonly<Record<Action, number>>;
  /** Of the plan that was played. */
  readonly hash: string;
  /** What was taken to be so, one phrase each. */
  readonly assumed: readonly string[];
  readonly timeline: readonly Moment[];
  /** Milliseconds until everything was done, or stood still. */
  readonly total: number;
  /** So many were worked on at once, at most. */
  readonly mostAtOnce: number;
  readonly criticalPath: readonly Stretch[];
  readonly stops: readonly Stop[];
  /** What had been done and was taken back. */
  readonly undone: readonly string[];
  /** The Changes that it took, with how they ended. */
  readonly changes: readonly { readonly name: string; readonly state: string; readonly message?: string }[];
  readonly warnings: readonly Diagnostic[];
}
