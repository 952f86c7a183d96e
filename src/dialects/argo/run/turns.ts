/**
 * Gives the program what steps came to, one at a time and in the order of the journal, so that everything it decides is the
 * same in a replay: which of two was first, what waits for a free place, what a failure stopped.
 *
 *     perform ──> open ──settled──> ready ──its turn──> told
 *
 * Invariants:
 * 1. Nothing is told while an open step has an earlier place in the journal.
 * 2. Between two turns everything that the first set off has happened: all steps that it asks for are open.
 * 3. What was stopped before it was recorded has no place, and is told after all that have one.
 */
import type { TaskStep } from "../../../workflow/engine/interpreter.ts";
import type { Stage } from "../../../workflow/engine/program.ts";
import { StepFailure, Stopped } from "../../../workflow/engine/failures.ts";
import type { Failure } from "../../../workflow/run/failure.ts";

export type Outcome =
  | { readonly is: "succeeded"; readonly result: unknown }
  | { readonly is: "failed"; readonly failure: Failure }
  | { readonly is: "stopped" };

interface Open {
  readonly path: string;
  readonly tell: () => void;
}

export class Turns {
  readonly #stage: Stage;
  readonly #open = new Set<string>();
  readonly #ready = new Map<number, Open>();
  readonly #unplaced: Open[] = [];
  #next = 1;
  #isTelling = false;
  #now: number;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#now = stage.startedAt;
  }

  /** When the newest of what was told happened, milliseconds since the epoch: the time by which the program goes. */
  get now(): number {
    return this.#now;
  }

  /** Never rejects, but for faults that are no outcome of a step. */
  perform(path: string, step: TaskStep, signal: AbortSignal, cleanup = false): Promise<Outcome> {
    this.#open.add(path);
    return new Promise((resolve, reject) => {
      const settle = (outcome: Outcome, order: number | undefined, at: number): void => {
        const tell = (): void => {
          if (Number.isFinite(at)) this.#now = Math.max(this.#now, at);
          resolve(outcome);
        };
        if (order === undefined || !Number.isFinite(order)) this.#unplaced.push({ path, tell });
        else this.#ready.set(order, { path, tell });
        void this.#tellAll();
      };
      this.#stage.perform(path, step, signal, cleanup).then(
        ({ result, order, at }) => settle({ is: "succeeded", result }, order, at),
        (error: unknown) => {
          if (error instanceof StepFailure)
            settle({ is: "failed", failure: error.failure }, error.order, error.at);
          else if (error instanceof Stopped) settle({ is: "stopped" }, this.#stage.orderOf(path), NaN);
          else {
            this.#open.delete(path);
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        },
      );
    });
  }

  async #tellAll(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#take();
      if (next === undefined) break;
      this.#open.delete(next.path);
      next.tell();
    }
    this.#isTelling = false;
  }

  #take(): Open | undefined {
    const order = this.#ready.has(this.#next) ? this.#next : this.#firstOfReady();
    const found = order === undefined ? undefined : this.#ready.get(order);
    if (order !== undefined && found !== undefined) {
      this.#ready.delete(order);
      this.#next = order + 1;
      return found;
    }
    return this.#ready.size === 0 ? this.#unplaced.shift() : undefined;
  }

  /** Of a gap in the places: undefined as long as an open step belongs into it. */
  #firstOfReady(): number | undefined {
    if (this.#ready.size === 0) return undefined;
    const first = Math.min(...this.#ready.keys());
    const told = new Set([...this.#ready.values()].map(({ path }) => path));
    for (const path of this.#open) {
      const order = told.has(path) ? undefined : this.#stage.orderOf(path);
      if (order !== undefined && order < first) return undefined;
    }
    return first;
  }
}
