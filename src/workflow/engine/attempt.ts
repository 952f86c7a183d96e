/**
 * One attempt of a step in this process: from the call of its step type until it gives something, a time limit is over, or
 * nobody waits any more because the run is over.
 *
 *     execute ──gives at once────────────────────────────> over
 *        └──promise──> waiting ──gives | limit | run over──> over
 *
 * What does not settle at once costs a timer when there is a limit; an AbortSignal only once somebody asks for it.
 */
import type { Timer } from "../../clock/clock.ts";
import type { Timeouts } from "../definition/workflow.ts";
import { parseDuration } from "../../model/duration.ts";
import type { TimeLimit } from "../run/events.ts";
import type { StepState } from "../run/state.ts";
import type { TaskStep } from "./interpreter.ts";
import { onAbort } from "./on-abort.ts";
import type { Attempt, AttemptLogs } from "./step-type.ts";
import type { Timers } from "./timers.ts";

export type Given =
  | { readonly is: "value"; readonly value: unknown }
  | { readonly is: "thrown"; readonly thrown: unknown }
  | { readonly is: "late"; readonly limit: TimeLimit }
  /** The run is over. */
  | { readonly is: "nothing" };

export interface AttemptPlace {
  readonly run: string;
  readonly workflow: string;
  readonly path: string;
  readonly step: TaskStep;
  readonly state: StepState;
  /** Aborted when what stands around the step is over. */
  readonly signal: AbortSignal;
  /** Aborted when the run is. */
  readonly over: AbortSignal;
  readonly timers: Timers;
  now(): number;
  readonly logs: AttemptLogs | undefined;
}

export class RunningAttempt {
  readonly #place: AttemptPlace;
  readonly #limits: Limits;
  #controller: AbortController | undefined;
  #unfollow: (() => void) | undefined;
  #isOver = false;
  #beat: number;

  constructor(place: AttemptPlace) {
    this.#place = place;
    this.#beat = place.step.timeouts === undefined ? 0 : place.now();
    this.#limits = limitsOf(place.step.timeouts, place.state.since, this.#beat);
  }

  /** What a step type is given. */
  get given(): Attempt {
    const { run, workflow, path, step, state, logs } = this.#place;
    const { epoch } = state;
    const signal = (): AbortSignal => this.signal;
    return {
      run,
      workflow,
      path,
      step,
      input: "input" in step ? step.input : undefined,
      attempt: epoch,
      try: state.counted + 1,
      idempotencyKey: `${run}/${path}`,
      since: state.since,
      get signal() {
        return signal();
      },
      heartbeat: () => {
        if (this.#limits.heartbeat !== undefined) this.#beat = this.#place.now();
      },
      log: (line, stream = "stdout") => logs?.line(run, path, epoch, stream, line),
    };
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.#isOver) controller.abort();
      else this.#unfollow = onAbort(this.#place.signal, () => controller.abort());
    }
    return this.#controller.signal;
  }

  /** It gave something at once. */
  end(): void {
    this.#isOver = true;
    this.#unfollow?.();
  }

  /** Waits for what was given to settle, not beyond the limits. The signal is aborted once nobody waits for it any more. */
  async settle(given: PromiseLike<unknown>): Promise<Given> {
    const { promise, resolve } = Promise.withResolvers<Given>();
    let timer: Timer | undefined;
    const watch = (): void => {
      const [end, limit] = this.#nextLimit();
      if (end === Infinity) return;
      timer = this.#place.timers.at(end, () => {
        if (this.#nextLimit()[0] <= this.#place.now()) resolve({ is: "late", limit });
        else watch(); // there was a sign of life
      });
    };
    watch();
    const forget = onAbort(this.#place.over, () => resolve({ is: "nothing" }));
    Promise.resolve(given).then(
      (value) => resolve({ is: "value", value }),
      (thrown: unknown) => resolve({ is: "thrown", thrown }),
    );
    const outcome = await promise;
    timer?.cancel();
    forget();
    this.end();
    if (outcome.is === "late" || outcome.is === "nothing") this.#controller?.abort();
    return outcome;
  }

  #nextLimit(): readonly [number, TimeLimit] {
    const { attempt, total, heartbeat } = this.#limits;
    const beat = heartbeat === undefined ? Infinity : this.#beat + heartbeat;
    if (total <= attempt && total <= beat) return [total, "total"];
    return attempt <= beat ? [attempt, "attempt"] : [beat, "heartbeat"];
  }
}

interface Limits {
  readonly attempt: number;
  readonly total: number;
  readonly heartbeat: number | undefined;
}

const NONE: Limits = { attempt: Infinity, total: Infinity, heartbeat: undefined };

function limitsOf(timeouts: Timeouts | undefined, since: number, now: number): Limits {
  if (timeouts === undefined) return NONE;
  const { attempt, total, heartbeat } = timeouts;
  return {
    attempt: now + durationOf(attempt),
    total: since + durationOf(total),
    heartbeat: heartbeat === undefined ? undefined : durationOf(heartbeat),
  };
}

/** Milliseconds; Infinity when there is no limit. */
export function durationOf(text: string | undefined): number {
  return text === undefined ? Infinity : parseDuration(text);
}
