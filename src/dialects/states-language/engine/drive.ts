/**
 * An execution on the engine: the interpreter decides, the engine does and remembers.
 *
 *     started -> step -> commands -> phases (steps of the engine) -> outcomes -> events -> step -> ... -> ended
 *
 * Invariants:
 * 1. Events reach the interpreter in the order in which the journal has their causes settled, with the times recorded there
 *    (journal-order.ts). So a replay decides alike, and asks for the same paths.
 * 2. As long as something recorded is still to be fed, nothing is begun: what a replay calls off right after does not run again.
 * 3. The run ends after all that it asked for is over.
 *
 * Paths tell where they are: `Charge#4`, `Orders[3].Ship#17`, `Approve#2!answer`; the number is the command's.
 */
import { setImmediate } from "node:timers/promises";
import { StepFailure, Stopped } from "../../../workflow/engine/failures.ts";
import type { Stage } from "../../../workflow/engine/program.ts";
import type { Json, JsonObject } from "../../../model/resource.ts";
import type { StateMachine } from "../definition.ts";
import type { Command, Event, Execution, Identity, TraceRecord } from "../execution.ts";
import { newExecution, step } from "../interpreter.ts";
import { isObject } from "../json-path.ts";
import { taskToken } from "../task-token.ts";
import type { Integrations } from "./integrations.ts";
import { JournalOrder } from "./journal-order.ts";
import type { Following, Occurrence, Phase, PhaseOutcome } from "./phases.ts";

/** The service's quota of an execution's history. What loops without waiting ends by it. */
const MAX_RECORDS = 25_000;
/** The last instant that a Date can write. */
const LAST = 8.64e15;

interface Open {
  readonly id: string;
  readonly path: string;
  /** Without the phase's suffix. */
  readonly base: string;
  phase: Phase;
  /** `stopped`: with the run. */
  outcome: PhaseOutcome | "stopped" | undefined;
  at: number;
  /** Once it was begun. */
  stop: AbortController | undefined;
}

export interface DriveOptions {
  readonly machine: StateMachine;
  readonly integrations: Integrations;
  readonly identity: Identity;
  readonly seed: number;
  /** Told every record with its time. */
  readonly record?: (record: TraceRecord, at: number) => void;
  /** Of a history that is read: what is not recorded is not begun. */
  readonly isReplay?: boolean;
}

export class Drive {
  readonly #stage: Stage;
  readonly #options: DriveOptions;
  readonly #execution: Execution;
  readonly #order: JournalOrder<Open>;
  /** By command. */
  readonly #open = new Map<string, Open>();
  /** Not begun yet. */
  readonly #ready = new Set<Open>();
  /** Timers that have not fired, by id and by when they are due. */
  readonly #timers = new Map<string, number>();
  readonly #due = new Map<number, Set<string>>();
  readonly #closing = new Set<Promise<void>>();
  #woken = Promise.withResolvers<void>();
  #fault: Error | undefined;
  #records = 0;

  constructor(stage: Stage, options: DriveOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#execution = newExecution(inputOf(stage.input), options.identity, options.seed);
    this.#order = new JournalOrder((path) => stage.orderOf(path));
  }

  /** Of a replay: it was stopped by a person. */
  async abort(at: number): Promise<void> {
    await this.#feed({ type: "aborted" }, at);
  }

