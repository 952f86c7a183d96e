/**
 * Admission (admission.ts): pools, each with a line of those that work and one of those that only wait, and the engine's room.
 *
 *     enter, gave, limit, room, a timer of a rate ──> one decision, once the present instant has settled (Clock.soon) ──>
 *     as long as some pool's first may begin: the one whose namespace had the least of the engine begins
 *
 * Deciding late is what makes priorities mean something: when a step ends, those that it made ready are there before its slot
 * is given away, and of a burst the best is the first.
 */
import type { Clock, Timer } from "../../clock/clock.ts";
import type { Admission, Claimant, Holding, Obstacle, Place, PoolLimits } from "./admission.ts";
import { Line, type Waiting } from "./line.ts";
import { isBefore } from "./ordered.ts";
import { Shares } from "./shares.ts";
import { Window } from "./window.ts";

/** The longest that a system timer can be set for, rounded down. */
const LONGEST_TIMER = 2 ** 31 - 1000;

interface Pool {
  readonly name: string | undefined;
  /** Of what was configured; `given` by those who enter otherwise. */
  limits: PoolLimits | undefined;
  given: number | undefined;
  held: number;
  window: Window | undefined;
  readonly shares: Shares;
  /** Of those that need room in the engine, and those that do not. */
  readonly working: Line;
  readonly idle: Line;
  timer: Timer | undefined;
}

interface Candidate {
  readonly pool: Pool;
  readonly line: Line;
  readonly waiting: Waiting;
}

export class AdmissionQueue implements Admission {
  readonly #clock: Clock;
  readonly #weights = new Map<string, number>();
  readonly #pools = new Map<string | undefined, Pool>();
  /** With somebody in line. */
  readonly #waiting = new Set<Pool>();
  readonly #shares = new Shares(this.#weights);
  #room = Infinity;
  #working = 0;
  #entered = 0;
  #isDeciding = false;
  /** Who is being begun: what the machine asks about in the middle of it is answered with yes. */
  #beginning: Claimant | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  enter(claimant: Claimant): Place {
    if (this.#isUnlimited(claimant)) {
      this.#begin(claimant);
      return { claimant, leave: () => undefined };
    }
    const pool = this.#pool(claimant.pool);
    if (claimant.slots !== undefined) pool.given = claimant.slots;
    const line = claimant.idle === true ? pool.idle : pool.working;
    const now = this.#clock.now();
    if (line === pool.working) this.#shares.wake(claimant.namespace, now);
    const waiting = line.enter(claimant, this.#entered++, now);
    this.#waiting.add(pool);
    this.#decideSoon();
    return new QueuePlace(claimant, waiting, () => {
      this.#leave(pool, line, waiting);
      this.#forgetUnused(pool);
    });
  }

  took(holding: Holding, at: number): void {
    const now = this.#clock.now();
    this.#beginning = undefined; // what begins further ones within its own begin has no more than this claim
    if (holding.idle !== true) {
      this.#working++;
      this.#shares.hold(holding.namespace, 1, now);
    }
    if (holding.pool === undefined) return;
    const pool = this.#pool(holding.pool);
    pool.held++;
    pool.shares.hold(holding.namespace, 1, now);
    pool.window?.add(at);
  }

  gave(holding: Holding): void {
    const now = this.#clock.now();
    if (holding.idle !== true) {
      this.#working--;
      this.#shares.hold(holding.namespace, -1, now);
    }
    if (this.#waiting.size > 0) this.#decideSoon();
    if (holding.pool === undefined) return;
    const pool = this.#pool(holding.pool);
    pool.held--;
    pool.shares.hold(holding.namespace, -1, now);
    this.#forgetUnused(pool);
  }

  limit(name: string, limits: PoolLimits | undefined): void {
    const pool = this.#pool(name);
    pool.limits = limits;
    const { rate } = limits ?? {};
    pool.window = rate && new Window(rate.limit, rate.per, pool.window?.begins);
    pool.timer?.cancel();
    pool.timer = undefined;
    this.#decideSoon();
    this.#forgetUnused(pool);
  }

  room(steps: number): void {
    this.#room = steps;
    this.#decideSoon();
  }

  weigh(namespace: string, weight: number): void {
    this.#weights.set(namespace, weight);
  }

  isFree(holding: Holding): boolean {
    const isBeginning =
      this.#beginning !== undefined &&
      this.#beginning.pool === holding.pool &&
      this.#beginning.namespace === holding.namespace;
    return isBeginning || this.#isUnlimited(holding);
  }

  slots(name: string): number {
    const pool = this.#pools.get(name);
    return pool === undefined ? Infinity : slotsOf(pool);
  }

  held(pool: string): number {
    return this.#pools.get(pool)?.held ?? 0;
  }

  waiting(name: string): number {
    const pool = this.#pools.get(name);
    return pool === undefined ? 0 : pool.idle.size + pool.working.size;
  }

  obstacle(place: Place): Obstacle | undefined {
    if (!(place instanceof QueuePlace) || place.waiting.index < 0) return undefined;
    const { pool: name, idle } = place.claimant;
    const pool = this.#pool(name);
    const before = (idle === true ? pool.idle : pool.working).before(place.waiting);
    if (name === undefined) return { is: "room", before };
    if (!hasSlot(pool)) return { is: "slot", pool: name, before };
    const free = pool.window?.free ?? -Infinity;
    if (free > this.#clock.now()) return { is: "rate", pool: name, until: free };
    return idle === true || this.#working < this.#room ? undefined : { is: "room", before };
  }

  /** Nothing that could make it wait: it would only be asked for its place in a line of one. */
  #isUnlimited({ pool: name, idle, slots }: Claimant | (Holding & { readonly slots?: number })): boolean {
    if (slots !== undefined || (idle !== true && this.#room !== Infinity)) return false;
    if (name === undefined) return true;
    const pool = this.#pools.get(name);
    return pool === undefined || (pool.limits === undefined && pool.given === undefined);
  }

  #leave(pool: Pool, line: Line, waiting: Waiting): void {
    line.leave(waiting);
    if (pool.idle.size + pool.working.size > 0) return;
    this.#waiting.delete(pool);
    pool.timer?.cancel();
    pool.timer = undefined;
  }

  #decideSoon(): void {
    if (this.#isDeciding || this.#waiting.size === 0) return;
    this.#isDeciding = true;
    this.#clock.soon(() => {
      try {
        this.#decide();
      } finally {
        this.#isDeciding = false;
      }
    });
  }

