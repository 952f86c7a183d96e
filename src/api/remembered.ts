/**
 * What a plan was made from, by its hash, until it is carried out: what was found other than it was made is not looked for
 * again, a large declaration need not be sent twice, and a plan that is refused can be told from what it was. Who asks for
 * what is forgotten sends all of it.
 */
import type { Clock } from "../clock/clock.ts";
import type { Outline } from "../planner/change.ts";
import type { Foresight } from "../planner/foreseen.ts";
import type { ProposeInput } from "../planner/propose.ts";
import type { Refreshed } from "../planner/refreshed.ts";

const MOST = 32;
const AGE = 3_600_000;
/** Of declarations: they are large, and the planner holds the last one of each System anyway. */
const MOST_DECLARED = 2;
/** Of outlines, in steps; the newest is remembered however large it is. */
const MOST_STEPS = 20_000;

/** What was answered when the plan was made. */
export interface Found {
  readonly drift: Refreshed["drift"];
  readonly foreseen: Foresight["foreseen"];
}

/** All but what is as it is when it is proposed again. */
export type Declared = Omit<ProposeInput, "live" | "keyring" | "capabilities">;

export class RememberedPlans {
  readonly #clock: Clock;
  /** In the order of their plans. */
  readonly #found = new Map<string, Found & { readonly at: number }>();
  readonly #declared = new Map<string, Declared>();
  readonly #outlines = new Map<string, Outline>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(hash: string, found: Found, declared: Declared, outline: Outline): void {
    this.#outlines.delete(hash);
    this.#outlines.set(hash, outline);
    let steps = 0;
    for (const [known, { plan }] of [...this.#outlines].toReversed())
      if ((steps += plan.steps.length) > MOST_STEPS && known !== hash) this.#outlines.delete(known);
    this.#declared.delete(hash);
    this.#declared.set(hash, declared);
    dropOldest(this.#declared, MOST_DECLARED);
    this.#found.delete(hash);
    this.#found.set(hash, { ...found, at: this.#clock.now() });
    dropOldest(this.#found, MOST);
  }

  driftOf(hash: string): Refreshed["drift"] | undefined {
    return this.#foundOf(hash)?.drift;
  }

  /** Undefined when it is not known what providers said. */
  foreseenOf(hash: string): Foresight["foreseen"] | undefined {
    return this.#foundOf(hash)?.foreseen;
  }

  #foundOf(hash: string): Found | undefined {
    const found = this.#found.get(hash);
    return found === undefined || found.at < this.#clock.now() - AGE ? undefined : found;
  }

  outlineOf(hash: string): Outline | undefined {
    return this.#outlines.get(hash);
  }

  declaredOf(hash: string): Declared | undefined {
    return this.#declared.get(hash);
  }
}

function dropOldest(map: Map<string, unknown>, most: number): void {
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
