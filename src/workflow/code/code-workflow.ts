/**
 * Workflows written as code: `await run.step(...)` instead of a graph. A second front end on the same journal: what the code
 * asks for is recorded, and when it is run again from the start, after a restart or on another worker, it is given what is
 * recorded, so that it arrives where it was.
 *
 * Therefore the code asks for the same again, in the same order, whenever it is given the same: time, chance and the outside
 * world come in through `run` (`run.now()`, `run.random()`, `run.uuid()`, steps) and nowhere else. Where the code asks for
 * something else than is recorded, the run halts with a comparison of the two; it never goes on silently.
 */
import { callSite } from "../../diagnostics/call-site.ts";
import type { ApprovalStep, Retry, Timeouts } from "../definition/workflow.ts";
import type { TaskStep } from "../engine/interpreter.ts";
import type { Failure } from "../run/failure.ts";
import type { Handler } from "../worker/handler.ts";
import type { Checked, SchemaOf } from "../worker/schema.ts";

const CODE = Symbol.for("tutti.dev/code-workflow");

/** What may be said of a step, beside what it does. */
export interface StepOptions {
  readonly retry?: readonly Retry[];
  readonly timeouts?: Timeouts;
  /** The pool whose slots limit how many such steps run at once, over all runs. */
  readonly pool?: string;
}

/** Steps, as code asks for them. The same name may be used again: the second is `charge#2`. */
export interface StepsOfCode {
  /** A function step: the imported handler, or its name. */
  step<I, R>(name: string, handler: Handler<I, R>, input: NoInfer<I>, options?: StepOptions): Promise<R>;
  step<R = unknown>(name: string, handler: string, input?: unknown, options?: StepOptions): Promise<R>;
  /** Any step, as it stands in a definition. */
  task<R = unknown>(name: string, step: TaskStep): Promise<R>;
  /** `1h`, `90s`. */
  sleep(duration: string): Promise<void>;
  /** An instant, RFC 3339. */
  sleepUntil(instant: string): Promise<void>;
  /** The payload of the oldest signal of the name that nobody took. */
  signal<P = unknown>(name: string, options?: Pick<StepOptions, "timeouts">): Promise<P>;
  approval<R = unknown>(
    name: string,
    approval: Omit<ApprovalStep, "type" | "needs" | "when" | "next">,
  ): Promise<R>;
  /** A run of another workflow; its output. */
  workflow<R = unknown>(name: string, workflow: string, input?: unknown, options?: StepOptions): Promise<R>;
}

export interface CodeContext extends StepsOfCode {
  /** `NAMESPACE/NAME`. */
  readonly id: string;
  /** Promise.all, for promises of steps. */
  all<const T extends readonly unknown[]>(promises: T): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }>;
  /** One promise for each item, at most `concurrency` at once; results in the order of the items. */
  map<T, R>(
    items: readonly T[],
    one: (item: T, index: number) => Promise<R>,
    options?: { readonly concurrency?: number },
  ): Promise<R[]>;
  /** Milliseconds since the epoch, of the newest result that the code has seen: the same in every replay. */
  now(): number;
  /** In [0, 1), the same in every replay. */
  random(): number;
  uuid(): string;
  /** Steps that are done also when the run is being cancelled: for `finally` and for undoing. */
  readonly cleanup: StepsOfCode;
}

/** What a step that failed for good throws in the code; `name` is the error's. */
export class StepError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = failure.error;
    this.failure = failure;
  }
}

/** What is thrown in the code when its run is being cancelled. */
export class RunCancelled extends Error {
  override readonly name = "RunCancelled";

  constructor() {
    super("The run is being cancelled.");
  }
}

export interface CodeWorkflowOptions<P extends SchemaOf<unknown>> {
  readonly parameters?: P;
  readonly results?: SchemaOf<unknown>;
  /** Longest time from start to end. */
  readonly timeout?: string;
}

export interface CodeWorkflowDefinition {
  readonly name: string;
  readonly parameters: SchemaOf<unknown> | undefined;
  readonly results: SchemaOf<unknown> | undefined;
  readonly timeout: string | undefined;
  readonly body: (run: CodeContext, parameters: never) => unknown;
  /** The stack frame of the declaration, which says in which module it stands. */
  readonly frame: string | undefined;
}

export interface CodeWorkflow {
  readonly [CODE]: CodeWorkflowDefinition;
}

/** What `Workflow.program.definition` holds. */
export interface CodeProgram {
  readonly name: string;
  /** Of the module when it was declared: another code is another definition. */
  readonly source?: string;
}

export const CODE_DIALECT = "code";

/** The definition without what the SDK adds to make a resource of it. */
export function defineCode<P extends SchemaOf<unknown>>(
  name: string,
  options: CodeWorkflowOptions<P>,
  body: (run: CodeContext, parameters: Checked<P>) => unknown,
  below: (...values: never[]) => unknown = defineCode,
): CodeWorkflow {
  const { parameters, results, timeout } = options;
  return { [CODE]: { name, parameters, results, timeout, body, frame: callSite(below) } };
}

export function codeDefinition(value: unknown): CodeWorkflowDefinition | undefined {
  return typeof value === "object" && value !== null && CODE in value
    ? (value as CodeWorkflow)[CODE]
    : undefined;
}