  #decide(): void {
    for (let best = this.#best(); best !== undefined; best = this.#best()) {
      const { pool, line, waiting } = best;
      const now = this.#clock.now();
      this.#leave(pool, line, waiting);
      if (this.#begin(waiting.claimant)) {
        pool.shares.begin(waiting.claimant.namespace, now);
        if (line === pool.working) this.#shares.begin(waiting.claimant.namespace, now);
      }
      this.#forgetUnused(pool);
    }
  }

  #begin(claimant: Claimant): boolean {
    this.#beginning = claimant;
    try {
      return claimant.begin();
    } finally {
      this.#beginning = undefined;
    }
  }

  /** Of the firsts of all pools, the one whose namespace had the least of the engine. */
  #best(): Candidate | undefined {
    const now = this.#clock.now();
    let best: Candidate | undefined;
    let least = Infinity;
    for (const pool of this.#waiting) {
      const candidate = this.#candidate(pool, now);
      if (candidate === undefined) continue;
      const time = this.#shares.time(candidate.waiting.claimant.namespace, now);
      if (best === undefined || time < least) [best, least] = [candidate, time];
    }
    return best;
  }

  #candidate(pool: Pool, now: number): Candidate | undefined {
    if (!hasSlot(pool)) return undefined;
    const working = this.#working < this.#room ? pool.working.next(now) : undefined;
    const idle = pool.idle.next(now);
    if (working === undefined && idle === undefined) return undefined;
    const free = pool.window?.free ?? -Infinity;
    if (free > now) {
      this.#wakeAt(pool, free);
      return undefined;
    }
    if (idle === undefined || (working !== undefined && isBefore(working, idle)))
      return { pool, line: pool.working, waiting: working as Waiting };
    return { pool, line: pool.idle, waiting: idle };
  }

  #wakeAt(pool: Pool, instant: number): void {
    if (pool.timer !== undefined || instant === Infinity) return;
    const wake = (): void => {
      pool.timer = undefined;
      this.#decideSoon();
    };
    pool.timer = this.#clock.setTimeout(wake, Math.min(instant - this.#clock.now(), LONGEST_TIMER));
  }

  #pool(name: string | undefined): Pool {
    const known = this.#pools.get(name);
    if (known !== undefined) return known;
    const shares = new Shares(this.#weights);
    const pool: Pool = {
      name,
      limits: undefined,
      given: undefined,
      held: 0,
      window: undefined,
      shares,
      working: new Line(shares),
      idle: new Line(shares),
      timer: undefined,
    };
    this.#pools.set(name, pool);
    return pool;
  }

  /** Pools of workflows' keys come and go. */
  #forgetUnused(pool: Pool): void {
    if (pool.held === 0 && pool.limits === undefined && pool.idle.size + pool.working.size === 0)
      this.#pools.delete(pool.name);
  }
}

class QueuePlace implements Place {
  readonly claimant: Claimant;
  readonly waiting: Waiting;
  readonly #leave: () => void;

  constructor(claimant: Claimant, waiting: Waiting, leave: () => void) {
    this.claimant = claimant;
    this.waiting = waiting;
    this.#leave = leave;
  }

  leave(): void {
    if (this.waiting.index >= 0) this.#leave();
  }
}

function hasSlot(pool: Pool): boolean {
  return pool.held < slotsOf(pool);
}

function slotsOf({ limits, given }: Pool): number {
  return limits?.slots ?? given ?? Infinity;
}
