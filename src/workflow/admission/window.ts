/**
 * At most `limit` begins within any window of `per` milliseconds. The newest begins are remembered, so that, unlike with a
 * bucket that fills while it is emptied, no window ever has more.
 */
export class Window {
  readonly limit: number;
  readonly per: number;
  /** A ring of the newest; `#oldest` is its begin once it is full. */
  #begins: number[] = [];
  #oldest = 0;
  #newest = -Infinity;
  #isOrdered = true;

  constructor(limit: number, per: number, begins: Iterable<number> = []) {
    this.limit = limit;
    this.per = per;
    for (const begin of begins) this.add(begin);
  }

  /** From when on the next may begin, milliseconds since the epoch. */
  get free(): number {
    if (this.limit === 0) return Infinity;
    if (this.#begins.length < this.limit) return -Infinity;
    this.#sort();
    return (this.#begins[this.#oldest] as number) + this.per;
  }

  get begins(): readonly number[] {
    return this.#begins;
  }

  /** In any order, as a journal is read run by run. */
  add(instant: number): void {
    if (this.limit === 0) return;
    if (this.#begins.length < this.limit) this.#begins.push(instant);
    else {
      this.#sort();
      const isTooOld = instant <= (this.#begins[this.#oldest] as number);
      if (isTooOld) return;
      this.#begins[this.#oldest] = instant;
      this.#oldest = (this.#oldest + 1) % this.limit;
    }
    if (instant < this.#newest) this.#isOrdered = false;
    else this.#newest = instant;
  }

  #sort(): void {
    if (this.#isOrdered) return;
    this.#begins.sort((one, other) => one - other);
    this.#oldest = 0;
    this.#isOrdered = true;
  }
}
