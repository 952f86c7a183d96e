/** How many of something may be at once, within one run: first come, first served. */
export class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** Infinity: as many as there are. */
  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves when a place is the caller's; at once when one is free. */
  async take(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
