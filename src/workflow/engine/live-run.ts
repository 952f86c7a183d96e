/**
 * One run in this process: every step goes through the state machine (run/machine.ts), every event into the journal before
 * its consequence is visible.
 *
 *     perform ──> queued ──ready, slot──> claimed, begun ──> attempt (attempt.ts) ──> reported ──durable──> its result
 *                   ^                                            └──failure with a retry──> backoff ──┐
 *                   └──────────────────────────────────────────────────────────────────────────────┘
 *
 * Invariants:
 * 1. The state is the fold of the events in the order of the journal. It may be ahead of the disk by what is being synced,
 *    but no result is given to another step, and no end told, before it is durable.
 * 2. A handler of this process owns its step as long as the process lives: its lease ends with the process, so what is owned
 *    when a journal is opened is lost, and tried again free of the retry budget.
 * 3. When the journal refuses, the run halts here: nothing begins any more, handlers are told to stop, and what is durable is
 *    taken up again, by this engine once the journal takes records, or by the next process.
 * 4. A step that is done in the turn in which it was asked for is one record: its handler may have been called for nothing
 *    when the process dies before that is durable, as any handler may (I12).
 */
import type { Clock } from "../../clock/clock.ts";
import { parseDuration } from "../../model/duration.ts";
import type { Admission } from "../admission/admission.ts";
import type { Durations } from "../admission/durations.ts";
import type { Ranks } from "../admission/rank.ts";
import type { Retry, Workflow } from "../definition/workflow.ts";
import type { Blobs } from "../journal/blobs.ts";
import type { Journal } from "../journal/journal.ts";
import { type Outcome, type RunEvent, type Verdict, failed } from "../run/events.ts";
import { type Circumstances, type Command, type Refusal, decide } from "../run/machine.ts";
import type { RetryRule } from "../run/retry.ts";
import { Slots } from "../run/slots.ts";
import { type RunState, type StepState, isEnded, isOwned, isSettled } from "../run/state.ts";
import { RunningAttempt, durationOf } from "./attempt.ts";
import { StepFailure, Stopped } from "./failures.ts";
import type { Performer, TaskStep } from "./interpreter.ts";
import { onAbort } from "./on-abort.ts";
import type { Performed, Program, Stage } from "./program.ts";
import { type JournalRefused, Recorder } from "./recorder.ts";
import { asJson, mismatch } from "./results.ts";
import { type AttemptLogs, type StepType, failureOf } from "./step-type.ts";
import type { Timers } from "./timers.ts";

export interface Surroundings {
  readonly journal: Journal;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly admission: Admission;
  readonly durations: Durations;
  readonly logs: AttemptLogs | undefined;
  readonly recorded: (run: string, events: readonly RunEvent[]) => void;
  /** Undefined when nobody here can do the step. */
  stepType(step: TaskStep): StepType | undefined;
}

const WORKER = "engine";
const MOST_LOSSES = 100;
/** Milliseconds for cleaning up when the run's own time is over. */
const GRACE = 600_000;

export class LiveRun implements Performer, Stage {
  readonly id: string;
  readonly state: RunState;
  readonly #around: Surroundings;
  readonly #recorder: Recorder;
  readonly #circumstances: Circumstances;
  readonly #stop = new AbortController();
  readonly #over = new AbortController();
  readonly #halted = Promise.withResolvers<never>();
  readonly #rules = new Map<string, readonly RetryRule[]>();
  readonly #signalled = new Set<() => void>();
  #resumed: PromiseWithResolvers<void> | undefined;
  readonly #slots: Slots;
  #workflow: Workflow | undefined;
  /** Made when a step has to wait for a slot. */
  #ranks: Ranks | undefined;
  #leaveQueue: (() => void) | undefined;

