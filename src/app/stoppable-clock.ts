import { type Clock, type Timer, sleepOn } from "../clock/clock.ts";

/** A clock whose timers can all be taken away: what waits for them never goes on, and keeps no process alive. */
export function stoppableClock(clock: Clock): { readonly clock: Clock; readonly stop: () => void } {
  const pending = new Set<Timer>();
  const setTimeout = (callback: () => void, delay: number): Timer => {
    const timer = clock.setTimeout(() => {
      pending.delete(timer);
      callback();
    }, delay);
    pending.add(timer);
    return {
      cancel: () => {
        pending.delete(timer);
        timer.cancel();
      },
    };
  };
  return {
    clock: {
      now: () => clock.now(),
      random: () => clock.random(),
      soon: (callback) => clock.soon(callback),
      setTimeout,
      sleep: (delay: number, signal?: AbortSignal) => sleepOn({ setTimeout }, delay, signal),
    },
    stop: () => {
      for (const timer of pending) timer.cancel();
      pending.clear();
    },
  };
}
