/**
 * One run in this process: every step goes through the state machine (run/machine.ts), every event into the journal before
 * its consequence is visible.
 *
 * Invariants:
 * 1. The state is the fold of the events in the order of the journal. It may be ahead of the disk by what is being synced,
 *    but no result is given to another step, and no end told, before it is durable.
 * 2. A handler of this process owns its step as long as the process lives: its lease ends with the process, so what is owned
 *    when a journal is opened is lost, and tried again free of the retry budget.
 * 3. When the journal refuses, the run halts here; what is durable is taken up by the next process.
 */
import type { Clock } from "../../clock/clock.ts";
import { parseDuration } from "../../model/duration.ts";
import type { Retry } from "../definition/workflow.ts";
import type { Journal } from "../journal/journal.ts";
import type { Outcome, RunEvent, Verdict } from "../run/events.ts";
import { type Command, type Refusal, decide } from "../run/machine.ts";
import type { RetryRule } from "../run/retry.ts";
import { type RunState, type StepState, apply, isOwned, isSettled } from "../run/state.ts";
import { failed } from "../run/events.ts";
import { StepFailure, Stopped } from "./failures.ts";
import { type AttemptLogs, type StepType, failureOf } from "./step-type.ts";
import type { Performer, TaskStep } from "./interpreter.ts";
import type { Performed, Program, Stage } from "./program.ts";
import type { SlotQueue } from "./slot-queue.ts";
import { until } from "./until.ts";

export interface Surroundings {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly queue: SlotQueue;
  readonly logs: AttemptLogs | undefined;
  readonly recorded: (run: string, events: readonly RunEvent[]) => void;
  /** Undefined when nobody here can do the step. */
  stepType(step: TaskStep): StepType | undefined;
}

const WORKER = "engine";
const MOST_LOSSES = 100;

export class LiveRun implements Performer, Stage {
  readonly id: string;
  readonly state: RunState;
  readonly #around: Surroundings;
  readonly #stop = new AbortController();
  readonly #over = new AbortController();
  readonly #rules = new Map<string, readonly RetryRule[]>();
  #resumed: PromiseWithResolvers<void> | undefined;
  readonly #signalled = new Set<() => void>();
  #durable: Promise<void> = Promise.resolve();

  constructor(id: string, state: RunState, around: Surroundings) {
    this.id = id;
    this.state = state;
    this.#around = around;
    for (const path of state.steps.keys()) around.queue.slots.adopt(state, path);
  }

  /** Resolves with how the run ended. Rejects when the journal refuses. */
  async drive(program: Program): Promise<Verdict> {
    if (this.state.phase === "queued") this.command({ do: "start" });
    if (this.state.phase === "paused") this.#resumed = Promise.withResolvers();
    this.#followStop();
    const verdict = await this.#verdict(program);
    while (this.state.phase === "paused") await this.#resumed?.promise;
    const refused = this.command({ do: "finish", verdict });
    if (refused !== undefined && refused !== "RunEnded")
      throw new Error(`The run could not end: ${refused}.`);
    this.#over.abort();
    await this.#durable;
    return this.state.verdict ?? verdict;
  }

  get run(): string {
    return this.id;
  }

  get workflow(): string {
    return this.state.workflow;
  }

  get input(): unknown {
    return this.state.input;
  }

