import { StatusError } from "./status-error.ts";

/** How many answers that do not end by themselves (watches, logs) are open, and may be. */
export class StreamLimit {
  readonly #limit: number;
  #open = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get open(): number {
    return this.#open;
  }

  /** Gives what ends it, to be called once; refuses with TooManyRequests. */
  take(): () => void {
    if (this.#open >= this.#limit) {
      const message = `More than ${this.#limit} watches and logs are open; end some or try again later.`;
      throw new StatusError(429, "TooManyRequests", message, { retryAfterSeconds: 5 });
    }
    this.#open += 1;
    return () => void (this.#open -= 1);
  }
}
