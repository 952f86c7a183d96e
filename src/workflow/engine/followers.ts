/** Who waits for more of a run's events. */
export class Followers {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves when something has happened to the run, or when aborted. */
  wait(run: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const followers = this.#waiting.get(run) ?? new Set();
      this.#waiting.set(run, followers);
      const wake = (): void => {
        followers.delete(wake);
        if (followers.size === 0) this.#waiting.delete(run);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      followers.add(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  wake(run: string): void {
    for (const wake of this.#waiting.get(run) ?? []) wake();
  }
}
