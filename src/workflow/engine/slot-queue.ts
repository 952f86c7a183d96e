/** Who waits for a slot of a pool, first come first served. */
import { Slots } from "../run/slots.ts";

interface Waiter {
  readonly wake: () => void;
}

export class SlotQueue {
  readonly slots: Slots;
  readonly #waiting = new Map<string, Set<Waiter>>();

  constructor(capacity: ReadonlyMap<string, number>) {
    this.slots = new Slots(capacity);
  }

  /** Resolves when there may be one, or when aborted; the caller looks, and tells `wakeNext` when it does not take it. */
  wait(pool: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(pool) ?? new Set();
      this.#waiting.set(pool, waiters);
      const wake = (): void => {
        waiters.delete(waiter);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const waiter: Waiter = { wake };
      waiters.add(waiter);
      signal.addEventListener("abort", wake, { once: true });
      if (signal.aborted) wake();
    });
  }

  wakeNext(pool: string | undefined): void {
    if (pool === undefined || !this.slots.isFree(pool)) return;
    const [first] = this.#waiting.get(pool) ?? [];
    first?.wake();
  }
}