  /** The execution, ended, unless it is only replayed or the run is being stopped. Rejects on faults of ours. */
  async run(): Promise<Execution> {
    const { signal } = this.#stage;
    // One for all of them: a signal goes through its listeners whenever there is a further one.
    const stopAll = (): void => {
      for (const { stop } of this.#open.values()) stop?.abort();
      this.#wake();
    };
    signal.addEventListener("abort", stopAll, { once: true });
    try {
      await this.#feed({ type: "started" }, this.#stage.startedAt);
      for (;;) {
        if (this.#execution.status !== "RUNNING") break;
        const settled = await this.#next();
        if (settled?.outcome === undefined || settled.outcome === "stopped") break;
        this.#open.delete(settled.id);
        const { events, next } = settled.phase.follow(settled.outcome);
        if (next !== undefined) this.#begin(settled.id, settled.base, next);
        for (const event of events) await this.#feed(event, settled.at);
      }
      return this.#execution;
    } finally {
      for (const id of this.#open.keys()) this.#callOff(id);
      await Promise.all(this.#closing);
      signal.removeEventListener("abort", stopAll);
    }
  }

  /** What the journal has next, with its outcome; undefined when nothing more will come. */
  async #next(): Promise<Open | undefined> {
    for (;;) {
      if (this.#fault !== undefined) throw this.#fault;
      const settled = this.#order.take();
      if (settled !== undefined) {
        if (settled.stop === undefined) this.#perform(settled);
        while (settled.outcome === undefined && this.#fault === undefined) await this.#sleep();
        return settled;
      }
      if (this.#stage.signal.aborted || this.#options.isReplay === true) return undefined;
      for (const open of this.#ready) this.#perform(open);
      await this.#sleep();
    }
  }

  async #sleep(): Promise<void> {
    await this.#woken.promise;
    this.#woken = Promise.withResolvers();
  }

  #wake(): void {
    this.#woken.resolve();
  }

  /** Timers that are due at the same moment, as the execution sees it, are known at once before anything follows. */
  #together(first: Occurrence, at: number): readonly Event[] {
    const due = first.type === "timer-fired" ? this.#timers.get(first.id) : undefined;
    if (due === undefined) return [];
    const others = [...(this.#due.get(due) ?? [])].filter((id) => "id" in first && id !== first.id);
    for (const id of others) this.#callOff(id);
    return others.map((id) => ({ type: "timer-fired", id, at }));
  }

  async #feed(first: Occurrence, at: number): Promise<void> {
    const together = this.#together(first, at);
    if ("id" in first) this.#forget(first.id);
    const queue: Occurrence[] = [first];
    const { machine, record } = this.#options;
    for (const event of queue) {
      if (this.#execution.status !== "RUNNING") return;
      // A machine that loops without waiting lets others have their turn.
      if (event.type === "continued") await setImmediate();
      const { commands, trace } = await step(
        machine,
        this.#execution,
        { ...event, at } as Event,
        event === first ? together : [],
      );
      for (const one of trace) record?.(one, at);
      for (const command of commands) queue.push(...this.#obey(command));
      this.#records += trace.length;
      if (this.#records > MAX_RECORDS && event.type !== "exhausted") queue.push(exhausted);
    }
  }

  #obey(command: Command): readonly Occurrence[] {
    const { integrations, identity } = this.#options;
    switch (command.type) {
      case "run-task":
        return this.#follow(command.id, integrations.task(command, taskToken(identity.id, command.id)));
      case "read-items":
        return this.#follow(command.id, integrations.items(command));
      case "write-results":
        return this.#follow(command.id, integrations.results(command));
      case "start-timer":
        this.#startTimer(command);
        return [];
      case "cancel-task":
      case "cancel-timer":
        this.#callOff(command.id);
        return [];
      case "continue":
        return [{ type: "continued" }];
    }
  }

  #follow(id: string, { events, next }: Following): readonly Occurrence[] {
    if (next !== undefined) this.#begin(id, pathOf(this.#execution, id), next);
    return events;
  }

  #forget(timer: string): void {
    const due = this.#timers.get(timer);
    if (due === undefined) return;
    this.#timers.delete(timer);
    const others = this.#due.get(due);
    others?.delete(timer);
    if (others?.size === 0) this.#due.delete(due);
  }

  #startTimer({ id, at, bounds }: Extract<Command, { readonly type: "start-timer" }>): void {
    this.#timers.set(id, at);
    const others = this.#due.get(at);
    if (others === undefined) this.#due.set(at, new Set([id]));
    else others.add(id);
    const bounded = this.#open.get(bounds?.task ?? "");
    if (bounds !== undefined && bounded?.phase.within !== undefined) {
      bounded.phase = bounded.phase.within(id, bounds.seconds);
      return;
    }
    const until = new Date(Math.min(Math.ceil(at), LAST)).toISOString();
    this.#begin(id, pathOf(this.#execution, id), {
      suffix: "",
      step: { type: "wait", until },
      follow: ({ is }) => ({ events: is === "succeeded" ? [{ type: "timer-fired", id }] : [] }),
    });
  }

  #begin(id: string, base: string, phase: Phase): void {
    const path = `${base}${phase.suffix}`;
    const open: Open = { id, path, base, phase, outcome: undefined, at: 0, stop: undefined };
    this.#open.set(id, open);
    this.#ready.add(open);
    this.#order.add(path, open);
  }

  #perform(open: Open, isWanted = true): void {
    this.#ready.delete(open);
    const stop = new AbortController();
    open.stop = stop;
    if (this.#stage.signal.aborted || !isWanted) stop.abort();
    const done = this.#outcome(open, stop.signal).finally(() => {
      this.#closing.delete(done);
      this.#order.look(open.path);
      this.#wake();
    });
    this.#closing.add(done);
  }

  async #outcome(open: Open, signal: AbortSignal): Promise<void> {
    try {
      const { result, at } = await this.#stage.perform(open.path, open.phase.step, signal);
      open.outcome = { is: "succeeded", result: result as Json };
      open.at = at;
    } catch (error) {
      if (error instanceof StepFailure) {
        const { failure } = error;
        const isStopped = failure.class === "Cancelled" || signal.aborted;
        open.outcome = isStopped ? "stopped" : { is: "failed", failure };
        open.at = error.at;
      } else if (error instanceof Stopped) open.outcome = "stopped";
      else this.#fault = error as Error;
    }
  }

  #callOff(id: string): void {
    this.#forget(id);
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    this.#order.callOff(open.path);
    this.#ready.delete(open);
    if (open.stop !== undefined) open.stop.abort();
    // What an earlier process began has to be ended in the journal as well; what nobody began is not there.
    else if (this.#options.isReplay !== true) this.#perform(open, false);
  }
}

const exhausted: Occurrence = {
  type: "exhausted",
  error: "States.Runtime",
  cause: `The execution reached the maximum number of history events (${MAX_RECORDS}).`,
};

/** Where in the execution the command was given. */
function pathOf({ threads }: Execution, id: string): string {
  const at = id.lastIndexOf("#");
  let thread = threads.get(id.slice(0, at));
  if (thread === undefined) return `timeout${id.slice(at)}`;
  let path = `${thread.state}${id.slice(at)}`;
  while (thread?.parent !== undefined) {
    const { id: parentId, index } = thread.parent;
    thread = threads.get(parentId);
    path = `${thread?.state ?? ""}[${index}].${path}`;
  }
  return path;
}

/** The field of a run's parameters, alone in them, that is the input. Parameters are an object; inputs need not be. */
const INPUT = "$input";

export function inputOf(parameters: unknown): Json {
  const isWrapped = isObject(parameters) && INPUT in parameters && Object.keys(parameters).length === 1;
  return isWrapped ? (parameters[INPUT] as Json) : ((parameters ?? {}) as Json);
}

/** What `parameters` of a run with this input are. */
export function parametersOf(input: Json): JsonObject {
  return isObject(input) && !(INPUT in input) ? input : { [INPUT]: input };
}
