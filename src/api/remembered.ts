/**
 * What a plan was made from, by its hash, until it is carried out: what was found other than it was made is not looked for
 * again, and a large declaration need not be sent twice. Who asks for what is forgotten sends all of it.
 */
import type { Clock } from "../clock/clock.ts";
import type { ProposeInput } from "../planner/propose.ts";
import type { Refreshed } from "../planner/refreshed.ts";

const MOST = 32;
const AGE = 3_600_000;
/** Of declarations: they are large, and the planner holds the last one of each System anyway. */
const MOST_DECLARED = 2;

/** All but what is as it is when it is proposed again. */
export type Declared = Omit<ProposeInput, "live" | "keyring" | "capabilities">;

export class RememberedPlans {
  readonly #clock: Clock;
  /** In the order of their plans. */
  readonly #found = new Map<string, { readonly drift: Refreshed["drift"]; readonly at: number }>();
  readonly #declared = new Map<string, Declared>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(hash: string, drift: Refreshed["drift"], declared: Declared): void {
    this.#declared.delete(hash);
    this.#declared.set(hash, declared);
    dropOldest(this.#declared, MOST_DECLARED);
    this.#found.delete(hash);
    if (drift.size === 0) return;
    this.#found.set(hash, { drift, at: this.#clock.now() });
    dropOldest(this.#found, MOST);
  }

  driftOf(hash: string): Refreshed["drift"] | undefined {
    const found = this.#found.get(hash);
    return found === undefined || found.at < this.#clock.now() - AGE ? undefined : found.drift;
  }

  declaredOf(hash: string): Declared | undefined {
    return this.#declared.get(hash);
  }
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
