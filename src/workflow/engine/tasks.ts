/**
 * The steps of a run that somebody does: from being asked for to a durable result, through the state machine.
 *
 *     perform ──> queued ──ready, admitted──> claimed, begun ──> attempt (attempt.ts) ──> reported ──durable──> its result
 *                   ^                                               └──failure with a retry──> backoff ──┐
 *                   └──────────────────────────────────────────────────────────────────────────────┘
 *     owned when the journal was opened ──it goes on──> the same attempt, again
 *                                       └──it ended with the process──> lost, queued again at once
 *
 * Invariants:
 * 1. The process owns its steps as long as it lives, and the lock of the journal says that the one before is gone. A step that
 *    is owned when the journal is opened and that goes on by itself (step-type.ts) is not lost: it keeps its epoch and its
 *    slot, no event is recorded, and `execute` is called again, once, before anybody else can own it (I13). Any other is
 *    lost, and tried again free of the retry budget, without a pause.
 * 2. A step that is done in the turn in which it was asked for is one record: its handler may have been called for nothing
 *    when the process dies before that is durable, as any handler may (I12).
 */
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import type { Clock } from "../../clock/clock.ts";
import type { Admission, Obstacle, Place } from "../admission/admission.ts";
import type { Blobs } from "../journal/blobs.ts";
import type { Remembered, Remembering } from "../memo/remembering.ts";
import { type Outcome, failed } from "../run/events.ts";
import type { Command, Refusal } from "../run/machine.ts";
import type { RetryRule } from "../run/retry.ts";
import type { Slots } from "../run/slots.ts";
import { type RunState, type StepState, isOwned, isSettled } from "../run/state.ts";
import { type Given, RunningAttempt, durationOf } from "./attempt.ts";
import { Ending } from "./ending.ts";
import { StepFailure, Stopped } from "./failures.ts";
import type { TaskStep } from "./interpreter.ts";
import type { Performed } from "./program.ts";
import { JournalRefused, type Recorder } from "./recorder.ts";
import { asJson, mismatch } from "./results.ts";
import { rulesOf } from "./retry-rules.ts";
import { type AttemptLogs, type StepType, failureOf, goesOn } from "./step-type.ts";
import type { Timers } from "./timers.ts";

export interface TaskSurroundings {
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly admission: Admission;
  readonly remembering: Remembering;
  readonly logs: AttemptLogs | undefined;
  /** Undefined when nobody here can do the step. */
  stepType(step: TaskStep): StepType | undefined;
}

/** The run that the steps are of. */
export interface TaskRun {
  readonly id: string;
  readonly state: RunState;
  readonly recorder: Recorder;
  readonly slots: Slots;
  /** Aborted when the run is over here. */
  readonly over: AbortSignal;
  /** While it is paused: resolves when it is resumed. */
  readonly resumed: Promise<void> | undefined;
  /** Milliseconds expected from the step's begin to the end of all that depends on it. */
  rankOf(path: string): number;
  command(command: Command): Refusal | undefined;
  /** It cannot go on here, for this reason, which is given back. */
  refuse(cause: Error): Error;
}

const WORKER = "engine";

export class Tasks {
  readonly #run: TaskRun;
  readonly #around: TaskSurroundings;
  readonly #rules = new Map<string, readonly RetryRule[]>();
  readonly #signalled = new Set<() => void>();
  /** Of steps that wait for a slot, by path. */
  readonly #places = new Map<string, Place>();
  /** Owned by the process before this one, and not yet asked for in this. */
  readonly #inherited = new Set<string>();

  constructor(run: TaskRun, around: TaskSurroundings) {
    this.#run = run;
    this.#around = around;
    for (const [path, step] of run.state.steps) if (isOwned(step)) this.#inherited.add(path);
  }

  rules(path: string): readonly RetryRule[] {
    return this.#rules.get(path) ?? [];
  }

  /** Why a step has not begun. */
  obstacle(path: string): Obstacle | undefined {
    const place = this.#places.get(path);
    return place && this.#around.admission.obstacle(place);
  }

