/**
 * Runs workflows in this process: the journal is the truth, the clock may be virtual, handlers are the code behind steps.
 * One engine at a time owns a journal. Pending runs, pauses between attempts and waits go on where they were when an engine
 * is opened on the journal of one that was killed.
 */
import type { Clock } from "../../clock/clock.ts";
import { refuse, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { parseDuration } from "../../model/duration.ts";
import type { Definition } from "../definition/definition.ts";
import type { Workflow } from "../definition/workflow.ts";
import { jsonSchemaCheck } from "../definition/json-schema.ts";
import type { Journal } from "../journal/journal.ts";
import type { RunEvent, Verdict } from "../run/events.ts";
import type { Refusal } from "../run/machine.ts";
import { type RunState, apply, emptyRun, isEnded } from "../run/state.ts";
import type { TaskStep } from "./interpreter.ts";
import { nativeProgram } from "./native.ts";
import type { Dialect, Program } from "./program.ts";
import { type Attempt, type StepType, type StepTypes, TaskError } from "./step-type.ts";
import { LiveRun } from "./live-run.ts";
import { until as sleepUntil } from "./until.ts";
import { SlotQueue } from "./slot-queue.ts";

export interface EngineOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  /** Who does which steps; waits for time and signals are the engine's own. */
  readonly steps: StepTypes;
  /** Which programs are read that are not native graphs. */
  readonly dialects?: readonly Dialect[];
  /** Every definition that a pending run was started with, and that runs will be. */
  readonly definitions: readonly Definition[];
  /** Slots of each pool; one that is not named has no limit. */
  readonly pools?: Readonly<Record<string, number>>;
  /** Told of a run's events once they are durable, in their order; not of those before the engine was opened. */
  readonly recorded?: (run: string, events: readonly RunEvent[]) => void;
}

export interface Engine {
  /**
   * Starts a run once for each id: again with the same id is the run there is. Resolves when it is durable. Refuses with
   * InvalidParameters.
   */
  start(request: {
    readonly definition: Definition;
    readonly id: string;
    readonly input?: unknown;
  }): Promise<void>;
  /** Resolves when the run has ended. Refuses with UnknownRun. */
  result(id: string): Promise<Verdict>;
  /** Steps of the run stop, what is to clean up is done, until the deadline has passed (milliseconds from now). */
  cancel(id: string, reason: string, grace: number): Promise<Refusal | undefined>;
  /** What runs goes on to its end; nothing further begins. */
  pause(id: string): Promise<Refusal | undefined>;
  resume(id: string): Promise<Refusal | undefined>;
  /**
   * Durable when it resolves. Kept until a step waits for it, given in the order in which signals came; one whose `id` the
   * run has had is AlreadyRecorded.
   */
  signal(
    id: string,
    signal: { readonly id: string; readonly name: string; readonly payload: unknown },
  ): Promise<Refusal | undefined>;
  /** The fold of the run's events. */
  state(id: string): Promise<RunState>;
  /** Takes a run that has ended, or is not known, out of the journal. Refuses with RunNotEnded. */
  forget(id: string): Promise<void>;
  /** Slots of a pool that are held now. */
  held(pool: string): number;
}

interface Driven {
  readonly run: LiveRun;
  readonly verdict: Promise<Verdict>;
}

