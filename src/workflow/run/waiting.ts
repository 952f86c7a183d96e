/**
 * What an open step waits for, as a sentence without its end: `a slot of pool db (3 before it)`. What it says of time are
 * instants: it is told to who looks much later as well.
 */
import { formatDuration } from "../../model/duration.ts";
import type { Obstacle } from "../admission/admission.ts";
import type { Step } from "../definition/workflow.ts";
import type { StepState } from "./state.ts";

/** When nothing is known to hold it up. */
export const ANYBODY = "its turn, or somebody who can do it";

/** Undefined while it works. `definition`: undefined where it is a program's own. */
export function waitingFor(
  step: Pick<StepState, "phase" | "at" | "pool" | "failure">,
  definition: Step | undefined,
  now: number,
  obstacle?: Obstacle,
): string | undefined {
  switch (step.phase) {
    case "queued":
      return obstacle === undefined ? inLine(step.pool) : obstacleText(obstacle, now);
    case "backoff":
      return `the next attempt at ${new Date(step.at).toISOString()}, after ${step.failure?.error ?? "a failure"}`;
    case "claimed":
    case "running":
      return definition === undefined ? undefined : awaited(definition);
    default:
      return undefined;
  }
}

export function obstacleText(obstacle: Obstacle, now: number): string {
  const before = (count: number): string => (count === 0 ? "(it is the next)" : `(${count} before it)`);
  switch (obstacle.is) {
    case "slot":
      return `a slot of pool ${obstacle.pool} ${before(obstacle.before)}`;
    case "room":
      return `room in the engine ${before(obstacle.before)}`;
    case "rate":
      return Number.isFinite(obstacle.until)
        ? `the rate limit of pool ${obstacle.pool}, in ${formatDuration(obstacle.until - now)}`
        : `pool ${obstacle.pool}, which lets nothing begin`;
  }
}

function inLine(pool: string | undefined): string {
  return pool === undefined ? ANYBODY : `a slot of pool ${pool}`;
}

/** Undefined for what is done here. */
function awaited(definition: Step): string | undefined {
  if (definition.type === "approval") return "the decision of an approval";
  if (definition.type === "workflow") return `the end of a run of workflow/${definition.workflow}`;
  if (definition.type !== "wait") return undefined;
  const { signal, condition, until, duration } = definition;
  if (signal !== undefined) return `the signal '${signal}'`;
  if (condition !== undefined) return condition;
  if (until !== undefined) return `the instant ${until}`;
  return duration === undefined ? "a callback" : `${duration} to pass`;
}