  /** A signal has come. */
  signalled(): void {
    for (const wake of this.#signalled) wake();
  }

  perform(
    path: string,
    step: TaskStep,
    signal: AbortSignal,
    cleanup = false,
    asked?: string,
  ): Promise<Performed> {
    if (this.#run.recorder.refused !== undefined) return Promise.reject(this.#run.recorder.refused);
    if (step.retry !== undefined && step.retry.length > 0) this.#rules.set(path, rulesOf(step.retry));
    const known = this.#run.state.steps.get(path);
    if (known !== undefined)
      return this.#follow(path, known, step, signal, this.#inherit(path, known, step, signal));
    if (signal.aborted) return Promise.reject(new Stopped());
    this.#enqueue(path, step, cleanup, asked);
    const state = this.#run.state.steps.get(path);
    if (state === undefined || this.#run.over.aborted) return Promise.reject(new Stopped());
    if (!this.#mayBeginNow(state, step)) return this.#follow(path, state, step, signal, undefined);
    const attempt = this.#claim(path, state, step, signal);
    if (attempt === undefined && isSettled(state)) return this.#settledAs(path, state);
    return this.#follow(path, state, step, signal, attempt);
  }

  /** What the process before this one had of it: goes on with it, or gives it up. */
  #inherit(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> | undefined {
    if (!this.#inherited.delete(path) || !isOwned(state) || this.#run.over.aborted) return undefined;
    if (goesOn(step)) {
      this.#around.logs?.again(this.#run.id, path, state.epoch);
      const attempt = this.#attempt(path, state, step, signal);
      return step.memo === undefined ? attempt : this.#remember(path, state, step, attempt);
    }
    this.#run.command({ do: "expire", step: path, atOnce: true });
    return undefined;
  }

  /** For who asks for the same later on. Who works on the same by now is not waited for. */
  async #remember(
    path: string,
    state: StepState,
    step: TaskStep,
    attempt: Promise<void> | undefined,
  ): Promise<void> {
    const over = new AbortController();
    const remembered = this.#remembered(path, step, over.signal);
    await attempt;
    over.abort();
    const memo = await remembered;
    if (memo?.is === "mine") await memo.settle(state);
  }

  /** Nobody has to be waited for. */
  #mayBeginNow(state: StepState, step: TaskStep): boolean {
    return (
      step.memo === undefined &&
      this.#claimed(step)?.slots === undefined &&
      this.#around.admission.isFree(this.#run.slots.holding(state)) &&
      this.#run.resumed === undefined &&
      this.#isReady(step)
    );
  }

  #claimed(step: TaskStep): ReturnType<NonNullable<StepType["claim"]>> {
    return this.#around.stepType(step)?.claim?.(step);
  }

  #isReady(step: TaskStep): boolean {
    const type = this.#around.stepType(step);
    if (type?.ready === undefined) return true;
    return type.isReady?.(step, { run: this.#run.id, workflow: this.#run.state.workflow }) === true;
  }

  /** From wherever the step is to its end. */
  async #follow(
    path: string,
    state: StepState,
    step: TaskStep,
    signal: AbortSignal,
    attempt: Promise<void> | undefined,
  ): Promise<Performed> {
    if (attempt !== undefined) await attempt;
    while (!isSettled(state)) {
      if (this.#run.recorder.refused !== undefined) throw this.#run.recorder.refused;
      if (this.#run.over.aborted) throw new Stopped();
      if (isOwned(state)) this.#run.command({ do: "expire", step: path });
      else if (signal.aborted) this.#run.command({ do: "cancelStep", step: path });
      else if (state.phase === "backoff") await this.#pause(path, state, step, signal);
      else await this.#admit(path, state, step, signal);
    }
    await this.#run.recorder.durable();
    return this.#performed(path, state);
  }

  #enqueue(path: string, step: TaskStep, cleanup: boolean, asked: string | undefined): void {
    const pool = step.pool === undefined ? {} : { pool: step.pool };
    const words = asked === undefined ? {} : { asked };
    this.#run.command({
      do: "queue",
      step: path,
      ...pool,
      ...words,
      ...(cleanup ? { cleanup: true } : {}),
      ...(IDLE.has(step.type) || this.#claimed(step)?.idle === true ? { idle: true } : {}),
    });
  }

  async #settledAs(path: string, state: StepState): Promise<Performed> {
    await this.#run.recorder.durable();
    return this.#performed(path, state);
  }

