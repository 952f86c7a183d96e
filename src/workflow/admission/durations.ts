/**
 * How long steps take as a rule, learned from attempts that succeeded: a mean in which the newest count most. In memory, for
 * it only orders and foretells; the least recently learned is forgotten when there are too many.
 */
import type { Workflow } from "../definition/workflow.ts";
import { Ranks, placeOf } from "./rank.ts";

/** Shorter ones change no order that anybody would notice; milliseconds. */
const SHORTEST = 50;
const MOST = 100_000;
/** What one attempt counts. */
const NEWEST = 0.3;

export class Durations {
  readonly #means = new Map<string, number>();

  /** `path` as in the journal; milliseconds. */
  learn(workflow: string, path: string, took: number): void {
    if (took < SHORTEST) return;
    const key = `${workflow} ${placeOf(path)}`;
    const mean = this.#means.get(key);
    this.#means.delete(key);
    this.#means.set(key, mean === undefined ? took : mean + NEWEST * (took - mean));
    if (this.#means.size <= MOST) return;
    const [oldest] = this.#means.keys();
    if (oldest !== undefined) this.#means.delete(oldest);
  }

  of(workflow: string, place: string): number | undefined {
    return this.#means.get(`${workflow} ${place}`);
  }

  /** As it is known now. */
  ranks(workflow: Workflow, slots: (pool: string) => number): Ranks {
    return new Ranks(workflow, (place) => this.of(workflow.name, place), slots);
  }
}
