/**
 * Who may begin next: steps that wait for a slot, and runs that wait for their workflow's concurrency limit.
 *
 *     enter ──> waiting ──(a slot of the pool, a token of its rate, room in the engine)──> begin() ──true──> took ... gave
 *                  └──leave──> forgotten                                                     └─false──> forgotten, the next
 *
 * Order of what waits in a pool: namespaces share by weight (fair.ts); within a namespace whoever is the longest ready, each
 * level of priority counting as `LEVEL` of waiting; within a run the step with the longest expected path behind it.
 *
 * Invariants, checked by admission.test.ts:
 * 1. Nothing begins beyond a pool's slots, the engine's room, or the rate, in any window of its length.
 * 2. Nothing that could begin waits once the present turn is over: every change that could let it is decided upon.
 * 3. Whoever waits begins in the end, whatever comes after it.
 * 4. Who holds a slot is never noted by a counter of its own: `took` and `gave` are called by the fold of the journal's
 *    events (run/state.ts, `isOwned`), so whatever ends an ownership gives its slot back, and a restart finds them.
 * 5. The order is a function of what the journal says (since, priority, namespace), so it is the same after a restart.
 */

/** What one pool allows. Both absent: everything. */
export interface PoolLimits {
  /** At once. 0: nothing begins. */
  readonly slots?: number;
  /** Begins within any window of `per` milliseconds. */
  readonly rate?: { readonly limit: number; readonly per: number };
}

/** What of a slot must be known to count it. */
export interface Holding {
  readonly namespace: string;
  /** Absent: only the engine's room is needed. */
  readonly pool?: string | undefined;
  /** It only waits (for a time, a signal, a person, a run that it started): it takes no room in the engine. */
  readonly idle?: boolean | undefined;
}

export interface Claimant extends Holding {
  /** Of the run: `NAMESPACE/NAME`. */
  readonly run: string;
  /** Its own path, and what people read of whoever is before them. */
  readonly path: string;
  /** Higher first; absent 0. */
  readonly priority?: number | undefined;
  /** When it was ready for the first time, milliseconds since the epoch. */
  readonly since: number;
  /** Milliseconds expected from its begin to the end of all that depends on it; absent 0. */
  readonly rank?: number | undefined;
  /** Slots of a pool that nobody has configured: the limit of a workflow's runs. The newest given counts. */
  readonly slots?: number | undefined;
  /**
   * Called once when it may: records the claim at once, which calls `took`. False when it is not wanted any more; then the
   * slot is the next one's.
   */
  begin(): boolean;
}

/** A place in the queue. */
export interface Place {
  readonly claimant: Claimant;
  /** Idempotent; also after it has begun. */
  leave(): void;
}

/** Why it has not begun. */
export type Obstacle =
  | { readonly is: "slot"; readonly pool: string; readonly before: number }
  | { readonly is: "rate"; readonly pool: string; readonly until: number }
  | { readonly is: "room"; readonly before: number };

export interface Admission {
  /** Begins in this turn at the earliest after all that entered in it, so that the best of them is the first. */
  enter(claimant: Claimant): Place;
  /** A claim was recorded, or found in the journal, at an instant. */
  took(holding: Holding, at: number): void;
  /** The ownership ended, whichever way. */
  gave(holding: Holding): void;
  /** Limits of a pool, from now on; what holds a slot keeps it. Undefined: no limits any more. */
  limit(pool: string, limits: PoolLimits | undefined): void;
  /** Steps at once in the whole engine; Infinity: no limit. */
  room(steps: number): void;
  /** Shares of namespaces that want more than there is; 1 when not given. */
  weigh(namespace: string, weight: number): void;
  /** What the machine asks before a claim (run/machine.ts): true within `begin`. */
  isFree(holding: Holding): boolean;
  /** Of a pool; Infinity when it has no limit. */
  slots(pool: string): number;
  held(pool: string): number;
  waiting(pool: string): number;
  /** Undefined when it has begun, has left, or is about to begin. Linear in what waits in its pool: for people. */
  obstacle(place: Place): Obstacle | undefined;
}
