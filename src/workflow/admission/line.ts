/**
 * Who waits in one pool, and who of them is next.
 *
 *     Line ── by what the namespace had (shares.ts) ──> namespace ── longest ready, by priority ──> run ── longest path ──> step
 *
 * Keys do not change while somebody waits, but for a namespace's virtual time, which only grows: so each level is a heap, and
 * a decision costs O(log n). Whoever waits is overtaken only by what is at most so much younger, hence begins in the end.
 */
import type { Claimant } from "./admission.ts";
import { type Keyed, Ordered, isBefore } from "./ordered.ts";
import type { Shares } from "./shares.ts";

/** A level of priority is worth so many milliseconds of having waited. */
export const LEVEL = 60_000;
/** In a run, a millisecond of expected path is worth so many of having waited. */
const PATH = 1000;

export interface Waiting extends Keyed {
  readonly claimant: Claimant;
}

interface Group<T extends Keyed> extends Keyed {
  readonly name: string;
  readonly members: Ordered<T>;
}

type Run = Group<Waiting>;
type Namespace = Group<Run>;

export class Line {
  readonly #shares: Shares;
  readonly #namespaces = new Map<string, Namespace>();
  readonly #runs = new Map<string, Run>();
  readonly #order = new Ordered<Namespace>();
  #size = 0;

  constructor(shares: Shares) {
    this.#shares = shares;
  }

  get size(): number {
    return this.#size;
  }

  enter(claimant: Claimant, tie: number, now: number): Waiting {
    const waiting = { claimant, key: claimant.since - PATH * (claimant.rank ?? 0), tie, index: -1 };
    const namespace = this.#namespace(claimant.namespace, tie, now);
    const name = runName(claimant);
    const run = this.#runs.get(name) ?? { name, members: new Ordered(), key: 0, tie, index: -1 };
    this.#runs.set(name, run);
    run.members.update(waiting);
    this.#settle(namespace, run);
    this.#size++;
    return waiting;
  }

  leave(waiting: Waiting): void {
    if (waiting.index < 0) return;
    const name = runName(waiting.claimant);
    const run = this.#runs.get(name) as Run;
    const namespace = this.#namespaces.get(waiting.claimant.namespace) as Namespace;
    run.members.remove(waiting);
    this.#size--;
    if (run.members.size > 0) this.#settle(namespace, run);
    else {
      this.#runs.delete(name);
      namespace.members.remove(run);
    }
    if (namespace.members.size > 0) return;
    this.#namespaces.delete(namespace.name);
    this.#order.remove(namespace);
  }

  /** Stays in the line until it leaves. */
  next(now: number): Waiting | undefined {
    for (let first = this.#order.first; first !== undefined; first = this.#order.first) {
      // What stands in the heap may be out of date, but is never too much.
      first.key = this.#shares.time(first.name, now);
      this.#order.update(first);
      if (this.#order.first === first) return first.members.first?.members.first;
    }
    return undefined;
  }

  /** How many of its namespace are before it: others have their own share. Linear. */
  before(waiting: Waiting): number {
    const own = this.#runs.get(runName(waiting.claimant));
    let count = 0;
    for (const run of this.#namespaces.get(waiting.claimant.namespace)?.members ?? []) {
      if (run === own) for (const one of run.members) count += isBefore(one, waiting) ? 1 : 0;
      else if (own !== undefined && isBefore(run, own)) count += run.members.size;
    }
    return count;
  }

  #namespace(name: string, tie: number, now: number): Namespace {
    const known = this.#namespaces.get(name);
    if (known !== undefined) return known;
    this.#shares.wake(name, now);
    const key = this.#shares.time(name, now);
    const namespace: Namespace = { name, members: new Ordered(), key, tie, index: -1 };
    this.#namespaces.set(name, namespace);
    this.#order.update(namespace);
    return namespace;
  }

  /** A run stands where its next step does. */
  #settle(namespace: Namespace, run: Run): void {
    const { since, priority = 0 } = (run.members.first as Waiting).claimant;
    run.key = since - LEVEL * priority;
    namespace.members.update(run);
  }
}

function runName({ run, priority = 0 }: Claimant): string {
  return `${priority} ${run}`;
}
