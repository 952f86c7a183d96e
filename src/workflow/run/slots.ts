/**
 * Slots of pools that runs share. There is no counter that could leak: a slot is held exactly as long as a step is owned,
 * for both are folds of the same events, so whatever ends the ownership (a report, an expired lease, a cancel's deadline)
 * gives the slot back.
 */
import type { RunState } from "./state.ts";
import { isOwned } from "./state.ts";

export class Slots {
  readonly #capacity: ReadonlyMap<string, number>;
  readonly #held = new Map<string, number>();

  /** A pool that is not named has no limit. */
  constructor(capacity: ReadonlyMap<string, number>) {
    this.#capacity = capacity;
  }

  held(pool: string): number {
    return this.#held.get(pool) ?? 0;
  }

  isFree(pool: string | undefined): boolean {
    return pool === undefined || this.held(pool) < (this.#capacity.get(pool) ?? Infinity);
  }

  /** To be called around each change of a run's step: `fold` applies the event. */
  follow(run: RunState, path: string, fold: () => void): void {
    const before = this.#weight(run, path);
    fold();
    const pool = run.steps.get(path)?.pool;
    if (pool !== undefined) this.#held.set(pool, this.held(pool) + this.#weight(run, path) - before);
  }

  /** Counts what a run read from the journal holds already. */
  adopt(run: RunState, path: string): void {
    const pool = run.steps.get(path)?.pool;
    if (pool !== undefined) this.#held.set(pool, this.held(pool) + this.#weight(run, path));
  }

  /** Gives back what a run holds that is not gone on with here. */
  abandon(run: RunState, path: string): void {
    const pool = run.steps.get(path)?.pool;
    if (pool !== undefined) this.#held.set(pool, this.held(pool) - this.#weight(run, path));
  }

  #weight(run: RunState, path: string): number {
    const step = run.steps.get(path);
    return step !== undefined && step.pool !== undefined && isOwned(step) ? 1 : 0;
  }
}
