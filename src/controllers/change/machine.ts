/**
 * What becomes of a Change: a pure decision from what is known of it (§4, kinds/change.ts). The reconciler (index.ts)
 * gathers the facts, does what is decided in one commit, and asks again; so a crash between any two commits changes nothing.
 *
 *     Pending ──approved──▶ Queued ──its turn, base as it was──▶ InProgress ──all done──▶ Succeeded
 *        │                     │                                   │  ▲ │
 *        │ withdrawn, decided  │ withdrawn, base moved    failed, or│  │ └─ another takes its place ──▶ Superseded
 *        ▼ against, too late   ▼                      asked to hold ▼  │ resumed
 *     Rejected, Expired, Void  Void                                Held
 *                                                    failed ──▶ RollingBack ──its inverse ended──▶ RolledBack | Failed
 *
 *  M1 The desired state is touched by `begin`, `stage` and `rollBack` only, each one commit together with the new state.
 *  M2 A final state is never left. What recovers after a Change has failed is seen in its System; the Change stays the
 *     record of what came of it.
 *  M3 It begins only as it was agreed to: approved, and proposed again with the same steps, each doing to the same thing what
 *     was shown (`isAgreed`). Whoever waits while the base moves so that this would be another change is Void.
 *  M4 Under `queue` no two Changes that touch the same resource are under way; under `supersede` the later one takes the
 *     place of the earlier.
 *  M5 It has failed when something failed and nothing is left that could still go on: what needs the failed is not waited
 *     for, what does not is.
 *  M6 Held, nothing further begins (`heldBy`); it goes on only when somebody says so, with what had failed tried again
 *     and not a reason to hold back what does not need it. What has failed once more when nothing else is left to do is one
 *     to be held again: under `hold` it is people who give a Change up, by taking it back or by another one.
 *  M7 A rollback is a Change of its own, which needs no approval: the policy that was approved says so. It ends this one.
 */
import type { ChangeState, OnFailure } from "../../planner/change.ts";

export interface Facts {
  readonly state: ChangeState;
  /** `none`: nobody has to approve it. `Gone`: its Approval was deleted. */
  readonly approval: "none" | "Pending" | "Approved" | "Rejected" | "Expired" | "Void" | "Gone";
  readonly withdrawn: boolean;
  /** Another one that comes first touches the same resources. */
  readonly blocked: boolean;
  /** Proposed again it comes to another plan, or to none. */
  readonly moved: boolean;
  /** A later one has begun that touches the same resources. */
  readonly superseded: boolean;
  readonly onFailure: OnFailure;
  readonly progress: Progress;
  /** Somebody wants nothing further to begin. */
  readonly hold: boolean;
  /** Somebody wants it to go on, since it was held. */
  readonly resume: boolean;
  /** Of what was begun to take it back: whether that has ended. */
  readonly inverse: "none" | "open" | "Succeeded" | "Failed";
}

export interface Progress {
  /** Steps committed and not done, those that have failed among them. */
  readonly open: number;
  /** Failed, but for those that it has gone on in spite of. */
  readonly failed: number;
  /** All that have failed. */
  readonly failures: number;
  /** Nothing open can still go on: each has failed, or needs one that has. */
  readonly stuck: boolean;
  /** What a further stage waits for: nothing is left to come, not yet known, to be asked about, or known. */
  readonly further: "none" | "waits" | "asks" | "ready" | "failed";
}

/** What is done together with the new state. */
export type Act =
  | "none"
  /** Commit it as it was agreed to. */
  | "begin"
  /** Commit what has become known. */
  | "stage"
  /** Ask people about what has become known. */
  | "ask"
  /** Commit its inverse, as a Change of its own. */
  | "rollBack"
  /** Note what had failed, and let all that is held go on. */
  | "resume";

export interface Decision {
  readonly state: ChangeState;
  readonly act: Act;
}

const stay = (state: ChangeState, act: Act = "none"): Decision => ({ state, act });

export function next(facts: Facts): Decision {
  switch (facts.state) {
    case "Pending":
      return pending(facts);
    case "Queued":
      return queued(facts);
    case "InProgress":
      return inProgress(facts);
    case "Held":
      return held(facts);
    case "RollingBack":
      return rollingBack(facts);
    default:
      return stay(facts.state);
  }
}

function pending(facts: Facts): Decision {
  if (facts.withdrawn) return stay("Rejected");
  switch (facts.approval) {
    case "Rejected":
      return stay("Rejected");
    case "Expired":
      return stay("Expired");
    case "Void":
    case "Gone":
      return stay("Void");
    case "Pending":
      return stay(facts.moved ? "Void" : "Pending");
    default:
      return queued(facts);
  }
}

function queued({ withdrawn, approval, moved, blocked, hold }: Facts): Decision {
  if (withdrawn) return stay("Rejected");
  if (moved || approval === "Void" || approval === "Gone") return stay("Void");
  return blocked || hold ? stay("Queued") : stay("InProgress", "begin");
}

function inProgress(facts: Facts): Decision {
  const { superseded, onFailure, progress, hold } = facts;
  if (superseded) return stay("Superseded");
  const answer = hasFailed(progress) ? ANSWERS[onFailure] : undefined;
  if (answer !== undefined) return answer;
  if (isDone(progress)) return stay("Succeeded");
  if (hold) return stay("Held");
  if (progress.further === "ready") return stay("InProgress", "stage");
  if (progress.further === "asks") return stay("InProgress", "ask");
  if (!isOver(progress)) return stay("InProgress");
  return stay(onFailure === "hold" ? "Held" : "Failed");
}

const ANSWERS: Readonly<Record<OnFailure, Decision | undefined>> = {
  continue: undefined,
  hold: stay("Held"),
  rollBack: stay("RollingBack", "rollBack"),
};

/** But for what it has gone on in spite of. */
function hasFailed({ failed, further }: Progress): boolean {
  return failed > 0 || further === "failed";
}

function held(facts: Facts): Decision {
  const { superseded, progress, hold, resume } = facts;
  if (superseded) return stay("Superseded");
  if (isDone(progress)) return stay("Succeeded");
  return resume && !hold ? stay("InProgress", "resume") : stay("Held");
}

function rollingBack({ inverse }: Facts): Decision {
  if (inverse === "open") return stay("RollingBack");
  return stay(inverse === "Succeeded" ? "RolledBack" : "Failed");
}

function isDone({ open, failures, further }: Progress): boolean {
  return open === 0 && failures === 0 && further === "none";
}

function isOver({ open, failures, stuck, further }: Progress): boolean {
  return (failures > 0 || further === "failed") && (open === 0 || stuck) && further !== "ready";
}
