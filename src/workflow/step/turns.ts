/** One at a time for each name, in the order in which they came. */
import { cancelled } from "./attempt.ts";

export class Turns {
  /** The last who asked, by name; settled when that turn is over. */
  readonly #last = new Map<string, Promise<void>>();

  /** Resolves when it is its turn, with what ends it (once, or more often). Rejects when it is cancelled before. */
  async take(name: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#last.get(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    // Whoever gives up waiting lets those behind it wait for the one before.
    const over = Promise.all([before, promise]).then(() => {
      if (this.#last.get(name) === over) this.#last.delete(name);
    });
    this.#last.set(name, over);
    try {
      await orCancelled(before, signal);
      return resolve;
    } catch (error) {
      resolve();
      throw error;
    }
  }
}

async function orCancelled(before: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(cancelled());
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([before, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    promise.catch(() => undefined);
  }
}
