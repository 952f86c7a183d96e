/**
 * Every wait of the engine: sleeps, pauses before another attempt, time limits, deadlines. A binary heap by instant, then by
 * the order in which they were set, with one timer of the clock, for the earliest. What is cancelled stays in the heap until
 * it is due, or until more than half of the heap is cancelled.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import { onAbort } from "./on-abort.ts";

/** The longest that a system timer can be set for, rounded down. */
const LONGEST = 2 ** 31 - 1000;
const FEW = 64;

interface Entry {
  readonly instant: number;
  readonly order: number;
  /** Undefined once cancelled. */
  due: (() => void) | undefined;
}

export class Timers {
  readonly #clock: Clock;
  #heap: Entry[] = [];
  #order = 0;
  #cancelled = 0;
  #armed: { readonly instant: number; readonly timer: Timer } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back once at the instant (milliseconds since the epoch), at once in a later turn when it has passed. */
  at(instant: number, due: () => void): Timer {
    const entry: Entry = { instant, order: this.#order++, due };
    if (Number.isFinite(instant) || instant < 0) {
      this.#push(entry);
      this.#arm();
    }
    return { cancel: () => this.#cancel(entry) };
  }

  /** True when the instant has come, false when aborted before. Any time ahead is good. */
  until(instant: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (instant <= this.#clock.now()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = this.at(instant, () => {
        forget();
        resolve(true);
      });
      const forget = onAbort(signal, () => {
        timer.cancel();
        resolve(false);
      });
    });
  }

  #cancel(entry: Entry): void {
    if (entry.due === undefined) return;
    entry.due = undefined;
    this.#cancelled++;
    if (this.#cancelled < FEW || this.#cancelled * 2 < this.#heap.length) return;
    this.#heap = this.#heap.filter(({ due }) => due !== undefined).sort(compare); // sorted is a heap
    this.#cancelled = 0;
    this.#arm();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined) {
      this.#armed?.timer.cancel();
      this.#armed = undefined;
      return;
    }
    if (this.#armed !== undefined && this.#armed.instant <= first.instant) return;
    this.#armed?.timer.cancel();
    const delay = Math.min(LONGEST, Math.max(0, first.instant - this.#clock.now()));
    this.#armed = { instant: first.instant, timer: this.#clock.setTimeout(() => this.#fire(), delay) };
  }

  /** A clock of a system may be early by a little: what is not due yet is waited for again. */
  #fire(): void {
    this.#armed = undefined;
    const now = this.#clock.now();
    for (let first = this.#heap[0]; first !== undefined && first.instant <= now; first = this.#heap[0]) {
      this.#pop();
      const { due } = first;
      if (due === undefined) this.#cancelled--;
      else {
        first.due = undefined;
        due();
      }
    }
    this.#arm();
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Entry;
      if (compare(above, entry) <= 0) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && compare(heap[child + 1] as Entry, heap[child] as Entry) < 0) child++;
      const below = heap[child] as Entry;
      if (compare(last, below) <= 0) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function compare(one: Entry, other: Entry): number {
  return one.instant - other.instant || one.order - other.order;
}
