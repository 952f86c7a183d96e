/** The way through a scope of states: which is next, how often each was visited, what the last gave. */
import { NOTED_TOGETHER } from "./fan-out.ts";

/** What it goes on with, without the steps that it has done. */
export interface WalkNote {
  readonly next: string | undefined;
  readonly visits: readonly (readonly [string, number])[];
  readonly results: Readonly<Record<string, unknown>>;
  readonly result: unknown;
}

export class Walk {
  next: string | undefined;
  result: unknown;
  readonly #visits: Map<string, number>;
  #since = 0;

  constructor(start: string | undefined, known: WalkNote | undefined) {
    this.next = known === undefined ? start : known.next;
    this.result = known?.result ?? null;
    this.#visits = new Map(known?.visits);
  }

  /** Gives its label: `poll`, and `poll#2` when it is visited again. */
  visit(name: string): string {
    const visit = (this.#visits.get(name) ?? 0) + 1;
    this.#visits.set(name, visit);
    this.#since++;
    return visit === 1 ? name : `${name}#${visit}`;
  }

  /** It has gone a long way since it was last noted. */
  get isNotable(): boolean {
    return this.#since >= NOTED_TOGETHER && this.next !== undefined;
  }

  /** `results`: of the scope's steps. */
  note(results: Readonly<Record<string, unknown>>): WalkNote {
    this.#since = 0;
    return { next: this.next, visits: [...this.#visits], results, result: this.result };
  }
}
