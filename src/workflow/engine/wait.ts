/** Steps that wait for time: the engine's own. */
import { parseDuration } from "../../model/duration.ts";
import { type Attempt, TaskError } from "./step-type.ts";
import type { Timers } from "./timers.ts";

/** Until an instant that does not move when the process is started again. */
export async function wait(
  timers: Timers,
  { since, signal }: Attempt,
  duration?: string,
  until?: string,
): Promise<null> {
  const end = duration === undefined ? Date.parse(until ?? "") : since + parseDuration(duration);
  if (Number.isNaN(end))
    throw new TaskError("InvalidInstant", "What to wait for is not an instant.", { terminal: true });
  if (!(await timers.until(end, signal))) throw signal.reason;
  return null;
}
