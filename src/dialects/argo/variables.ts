/** What `{{...}}` and expressions see, by dotted name; a scope sees what is around it. */

/** `null` is an output that was never made, for its step was skipped and names no default. */
export interface Variables {
  has(name: string): boolean;
  get(name: string): unknown;
  /** Those around first. */
  entries(): Iterable<readonly [string, unknown]>;
}

export class Scope implements Variables {
  readonly #own = new Map<string, unknown>();
  readonly #around: Variables | undefined;

  constructor(around?: Variables) {
    this.#around = around;
  }

  set(name: string, value: unknown): this {
    this.#own.set(name, value);
    return this;
  }

  has(name: string): boolean {
    return this.#own.has(name) || this.#around?.has(name) === true;
  }

  get(name: string): unknown {
    return this.#own.has(name) ? this.#own.get(name) : this.#around?.get(name);
  }

  *entries(): Iterable<readonly [string, unknown]> {
    if (this.#around !== undefined) yield* this.#around.entries();
    yield* this.#own;
  }
}