  get startedAt(): number {
    return this.state.createdAt;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  orderOf(path: string): number | undefined {
    const step = this.state.steps.get(path);
    return step !== undefined && isSettled(step) ? step.order : undefined;
  }

  /** Undefined when done; it is durable when `settled` resolves. */
  command(command: Command): Refusal | undefined {
    const { clock, queue } = this.#around;
    const decision = decide(this.state, command, {
      now: clock.now(),
      seed: this.id,
      retry: (step) => this.#rules.get(step) ?? [],
      mostLosses: MOST_LOSSES,
      isSlotFree: (pool) => queue.slots.isFree(pool),
    });
    if ("refused" in decision) return decision.refused;
    this.record(decision.events);
    this.#followStop();
    if (command.do === "signal") for (const wake of this.#signalled) wake();
    if (this.state.phase === "paused") this.#resumed ??= Promise.withResolvers();
    else {
      this.#resumed?.resolve();
      this.#resumed = undefined;
    }
    return undefined;
  }

  record(events: readonly RunEvent[]): void {
    const { queue, journal } = this.#around;
    for (const event of events) {
      if (!("step" in event)) apply(this.state, event);
      else {
        queue.slots.follow(this.state, event.step, () => apply(this.state, event));
        queue.wakeNext(this.state.steps.get(event.step)?.pool);
      }
    }
    const before = this.#durable;
    const appended = journal.append(this.id, events);
    this.#durable = Promise.all([before, appended]).then(() => this.#around.recorded(this.id, events));
    this.#durable.catch(() => undefined); // told to whoever waits for it
  }

  /** Resolves when everything so far is durable. */
  settled(): Promise<void> {
    return this.#durable;
  }

  *recorded(): Iterable<{ readonly path: string; readonly asked: string }> {
    for (const [path, { asked }] of this.state.steps) if (asked !== undefined) yield { path, asked };
  }

  async perform(
    path: string,
    step: TaskStep,
    signal: AbortSignal,
    cleanup = false,
    asked?: string,
  ): Promise<Performed> {
    this.#rules.set(path, (step.retry ?? []).map(ruleOf));
    if (!this.state.steps.has(path)) this.#enqueue(path, step, signal, cleanup, asked);
    for (;;) {
      const state = this.state.steps.get(path);
      if (state === undefined || this.#over.signal.aborted) throw new Stopped();
      if (isSettled(state)) return this.#settledAs(state);
      if (isOwned(state)) this.command({ do: "expire", step: path });
      else if (signal.aborted) this.command({ do: "cancelStep", step: path });
      else if (state.phase === "backoff") await this.#pause(path, state, step, signal);
      else await this.#claim(path, state, step, signal);
    }
  }

  #enqueue(path: string, step: TaskStep, signal: AbortSignal, cleanup: boolean, asked?: string): void {
    if (signal.aborted) throw new Stopped();
    const pool = step.pool === undefined ? {} : { pool: step.pool };
    const words = asked === undefined ? {} : { asked };
    this.command({ do: "queue", step: path, ...pool, ...words, ...(cleanup ? { cleanup: true } : {}) });
  }

  async #verdict(program: Program): Promise<Verdict> {
    try {
      const output = await program.run(this);
      return { is: "succeeded", output };
    } catch (error) {
      if (error instanceof StepFailure) return { is: "failed", failure: error.failure };
      if (error instanceof Stopped) return { is: "cancelled", reason: "" };
      throw error;
    }
  }

  #followStop(): void {
    if (this.state.phase !== "stopping" || this.#stop.signal.aborted) return;
    this.#stop.abort();
    const { clock } = this.#around;
    void until(clock, this.state.deadline, this.#over.signal).then((isPassed) => {
      if (!isPassed) return;
      this.command({ do: "abandon" });
      this.#over.abort();
    });
  }

