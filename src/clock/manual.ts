import { type Clock, type Timer, sleepOn } from "./clock.ts";

interface Pending {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
  isOver: boolean;
}

/**
 * A clock that stands still until told to move. Timers fire in order of their due time, then of their creation.
 * Between two timers the microtask queue and one turn of the event loop run, so that what a timer set off can set
 * timers of its own before time goes on.
 */
export class ManualClock implements Clock {
  #now: number;
  #order = 0;
  #seed: number;
  /** A heap: each is due before those at twice its place. Cancelled ones stay until they come up. */
  readonly #pending: Pending[] = [];

  constructor(start = Date.UTC(2026, 0, 1), seed = 1) {
    this.#now = start;
    this.#seed = seed;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, delay: number): Timer {
    // Clocks tell whole milliseconds.
    const due = this.#now + Math.max(0, Math.ceil(delay));
    const pending = { due, order: this.#order++, callback, isOver: false };
    this.#push(pending);
    return { cancel: () => void (pending.isOver = true) };
  }

  soon(callback: () => void): void {
    this.setTimeout(callback, 0);
  }

  sleep(delay: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, delay, signal);
  }

  /** A fixed sequence (mulberry32), so that a test's jitter is the same every time. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** Moves time forward by `duration` milliseconds, firing what falls due on the way. */
  async advance(duration: number): Promise<void> {
    const end = this.#now + duration;
    await turn();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#pop();
      this.#now = Math.max(this.#now, next.due);
      next.callback();
      await turn();
    }
    this.#now = end;
  }

  /** Moves to the next timer that is due by `end` and fires it; false, and time stands still, when there is none. */
  async fireNext(end = Infinity): Promise<boolean> {
    await turn();
    const next = this.#next(end);
    if (next === undefined) return false;
    await this.advance(Math.max(0, next.due - this.#now));
    return true;
  }

  #next(end: number): Pending | undefined {
    while (this.#pending[0]?.isOver === true) this.#pop();
    const first = this.#pending[0];
    return first !== undefined && first.due <= end ? first : undefined;
  }

  #push(pending: Pending): void {
    const heap = this.#pending;
    let place = heap.push(pending) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!isBefore(pending, heap[above] as Pending)) break;
      heap[place] = heap[above] as Pending;
      place = above;
    }
    heap[place] = pending;
  }

  #pop(): void {
    const heap = this.#pending;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      const isRight = right < heap.length && isBefore(heap[right] as Pending, heap[left] as Pending);
      const below = isRight ? right : left;
      if (below >= heap.length || !isBefore(heap[below] as Pending, last)) break;
      heap[place] = heap[below] as Pending;
      place = below;
    }
    heap[place] = last;
  }
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