  #performed(path: string, state: StepState): Performed | Promise<Performed> {
    this.#rules.delete(path);
    const { order, at } = state;
    if (state.phase === "succeeded")
      return state.blob === undefined
        ? { result: state.result, order, at }
        : this.#large(state.blob.hash).then((result) => ({ result, order, at }));
    if (state.phase === "failed" && state.failure !== undefined)
      throw new StepFailure(state.failure, order, at);
    throw new Stopped();
  }

  /** What is recorded cannot be read: the run must not go on as if the step had failed. */
  async #large(hash: string): Promise<unknown> {
    try {
      return JSON.parse(await this.#around.blobs.get(hash)) as unknown;
    } catch (error) {
      throw this.#run.refuse(error instanceof DiagnosticError ? error : new JournalRefused(error));
    }
  }

  async #pause(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> {
    const total = state.since + durationOf(step.timeouts?.total);
    const { at } = state;
    if (!(await this.#until(Math.min(at, total), signal))) return;
    this.#run.command(total < at ? { do: "timeout", step: path, limit: "total" } : { do: "due", step: path });
  }

  /** Until somebody is there who can do it and a slot is free, not beyond its limits; then begins it. */
  async #admit(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> {
    const { timers } = this.#around;
    let attempt: Promise<void> | undefined;
    const limit = state.at + durationOf(step.timeouts?.queue);
    const total = state.since + durationOf(step.timeouts?.total);
    const ending = new Ending(signal, this.#run.over);
    const timer = timers.at(Math.min(limit, total), () => {
      this.#run.command({ do: "timeout", step: path, limit: total <= limit ? "total" : "queue" });
      ending.end();
    });
    const unfollow = (): void => {
      timer.cancel();
      ending.leave();
    };
    let memo: Remembered | undefined;
    try {
      if (this.#run.resumed !== undefined || !this.#isReady(step)) await this.#ready(step, ending);
      if (step.memo !== undefined && !ending.isOver) memo = await this.#remembered(path, step, ending.signal);
      if (memo?.is === "kept") this.#run.command({ do: "reuse", step: path, ...memo.what });
      else if (!ending.isOver) ({ attempt } = await this.#inLine(path, state, step, signal, ending));
      unfollow();
      await attempt;
    } finally {
      unfollow();
      if (memo?.is === "mine") await memo.settle(state);
    }
  }

  #remembered(path: string, step: TaskStep, signal: AbortSignal): Promise<Remembered | undefined> {
    const { id, state } = this.#run;
    return this.#around.remembering.look(id, state.workflow, path, step, signal);
  }

  /** Resolves once the step has begun, or may not any more. */
  #inLine(
    path: string,
    state: StepState,
    step: TaskStep,
    signal: AbortSignal,
    ending: Ending,
  ): Promise<{ readonly attempt: Promise<void> | undefined }> {
    return new Promise((resolve) => {
      const begin = (): boolean => {
        this.#places.delete(path);
        const { epoch } = state;
        const isWanted = !ending.isOver && this.#run.resumed === undefined;
        resolve({ attempt: isWanted ? this.#claim(path, state, step, signal) : undefined });
        return state.epoch !== epoch;
      };
      const { since } = state;
      const place = this.#around.admission.enter({
        ...this.#run.slots.holding(state),
        run: this.#run.id,
        path,
        priority: this.#run.state.priority,
        since,
        rank: this.#run.rankOf(path),
        slots: this.#claimed(step)?.slots,
        begin,
      });
      if (state.phase === "queued") this.#places.set(path, place);
      ending.onEnd(() => {
        this.#places.delete(path);
        place.leave();
        resolve({ attempt: undefined });
      });
    });
  }

  /** When nobody ever can, the attempt says so. */
  async #ready(step: TaskStep, ending: Ending): Promise<void> {
    const ended = new Promise<void>((resolve) => ending.onEnd(resolve));
    while (this.#run.resumed !== undefined && !ending.isOver) await Promise.race([this.#run.resumed, ended]);
    const { id: run, state } = this.#run;
    const { workflow } = state;
    const type = this.#around.stepType(step);
    if (ending.isOver || type?.ready === undefined) return;
    const ready = Promise.try(() => type.ready?.(step, ending.signal, { run, workflow }));
    await Promise.race([ready.catch(() => undefined), ended]);
  }

  /** Undefined when it is settled, or could not be claimed; else resolves when the attempt is over. */
  #claim(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> | undefined {
    if (this.#run.command({ do: "claim", step: path, worker: WORKER, until: 0 }) !== undefined)
      return undefined;
    return this.#attempt(path, state, step, signal);
  }

  /** The same of one that is owned. */
  #attempt(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> | undefined {
    const type = this.#around.stepType(step);
    const { epoch } = state;
    if (state.phase === "claimed") this.#run.command({ do: "begin", step: path, epoch });
    const { timers, logs, clock } = this.#around;
    const attempt = new RunningAttempt({
      run: this.#run.id,
      workflow: this.#run.state.workflow,
      path,
      step,
      state,
      signal,
      over: this.#run.over,
      timers,
      now: () => clock.now(),
      logs,
    });
    let given: unknown;
    try {
      if (step.type === "wait" && step.signal !== undefined)
        given = this.#take(path, epoch, step.signal, attempt);
      else if (type === undefined) return this.#report(path, epoch, noHandler(step));
      else given = type.execute(attempt);
      if (isPromise(given))
        return attempt.settle(given).then((outcome) => this.#reportGiven(path, epoch, step, outcome));
    } catch (error) {
      attempt.end();
      return this.#report(path, epoch, { is: "failed", failure: failureOf(error) });
    }
    attempt.end();
    return this.#reportValue(path, epoch, step, given);
  }

  #reportGiven(path: string, epoch: number, step: TaskStep, given: Given): Promise<void> | undefined {
    if (given.is === "value") return this.#reportValue(path, epoch, step, given.value);
    // It was told to stop and did, which is no failure of its own.
    if (given.is === "thrown" && given.thrown instanceof Stopped && this.#isOwner(path, epoch))
      this.#run.command({ do: "cancelStep", step: path });
    else if (given.is === "thrown")
      this.#report(path, epoch, { is: "failed", failure: failureOf(given.thrown) });
    else if (given.is === "late") this.#run.command({ do: "timeout", step: path, limit: given.limit });
    return undefined;
  }

  #reportValue(path: string, epoch: number, step: TaskStep, value: unknown): Promise<void> | undefined {
    if (value === TAKEN) return undefined;
    const json = asJson(value);
    if ("failure" in json) return this.#report(path, epoch, { is: "failed", failure: json.failure });
    const failure = mismatch(json.value, step.result, "InvalidResult", "result");
    if (failure !== undefined) return this.#report(path, epoch, { is: "failed", failure });
    if (json.large !== undefined) return this.#reportLarge(path, epoch, json.large);
    return this.#report(path, epoch, { is: "succeeded", result: json.value });
  }

  async #reportLarge(path: string, epoch: number, text: string): Promise<void> {
    let hash: string;
    try {
      hash = await this.#around.blobs.put(this.#run.id, text);
    } catch (error) {
      this.#run.refuse(new JournalRefused(error));
      return;
    }
    this.#report(path, epoch, { is: "succeeded", result: null, blob: { hash, size: text.length } });
  }

  #isOwner(path: string, epoch: number): boolean {
    return this.#run.state.steps.get(path)?.epoch === epoch;
  }

  /** A step type that saw its machine go says InfraLost: the lease is over, which is free of the retry budget. */
  #report(path: string, epoch: number, outcome: Outcome): undefined {
    const isLost = outcome.is === "failed" && outcome.failure.class === "InfraLost";
    if (isLost && this.#isOwner(path, epoch))
      this.#run.command({ do: "expire", step: path, failure: outcome.failure });
    else this.#run.command({ do: "report", step: path, epoch, outcome });
  }

  /** Waits for a signal and takes it, which is the result: there is nothing left to report. */
  #take(path: string, epoch: number, name: string, attempt: RunningAttempt): unknown {
    const taken = (): boolean => this.#run.command({ do: "take", step: path, epoch, name }) !== "NoSignal";
    if (taken()) return TAKEN;
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        if (!taken()) return;
        this.#signalled.delete(wake);
        resolve(TAKEN);
      };
      this.#signalled.add(wake);
      attempt.onStop(() => {
        this.#signalled.delete(wake);
        reject(new Stopped());
      });
    });
  }

  async #until(instant: number, signal: AbortSignal): Promise<boolean> {
    const ending = new Ending(signal, this.#run.over);
    const isPassed = await this.#around.timers.until(instant, ending.signal);
    ending.leave();
    return isPassed;
  }
}

/** What these do is done elsewhere, or by nobody: they take no room in the engine. */
const IDLE: ReadonlySet<TaskStep["type"]> = new Set(["wait", "approval", "workflow"]);

/** What a wait for a signal gives: its result is recorded already, with the taking. */
const TAKEN = Symbol("taken");

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

function noHandler(step: TaskStep): Outcome {
  const what = step.type === "function" ? `the function '${step.handler}'` : `steps of type ${step.type}`;
  return { is: "failed", failure: failed("Terminal", "NoHandler", `Nobody here can do ${what}.`) };
}