/** Goes on with every run of the journal that has not ended. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const engine = new JournalEngine(options);
  await engine.recover();
  return engine;
}

class JournalEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #definitions: Map<string, Definition>;
  readonly #queue: SlotQueue;
  readonly #live = new Map<string, Driven>();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#definitions = new Map(options.definitions.map((one) => [one.hash, one]));
    this.#queue = new SlotQueue(new Map(Object.entries(options.pools ?? {})));
  }

  async recover(): Promise<void> {
    const pending: [LiveRun, Definition][] = [];
    for (const id of this.#options.journal.runs()) {
      const state = await this.#fold(id);
      if (!isEnded(state)) pending.push([this.#liveRun(id, state), this.#definition(state.definition)]);
    }
    // Slots held before the crash are counted first, so that none is given twice.
    for (const [run, definition] of pending) this.#drive(run, definition);
  }

  async start({
    definition,
    id,
    input = {},
  }: {
    definition: Definition;
    id: string;
    input?: unknown;
  }): Promise<void> {
    const there = this.#live.get(id);
    if (there !== undefined) return there.run.settled();
    if (this.#options.journal.length(id) > 0) return;
    const { workflow, hash } = definition;
    this.#definitions.set(hash, definition);
    const violations = workflow.parameters === undefined ? [] : jsonSchemaCheck(workflow.parameters)(input);
    if (violations.length > 0)
      throw new DiagnosticError(
        violations.map(({ path, message }) => ({
          severity: "error",
          code: "InvalidParameters",
          path,
          message: `${message}.`,
        })),
      );
    const run = this.#liveRun(id, emptyRun());
    const at = this.#options.clock.now();
    run.record([
      { type: "RunCreated", workflow: workflow.name, definition: hash, input: structuredClone(input), at },
    ]);
    this.#drive(run, definition);
    await run.settled();
  }

  async result(id: string): Promise<Verdict> {
    const live = this.#live.get(id);
    if (live !== undefined) return live.verdict;
    const { verdict } = await this.state(id);
    return (
      verdict ??
      refuse({ code: "RunHalted", message: `The run '${id}' was halted, for its journal refused.` })
    );
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

  signal(
    run: string,
    { id, name, payload }: { id: string; name: string; payload: unknown },
  ): Promise<Refusal | undefined> {
    return this.#command(run, { do: "signal", id, name, payload: structuredClone(payload) });
  }

  async state(id: string): Promise<RunState> {
    const live = this.#live.get(id);
    if (live !== undefined) return structuredClone(live.run.state);
    if (this.#options.journal.length(id) === 0)
      refuse({
        code: "UnknownRun",
        message: `There is no run '${id}'.`,
        hint: "Ask for the runs there are.",
      });
    return this.#fold(id);
  }

  async forget(id: string): Promise<void> {
    if (this.#live.has(id))
      refuse({ code: "RunNotEnded", message: `The run '${id}' has not ended.`, hint: "Cancel it first." });
    await this.#options.journal.forget(id);
  }

  held(pool: string): number {
    return this.#queue.slots.held(pool);
  }

  async #command(id: string, command: Parameters<LiveRun["command"]>[0]): Promise<Refusal | undefined> {
    const live = this.#live.get(id);
    if (live === undefined) return isEnded(await this.state(id)) ? "RunEnded" : "NotNow";
    const refused = live.run.command(command);
    await live.run.settled();
    return refused;
  }

  async #fold(id: string): Promise<RunState> {
    const state = emptyRun();
    for await (const event of this.#options.journal.read(id)) apply(state, event);
    return state;
  }

  #definition(hash: string): Definition {
    return (
      this.#definitions.get(hash) ??
      refuse({
        code: "UnknownDefinition",
        message: `No definition with the hash ${hash} is known.`,
        hint: "Give the engine every definition that a pending run was started with.",
      })
    );
  }

  #liveRun(id: string, state: RunState): LiveRun {
    const { journal, clock, recorded } = this.#options;
    return new LiveRun(id, state, {
      journal,
      clock,
      ...(recorded === undefined ? {} : { recorded }),
      queue: this.#queue,
      stepType: (step) => this.#stepType(step),
    });
  }

  #drive(run: LiveRun, { workflow }: Definition): void {
    const verdict = run.drive(this.#program(workflow)).finally(() => this.#live.delete(run.id));
    verdict.catch(() => undefined); // told to whoever asks for the result
    this.#live.set(run.id, { run, verdict });
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
    const { steps, clock } = this.#options;
    if (step.type === "wait" && (step.duration !== undefined || step.until !== undefined))
      return { execute: (attempt) => wait(clock, attempt, step.duration, step.until) };
    return steps[step.type];
  }
}

/** Until an instant that does not move when the process is started again. */
async function wait(
  clock: Clock,
  { since, signal }: Attempt,
  duration?: string,
  until?: string,
): Promise<null> {
  const end = duration === undefined ? Date.parse(until ?? "") : since + parseDuration(duration);
  if (Number.isNaN(end))
    throw new TaskError("InvalidInstant", "What to wait for is not an instant.", { terminal: true });
  if (!(await sleepUntil(clock, end, signal))) throw signal.reason;
  return null;
}
