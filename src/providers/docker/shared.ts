/** Work that many may wait for and that is done once: it goes on while somebody waits, and is cancelled when nobody does. */

interface Running<T> {
  readonly done: Promise<T>;
  readonly ending: AbortController;
  waiting: number;
}

export class Shared<T> {
  readonly #running = new Map<string, Running<T>>();

  /** Joins the work of that key, or begins it. Rejects with the signal's reason when the caller waits no more. */
  async run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const running = this.#running.get(key) ?? this.#begin(key, work);
    running.waiting++;
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal.reason as Error);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([running.done, left.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      if (--running.waiting === 0) {
        if (this.#running.get(key) === running) this.#running.delete(key);
        running.ending.abort();
      }
    }
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const ending = new AbortController();
    const running = { done: work(ending.signal), ending, waiting: 0 };
    running.done.catch(() => {}); // Whoever waits hears of it; nobody may be left.
    this.#running.set(key, running);
    return running;
  }
}
