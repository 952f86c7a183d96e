import type { Clock } from "../../clock/clock.ts";

/** The longest that a system timer can be set for, rounded down. */
const LONGEST = 2 ** 31 - 1000;

/** True when the instant has come, false when aborted before. Any time ahead is good. */
export async function until(clock: Clock, instant: number, signal: AbortSignal): Promise<boolean> {
  while (instant > clock.now()) {
    if (signal.aborted) return false;
    await clock.sleep(Math.min(LONGEST, instant - clock.now()), signal).catch(() => undefined);
  }
  return !signal.aborted;
}
