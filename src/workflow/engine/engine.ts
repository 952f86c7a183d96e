/**
 * Runs workflows in this process: the journal is the truth, the clock may be virtual, handlers are the code behind steps.
 * One engine at a time owns a journal. Pending runs, pauses between attempts and waits go on where they were when an engine
 * is opened on the journal of one that was killed.
 */
import type { Clock } from "../../clock/clock.ts";
import type { Admission, PoolLimits } from "../admission/admission.ts";
import { Durations } from "../admission/durations.ts";
import { AdmissionQueue } from "../admission/queue.ts";
import { type Diagnostic, DiagnosticError, refuse } from "../../diagnostics/diagnostic.ts";
import type { Definition } from "../definition/definition.ts";
import type { Workflow } from "../definition/workflow.ts";
import { readGiven } from "../definition/parameters.ts";
import type { ForkRequest } from "../fork/fork.ts";
import { forkOf } from "../fork/plan.ts";
import type { Blobs } from "../journal/blobs.ts";
import type { Journal } from "../journal/journal.ts";
import { MemoryBlobs } from "../journal/memory-blobs.ts";
import type { MemoLog } from "../memo/log.ts";
import { Remembering } from "../memo/remembering.ts";
import { SingleFlightMemos } from "../memo/single-flight.ts";
import type { RunEvent, Verdict } from "../run/events.ts";
import type { Refusal } from "../run/machine.ts";
import { stateOf } from "../run/snapshot.ts";
import { type Overview, overviewOf } from "../run/overview.ts";
import type { PoolId } from "../run/slots.ts";
import { type RunState, apply, emptyRun, isEnded } from "../run/state.ts";
import type { Circumstance } from "../run/view.ts";
import type { TaskStep } from "./interpreter.ts";
import { nativeProgram } from "./native.ts";
import type { Dialect, Program } from "./program.ts";
import type { AttemptLogs, StepType, StepTypes } from "./step-type.ts";
import { Followers } from "./followers.ts";
import { unknownRun } from "./halted.ts";
import { Halts } from "./halts.ts";
import { LiveRun } from "./live-run.ts";
import { JournalRefused } from "./recorder.ts";
import { MOST_OF_PAYLOAD, givenJson } from "./results.ts";
import { Timers } from "./timers.ts";
import { wait } from "./wait.ts";

export interface EngineOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  /** Who does which steps; waits for time and signals are the engine's own. */
  readonly steps: StepTypes;
  /** Which programs are read that are not native graphs. */
  readonly dialects?: readonly Dialect[];
  /** Definitions and large results; in memory when absent. */
  readonly blobs?: Blobs;
  /** Known beside those in `blobs`, where every definition is kept that a run was started with. */
  readonly definitions?: readonly Definition[];
  readonly logs?: AttemptLogs;
  /** Where memoised results survive; in memory when absent. */
  readonly memos?: MemoLog;
  /** Slots of each pool, or all that it allows; one that is not named has no limit. */
  readonly pools?: Readonly<Record<string, number | PoolLimits>>;
  /** How steps' pools are called here; absent: as steps call them, the same in all namespaces. */
  readonly poolId?: PoolId;
  /** Of namespaces (admission/admission.ts). */
  readonly weights?: Readonly<Record<string, number>>;
  /** Steps that do something at once, over all runs; absent: no limit. */
  readonly room?: number;
  /** Told that a run does not go on here; it may already go on again. */
  readonly halted?: (run: string) => void;
  /** Told of a run's events once they are durable, in their order; not of those before the engine was opened. */
  readonly recorded?: (run: string, events: readonly RunEvent[]) => void;
}

