/**
 * One call of a provider, with an end: it is told to stop when its time is over, and its answer is not waited for then. What
 * takes long meanwhile says so, for people who watch.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import { formatDuration } from "../../model/duration.ts";

export interface CallOptions {
  readonly clock: Clock;
  /** The control plane is stopping. */
  readonly signal: AbortSignal;
  /** When it must have answered, milliseconds since the epoch; never when undefined. `begun`: when it was. */
  readonly deadline: (begun: number) => number | undefined;
  /** Has the deadline asked for again: another one may have been declared. */
  readonly onDeclared: (listener: () => void) => () => void;
  /** Told after a second, and ever more seldom then: for how long it has gone on. */
  readonly onLong: (text: string) => void;
}

/** Of a call that is given up. */
export class NoAnswer extends Error {
  constructor(after: number) {
    super(`Its provider has not answered for ${formatDuration(after)}.`);
    this.name = "NoAnswer";
  }
}

/** After what time it is told that something takes long, milliseconds. */
const TOLD = [1_000, 60_000, 5 * 60_000, 15 * 60_000, 60 * 60_000];
/** A stopping control plane waits so long for an answer: what was begun is brought to its end where that is possible. */
const GRACE = 10_000;

export async function call<T>(options: CallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, signal } = options;
  const begun = clock.now();
  const stop = new AbortController();
  const timers = new Set<Timer>();
  const after = (delay: number, act: () => void): void => {
    const timer = clock.setTimeout(() => {
      timers.delete(timer);
      act();
    }, delay);
    timers.add(timer);
  };
  const givenUp = Promise.withResolvers<never>();
  const giveUp = (): void => {
    const error = new NoAnswer(clock.now() - begun);
    givenUp.reject(error);
    stop.abort(error);
  };
  let limit: Timer | undefined;
  const limitNow = (): void => {
    limit?.cancel();
    const deadline = options.deadline(begun);
    limit =
      deadline === undefined ? undefined : clock.setTimeout(giveUp, Math.max(0, deadline - clock.now()));
  };
  const stopping = (): void => {
    stop.abort(signal.reason);
    after(GRACE, giveUp);
  };
  if (signal.aborted) throw signal.reason;
  signal.addEventListener("abort", stopping, { once: true });
  for (const delay of TOLD) after(delay, () => options.onLong(long(clock.now() - begun)));
  limitNow();
  const deafen = options.onDeclared(limitNow);
  try {
    const answer = work(stop.signal);
    // Whatever comes of it after it was given up is nobody's business any more.
    answer.catch(() => undefined);
    return await Promise.race([answer, givenUp.promise]);
  } finally {
    givenUp.promise.catch(() => undefined);
    deafen();
    limit?.cancel();
    signal.removeEventListener("abort", stopping);
    for (const timer of timers) timer.cancel();
  }
}

function long(duration: number): string {
  return duration < 60_000 ? "" : ` for ${formatDuration(duration)}`;
}
