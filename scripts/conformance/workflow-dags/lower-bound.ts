/** What no schedule of steps on equal slots can beat. Times in any unit; `needs` by index. */

/** The longest path, and the work of all slots. */
export function simpleBound(
  takes: readonly number[],
  needs: readonly (readonly number[])[],
  slots: number,
): number {
  const heads = headsOf(takes, needs);
  const work = takes.reduce((sum, one) => sum + one, 0);
  return Math.max(work / slots, longest(takes, heads));
}

/**
 * The same, and for every set of steps that cannot begin before some instant (its head) and have at least some time after them
 * (their tail), what the set needs in between:
 * - its work on all slots, each of which begins with another step's head and ends with another step's tail (Carlier, EJOR 29,
 *   1987);
 * - with more than k steps a slot: some slot does k + 1 of them, at least the smallest of the k * slots + 1 largest.
 */
export function lowerBound(
  takes: readonly number[],
  needs: readonly (readonly number[])[],
  slots: number,
): number {
  const heads = headsOf(takes, needs);
  const tails = headsOf(takes, followersOf(needs));
  const byHead = [...takes.keys()].sort((one, other) => at(heads, other) - at(heads, one));
  let best = simpleBound(takes, needs, slots);
  for (const tail of new Set(tails)) {
    const set = new GrowingSet(slots, tail);
    for (const index of byHead) {
      if (at(tails, index) < tail) continue;
      best = Math.max(best, set.add(at(takes, index), at(heads, index), at(tails, index)));
    }
  }
  return best;
}

/** Steps are added by falling head. */
class GrowingSet {
  readonly #slots: number;
  readonly #tail: number;
  readonly #heads: number[] = [];
  /** The smallest tails, as many as slots, ascending. */
  readonly #tails: number[] = [];
  /** Descending. */
  readonly #takes: number[] = [];
  #work = 0;
  #headSum = 0;

  constructor(slots: number, tail: number) {
    this.#slots = slots;
    this.#tail = tail;
  }

  /** The bound of the set with the step. */
  add(takes: number, head: number, tail: number): number {
    this.#work += takes;
    this.#headSum += head - (this.#heads[this.#heads.push(head) - 1 - this.#slots] ?? 0);
    insert(this.#tails, tail, (one) => one < tail);
    if (this.#tails.length > this.#slots) this.#tails.pop();
    insert(this.#takes, takes, (one) => one > takes);
    return Math.max(head + this.#packed() + this.#tail, this.#carried());
  }

  #carried(): number {
    if (this.#takes.length < this.#slots) return 0;
    let tailSum = 0;
    for (const one of this.#tails) tailSum += one;
    return (this.#headSum + this.#work + tailSum) / this.#slots;
  }

  #packed(): number {
    let most = this.#work / this.#slots;
    for (let each = 1; each <= 8 && each * this.#slots < this.#takes.length; each++) {
      let sum = 0;
      for (let rank = each * (this.#slots - 1); rank <= each * this.#slots; rank++)
        sum += at(this.#takes, rank);
      most = Math.max(most, sum);
    }
    return most;
  }
}

function insert(list: number[], item: number, isBefore: (one: number) => boolean): void {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(at(list, middle))) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, item);
}

function longest(takes: readonly number[], heads: readonly number[]): number {
  return takes.reduce((most, one, index) => Math.max(most, at(heads, index) + one), 0);
}

/** The earliest begin of each. */
function headsOf(takes: readonly number[], needs: readonly (readonly number[])[]): readonly number[] {
  const heads = takes.map(() => 0);
  const followers = followersOf(needs);
  const open = needs.map((list) => list.length);
  const ready = [...takes.keys()].filter((index) => open[index] === 0);
  for (const index of ready)
    for (const follower of followers[index] ?? []) {
      heads[follower] = Math.max(at(heads, follower), at(heads, index) + at(takes, index));
      open[follower] = at(open, follower) - 1;
      if (open[follower] === 0) ready.push(follower);
    }
  return heads;
}

function followersOf(needs: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const followers: number[][] = needs.map(() => []);
  for (const [index, list] of needs.entries()) for (const need of list) followers[need]?.push(index);
  return followers;
}

function at(list: readonly number[], index: number): number {
  return list[index] as number;
}
