/**
 * Remembers how often instances of each service were taken out for being worse than their siblings. When many were within
 * a while, replacing does not help, and there is a pause (outliers.ts, O4). Kept in memory: a control plane that starts
 * anew may try again.
 */
const WHILE = 10 * 60_000;
const LEAST = 3;
const ROUNDS = 2;

export class Condemned {
  /** Times, ascending, by uid of the service. */
  readonly #times = new Map<string, readonly number[]>();
  readonly #said = new Map<string, number>();

  add(service: string, now: number): void {
    this.#times.set(service, [...this.#recent(service, now), now]);
  }

  /** `most`: how many may be out at once. Undefined while there is no pause. */
  pausedUntil(service: string, most: number, now: number): number | undefined {
    const recent = this.#recent(service, now);
    const first = recent.at(-Math.max(LEAST, most * ROUNDS));
    return first === undefined ? undefined : first + WHILE;
  }

  /** Whether this pause was not told of yet; it is now. */
  isNews(service: string, until: number): boolean {
    if (this.#said.get(service) === until) return false;
    this.#said.set(service, until);
    return true;
  }

  #recent(service: string, now: number): readonly number[] {
    return (this.#times.get(service) ?? []).filter((time) => time > now - WHILE);
  }
}