  constructor(id: string, state: RunState, around: Surroundings) {
    this.id = id;
    this.state = state;
    this.#around = around;
    this.#recorder = new Recorder(id, around.journal, around.recorded, (refused) => this.#halt(refused));
    this.#halted.promise.catch(() => undefined);
    const { clock, admission } = around;
    const slots = new Slots(admission, id, state);
    this.#slots = slots;
    this.#circumstances = {
      get now() {
        return clock.now();
      },
      seed: id,
      retry: (step) => this.#rules.get(step) ?? [],
      mostLosses: MOST_LOSSES,
      isSlotFree: (step) => admission.isFree(slots.holding(step)),
    };
  }

  /** Resolves with how the run ended. Rejects with JournalRefused when it is halted. */
  async drive(program: Program, workflow: Workflow): Promise<Verdict> {
    this.#workflow = workflow;
    if (this.state.phase === "queued") await this.#start();
    if (this.state.phase === "paused") this.#resumed = Promise.withResolvers();
    this.#followStop();
    const limit = this.#around.timers.at(this.state.createdAt + durationOf(workflow.timeout), () => {
      const failure = failed("Timeout", "Timeout", `The run took longer than ${workflow.timeout ?? ""}.`);
      this.command({ do: "fail", failure, deadline: this.#around.clock.now() + GRACE });
    });
    try {
      const verdict = await Promise.race([this.#verdict(program, workflow), this.#halted.promise]);
      while (this.state.phase === "paused")
        await Promise.race([this.#resumed?.promise, this.#halted.promise]);
      const refused = this.command({ do: "finish", verdict });
      if (refused !== undefined && refused !== "RunEnded")
        throw new Error(`The run could not end: ${refused}.`);
      await this.#recorder.durable();
      return this.state.verdict ?? verdict;
    } finally {
      limit.cancel();
      this.#over.abort();
    }
  }

  /** At once, or when the workflow's limit of runs lets it; also when it was cancelled before. */
  #start(): Promise<void> | undefined {
    const { queue, priority, createdAt } = this.state;
    if (queue === undefined) {
      this.command({ do: "start" });
      return undefined;
    }
    return new Promise((resolve) => {
      const place = this.#around.admission.enter({
        ...this.#slots.holdingOfRun(),
        run: this.id,
        path: "",
        priority,
        since: createdAt,
        slots: queue.slots,
        begin: () => {
          resolve();
          return this.command({ do: "start" }) === undefined;
        },
      });
      this.#leaveQueue = () => {
        place.leave();
        resolve();
      };
    });
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

  *recorded(): Iterable<{ readonly path: string; readonly asked: string }> {
    for (const [path, { asked }] of this.state.steps) if (asked !== undefined) yield { path, asked };
  }

  /** Undefined when done; it is durable when `settled` resolves. */
  command(command: Command): Refusal | undefined {
    if (this.#recorder.refused !== undefined) return "NotNow";
    const decision = decide(this.state, command, this.#circumstances);
    if ("refused" in decision) return decision.refused;
    this.record(decision.events);
    if (!("step" in command)) this.#followCommand(command);
    return undefined;
  }

  record(events: readonly RunEvent[]): void {
    for (const event of events) {
      if (event.type === "StepSucceeded") this.#learn(event);
      this.#slots.apply(event);
      this.#recorder.add(event);
    }
  }

  #learn({ step: path, at }: Extract<RunEvent, { readonly type: "StepSucceeded" }>): void {
    const step = this.state.steps.get(path);
    if (step?.phase === "running") this.#around.durations.learn(this.state.workflow, path, at - step.at);
  }

  #rankOf(path: string): number {
    if (this.#workflow === undefined) return 0;
    this.#ranks ??= this.#around.durations.ranks(this.#workflow);
    return this.#ranks.at(path);
  }

  /** Resolves when everything so far is durable. Rejects with JournalRefused. */
  settled(): Promise<void> {
    return this.#recorder.durable();
  }

  perform(
    path: string,
    step: TaskStep,
    signal: AbortSignal,
    cleanup = false,
    asked?: string,
  ): Promise<Performed> {
    if (this.#recorder.refused !== undefined) return Promise.reject(this.#recorder.refused);
    if (step.retry !== undefined && step.retry.length > 0) this.#rules.set(path, rulesOf(step.retry));
    const known = this.state.steps.get(path);
    if (known !== undefined) return this.#follow(path, known, step, signal, undefined);
    if (signal.aborted) return Promise.reject(new Stopped());
    this.#enqueue(path, step, cleanup, asked);
    const state = this.state.steps.get(path);
    if (state === undefined || this.#over.signal.aborted) return Promise.reject(new Stopped());
    if (!this.#mayBeginNow(state, step)) return this.#follow(path, state, step, signal, undefined);
    const attempt = this.#claim(path, state, step, signal);
    if (attempt === undefined && isSettled(state)) return this.#settledAs(path, state);
    return this.#follow(path, state, step, signal, attempt);
  }

  /** Nobody has to be waited for. */
  #mayBeginNow(state: StepState, step: TaskStep): boolean {
    return (
      this.#around.admission.isFree(this.#slots.holding(state)) &&
      this.#resumed === undefined &&
      this.#around.stepType(step)?.ready === undefined
    );
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
      if (this.#recorder.refused !== undefined) throw this.#recorder.refused;
      if (this.#over.signal.aborted) throw new Stopped();
      if (isOwned(state)) this.command({ do: "expire", step: path });
      else if (signal.aborted) this.command({ do: "cancelStep", step: path });
      else if (state.phase === "backoff") await this.#pause(path, state, step, signal);
      else await this.#admit(path, state, step, signal);
    }
    return this.#settledAs(path, state);
  }

  #enqueue(path: string, step: TaskStep, cleanup: boolean, asked: string | undefined): void {
    const pool = step.pool === undefined ? {} : { pool: step.pool };
    const words = asked === undefined ? {} : { asked };
    this.command({
      do: "queue",
      step: path,
      ...pool,
      ...words,
      ...(cleanup ? { cleanup: true } : {}),
      ...(IDLE.has(step.type) ? { idle: true } : {}),
    });
  }

  async #verdict(program: Program, { results }: Workflow): Promise<Verdict> {
    try {
      const output = asJson(await program.run(this), "output");
      if ("failure" in output) return { is: "failed", failure: output.failure };
      const failure = mismatch(output.value, results, "InvalidResults", "output");
      if (failure !== undefined) return { is: "failed", failure };
      return { is: "succeeded", output: output.value };
    } catch (error) {
      if (error instanceof StepFailure) return { is: "failed", failure: error.failure };
      if (error instanceof Stopped) return { is: "cancelled", reason: "" };
      throw error;
    }
  }

  #followCommand(command: Command): void {
    this.#followStop();
    if (isEnded(this.state)) this.#leaveQueue?.();
    if (command.do === "signal") for (const wake of this.#signalled) wake();
    if (this.state.phase === "paused") this.#resumed ??= Promise.withResolvers();
    else {
      this.#resumed?.resolve();
      this.#resumed = undefined;
    }
  }

  #followStop(): void {
    if (this.state.phase !== "stopping" || this.#stop.signal.aborted) return;
    this.#stop.abort();
    void this.#around.timers.until(this.state.deadline, this.#over.signal).then((isPassed) => {
      if (!isPassed) return;
      this.command({ do: "abandon" });
      this.#over.abort();
    });
  }

  #halt(refused: JournalRefused): void {
    // What is durable is taken up again, with the slots that it holds by then.
    this.#slots.abandon();
    this.#halted.reject(refused);
    this.#over.abort();
    this.#stop.abort();
  }

  async #settledAs(path: string, state: StepState): Promise<Performed> {
    await this.#recorder.durable();
    this.#rules.delete(path);
    if (state.phase === "succeeded") {
      const result =
        state.blob === undefined
          ? state.result
          : (JSON.parse(await this.#around.blobs.get(state.blob.hash)) as unknown);
      return { result, order: state.order, at: state.at };
    }
    if (state.phase === "failed" && state.failure !== undefined)
      throw new StepFailure(state.failure, state.order, state.at);
    throw new Stopped();
  }

  async #pause(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> {
    const total = state.since + durationOf(step.timeouts?.total);
    const { at } = state;
    if (!(await this.#until(Math.min(at, total), signal))) return;
    this.command(total < at ? { do: "timeout", step: path, limit: "total" } : { do: "due", step: path });
  }

  /** Until somebody is there who can do it and a slot is free, not beyond its limits; then begins it. */
  async #admit(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> {
    const { timers } = this.#around;
    let attempt: Promise<void> | undefined;
    const limit = state.at + durationOf(step.timeouts?.queue);
    const total = state.since + durationOf(step.timeouts?.total);
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const forget = [onAbort(signal, end), onAbort(this.#over.signal, end)];
    const timer = timers.at(Math.min(limit, total), () => {
      this.command({ do: "timeout", step: path, limit: total <= limit ? "total" : "queue" });
      end();
    });
    try {
      await this.#ready(step, this.#around.stepType(step), ending.signal);
      if (!ending.signal.aborted)
        ({ attempt } = await this.#inLine(path, state, step, signal, ending.signal));
    } finally {
      timer.cancel();
      for (const one of forget) one();
    }
    await attempt;
  }

  /** Resolves once the step has begun, or may not any more. */
  #inLine(
    path: string,
    state: StepState,
    step: TaskStep,
    signal: AbortSignal,
    ending: AbortSignal,
  ): Promise<{ readonly attempt: Promise<void> | undefined }> {
    return new Promise((resolve) => {
      let forget = (): void => undefined;
      const begin = (): boolean => {
        forget();
        const { epoch } = state;
        const isWanted = !ending.aborted && this.#resumed === undefined;
        resolve({ attempt: isWanted ? this.#claim(path, state, step, signal) : undefined });
        return state.epoch !== epoch;
      };
      const { since } = state;
      const place = this.#around.admission.enter({
        ...this.#slots.holding(state),
        run: this.id,
        path,
        priority: this.state.priority,
        since,
        rank: this.#rankOf(path),
        begin,
      });
      forget = onAbort(ending, () => {
        place.leave();
        resolve({ attempt: undefined });
      });
    });
  }

  /** When nobody ever can, the attempt says so. */
  async #ready(step: TaskStep, type: StepType | undefined, signal: AbortSignal): Promise<void> {
    while (this.#resumed !== undefined && !signal.aborted)
      await Promise.race([this.#resumed.promise, aborted(signal)]);
    const { id: run, workflow } = this;
    if (!signal.aborted) await type?.ready?.(step, signal, { run, workflow })?.catch(() => undefined);
  }

  /** Undefined when it is settled, or could not be claimed; else resolves when the attempt is over. */
  #claim(path: string, state: StepState, step: TaskStep, signal: AbortSignal): Promise<void> | undefined {
    const type = this.#around.stepType(step);
    if (this.command({ do: "claim", step: path, worker: WORKER, until: 0 }) !== undefined) return undefined;
    const { epoch } = state;
    this.command({ do: "begin", step: path, epoch });
    const { timers, logs, clock } = this.#around;
    const attempt = new RunningAttempt({
      run: this.id,
      workflow: this.state.workflow,
      path,
      step,
      state,
      signal,
      over: this.#over.signal,
      timers,
      now: () => clock.now(),
      logs,
    });
    let given: unknown;
    try {
      if (step.type === "wait" && step.signal !== undefined)
        given = this.#take(path, epoch, step.signal, attempt);
      else if (type === undefined) return this.#report(path, epoch, noHandler(step));
      else given = type.execute(attempt.given);
      if (isPromise(given)) return this.#await(path, epoch, step, attempt, given);
    } catch (error) {
      attempt.end();
      return this.#report(path, epoch, { is: "failed", failure: failureOf(error) });
    }
    attempt.end();
    return this.#reportValue(path, epoch, step, given);
  }

  async #await(
    path: string,
    epoch: number,
    step: TaskStep,
    attempt: RunningAttempt,
    promise: PromiseLike<unknown>,
  ): Promise<void> {
    const given = await attempt.settle(promise);
    if (given.is === "value") await this.#reportValue(path, epoch, step, given.value);
    else if (given.is === "thrown")
      this.#report(path, epoch, { is: "failed", failure: failureOf(given.thrown) });
    else if (given.is === "late") this.command({ do: "timeout", step: path, limit: given.limit });
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
      hash = await this.#around.blobs.put(this.id, text);
    } catch (error) {
      return this.#halt(this.#recorder.refuse(error));
    }
    this.#report(path, epoch, { is: "succeeded", result: null, blob: { hash, size: text.length } });
  }

  /** A step type that saw its machine go says InfraLost: the lease is over, which is free of the retry budget. */
  #report(path: string, epoch: number, outcome: Outcome): undefined {
    const isLost = outcome.is === "failed" && outcome.failure.class === "InfraLost";
    if (isLost && this.state.steps.get(path)?.epoch === epoch)
      this.command({ do: "expire", step: path, failure: outcome.failure });
    else this.command({ do: "report", step: path, epoch, outcome });
  }

  /** Waits for a signal and takes it, which is the result: there is nothing left to report. */
  #take(path: string, epoch: number, name: string, attempt: RunningAttempt): unknown {
    const taken = (): boolean => this.command({ do: "take", step: path, epoch, name }) !== "NoSignal";
    if (taken()) return TAKEN;
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        if (!attempt.signal.aborted && !taken()) return;
        this.#signalled.delete(wake);
        forget();
        if (attempt.signal.aborted) reject(new Stopped());
        else resolve(TAKEN);
      };
      const forget = onAbort(attempt.signal, wake);
      this.#signalled.add(wake);
    });
  }

  async #until(instant: number, signal: AbortSignal): Promise<boolean> {
    const ending = new AbortController();
    const end = (): void => ending.abort();
    const forget = [onAbort(signal, end), onAbort(this.#over.signal, end)];
    const isPassed = await this.#around.timers.until(instant, ending.signal);
    for (const one of forget) one();
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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => void onAbort(signal, resolve));
}

const rules = new WeakMap<readonly Retry[], readonly RetryRule[]>();

function rulesOf(retry: readonly Retry[]): readonly RetryRule[] {
  const known = rules.get(retry);
  if (known !== undefined) return known;
  const made = retry.map(ruleOf);
  rules.set(retry, made);
  return made;
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

function noHandler(step: TaskStep): Outcome {
  const what = step.type === "function" ? `the function '${step.handler}'` : `steps of type ${step.type}`;
  return { is: "failed", failure: failed("Terminal", "NoHandler", `Nobody here can do ${what}.`) };
}
