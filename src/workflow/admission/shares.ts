/**
 * What namespaces have had of something they share, so that who had the least is next: virtual time, which passes for a
 * namespace with the slots that it holds, divided by its weight (the idea of start-time fair queueing: Goyal, Vin and Cheng,
 * SIGCOMM 1996; charged by time held, since nobody knows beforehand how long a step takes).
 *
 * Invariants:
 * 1. The virtual time of a namespace never falls.
 * 2. Who asked for nothing gathers no claim: it begins again where those are that are served now (`#floor`).
 * 3. Who had everything while it was alone is held back at most `LONGEST` afterwards.
 */

/** A begin is charged so many milliseconds of a slot in advance: steps that take no time have their turns as well. */
const BEGIN = 100;
const LONGEST = 60_000;
/** From so many on, those that say nothing are forgotten. */
const MANY = 1000;

interface Share {
  time: number;
  at: number;
  held: number;
  /** Charged, and not yet held: milliseconds. */
  paid: number;
}

export class Shares {
  readonly #shares = new Map<string, Share>();
  readonly #weights: ReadonlyMap<string, number>;
  #floor = 0;
  #most = MANY;

  /** By namespace, 1 when absent; read at each decision. */
  constructor(weights: ReadonlyMap<string, number>) {
    this.#weights = weights;
  }

  /** It wants something again, after it did not. */
  wake(namespace: string, now: number): void {
    const share = this.#share(namespace, now);
    share.time = Math.max(this.#advance(namespace, share, now), this.#floor);
  }

  /** Virtual time, milliseconds. The least is next. */
  time(namespace: string, now: number): number {
    const share = this.#shares.get(namespace);
    return share === undefined ? this.#floor : this.#advance(namespace, share, now);
  }

  /** The namespace is the one that is served. */
  begin(namespace: string, now: number): void {
    const share = this.#share(namespace, now);
    const time = this.#advance(namespace, share, now);
    this.#floor = Math.max(this.#floor, time);
    share.time = time + BEGIN / this.#weight(namespace);
    share.paid += BEGIN;
  }

  hold(namespace: string, change: 1 | -1, now: number): void {
    const share = this.#share(namespace, now);
    this.#advance(namespace, share, now);
    share.held += change;
    share.paid = Math.min(share.paid, BEGIN * share.held);
  }

  #advance(namespace: string, share: Share, now: number): number {
    const weight = this.#weight(namespace);
    const passed = share.held * Math.max(0, now - share.at);
    const owed = Math.max(0, passed - share.paid) / weight;
    const limit = this.#floor + LONGEST / weight;
    share.paid = Math.max(0, share.paid - passed);
    share.time = Math.max(share.time, Math.min(share.time + owed, limit));
    share.at = Math.max(share.at, now);
    return share.time;
  }

  #share(namespace: string, now: number): Share {
    const known = this.#shares.get(namespace);
    if (known !== undefined) return known;
    if (this.#shares.size >= this.#most) this.#forget(now);
    const share = { time: this.#floor, at: now, held: 0, paid: 0 };
    this.#shares.set(namespace, share);
    return share;
  }

  /** Whoever holds nothing and is not ahead would begin at the floor anyway. */
  #forget(now: number): void {
    for (const [namespace, share] of this.#shares)
      if (share.held === 0 && this.#advance(namespace, share, now) <= this.#floor)
        this.#shares.delete(namespace);
    this.#most = Math.max(MANY, this.#shares.size * 2);
  }

  #weight(namespace: string): number {
    return this.#weights.get(namespace) ?? 1;
  }
}
