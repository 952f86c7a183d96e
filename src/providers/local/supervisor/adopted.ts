import type { Clock, Timer } from "../../../clock/clock.ts";
import type { ProcessIdentity } from "./process-spec.ts";
import { isAlive } from "./process-table.ts";

/**
 * Notices the end of processes that are not our children. The system tells only parents, and Node has no way to wait
 * on a pidfd, so one timer looks at all of them every 50 ms.
 *
 * Looking is two-fold because reading /proc costs 10 µs and a signal 0 costs 1 µs: every tick sends signal 0 to each,
 * and reads the full identity of up to `closeLooks` in turn. A dead process nobody reaps, or a number given to another
 * process, passes signal 0 and is found by the close look: at once with up to 100 processes, within a second
 * with 2,000.
 */
export const pollMilliseconds = 50;
const closeLooks = 100;

export class AdoptedWatch {
  readonly #clock: Clock;
  readonly #onGone: (id: string) => void;
  readonly #watched = new Map<string, ProcessIdentity>();
  #queue: string[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock, onGone: (id: string) => void) {
    this.#clock = clock;
    this.#onGone = onGone;
  }

  add(id: string, identity: ProcessIdentity): void {
    this.#watched.set(id, identity);
    this.#timer ??= this.#clock.setTimeout(() => this.#tick(), pollMilliseconds);
  }

  delete(id: string): void {
    this.#watched.delete(id);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#watched.clear();
  }

  #tick(): void {
    this.#timer = undefined;
    for (const [id, identity] of this.#watched) if (!respondsToSignal(identity.pid)) this.#gone(id);
    for (let looks = Math.min(closeLooks, this.#watched.size); looks > 0; looks--) {
      if (this.#queue.length === 0) this.#queue = [...this.#watched.keys()];
      const id = this.#queue.pop();
      const identity = id === undefined ? undefined : this.#watched.get(id);
      if (id !== undefined && identity !== undefined && !isAlive(identity)) this.#gone(id);
    }
    if (this.#watched.size > 0) this.#timer ??= this.#clock.setTimeout(() => this.#tick(), pollMilliseconds);
  }

  #gone(id: string): void {
    if (this.#watched.delete(id)) this.#onGone(id);
  }
}

export function respondsToSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
