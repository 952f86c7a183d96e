/**
 * Functions of a test that are at work. Virtual time stands still while one of them does something real (reads a file),
 * and goes on while all of them sleep in it.
 */
export class Flights {
  #awake = 0;
  #changed = Promise.withResolvers<void>();

  async of<T>(work: () => T | Promise<T>): Promise<T> {
    this.#count(1);
    try {
      return await work();
    } finally {
      this.#count(-1);
    }
  }

  /** For what a function in flight waits for in virtual time. */
  async asleep(sleep: Promise<void>): Promise<void> {
    this.#count(-1);
    try {
      await sleep;
    } finally {
      this.#count(1);
    }
  }

  /** Resolves when none is awake and what they set off has been done. */
  async landed(): Promise<void> {
    await turn();
    while (this.#awake > 0) {
      await this.#changed.promise;
      await turn();
    }
  }

  #count(change: number): void {
    this.#awake += change;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
