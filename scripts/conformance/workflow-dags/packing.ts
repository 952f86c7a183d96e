/**
 * Whether the longest steps fit on the slots at all, one after the other, by an instant: a search of all ways to pack them
 * (bin completion: Korf, AAAI 2002). A no is a proof that no schedule ends by then, whatever else there is to do.
 */

/** So many of the longest steps are looked at for each slot: few are soon decided, more may be needed. */
const LOOKED_AT = [1.5, 1.75, 1.875, 2];
const MOST_TRIED = 1_000_000;

/** False also when it would take too long to find out. */
export function cannotFit(takes: readonly number[], slots: number, until: number): boolean {
  const longest = [...takes].sort((one, other) => other - one);
  return LOOKED_AT.some((each) => new Packing(longest.slice(0, each * slots), slots, until).isImpossible());
}

class Packing {
  readonly #takes: readonly number[];
  readonly #slots: number;
  readonly #until: number;
  readonly #isPlaced: boolean[];
  #tried = 0;

  /** Descending. */
  constructor(takes: readonly number[], slots: number, until: number) {
    this.#takes = takes;
    this.#slots = slots;
    this.#until = until;
    this.#isPlaced = takes.map(() => false);
  }

  isImpossible(): boolean {
    const idle = this.#slots * this.#until - this.#takes.reduce((sum, one) => sum + one, 0);
    return idle < 0 || (!this.#fills(this.#slots, idle) && this.#tried <= MOST_TRIED);
  }

  /** The longest that is left goes to the next slot; `idle`: what may be left over in all slots to come. */
  #fills(slots: number, idle: number): boolean {
    const first = this.#isPlaced.indexOf(false);
    if (first < 0) return true;
    if (slots === 0) return false;
    return this.#with(first, () =>
      this.#completes(first + 1, this.#until - (this.#takes[first] as number), slots, idle),
    );
  }

  #completes(from: number, room: number, slots: number, idle: number): boolean {
    if (room < 0 || this.#tried++ > MOST_TRIED) return room >= 0;
    let last: number | undefined;
    for (let index = from; index < this.#takes.length; index++) {
      const takes = this.#takes[index] as number;
      if (this.#isPlaced[index] === true || takes > room || takes === last) continue;
      last = takes;
      if (this.#with(index, () => this.#completes(index + 1, room - takes, slots, idle))) return true;
    }
    return room <= idle && this.#fills(slots - 1, idle - room);
  }

  #with(index: number, search: () => boolean): boolean {
    this.#isPlaced[index] = true;
    const found = search();
    this.#isPlaced[index] = false;
    return found;
  }
}
