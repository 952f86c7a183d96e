/**
 * Tasks of activities that wait for somebody to take them, and workers that wait for a task.
 *
 * A task is a step of its run until somebody takes it; that is recorded, and only then does the step end. When this process dies
 * in between, the task is offered again: at least once, as the service has it. Nothing here has to outlive the process.
 */
import type { Attempt } from "../../workflow/engine/step-type.ts";

export interface ActivityTask {
  readonly token: string;
  readonly input: unknown;
}

interface Offer extends ActivityTask {
  readonly take: (worker: string) => void;
}

export class ActivityBoard {
  /** By the activity's ARN without its region and partition. */
  readonly #offers = new Map<string, Offer[]>();
  readonly #workers = new Map<string, ((isGone?: boolean) => void)[]>();

  /** Resolves with who took it, rejects when it is called off. */
  offer(
    activity: string,
    task: ActivityTask,
    signal: Attempt["signal"],
  ): Promise<{ readonly worker: string }> {
    return new Promise((resolve, reject) => {
      const offers = listIn(this.#offers, activity);
      const offer: Offer = { ...task, take: (worker) => resolve({ worker }) };
      const withdraw = (): void => {
        const at = offers.indexOf(offer);
        if (at !== -1) offers.splice(at, 1);
        reject(signal.reason as Error);
      };
      if (signal.aborted) {
        withdraw();
        return;
      }
      signal.addEventListener("abort", withdraw, { once: true });
      offers.push(offer);
      listIn(this.#workers, activity).shift()?.();
    });
  }

  /** The oldest task, as soon as there is one; undefined once `signal` is aborted. */
  async take(activity: string, worker: string, signal: AbortSignal): Promise<ActivityTask | undefined> {
    for (;;) {
      if (signal.aborted) return undefined;
      const offer = this.#offers.get(activity)?.shift();
      if (offer !== undefined) {
        offer.take(worker);
        return offer;
      }
      await this.#next(activity, signal);
    }
  }

  #next(activity: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const workers = listIn(this.#workers, activity);
      const wake = (): void => {
        const at = workers.indexOf(wake);
        if (at !== -1) workers.splice(at, 1);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      workers.push(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

function listIn<T>(lists: Map<string, T[]>, name: string): T[] {
  const there = lists.get(name);
  if (there !== undefined) return there;
  const list: T[] = [];
  lists.set(name, list);
  return list;
}
