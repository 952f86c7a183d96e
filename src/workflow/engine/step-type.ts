/**
 * The code behind steps: one step type for each `type` of a task in a definition (src/steps/), `function` among them.
 *
 * Guarantee (I12): `execute` is called at least once for a step that is not cancelled, its recorded result counts exactly
 * once, and the first recorded one wins. What it does outside is made unique by `idempotencyKey`; what it starts and leaves
 * running (a process, a container, a Change) gets the identity `idempotencyKey` and `try`, is looked for first, and adopted.
 * A first step may be called before its run is durable: if the process dies just then there never was such a run, and who
 * starts it again under its id, as who was never told that it is there must, gives its steps the same `idempotencyKey`.
 */
import { failed } from "../run/events.ts";
import type { Failure, FailureClass } from "../run/failure.ts";
import type { TaskStep } from "./interpreter.ts";

export interface Attempt {
  /** Of the run: `NAMESPACE/NAME`. */
  readonly run: string;
  /** The name of the run's workflow: which handlers its functions mean. */
  readonly workflow: string;
  readonly path: string;
  /** Its texts are resolved, but for those that name a secret. */
  readonly step: TaskStep;
  readonly input: unknown;
  /** The owner's epoch: counted from 1, with attempts that were lost; the same when what goes on by itself is taken up again. */
  readonly attempt: number;
  /** Counted from 1, without those that were lost: the same again when this process or the machine below died. */
  readonly try: number;
  /** The same in every attempt of the step. */
  readonly idempotencyKey: string;
  /** When the step was ready for the first time, milliseconds since the epoch: the same after a restart. */
  readonly since: number;
  /** Aborted when the result is no longer wanted: end what was started, then settle. Made when it is first asked for. */
  readonly signal: AbortSignal;
  /** Calls back once when the result is no longer wanted, at once when it is already: the same without a signal. */
  readonly onStop: (stop: () => void) => void;
  /** A sign of life, for steps with a heartbeat timeout. */
  readonly heartbeat: () => void;
  /** A line of the attempt's log, kept after failure; secrets have been taken out by the caller. */
  readonly log: (line: string, stream?: "stdout" | "stderr") => void;
}

/** Where the lines go that attempts log. */
export interface AttemptLogs {
  line(run: string, path: string, attempt: number, stream: "stdout" | "stderr", text: string): void;
  /** The attempt is taken up again by another process, and tells everything from its first line on once more. */
  again(run: string, path: string, attempt: number): void;
}

export interface StepType {
  /**
   * Resolves once somebody is there who can do the step, rejects when aborted; until then it stays queued, and its `queue`
   * timeout runs. Absent: at once.
   */
  ready?(step: TaskStep, signal: AbortSignal, of: Pick<Attempt, "run" | "workflow">): Promise<void>;
  /** True when `ready` need not be waited for; absent: it must be. */
  isReady?(step: TaskStep, of: Pick<Attempt, "run" | "workflow">): boolean;
  /**
   * What doing the step takes, where it is not what its type takes: `idle`: it only waits, and takes no room in the engine;
   * `slots`: of its pool, when nobody has configured it. The same at every call.
   */
  claim?(step: TaskStep): { readonly idle?: boolean; readonly slots?: number } | undefined;
  /** Gives a JSON value. What it throws is Retryable, unless it is a TaskError that says otherwise. */
  execute(attempt: Attempt): unknown;
}

/** What these do ends with the process that does it. */
const ENDING_WITH_PROCESS: ReadonlySet<TaskStep["type"]> = new Set(["function", "http"]);

/**
 * What the step began goes on without this process (a time, a signal, a condition, an approval, another run, a program):
 * after a restart `execute` is called again for the same attempt, and finds it.
 */
export function goesOn(step: TaskStep): boolean {
  return !ENDING_WITH_PROCESS.has(step.type);
}

/** By the `type` of the step. */
export type StepTypes = Readonly<Partial<Record<TaskStep["type"], StepType>>>;

/**
 * How a step names its failure, for retry and catch. `InfraLost` is for step types that saw with their own eyes that the
 * process, container, worker or machine under the step is gone; code of users cannot claim it.
 */
export class TaskError extends Error {
  readonly failure: Failure;

  constructor(
    error: string,
    message: string,
    options: {
      readonly terminal?: boolean;
      readonly class?: FailureClass;
      readonly details?: unknown;
    } = {},
  ) {
    super(message);
    this.name = error;
    this.failure = {
      ...failed(options.class ?? (options.terminal === true ? "Terminal" : "Retryable"), error, message),
      details: options.details,
    };
  }
}

/** Of whatever was thrown, which need not be an Error, nor let itself be looked at. */
export function failureOf(thrown: unknown): Failure {
  try {
    if (thrown instanceof TaskError) return thrown.failure;
    if (thrown instanceof Error) return failed("Retryable", String(thrown.name), String(thrown.message));
  } catch {
    return failed("Retryable", "Error", "The handler threw something that cannot be read.");
  }
  return failed("Retryable", "Error", "The handler threw something that is no Error.");
}