export interface Engine {
  /**
   * Starts a run once for each id: again with the same id is the run there is. Resolves when it is durable. Refuses with
   * InvalidParameters.
   */
  start(request: StartRequest): Promise<void>;
  /**
   * Starts a run with results of another (fork/fork.ts), once for each id. Resolves when it is durable. Refuses with
   * UnknownRun, UnknownStep, InvalidParameters, and, where what is kept would not mean the same, ForkDiffers and ForkRefused.
   */
  fork(request: EngineFork): Promise<void>;
  /** Every run there is, in order of their starts; nothing is read for it. */
  runs(): readonly RunEntry[];
  /**
   * The run's events from the given one on, counted from 0, as far as they are durable and no snapshot stands for them; with `follow` those to come as well,
   * until the run has ended or `signal` is aborted. Refuses with UnknownRun.
   */
  events(id: string, options?: EventsOptions): AsyncIterable<NumberedEvent>;
  /** Runs that do not go on here, and why. What may pass by itself is tried again from time to time. */
  halted(): readonly HaltedRun[];
  /** Goes on with a run that is halted, now that what it lacked is there. Refuses with UnknownRun, and with what still keeps it. */
  retry(id: string): Promise<void>;
  /** Resolves when the run has ended. Refuses with UnknownRun. */
  result(id: string): Promise<Verdict>;
  /** Steps of the run stop, what is to clean up is done, until the deadline has passed (milliseconds from now). */
  cancel(id: string, reason: string, grace: number): Promise<Refusal | undefined>;
  /** What runs goes on to its end; nothing further begins. */
  pause(id: string): Promise<Refusal | undefined>;
  resume(id: string): Promise<Refusal | undefined>;
  /**
   * Durable when it resolves. Refuses with InvalidPayload. Kept until a step waits for it, given in the order in which signals came; one whose `id` the
   * run has had is AlreadyRecorded.
   */
  signal(
    id: string,
    signal: { readonly id: string; readonly name: string; readonly payload: unknown },
  ): Promise<Refusal | undefined>;
  /** The fold of the run's events. */
  state(id: string): Promise<RunState>;
  /** The same in few words, without a copy of it. Refuses with UnknownRun. */
  overview(id: string): Promise<Overview>;
  /** What views of a run need beside its state: the time, what its steps take as a rule, why one has not begun (run/view.ts). */
  around(id: string, workflow: string): Circumstance;
  /** Takes a run that has ended, or is not known, out of the journal. Refuses with RunNotEnded. */
  forget(id: string): Promise<void>;
  /** Limits may change while it runs. */
  readonly admission: Pick<Admission, "limit" | "room" | "weigh" | "held" | "waiting">;
  /** Slots of a pool that are held now. */
  held(pool: string): number;
}

export interface StartRequest {
  readonly definition: Definition;
  readonly id: string;
  readonly input?: unknown;
  /** Of the run and its steps, where they wait: the higher the earlier; 0 when absent. */
  readonly priority?: number;
  /** Where it waits to start, and how many runs of there may be at once (admission/concurrency.ts); absent: it starts. */
  readonly queue?: { readonly pool: string; readonly slots: number };
}

export interface EngineFork extends Pick<
  ForkRequest,
  "from" | "definition" | "input" | "priority" | "queue"
> {
  /** Of a run that has ended, or of one that goes on: what is settled by now is kept. */
  readonly source: string;
  readonly id: string;
}

export interface RunEntry {
  /** `NAMESPACE/NAME`. */
  readonly id: string;
  readonly is: "live" | "halted" | "ended";
}

