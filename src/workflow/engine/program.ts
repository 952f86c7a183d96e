/**
 * A front end of the engine: what reads a definition and asks for steps. The native graph (interpreter.ts), code mode, and
 * each dialect (`src/dialects/states-language`, `argo`) is one.
 *
 * After a restart a program is run again from the start; `perform` gives recorded results at once, so it arrives where it
 * was. Therefore what it decides depends on the definition, `input`, `startedAt`, and what `perform` gave (`order` is the
 * order in which the journal has it) alone: never on which promise settled first in this process, nor on clocks or chance.
 */
import type { TaskStep } from "./interpreter.ts";

export interface Performed {
  readonly result: unknown;
  /** The how many-th of the run to be settled. */
  readonly order: number;
  /** When it was settled, milliseconds since the epoch, as recorded. */
  readonly at: number;
}

export interface Stage {
  /** Of the run: `NAMESPACE/NAME`. */
  readonly run: string;
  /** The workflow's name. */
  readonly workflow: string;
  readonly input: unknown;
  readonly startedAt: number;
  /** Aborted when the run is being stopped: nothing begins from then on but steps that clean up. */
  readonly signal: AbortSignal;
  /** Aborted when nobody waits for the program any more: the run is over, or does not go on here. */
  readonly over: AbortSignal;
  /**
   * The recorded result of the step at the path, done first if need be. A path is used once and names the same step in
   * every replay. Rejects with StepFailure (which has `order` and `at` as well), or with Stopped once `signal` is aborted and the
   * step is over. `asked`: what the program asked for, in words of its own; kept with the step.
   */
  perform(
    path: string,
    step: TaskStep,
    signal: AbortSignal,
    cleanup?: boolean,
    asked?: string,
  ): Promise<Performed>;
  /** It began with results of another run: what is recorded is in the order in which it was settled, and not all that was asked for. */
  readonly isFork: boolean;
  /** What the program asked for before this process, with its path, in the order in which it did. */
  recorded(): Iterable<{ readonly path: string; readonly asked: string }>;
  /** Absent where nothing has to be forgotten. */
  readonly notes?: Notes;
  /** Of a step that is settled already (a replay), its place in the order of the journal. */
  orderOf(path: string): number | undefined;
}

/**
 * How a program lets go of steps that are over, so that a run of a million steps fits into memory and its replay does not go
 * through all of them: it notes what it needs to go on there, JSON, and the settled steps below are forgotten.
 */
export interface Notes {
  /** There are so many steps that it is worth while. */
  isLarge(): boolean;
  /** Durable when it resolves. Of a scope (`fan[3].`), or of items of a step (`fan`, from 0 to 999), in place of what was noted there before. */
  note(scope: string, note: unknown, items?: readonly [first: number, last: number]): Promise<void>;
  /** Undefined when there is none. */
  noted(scope: string, items?: readonly [first: number, last: number]): Promise<unknown> | undefined;
}

export interface Program {
  /** Gives the run's output, JSON. Rejects with StepFailure when the run failed, with Stopped when it was cancelled. */
  run(stage: Stage): Promise<unknown>;
}

/** Reads what `Workflow.program` holds; problems are all of a definition's at once. */
export interface Dialect {
  /** As `Workflow.program.dialect` names it. */
  readonly name: string;
  check(
    definition: unknown,
  ): readonly { readonly path: string; readonly code: string; readonly message: string }[];
  program(definition: unknown): Program;
}
