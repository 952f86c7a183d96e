/**
 * The search of one request, tunnel or connection for a member: choose, exclude those that failed, hold when
 * there is none.
 *
 * Invariants
 *  F1 A member that failed this request is not tried again, until the members change or a held request's pause
 *     is over.
 *  F2 The whole search holds no longer than the pool's queueTimeoutMs.
 *  F3 After `cancel`, and after `found` or `none`, nothing is called until the next `next`.
 */
import { LIMITS } from "./limits.ts";
import type { Member } from "./member.ts";
import type { Pool, Waiter } from "./pool.ts";
import type { Affinity } from "./stickiness.ts";

export interface SearchUser {
  onMember(member: Member): void;
  /** No member, and no time or no room left to wait for one. */
  onNoMember(): void;
}

export class MemberSearch implements Waiter {
  readonly #pool: Pool;
  readonly #user: SearchUser;
  readonly #now: () => number;
  readonly #deadline: number;
  readonly #affinity: Affinity | undefined;
  #tried: Set<Member> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(pool: Pool, user: SearchUser, now: () => number, affinity?: Affinity) {
    this.#pool = pool;
    this.#affinity = affinity;
    this.#user = user;
    this.#now = now;
    this.#deadline = now() + pool.settings.queueTimeoutMs;
  }

  /** Looks for a member, at once or later. */
  next(): void {
    const now = this.#now();
    const member = this.#pool.choose(this.#tried, now, this.#affinity);
    if (member !== undefined) return this.#user.onMember(member);
    const left = this.#deadline - now;
    if (left <= 0 || !this.#pool.wait(this)) return this.#user.onNoMember();
    // Without ready members only a change helps; with ones that failed, so does trying again.
    const pause = this.#pool.readyCount === 0 ? left : Math.min(left, LIMITS.queueRetryMs);
    this.#timer = setTimeout(() => this.resume(), Math.ceil(pause));
  }

  exclude(member: Member): void {
    this.#tried ??= new Set();
    this.#tried.add(member);
  }

  resume(): void {
    this.cancel();
    this.#tried = undefined;
    this.next();
  }

  cancel(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pool.forget(this);
  }
}
