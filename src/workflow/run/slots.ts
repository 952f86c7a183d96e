/**
 * What a run holds of the slots that runs share. There is no counter that could leak: a slot is held exactly as long as a step
 * is owned (or, where a workflow limits its runs, as long as the run goes on), for both are folds of the same events, so
 * whatever ends the ownership (a report, an expired lease, a cancel's deadline) gives the slot back.
 */
import type { RunEvent } from "./events.ts";
import { type RunState, type StepState, apply, isEnded, isOwned } from "./state.ts";

/** As in admission/admission.ts. */
export interface Holding {
  readonly namespace: string;
  readonly pool?: string | undefined;
  readonly idle?: boolean | undefined;
}

/** Who counts. */
export interface Counter {
  took(holding: Holding, at: number): void;
  gave(holding: Holding): void;
}

export type PoolId = (namespace: string, name: string) => string;

export class Slots {
  readonly #counter: Counter;
  readonly #namespace: string;
  readonly #poolId: PoolId;
  readonly #run: RunState;
  /** What most steps hold. */
  readonly #plain: Holding;

  /**
   * What the run holds already, as read from the journal, is counted. `id`: `NAMESPACE/NAME`. `poolId`: how steps' pools are
   * called among those of other namespaces; as they are when absent.
   */
  constructor(counter: Counter, id: string, run: RunState, poolId: PoolId = (_, name) => name) {
    this.#counter = counter;
    this.#poolId = poolId;
    this.#namespace = namespaceOf(id);
    this.#run = run;
    this.#plain = { namespace: this.#namespace, pool: undefined, idle: false };
    for (const step of run.steps.values()) if (isOwned(step)) counter.took(this.holding(step), step.at);
    if (isGoing(run)) counter.took(this.holdingOfRun(), run.createdAt);
  }

  /** Folds the event into the run's state. */
  apply(event: RunEvent): void {
    if ("step" in event) this.#applyStep(event);
    else this.#applyRun(event);
  }

  /** Gives back what the run holds, for it does not go on here. */
  abandon(): void {
    for (const step of this.#run.steps.values()) if (isOwned(step)) this.#counter.gave(this.holding(step));
    if (isGoing(this.#run)) this.#counter.gave(this.holdingOfRun());
  }

  holding({ pool, idle }: Pick<StepState, "pool" | "idle">): Holding {
    if (pool === undefined && !idle) return this.#plain;
    return { namespace: this.#namespace, pool: pool === undefined ? undefined : this.pool(pool), idle };
  }

  /** Of the pool that steps call so. */
  pool(name: string): string {
    return this.#poolId(this.#namespace, name);
  }

  holdingOfRun(): Holding {
    return { namespace: this.#namespace, pool: this.#run.queue?.pool, idle: true };
  }

  #applyStep(event: Extract<RunEvent, { readonly step: string }>): void {
    const { steps } = this.#run;
    const known = steps.get(event.step);
    const wasOwned = known !== undefined && isOwned(known);
    apply(this.#run, event);
    const step = known ?? steps.get(event.step);
    if (step === undefined || isOwned(step) === wasOwned) return;
    if (wasOwned) this.#counter.gave(this.holding(step));
    else this.#counter.took(this.holding(step), step.at);
  }

  /** Steps change their owners by events of their own: a run ends when none is owned. */
  #applyRun(event: RunEvent): void {
    const wasGoing = isGoing(this.#run);
    apply(this.#run, event);
    if (isGoing(this.#run) === wasGoing) return;
    if (wasGoing) this.#counter.gave(this.holdingOfRun());
    else this.#counter.took(this.holdingOfRun(), this.#run.createdAt);
  }
}

/** It holds a slot of its workflow's queue. */
function isGoing(run: RunState): boolean {
  return run.queue !== undefined && run.phase !== "queued" && !isEnded(run);
}

export function namespaceOf(id: string): string {
  return id.slice(0, Math.max(0, id.indexOf("/")));
}
