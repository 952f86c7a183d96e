/** What can happen in a run: the records of the journal. Times are milliseconds since the epoch. */
import type { Failure, FailureClass } from "./failure.ts";

/** Where a result comes from that was not worked out here. */
export interface Reuse {
  readonly run: string;
  readonly path: string;
  /** When it was done there. */
  readonly at: number;
}

/** A value that is too large for a record: kept beside the journal (journal/blobs.ts). */
export interface BlobRef {
  readonly hash: string;
  /** Characters of its JSON. */
  readonly size: number;
}

/** How a run ends. */
export type Verdict =
  | { readonly is: "succeeded"; readonly output: unknown }
  | { readonly is: "failed"; readonly failure: Failure }
  | { readonly is: "cancelled"; readonly reason: string };

export type RunEvent =
  | {
      readonly type: "RunCreated";
      readonly workflow: string;
      readonly definition: string;
      readonly input: unknown;
      /** Higher first, among those that wait; absent 0. */
      readonly priority?: number;
      /** Of a workflow with a concurrency limit: where the run waits to start, and how many of those there are at once. */
      readonly queue?: { readonly pool: string; readonly slots: number };
      /** Of a fork. */
      readonly source?: { readonly run: string; readonly from?: string };
      readonly at: number;
    }
  /** Of a fork, before it starts: how the step was settled there, and is here without being done. */
  | {
      readonly type: "StepReused";
      readonly step: string;
      readonly result?: unknown;
      readonly failure?: Failure;
      /** Given when the result is there, and `result` is null. */
      readonly blob?: BlobRef;
      readonly asked?: string;
      readonly of: Reuse;
      readonly at: number;
    }
  | { readonly type: "RunStarted"; readonly at: number }
  | { readonly type: "RunPaused"; readonly at: number }
  | { readonly type: "RunResumed"; readonly at: number }
  /** From here on nothing begins but cleaning up. `deadline`: then attempts that still run are cut loose. */
  | {
      readonly type: "RunStopping";
      readonly verdict: Verdict;
      readonly deadline: number;
      readonly at: number;
    }
  | { readonly type: "RunEnded"; readonly verdict: Verdict; readonly at: number }
  /** Kept until a step takes it; the same id again changes nothing. */
  | {
      readonly type: "SignalReceived";
      readonly id: string;
      readonly name: string;
      readonly payload: unknown;
      readonly at: number;
    }
  | { readonly type: "SignalTaken"; readonly id: string }
  /**
   * What the program needs to go on at a scope, or behind items of a step, without the steps below it, which are forgotten
   * with this. `blob`: it is there, and `note` is null.
   */
  | {
      readonly type: "ScopeNoted";
      readonly scope: string;
      readonly items?: readonly [first: number, last: number];
      readonly note: unknown;
      readonly blob?: BlobRef;
      readonly at: number;
    }
  /** Ready to be claimed, in a pool of slots. `cleanup`: a finally or compensation, which a stopping run still does. */
  | {
      readonly type: "StepQueued";
      readonly step: string;
      readonly pool?: string;
      readonly cleanup?: true;
      /** It only waits, and takes no room in the engine. */
      readonly idle?: true;
      /** What the program asked for, in words of its own: compared when it is replayed. */
      readonly asked?: string;
      readonly at: number;
    }
  | {
      readonly type: "StepClaimed";
      readonly step: string;
      readonly worker: string;
      readonly epoch: number;
      readonly until: number;
      readonly at: number;
    }
  | { readonly type: "StepStarted"; readonly step: string; readonly epoch: number; readonly at: number }
  | { readonly type: "StepRenewed"; readonly step: string; readonly epoch: number; readonly until: number }
  | {
      readonly type: "StepSucceeded";
      readonly step: string;
      readonly epoch: number;
      readonly result: unknown;
      /** Given when the result is there, and `result` is null. */
      readonly blob?: BlobRef;
      /** Of a memoised step. */
      readonly of?: Reuse;
      readonly at: number;
    }
  /** `retryAt`: tried again then; absent: for good. */
  | {
      readonly type: "StepFailed";
      readonly step: string;
      readonly epoch: number;
      readonly failure: Failure;
      readonly retryAt?: number;
      readonly at: number;
    }
  | { readonly type: "StepCancelled"; readonly step: string; readonly at: number };

export type StepEvent = Extract<RunEvent, { readonly step: string }>;

/** What a worker tells at the end of an attempt. */
export type Outcome =
  | { readonly is: "succeeded"; readonly result: unknown; readonly blob?: BlobRef }
  | { readonly is: "failed"; readonly failure: Failure };

export type TimeLimit = "queue" | "attempt" | "total" | "heartbeat";

export function failed(failureClass: FailureClass, error: string, message: string): Failure {
  return { class: failureClass, error, message };
}
