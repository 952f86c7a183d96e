/** How many looks go on at once at one provider, and how long one may take. */
import type { Clock } from "../../clock/clock.ts";
import type { Provider } from "../../provider/provider.ts";

const AT_ONCE = 8;

/** Callers take turns, each provider with its own limit. */
export class Turns {
  readonly #all = new WeakMap<Provider, { active: number; readonly waiting: (() => void)[] }>();

  async run<T>(provider: Provider, work: () => Promise<T>): Promise<T> {
    const turns = this.#all.get(provider) ?? { active: 0, waiting: [] };
    this.#all.set(provider, turns);
    if (turns.active >= Math.min(provider.parallelism ?? AT_ONCE, AT_ONCE))
      await new Promise<void>((resolve) => turns.waiting.push(resolve));
    else turns.active += 1;
    try {
      return await work();
    } finally {
      const next = turns.waiting.shift();
      // Who waited takes the place over.
      if (next === undefined) turns.active -= 1;
      else next();
    }
  }
}

/** Rejects when it has not settled after so many milliseconds; its signal is aborted then. */
export async function within<T>(
  clock: Clock,
  milliseconds: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeout = new AbortController();
  const late = new Promise<never>((_resolve, reject) => {
    timeout.signal.addEventListener("abort", () => reject(timeout.signal.reason as Error), { once: true });
  });
  const timer = clock.setTimeout(
    () => timeout.abort(new Error(`It did not answer within ${milliseconds / 1000} s.`)),
    milliseconds,
  );
  try {
    return await Promise.race([work(AbortSignal.any([signal, timeout.signal])), late]);
  } finally {
    timer.cancel();
  }
}
