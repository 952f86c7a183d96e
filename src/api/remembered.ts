/** What was found while a plan was made, by the plan's hash, until it is carried out: then it is not looked for again. */
import type { Clock } from "../clock/clock.ts";
import type { Refreshed } from "../planner/refreshed.ts";

const MOST = 32;
const AGE = 3_600_000;

export class RememberedDrift {
  readonly #clock: Clock;
  /** In the order of their plans. */
  readonly #found = new Map<string, { readonly drift: Refreshed["drift"]; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(hash: string, drift: Refreshed["drift"]): void {
    this.#found.delete(hash);
    if (drift.size === 0) return;
    this.#found.set(hash, { drift, at: this.#clock.now() });
    const [oldest] = this.#found.keys();
    if (this.#found.size > MOST && oldest !== undefined) this.#found.delete(oldest);
  }

  get(hash: string): Refreshed["drift"] | undefined {
    const found = this.#found.get(hash);
    return found === undefined || found.at < this.#clock.now() - AGE ? undefined : found.drift;
  }
}
