/**
 * A better order than ranks for a graph whose steps share slots: list schedules are worked out beforehand, each improved by
 * going back and forth (forward-backward improvement: Li and Willis, EJOR 56, 1992), from ranks and from ranks that are shaken
 * a little, as long as that costs little. What comes out is an order only: when steps take longer than expected, whoever is
 * ready begins all the same.
 *
 *     ranks ──schedule──> ends ──schedule backwards, the latest end first──> ends ──schedule, the same again──> ...
 */
export interface Task {
  /** Milliseconds. */
  readonly takes: number;
  /** It needs one of the slots. */
  readonly isLimited: boolean;
  /** Indexes of those that it waits for. */
  readonly needs: readonly number[];
  /** Longest path from its begin to the end of all. */
  readonly rank: number;
}

export interface Plan {
  readonly makespan: number;
  /** From the planned begin of each to the end of all, milliseconds: what is to begin earlier has more. */
  readonly ranks: readonly number[];
}

/** So many steps are placed at most, in all schedules together, but for the first few. */
const EFFORT = 24_000;
const FIRST_ROUNDS = 4;
const FURTHER_ROUNDS = 3;
const MOST_TRIALS = 12;
/** Nearer to what no schedule can beat is near enough. */
const NEAR = 1.005;

export function planOf(tasks: readonly Task[], slots: number): Plan {
  const forward = new Lister(tasks, followersOf(tasks), slots);
  const backward = new Lister(
    tasks,
    tasks.map(({ needs }) => needs),
    slots,
  );
  const ranks = Float64Array.from(tasks, ({ rank }) => rank);
  let best = forward.schedule(ranks);
  const work = tasks.reduce((sum, { takes, isLimited }) => sum + (isLimited ? takes : 0), 0);
  const bound = ranks.reduce((most, rank) => Math.max(most, rank), work / slots);
  const improve = (from: Schedule, rounds: number): void => {
    let current = from;
    for (let round = 0; round < rounds && best.makespan > bound * NEAR; round++) {
      current = forward.schedule(backward.schedule(current.ends).ends);
      if (current.makespan < best.makespan) best = current;
    }
  };
  improve(best, FIRST_ROUNDS);
  const trials = Math.min(MOST_TRIALS, EFFORT / (tasks.length * (2 * FURTHER_ROUNDS + 1)));
  const random = generator();
  for (let trial = 1; trial <= trials && best.makespan > bound * NEAR; trial++) {
    const strength = 0.02 + 0.3 * random();
    const shaken = ranks.map((rank) => rank * (1 + strength * (random() - 0.5)));
    improve(forward.schedule(shaken), FURTHER_ROUNDS);
  }
  const { makespan, ends } = best;
  return { makespan, ranks: tasks.map(({ takes }, index) => makespan - (ends[index] as number) + takes) };
}

interface Schedule {
  readonly makespan: number;
  readonly ends: Float64Array;
}

/** List schedules of one graph: whenever a slot is free, the ready step with the highest priority begins. */
class Lister {
  readonly #tasks: readonly Task[];
  readonly #followers: readonly (readonly number[])[];
  readonly #open: Int32Array;
  readonly #slots: number;

  constructor(tasks: readonly Task[], followers: readonly (readonly number[])[], slots: number) {
    this.#tasks = tasks;
    this.#followers = followers;
    this.#slots = slots;
    this.#open = new Int32Array(tasks.length);
    for (const list of followers)
      for (const follower of list) this.#open[follower] = (this.#open[follower] ?? 0) + 1;
  }

  schedule(priorities: Float64Array): Schedule {
    const tasks = this.#tasks;
    const open = this.#open.slice();
    const ends = new Float64Array(tasks.length);
    const ready = new Heap(priorities.map((priority) => -priority));
    const running = new Heap(ends);
    let free = this.#slots;
    let now = 0;
    const begin = (index: number): void => {
      ends[index] = now + (tasks[index] as Task).takes;
      running.push(index);
    };
    const enter = (index: number): void =>
      (tasks[index] as Task).isLimited ? ready.push(index) : begin(index);
    for (let index = 0; index < tasks.length; index++) if (open[index] === 0) enter(index);
    for (;;) {
      while (free > 0 && ready.size > 0) {
        free--;
        begin(ready.pop());
      }
      if (running.size === 0) return { makespan: now, ends };
      now = ends[running.first] as number;
      // All that ends at one instant, before anything is begun in it.
      while (running.size > 0 && ends[running.first] === now) {
        const index = running.pop();
        if ((tasks[index] as Task).isLimited) free++;
        for (const follower of this.#followers[index] as readonly number[])
          if ((open[follower] = (open[follower] as number) - 1) === 0) enter(follower);
      }
    }
  }
}

/** Indexes by key, the least first. */
class Heap {
  readonly #keys: Float64Array;
  readonly #items: number[] = [];

  constructor(keys: Float64Array) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): number {
    return this.#items[0] as number;
  }

  push(item: number): void {
    const items = this.#items;
    const key = this.#keys[item] as number;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as number;
      if ((this.#keys[above] as number) <= key) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  pop(): number {
    const items = this.#items;
    const first = items[0] as number;
    const last = items.pop() as number;
    if (items.length === 0) return first;
    const key = this.#keys[last] as number;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      const other = items[child + 1];
      if (other !== undefined && this.#before(other, items[child] as number)) child++;
      const below = items[child] as number;
      if (key <= (this.#keys[below] as number)) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return first;
  }

  #before(one: number, other: number): boolean {
    return (this.#keys[one] as number) < (this.#keys[other] as number);
  }
}

function followersOf(tasks: readonly Task[]): readonly (readonly number[])[] {
  const followers: number[][] = tasks.map(() => []);
  for (const [index, { needs }] of tasks.entries()) for (const need of needs) followers[need]?.push(index);
  return followers;
}

/** A fixed sequence in [0, 1) (mulberry32): the same graph is planned alike every time. */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
