/**
 * One run in this process: every step goes through the state machine (run/machine.ts), every event into the journal before
 * its consequence is visible.
 *
 *     drive ──> (its turn among the runs of its workflow) ──> the program asks for steps (tasks.ts) ──> finish
 *
 * Invariants:
 * 1. The state is the fold of the events in the order of the journal. It may be ahead of the disk by what is being synced,
 *    but no result is given to another step, and no end told, before it is durable.
 * 2. When the journal refuses, or the program is at fault, the run halts here: nothing begins any more, not even what cleans
 *    up, handlers are told to stop, and what is durable is taken up again, by this engine or by the next process.
 * 3. A restart is no loss: what goes on without this process is taken up under the same epoch, with the slot that the fold still
 *    holds for it, and without an event (tasks.ts, 1).
 * 4. A program that does not end although the deadline of a stop has passed is left: `over` tells it.
 */
import type { Obstacle, Place } from "../admission/admission.ts";
import type { Durations } from "../admission/durations.ts";
import type { Ranks } from "../admission/rank.ts";
import type { Workflow } from "../definition/workflow.ts";
import type { Journal } from "../journal/journal.ts";
import { type RunEvent, type Verdict, failed } from "../run/events.ts";
import { type Circumstances, type Command, type Refusal, decide } from "../run/machine.ts";
import { type PoolId, Slots } from "../run/slots.ts";
import { type RunState, isEnded, isSettled } from "../run/state.ts";
import { durationOf } from "./attempt.ts";
import { StepFailure, Stopped } from "./failures.ts";
import type { TaskStep } from "./interpreter.ts";
import { abort } from "./on-abort.ts";
import { RunNotes } from "./notes.ts";
import type { Performed, Program, Stage } from "./program.ts";
import { Recorder } from "./recorder.ts";
import { asJson, mismatch } from "./results.ts";
import { type TaskRun, type TaskSurroundings, Tasks } from "./tasks.ts";

export interface Surroundings extends TaskSurroundings {
  readonly journal: Journal;
  readonly durations: Durations;
  readonly recorded: (run: string, events: readonly RunEvent[]) => void;
  readonly poolId: PoolId | undefined;
}

const MOST_LOSSES = 100;
/** Milliseconds for cleaning up when the run's own time is over. */
const GRACE = 600_000;

export class LiveRun implements Stage, TaskRun {
  readonly id: string;
  readonly state: RunState;
  readonly #around: Surroundings;
  readonly recorder: Recorder;
  readonly #circumstances: Circumstances;
  readonly #stop = new AbortController();
  readonly #over = new AbortController();
  readonly #halted = Promise.withResolvers<never>();
  /** The deadline of a stop has passed. */
  readonly #abandoned = Promise.withResolvers<Verdict>();
  readonly #tasks: Tasks;
  #resumed: PromiseWithResolvers<void> | undefined;
  readonly slots: Slots;
  readonly notes: RunNotes;
  #workflow: Workflow | undefined;
  /** Made when a step has to wait for a slot. */
  #ranks: Ranks | undefined;
  #leaveQueue: (() => void) | undefined;
  /** Where it waits to start. */
  #place: Place | undefined;

  constructor(id: string, state: RunState, around: Surroundings) {
    this.id = id;
    this.state = state;
    this.#around = around;
    this.recorder = new Recorder(id, around.journal, around.recorded, (refused) => this.#halt(refused));
    this.#halted.promise.catch(() => undefined);
    const { clock, admission } = around;
    const slots = new Slots(admission, id, state, around.poolId);
    this.slots = slots;
    this.#tasks = new Tasks(this, around);
    this.notes = new RunNotes(this, around.blobs);
    this.#circumstances = {
      get now() {
        return clock.now();
      },
      seed: id,
      retry: (step) => this.#tasks.rules(step),
      mostLosses: MOST_LOSSES,
      isSlotFree: (step) => admission.isFree(slots.holding(step)),
    };
  }

