/**
 * The seam through which time and randomness enter (I11). Code that waits, stamps or jitters takes a `Clock`;
 * programs pass `systemClock`, tests a `ManualClock` (clock/manual.ts) that moves only when told to.
 */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Runs `callback` once, `delay` milliseconds from now. */
  setTimeout(callback: () => void, delay: number): Timer;
  /** Runs `callback` once all that goes on by itself at this instant has gone on: what fell due with it, and promises. */
  soon(callback: () => void): void;
  /** Resolves after `delay` milliseconds; rejects with the signal's reason when aborted. */
  sleep(delay: number, signal?: AbortSignal): Promise<void>;
  /** A number in [0, 1), for jitter and tie breaks. */
  random(): number;
}

export function sleepOn(
  clock: Pick<Clock, "setTimeout">,
  delay: number,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, delay);
    const aborted = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", aborted, { once: true });
  });
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delay) => {
    const timer = setTimeout(callback, delay);
    return { cancel: () => clearTimeout(timer) };
  },
  soon: (callback) => void setImmediate(callback),
  sleep: (delay, signal) => sleepOn(systemClock, delay, signal),
  random: () => Math.random(),
};