export interface EventsOptions {
  readonly from?: number;
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

export interface NumberedEvent {
  readonly index: number;
  readonly event: RunEvent;
}

export interface HaltedRun {
  readonly id: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Who owns the definitions in the blobs. */
const DEFINITIONS = "definitions";

const LONGEST_ID = 1_024;

/** Goes on with every run of the journal that has not ended. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const engine = new JournalEngine(options);
  await engine.recover();
  return engine;
}

class JournalEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #definitions: Map<string, Definition>;
  readonly admission: AdmissionQueue;
  readonly #remembering: Remembering;
  readonly #durations = new Durations();
  readonly #timers: Timers;
  readonly #live = new Map<string, LiveRun>();
  /** Of runs that have not ended; it stays the same while a run is halted and taken up again. */
  readonly #verdicts = new Map<string, PromiseWithResolvers<Verdict>>();
  readonly #blobs: Blobs;
  readonly #halts: Halts;
  readonly #followers = new Followers();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#blobs = options.blobs ?? new MemoryBlobs();
    this.#definitions = new Map((options.definitions ?? []).map((one) => [one.hash, one]));
    this.#timers = new Timers(options.clock);
    this.#halts = new Halts(
      (pause, due) => this.#timers.at(options.clock.now() + pause, due),
      (id) => this.#takeUp(id),
    );
    this.admission = new AdmissionQueue(options.clock);
    const memos = new SingleFlightMemos(this.#blobs, options.memos);
    this.#remembering = new Remembering(memos, this.#blobs, options.clock);
    for (const [pool, limits] of Object.entries(options.pools ?? {}))
      this.admission.limit(pool, typeof limits === "number" ? { slots: limits } : limits);
    for (const [namespace, weight] of Object.entries(options.weights ?? {}))
      this.admission.weigh(namespace, weight);
    if (options.room !== undefined) this.admission.room(options.room);
  }

  async recover(): Promise<void> {
    const pending: (() => void)[] = [];
    for (const id of this.#options.journal.runs()) {
      const go = await this.#takeUp(id);
      if (go !== undefined) pending.push(go);
    }
    // Slots held before the crash are counted first, so that none is given twice.
    for (const go of pending) go();
  }