  /** Resolves with how the run ended. Rejects with JournalRefused when it is halted. */
  async drive(program: Program, workflow: Workflow): Promise<Verdict> {
    this.#workflow = workflow;
    if (this.state.phase === "queued") await Promise.race([this.#start(), this.#halted.promise]);
    if (this.state.phase === "paused") this.#resumed = Promise.withResolvers();
    this.#followStop();
    const limit = this.#around.timers.at(this.state.createdAt + durationOf(workflow.timeout), () => {
      const failure = failed("Timeout", "Timeout", `The run took longer than ${workflow.timeout ?? ""}.`);
      this.command({ do: "fail", failure, deadline: this.#around.clock.now() + GRACE });
    });
    try {
      const verdict = await Promise.race([
        this.#verdict(program, workflow),
        this.#halted.promise,
        this.#abandoned.promise,
      ]);
      while (this.state.phase === "paused")
        await Promise.race([this.#resumed?.promise, this.#halted.promise]);
      const refused = this.command({ do: "finish", verdict });
      if (refused !== undefined && refused !== "RunEnded")
        throw new Error(`The run could not end: ${refused}.`);
      await this.recorder.durable();
      return this.state.verdict ?? verdict;
    } finally {
      limit.cancel();
      abort(this.#over);
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
        ...this.slots.holdingOfRun(),
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
      this.#place = place;
      this.#leaveQueue = () => {
        place.leave();
        resolve();
      };
    });
  }

  /** Why the step has not begun; with an empty path, why the run has not. */
  obstacle(path: string): Obstacle | undefined {
    return path === ""
      ? this.#place && this.#around.admission.obstacle(this.#place)
      : this.#tasks.obstacle(path);
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

  get isFork(): boolean {
    return this.state.source !== undefined;
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
    if (this.recorder.refused !== undefined) return "NotNow";
    const decision = decide(this.state, command, this.#circumstances);
    if ("refused" in decision) return decision.refused;
    this.record(decision.events);
    if (!("step" in command)) this.#followCommand(command);
    return undefined;
  }

  record(events: readonly RunEvent[]): void {
    for (const event of events) {
      if (event.type === "StepSucceeded") this.#learn(event);
      this.slots.apply(event);
    }
    this.recorder.add(events);
  }

  #learn({ step: path, at }: Extract<RunEvent, { readonly type: "StepSucceeded" }>): void {
    const step = this.state.steps.get(path);
    if (step?.phase === "running") this.#around.durations.learn(this.state.workflow, path, at - step.at);
  }

  rankOf(path: string): number {
    if (this.#workflow === undefined) return 0;
    this.#ranks ??= this.#around.durations.ranks(this.#workflow, (pool) =>
      this.#around.admission.slots(this.slots.pool(pool)),
    );
    return this.#ranks.at(path);
  }

  /** Resolves when everything so far is durable. Rejects with JournalRefused. */
  settled(): Promise<void> {
    return this.recorder.durable();
  }

  perform(
    path: string,
    step: TaskStep,
    signal: AbortSignal,
    cleanup?: boolean,
    asked?: string,
  ): Promise<Performed> {
    return this.#tasks.perform(path, step, signal, cleanup, asked);
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
      // What is done is recorded: it need not be done again.
      await this.recorder.durable().catch(() => undefined);
      throw this.refuse(error instanceof Error ? error : new Error("The program threw what is no Error."));
    }
  }

  #followCommand(command: Command): void {
    this.#followStop();
    if (isEnded(this.state)) this.#leaveQueue?.();
    if (command.do === "signal") this.#tasks.signalled();
    if (this.state.phase === "paused") this.#resumed ??= Promise.withResolvers();
    else {
      this.#resumed?.resolve();
      this.#resumed = undefined;
    }
  }

  #followStop(): void {
    if (this.state.phase !== "stopping" || this.#stop.signal.aborted) return;
    abort(this.#stop);
    void this.#around.timers.until(this.state.deadline, this.#over.signal).then((isPassed) => {
      if (!isPassed) return;
      this.command({ do: "abandon" });
      if (this.state.verdict !== undefined) this.#abandoned.resolve(this.state.verdict);
      abort(this.#over);
    });
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  get resumed(): Promise<void> | undefined {
    return this.#resumed?.promise;
  }

  refuse(cause: Error): Error {
    if (this.recorder.refused !== undefined) return this.recorder.refused;
    this.#halt(this.recorder.refuse(cause));
    return cause;
  }

  #halt(refused: Error): void {
    // What is durable is taken up again, with the slots that it holds by then.
    this.slots.abandon();
    this.#halted.reject(refused);
    abort(this.#over);
    abort(this.#stop);
  }
}