  async #settledAs(state: StepState): Promise<Performed> {
    await this.#durable;
    if (state.phase === "succeeded") return { result: state.result, order: state.order, at: state.at };
    if (state.phase === "failed" && state.failure !== undefined)
      throw new StepFailure(state.failure, state.order, state.at);
    throw new Stopped();
  }

  async #pause(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> {
    const total = this.#totalEnd(state, step);
    const ending = AbortSignal.any([signal, this.#over.signal]);
    if (!(await until(this.#around.clock, Math.min(state.at, total), ending))) return;
    const isLate = total < state.at;
    this.command(isLate ? { do: "timeout", step: path, limit: "total" } : { do: "due", step: path });
  }

  async #claim(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> {
    if (this.#resumed !== undefined) await Promise.race([this.#resumed.promise, aborted(signal)]);
    const { queue } = this.#around;
    if (state.pool !== undefined && !queue.slots.isFree(state.pool)) {
      await queue.wait(state.pool, AbortSignal.any([signal, this.#over.signal]));
      if (signal.aborted || this.state.phase === "paused") queue.wakeNext(state.pool);
    }
    if (signal.aborted || this.#over.signal.aborted) return;
    if (this.command({ do: "claim", step: path, worker: WORKER, until: 0 }) !== undefined) return;
    this.command({ do: "begin", step: path, epoch: state.epoch });
    await this.#attempt(path, state, step, signal);
  }

  async #attempt(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> {
    const { epoch } = state;
    const attemptEnd = this.#around.clock.now() + durationOf(step.timeouts?.attempt);
    const totalEnd = this.#totalEnd(state, step);
    const ending = new AbortController();
    const forward = (): void => ending.abort();
    signal.addEventListener("abort", forward, { once: true });
    const limit = Math.min(attemptEnd, totalEnd);
    const finished = new AbortController();
    const timed = limit === Infinity ? [] : [until(this.#around.clock, limit, finished.signal)];
    const over = aborted(this.#over.signal, finished.signal);
    const work =
      step.type === "wait" && step.signal !== undefined
        ? this.#take(path, epoch, step.signal, ending.signal)
        : this.#work(path, state, step, ending.signal);
    const outcome = await Promise.race([work, over, ...timed]);
    finished.abort();
    signal.removeEventListener("abort", forward);
    if (outcome === true) {
      this.command({ do: "timeout", step: path, limit: totalEnd <= attemptEnd ? "total" : "attempt" });
      ending.abort();
    } else if (typeof outcome === "object") this.#report(path, epoch, outcome);
  }

  /** A step type that saw its machine go says InfraLost: the lease is over, which is free of the retry budget. */
  #report(path: string, epoch: number, outcome: Outcome): void {
    const isLost = outcome.is === "failed" && outcome.failure.class === "InfraLost";
    if (isLost && this.state.steps.get(path)?.epoch === epoch) this.command({ do: "expire", step: path });
    else this.command({ do: "report", step: path, epoch, outcome });
  }

  async #work(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<Outcome> {
    const type = this.#around.stepType(step);
    if (type === undefined)
      return {
        is: "failed",
        failure: failed("Terminal", "NoHandler", `Nobody here can do ${nameOf(step)}.`),
      };
    const { epoch } = state;
    try {
      const result = await type.execute({
        run: this.id,
        workflow: this.state.workflow,
        path,
        step,
        input: "input" in step ? step.input : undefined,
        attempt: state.epoch,
        try: state.counted + 1,
        idempotencyKey: `${this.id}/${path}`,
        since: state.since,
        signal,
        heartbeat: () => undefined,
        log: (line, stream = "stdout") => this.#around.logs?.line(this.id, path, epoch, stream, line),
      });
      return { is: "succeeded", result: asJson(result) };
    } catch (error) {
      return { is: "failed", failure: failureOf(error) };
    }
  }

  /** Waits for a signal and takes it, which is the result: there is nothing left to report, unless it was stopped. */
  async #take(path: string, epoch: number, name: string, signal: AbortSignal): Promise<Outcome | undefined> {
    while (this.command({ do: "take", step: path, epoch, name }) === "NoSignal") {
      if (signal.aborted)
        return {
          is: "failed",
          failure: failed("Cancelled", "Cancelled", "Nobody waits for the signal any more."),
        };
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#signalled.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
      this.#signalled.delete(resolve);
    }
    return undefined;
  }

  #totalEnd(state: StepState, step: TaskStep): number {
    return state.since + durationOf(step.timeouts?.total);
  }
}

/** `end`: nobody waits any more, so that a signal which outlives many waits does not gather them. */
function aborted(signal: AbortSignal, end?: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const wake = (): void => resolve(undefined);
    if (signal.aborted) wake();
    else signal.addEventListener("abort", wake, { once: true });
    end?.addEventListener("abort", () => signal.removeEventListener("abort", wake), { once: true });
  });
}

/** What the journal would give back, so that a run goes on alike with and without a restart. */
function asJson(value: unknown): unknown {
  if (value === undefined) return null;
  return typeof value === "object" ? (JSON.parse(JSON.stringify(value)) as unknown) : value;
}

function durationOf(text: string | undefined): number {
  return text === undefined ? Infinity : parseDuration(text);
}

function ruleOf({
  errors,
  attempts,
  interval = "1s",
  rate = 2,
  maximum = "1h",
  jitter = "full",
}: Retry): RetryRule {
  return {
    errors,
    attempts,
    interval: parseDuration(interval),
    rate,
    maximum: parseDuration(maximum),
    jitter: jitter === "full",
  };
}

function nameOf(step: TaskStep): string {
  return step.type === "function" ? `the function '${step.handler}'` : `steps of type ${step.type}`;
}
