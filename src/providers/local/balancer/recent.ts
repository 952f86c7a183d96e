/**
 * A map of bounded size that forgets what was not written for longest, in two generations.
 *
 * A new generation begins when one is full, and whenever `turn` is called; then what is in neither the new nor the last one is
 * forgotten. Nothing is ever deleted one by one: finding the oldest entry of a JavaScript Map takes the longer, the more
 * of it has been deleted.
 */
export class Recent<V> {
  readonly #limit: number;
  #now = new Map<string, V>();
  #before: ReadonlyMap<string, V> = new Map();

  /** `limit`: of one generation; twice as many are kept at most. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#now.size + this.#before.size;
  }

  get(key: string): V | undefined {
    return this.#now.get(key) ?? this.#before.get(key);
  }

  set(key: string, value: V): void {
    this.#now.set(key, value);
    if (this.#now.size >= this.#limit) this.turn();
  }

  turn(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }
}
