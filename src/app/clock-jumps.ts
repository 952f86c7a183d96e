/**
 * Notices when the wall clock is set, or the machine has slept: timers go by elapsed time, and what is due at a time of day
 * has to be looked at again.
 */
const LOOK = 5_000;
/** What looks are late by on a busy machine, milliseconds. */
const TOLERANCE = 2_000;

/** Calls back after each jump, within seconds of it. Gives what ends it. */
export function onClockJump(jumped: () => void): () => void {
  const offset = (): number => Date.now() - performance.now();
  let before = offset();
  const timer = setInterval(() => {
    const now = offset();
    const isJump = Math.abs(now - before) > TOLERANCE;
    before = now;
    if (isJump) jumped();
  }, LOOK);
  timer.unref();
  return () => clearInterval(timer);
}