  /** Undefined when it has ended, or cannot go on. */
  async #takeUp(id: string): Promise<(() => void) | undefined> {
    try {
      const state = await this.#fold(id);
      if (isEnded(state)) {
        this.#halts.forget(id);
        return undefined;
      }
      const { workflow } = await this.#definition(state.definition);
      const program = this.#program(workflow);
      const run = this.#liveRun(id, state);
      return () => this.#drive(run, program, workflow);
    } catch (error) {
      this.#halt(id, error);
      return undefined;
    }
  }

  async start(request: StartRequest): Promise<void> {
    const { definition, id, priority, queue } = request;
    if (this.#isThere(id)) return this.#live.get(id)?.settled();
    const given = givenJson(request.input ?? {}, "InvalidParameters", "parameters");
    const input = parametersFor(definition, given);
    await this.#create(id, definition, () => [
      {
        type: "RunCreated",
        workflow: definition.workflow.name,
        definition: definition.hash,
        input,
        ...(priority === undefined ? {} : { priority }),
        ...(queue === undefined ? {} : { queue }),
        at: this.#options.clock.now(),
      },
    ]);
  }

  async fork({ source, id, ...given }: EngineFork): Promise<void> {
    if (this.#isThere(id)) return this.#live.get(id)?.settled();
    if (this.#options.journal.length(source) === 0) unknownRun(source);
    const state = this.#live.get(source)?.state ?? (await this.#fold(source));
    const original = await this.#definition(state.definition);
    const { definition = original } = given;
    const input = parametersFor(definition, given.input ?? state.input);
    const at = this.#options.clock.now();
    const { events } = forkOf({ source: { id: source, state, definition: original }, ...given, input, at });
    for (const event of events)
      if ("blob" in event && event.blob !== undefined)
        await this.#blobs.put(id, await this.#blobs.get(event.blob.hash));
    await this.#create(id, definition, () => events);
  }

  #isThere(id: string): boolean {
    return this.#live.has(id) || this.#options.journal.length(id) > 0;
  }

  /** Once, however often it is asked for at the same time. */
  async #create(
    id: string,
    { workflow, hash }: Definition,
    events: () => readonly RunEvent[],
  ): Promise<void> {
    if (Buffer.byteLength(id) > LONGEST_ID)
      refuse({ code: "InvalidId", message: `The id of a run is at most ${LONGEST_ID} bytes.` });
    const program = this.#program(workflow);
    if (!this.#definitions.has(hash)) {
      await this.#blobs.put(DEFINITIONS, JSON.stringify(workflow));
      this.#definitions.set(hash, { workflow, hash });
    }
    if (this.#isThere(id)) return this.#live.get(id)?.settled();
    const run = this.#liveRun(id, emptyRun());
    run.record(events());
    this.#drive(run, program, workflow);
    await run.settled();
  }

  async result(id: string): Promise<Verdict> {
    const open = this.#verdicts.get(id);
    if (open !== undefined) return open.promise;
    const halted = this.#halts.of(id);
    if (halted !== undefined) throw new DiagnosticError(halted);
    const { verdict } = await this.state(id);
    return (
      verdict ??
      refuse({ code: "RunHalted", message: `The run '${id}' does not go on here, and nobody knows why.` })
    );
  }

  runs(): readonly RunEntry[] {
    return this.#options.journal.runs().map((id) => {
      if (this.#live.has(id)) return { id, is: "live" };
      return { id, is: this.#halts.of(id) === undefined ? "ended" : "halted" };
    });
  }

  halted(): readonly HaltedRun[] {
    return this.#halts.all().map(([id, diagnostics]) => ({ id, diagnostics }));
  }

  async retry(id: string): Promise<void> {
    if (!this.#isThere(id)) unknownRun(id);
    if (this.#halts.of(id) === undefined) return;
    await this.#halts.revive(id);
    const halted = this.#halts.of(id);
    if (halted !== undefined) throw new DiagnosticError(halted);
  }

  async *events(
    id: string,
    { from = 0, follow = false, signal }: EventsOptions = {},
  ): AsyncIterable<NumberedEvent> {
    const { journal } = this.#options;
    // One that has begun a moment ago has nothing durable yet.
    if (!this.#isThere(id)) unknownRun(id);
    let index = Math.max(from, journal.first?.(id) ?? 0);
    for (let goesOn = true; goesOn; goesOn = follow && (await this.#hasMore(id, index, signal)))
      for await (const event of journal.read(id, index)) {
        if (signal?.aborted === true) return;
        yield { index: index++, event };
      }
  }

  /** Waits until there is an event of that index; false when there will be none, or nobody waits for it any more. */
  async #hasMore(id: string, index: number, signal: AbortSignal | undefined): Promise<boolean> {
    while (signal?.aborted !== true) {
      if (this.#options.journal.length(id) > index) return true;
      if (!this.#live.has(id)) return false;
      await this.#followers.wait(id, signal);
    }
    return false;
  }

  cancel(id: string, reason: string, grace: number): Promise<Refusal | undefined> {
    return this.#command(id, { do: "cancel", reason, deadline: this.#options.clock.now() + grace });
  }

  pause(id: string): Promise<Refusal | undefined> {
    return this.#command(id, { do: "pause" });
  }

  resume(id: string): Promise<Refusal | undefined> {
    return this.#command(id, { do: "resume" });
  }

  async signal(
    run: string,
    { id, name, payload }: { id: string; name: string; payload: unknown },
  ): Promise<Refusal | undefined> {
    const json = givenJson(payload, "InvalidPayload", "payload of the signal", MOST_OF_PAYLOAD);
    return this.#command(run, { do: "signal", id, name, payload: json });
  }

  async state(id: string): Promise<RunState> {
    const live = this.#live.get(id);
    if (live !== undefined) return structuredClone(live.state);
    if (this.#options.journal.length(id) === 0) unknownRun(id);
    return this.#fold(id);
  }

  async overview(id: string): Promise<Overview> {
    return overviewOf(this.#live.get(id)?.state ?? (await this.state(id)));
  }

  async forget(id: string): Promise<void> {
    if (this.#live.has(id))
      refuse({ code: "RunNotEnded", message: `The run '${id}' has not ended.`, hint: "Cancel it first." });
    await this.#options.journal.forget(id);
    await this.#blobs.release(id);
    this.#halts.forget(id);
  }

  held(pool: string): number {
    return this.admission.held(pool);
  }

  around(id: string, workflow: string): Circumstance {
    return {
      now: this.#options.clock.now(),
      learned: (place) => this.#durations.of(workflow, place),
      obstacle: (path) => this.#live.get(id)?.obstacle(path),
    };
  }

  async #command(id: string, command: Parameters<LiveRun["command"]>[0]): Promise<Refusal | undefined> {
    const live = this.#live.get(id);
    if (live === undefined) return isEnded(await this.state(id)) ? "RunEnded" : "NotNow";
    const refused = live.command(command);
    await live.settled();
    return refused;
  }

  async #fold(id: string): Promise<RunState> {
    const { journal } = this.#options;
    const snapshot = await journal.snapshot?.(id);
    const state = snapshot === undefined ? emptyRun() : stateOf(snapshot.text);
    for await (const event of journal.read(id, snapshot?.index)) apply(state, event);
    return state;
  }

  async #definition(hash: string): Promise<Definition> {
    const known = this.#definitions.get(hash);
    if (known !== undefined) return known;
    const workflow = JSON.parse(await this.#blobs.get(hash)) as Workflow;
    const definition = { workflow, hash };
    this.#definitions.set(hash, definition);
    return definition;
  }

  #halt(id: string, error: unknown): void {
    // What never was in the journal never was a run.
    const isRun = this.#options.journal.length(id) > 0;
    if (isRun) this.#halts.halt(id, error);
    if (!isRun || !(error instanceof JournalRefused)) {
      this.#verdicts.get(id)?.reject(error);
      this.#verdicts.delete(id);
    }
    this.#followers.wake(id);
    if (isRun) this.#options.halted?.(id);
  }

  #liveRun(id: string, state: RunState): LiveRun {
    const { journal, clock, recorded, logs, poolId } = this.#options;
    return new LiveRun(id, state, {
      journal,
      clock,
      blobs: this.#blobs,
      timers: this.#timers,
      logs,
      recorded: (run, events) => {
        recorded?.(run, events);
        this.#followers.wake(run);
      },
      admission: this.admission,
      remembering: this.#remembering,
      durations: this.#durations,
      poolId,
      stepType: (step) => this.#stepType(step),
    });
  }

  #drive(run: LiveRun, program: Program, workflow: Workflow): void {
    const { id } = run;
    this.#live.set(id, run);
    const open = this.#verdicts.get(id) ?? Promise.withResolvers<Verdict>();
    open.promise.catch(() => undefined); // told to whoever asks for the result
    this.#verdicts.set(id, open);
    run.drive(program, workflow).then(
      (verdict) => {
        this.#live.delete(id);
        this.#verdicts.delete(id);
        this.#halts.forget(id);
        this.#followers.wake(id);
        open.resolve(verdict);
      },
      (error: unknown) => {
        this.#live.delete(id);
        this.#halt(id, error);
      },
    );
  }

  #program(workflow: Workflow): Program {
    if (workflow.program === undefined) return nativeProgram(workflow);
    const { dialect: name, definition } = workflow.program;
    const dialect = this.#options.dialects?.find((one) => one.name === name);
    return (
      dialect?.program(definition) ??
      refuse({ code: "UnknownDialect", message: `The dialect '${name}' is not known here.` })
    );
  }

  #stepType(step: TaskStep): StepType | undefined {
    const { steps } = this.#options;
    if (step.type === "wait" && (step.duration !== undefined || step.until !== undefined))
      return { execute: (attempt) => wait(this.#timers, attempt, step.duration, step.until) };
    return steps[step.type];
  }
}

/** With the defaults of the workflow's schema. Refuses with InvalidParameters. */
function parametersFor({ workflow }: Definition, given: unknown): unknown {
  const { parameters, diagnostics } = readGiven(workflow.parameters, given);
  if (diagnostics.length > 0) throw new DiagnosticError(diagnostics);
  return parameters;
}
