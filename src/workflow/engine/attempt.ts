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
import { Ending } from "./ending.ts";
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

export class RunningAttempt implements Attempt {
  readonly #place: AttemptPlace;
  readonly #limits: Limits;
  /** Newer than that of the step when another owner has it. */
  readonly attempt: number;
  /** Made when somebody wants to be told. */
  #ending: Ending | undefined;
  #isOver = false;
  #beat: number;

  constructor(place: AttemptPlace) {
    this.#place = place;
    this.attempt = place.state.epoch;
    this.#beat = place.step.timeouts === undefined ? 0 : place.now();
    this.#limits = limitsOf(place.step.timeouts, place.state);
  }

  get run(): string {
    return this.#place.run;
  }

  get workflow(): string {
    return this.#place.workflow;
  }

  get path(): string {
    return this.#place.path;
  }

  get step(): TaskStep {
    return this.#place.step;
  }

  get input(): unknown {
    const { step } = this.#place;
    return "input" in step ? step.input : undefined;
  }

  get try(): number {
    return this.#place.state.counted + 1;
  }

  get idempotencyKey(): string {
    return `${this.run}/${this.path}`;
  }

  get since(): number {
    return this.#place.state.since;
  }

  /** Step types take an attempt apart: what they take stands alone. */
  get heartbeat(): () => void {
    return () => {
      if (this.#limits.heartbeat !== undefined) this.#beat = this.#place.now();
    };
  }

  get log(): Attempt["log"] {
    const { run, path, logs } = this.#place;
    return (line, stream = "stdout") => logs?.line(run, path, this.attempt, stream, line);
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  get onStop(): Attempt["onStop"] {
    return (stop) => this.#end.onEnd(stop);
  }

  get #end(): Ending {
    if (this.#ending === undefined) {
      this.#ending = new Ending(this.#place.signal);
      if (this.#isOver) this.#ending.end();
    }
    return this.#ending;
  }

  /** It gave something at once. */
  end(): void {
    this.#isOver = true;
    this.#ending?.leave();
  }

  /** Resolves when what was given settles, not beyond the limits. It is told to stop once nobody waits for it any more. */
  settle(given: PromiseLike<unknown>): Promise<Given> {
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      let forget = (): void => undefined;
      const settled = (outcome: Given): void => {
        if (this.#isOver) return;
        timer?.cancel();
        forget();
        if (outcome.is === "late" || outcome.is === "nothing") this.#ending?.end();
        this.end();
        resolve(outcome);
      };
      const watch = (): void => {
        const [end, limit] = this.#nextLimit();
        if (end === Infinity) return;
        timer = this.#place.timers.at(end, () => {
          if (this.#nextLimit()[0] <= this.#place.now()) settled({ is: "late", limit });
          else watch(); // there was a sign of life
        });
      };
      watch();
      forget = onAbort(this.#place.over, () => settled({ is: "nothing" }));
      Promise.resolve(given).then(
        (value) => settled({ is: "value", value }),
        (thrown: unknown) => settled({ is: "thrown", thrown }),
      );
    });
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

/** Of a step that has begun, here or in a process before this one: a restart gives it no more time, but for a sign of life. */
function limitsOf(timeouts: Timeouts | undefined, { since, at }: StepState): Limits {
  if (timeouts === undefined) return NONE;
  const { attempt, total, heartbeat } = timeouts;
  return {
    attempt: at + durationOf(attempt),
    total: since + durationOf(total),
    heartbeat: heartbeat === undefined ? undefined : durationOf(heartbeat),
  };
}

/** Milliseconds; Infinity when there is no limit. */
export function durationOf(text: string | undefined): number {
  return text === undefined ? Infinity : parseDuration(text);
}
