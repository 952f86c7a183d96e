/**
 * A queue of keys to be worked on.
 *
 * Each key is in one of these states: idle (not known), waiting (ready to be taken), delayed (a timer will make it wait),
 * active (being worked on), active and dirty (came again meanwhile: waits again when done).
 *
 *  Q1 A key is worked on by at most one worker at a time.
 *  Q2 A key added at any time is worked on at least once after that. Adding it many times before that is one piece of work.
 *  Q3 A failing key comes back after a delay that doubles from `base` to `cap`, with full jitter (uniform in [0, delay]),
 *     as in "Exponential Backoff And Jitter", AWS Architecture Blog, 2015; success resets it.
 */
import type { Clock, Timer } from "../clock/clock.ts";

/** Timers hold 31 bits; who waits longer is looked at once more in between, which never matters. */
const LONGEST = 2 ** 31 - 1;

export interface QueueOptions {
  readonly clock: Clock;
  /** First delay after a failure, milliseconds. */
  readonly base?: number;
  /** Longest delay, milliseconds. */
  readonly cap?: number;
}

export class WorkQueue<R> {
  readonly #clock: Clock;
  readonly #base: number;
  readonly #cap: number;
  /** Waiting keys, with the latest reason. */
  readonly #waiting = new Map<string, R | undefined>();
  /** The same keys in order of arrival, from `#head` on. Taking from the front of a Map costs a pass over what was there. */
  #order: string[] = [];
  #head = 0;
  readonly #active = new Map<string, { dirty: boolean; reason: R | undefined }>();
  readonly #delayed = new Map<string, { readonly due: number; readonly timer: Timer }>();
  readonly #failures = new Map<string, number>();
  #wake: (() => void) | undefined;

  constructor(options: QueueOptions) {
    this.#clock = options.clock;
    this.#base = options.base ?? 5;
    this.#cap = options.cap ?? 30_000;
  }

  /** Called whenever a key starts to wait. */
  onWaiting(wake: () => void): void {
    this.#wake = wake;
  }

  /** How many keys wait or are being worked on. */
  get depth(): number {
    return this.#waiting.size + this.#active.size;
  }

  get delayed(): number {
    return this.#delayed.size;
  }

  add(key: string, reason?: R): void {
    const active = this.#active.get(key);
    if (active !== undefined) {
      active.dirty = true;
      active.reason = reason ?? active.reason;
      return;
    }
    this.#cancelDelay(key);
    if (!this.#waiting.has(key)) this.#order.push(key);
    this.#waiting.set(key, reason ?? this.#waiting.get(key));
    this.#wake?.();
  }

  /** Adds the key after `delay` milliseconds; of several delays the earliest counts, and one that waits need not be told. */
  addAfter(key: string, wanted: number, reason?: R): void {
    if (wanted <= 0) {
      this.add(key, reason);
      return;
    }
    if (this.#waiting.has(key)) return;
    const delay = Math.min(wanted, LONGEST);
    const due = this.#clock.now() + delay;
    const before = this.#delayed.get(key);
    if (before !== undefined && before.due <= due) return;
    before?.timer.cancel();
    const timer = this.#clock.setTimeout(() => {
      this.#delayed.delete(key);
      this.add(key, reason);
    }, delay);
    this.#delayed.set(key, { due, timer });
  }

  /** The next key, now active, or undefined. */
  take(): { readonly key: string; readonly reason: R | undefined } | undefined {
    const key = this.#order[this.#head];
    if (key === undefined) return undefined;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    const reason = this.#waiting.get(key);
    this.#waiting.delete(key);
    this.#active.set(key, { dirty: false, reason });
    return { key, reason };
  }

  /** Ends the work on an active key. `failed` brings it back with back-off; the delay is returned. */
  done(key: string, failed = false): number | undefined {
    const active = this.#active.get(key);
    this.#active.delete(key);
    if (!failed) this.#failures.delete(key);
    if (active?.dirty === true) this.add(key, active.reason);
    if (!failed) return undefined;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const delay = Math.max(
      1,
      this.#clock.random() * Math.min(this.#cap, this.#base * 2 ** Math.min(failures, 30)),
    );
    if (active?.dirty !== true) this.addAfter(key, delay, active?.reason);
    return delay;
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  clear(): void {
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    this.#order = [];
    this.#head = 0;
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }
}
