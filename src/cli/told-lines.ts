/** Which lines about a run are news: whatever changed, but sums less and less often, so that an hour is as readable as a minute. */
import type { RunLine } from "./views/run-lines.ts";

/** Milliseconds between two lines that sum up the same, at least. */
const SUM_PAUSE = 1000;

interface Told {
  readonly state: string;
  /** Milliseconds since the epoch: when for the first time, and when, if it sums up, at the earliest again. */
  readonly first: number;
  readonly again: number;
}

export class ToldLines {
  readonly #told = new Map<string, Told>();

  /** True when the line is to be told; it counts as told then. `isLast`: nothing comes after it. */
  isNews({ path, state, isSum }: RunLine, now: number, isLast: boolean): boolean {
    const told = this.#told.get(path);
    if (told?.state === state) return false;
    if (isSum && told !== undefined && !isLast && now < told.again) return false;
    const first = told?.first ?? now;
    this.#told.set(path, { state, first, again: now + Math.max(SUM_PAUSE, (now - first) / 10) });
    return true;
  }
}
