/** What has a place in an `Ordered`. Whoever owns it sets `key`, and then tells `update`. */
export interface Keyed {
  key: number;
  /** Breaks ties: the smaller is the first. */
  readonly tie: number;
  /** Where it is, -1 when it is nowhere; written by `Ordered` alone. */
  index: number;
}

/** A binary heap whose members know their place, so that any of them moves or leaves in O(log n) (Cormen et al., §6.5). */
export class Ordered<T extends Keyed> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  /** In no particular order. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#items.values();
  }

  /** Puts it in, or where its new key belongs. */
  update(item: T): void {
    if (item.index < 0) item.index = this.#items.push(item) - 1;
    this.#down(this.#up(item));
  }

  remove(item: T): void {
    const { index } = item;
    if (index < 0) return;
    item.index = -1;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#put(last, index);
    this.#down(this.#up(last));
  }

  #up(item: T): T {
    while (item.index > 0) {
      const parent = this.#items[(item.index - 1) >> 1] as T;
      if (isBefore(parent, item)) break;
      const { index } = parent;
      this.#put(parent, item.index);
      this.#put(item, index);
    }
    return item;
  }

  #down(item: T): void {
    for (;;) {
      const left = this.#items[2 * item.index + 1];
      const right = this.#items[2 * item.index + 2];
      if (left === undefined) return;
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (isBefore(item, child)) return;
      const { index } = child;
      this.#put(child, item.index);
      this.#put(item, index);
    }
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    item.index = index;
  }
}

/** Also the order in which an `Ordered` would give them. */
export function isBefore(one: Keyed, other: Keyed): boolean {
  return one.key < other.key || (one.key === other.key && one.tie < other.tie);
}
