/** Which steps run in this process right now: locks that are held, daemons that are ready. */
export class BegunSteps {
  readonly #told = new Map<string, PromiseWithResolvers<unknown>>();

  /** `detail`: what it tells those who wait for it. */
  begin(run: string, path: string, detail: unknown): void {
    this.#of(run, path).resolve(detail);
  }

  end(run: string, path: string): void {
    this.#told.delete(`${run} ${path}`);
  }

  /** Rejects when aborted. */
  async wait(run: string, path: string, signal: AbortSignal): Promise<unknown> {
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([this.#of(run, path).promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  #of(run: string, path: string): PromiseWithResolvers<unknown> {
    const key = `${run} ${path}`;
    const there = this.#told.get(key) ?? Promise.withResolvers<unknown>();
    this.#told.set(key, there);
    return there;
  }
}
