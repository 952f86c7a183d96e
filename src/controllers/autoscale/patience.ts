import type { Clock } from "../../clock/clock.ts";

/** What is asked of who measures, who may be starting anew or busy: rejects when there is no answer after so many milliseconds. */
export async function inTime<T>(clock: Clock, patience: number, answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = clock.setTimeout(() => late.reject(new Error("Who measures does not answer.")), patience);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    timer.cancel();
  }
}
