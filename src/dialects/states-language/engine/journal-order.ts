/**
 * What is to be fed next: of what is open and settled, the one that the journal has first.
 *
 * Promises of one process may resolve in another order than the journal's, and after a restart all that is recorded is there at
 * once. So nothing is taken as long as something open has a lower order. Orders have no gaps over all that the program asked
 * for, what it called off included: where the next number is known, nothing can be lower and nothing is searched for, which
 * keeps a fan-out of many linear.
 */
export class JournalOrder<T> {
  readonly #orderOf: (path: string) => number | undefined;
  readonly #open = new Map<string, T>();
  readonly #settled = new Map<number, string>();
  /** Orders of what was called off. */
  readonly #passed = new Set<number>();
  #last = 0;

  constructor(orderOf: (path: string) => number | undefined) {
    this.#orderOf = orderOf;
  }

  add(path: string, one: T): void {
    this.#open.set(path, one);
    this.look(path);
  }

  /** Of something that may have been settled in this process. */
  look(path: string): void {
    const order = this.#orderOf(path);
    if (order === undefined) return;
    if (this.#open.has(path)) this.#settled.set(order, path);
    else if (order > this.#last) this.#passed.add(order);
  }

  /** It is not wanted any more. */
  callOff(path: string): void {
    this.#open.delete(path);
    const order = this.#orderOf(path);
    if (order !== undefined) this.#settled.delete(order);
    this.look(path);
  }

  /** The first that is settled, taken out; undefined while nothing is. */
  take(): T | undefined {
    if (this.#settled.size === 0) return undefined;
    let next = this.#last + 1;
    while (this.#passed.delete(next)) next++;
    if (!this.#settled.has(next)) {
      for (const path of this.#open.keys()) this.look(path);
      next = this.#settled.keys().reduce((one, other) => Math.min(one, other));
    }
    const path = this.#settled.get(next) ?? "";
    const one = this.#open.get(path);
    this.#settled.delete(next);
    this.#open.delete(path);
    this.#last = next;
    return one;
  }
}
