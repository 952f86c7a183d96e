/**
 * The items of a map, or branches: which is next, what each came to. Each thousand of them that are over is noted together,
 * where the run is large, so that their steps can be forgotten; after a restart those are not done again.
 */
import type { Failure } from "../run/failure.ts";
import { StepFailure } from "./failures.ts";
import type { Notes } from "./program.ts";

/** Items, or visits of states, that are noted at once. */
export const NOTED_TOGETHER = 1_000;

interface FanOutNote {
  readonly results: readonly unknown[];
  readonly failures: readonly { readonly failure: Failure; readonly order: number; readonly at: number }[];
}

export class FanOut {
  readonly results: unknown[];
  readonly failures: unknown[] = [];
  readonly #path: string;
  readonly #notes: Notes | undefined;
  /** Items that are not over, of each thousand; one that is noted has none. */
  readonly #open: number[] = [];
  /** Of each thousand, those that failed. */
  readonly #failed = new Map<number, StepFailure[]>();
  #next = 0;

  constructor(path: string, count: number, notes: Notes | undefined) {
    this.#path = path;
    this.#notes = notes;
    this.results = Array.from({ length: count }, () => null);
    for (let first = 0; first < count; first += NOTED_TOGETHER)
      this.#open.push(Math.min(NOTED_TOGETHER, count - first));
  }

  /** What was noted before this process. */
  async recall(): Promise<void> {
    for (let group = 0; group < this.#open.length; group++) {
      const note = (await this.#notes?.noted(this.#path, this.#range(group))) as FanOutNote | undefined;
      if (note === undefined) continue;
      for (const [index, result] of note.results.entries())
        this.results[group * NOTED_TOGETHER + index] = result;
      for (const { failure, order, at } of note.failures)
        this.failures.push(new StepFailure(failure, order, at));
      this.#open[group] = 0;
    }
  }

  /** Undefined when all have begun. */
  next(): number | undefined {
    while (this.#next < this.results.length && this.#open[groupOf(this.#next)] === 0)
      this.#next = (groupOf(this.#next) + 1) * NOTED_TOGETHER;
    return this.#next < this.results.length ? this.#next++ : undefined;
  }

  succeeded(index: number, result: unknown): void {
    this.results[index] = result;
    this.#close(index);
  }

  failed(index: number, error: unknown): void {
    this.failures.push(error);
    const group = groupOf(index);
    if (!(error instanceof StepFailure)) return; // it never is over
    const failed = this.#failed.get(group);
    if (failed === undefined) this.#failed.set(group, [error]);
    else failed.push(error);
    this.#close(index);
  }

  /** All that are noted together with it are over. */
  isNotable(index: number): boolean {
    return this.#notes !== undefined && this.#open[groupOf(index)] === 0;
  }

  async note(index: number): Promise<void> {
    const group = groupOf(index);
    const [first, last] = this.#range(group);
    const failures = (this.#failed.get(group) ?? []).map(({ failure, order, at }) => ({
      failure,
      order,
      at,
    }));
    this.#failed.delete(group);
    const note: FanOutNote = { results: this.results.slice(first, last + 1), failures };
    await this.#notes?.note(this.#path, note, [first, last]);
  }

  #close(index: number): void {
    const group = groupOf(index);
    this.#open[group] = (this.#open[group] ?? 0) - 1;
  }

  #range(group: number): readonly [number, number] {
    const first = group * NOTED_TOGETHER;
    return [first, Math.min(first + NOTED_TOGETHER, this.results.length) - 1];
  }
}

function groupOf(index: number): number {
  return Math.floor(index / NOTED_TOGETHER);
}
