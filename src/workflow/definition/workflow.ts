/**
 * A workflow as data: what the engine runs, what is hashed, stored and shown. Builders and dialects emit it; nothing in it
 * is code.
 *
 *     Workflow ── Scope ── steps ── Step ── (map, parallel, catch, finally) ── Scope ── ...
 *
 * A scope is one of two shapes:
 * - a DAG (no `start`): each step runs once, when all that it `needs` is done; what does not wait for each other runs at once;
 * - states (`start` is given): one step at a time, `next` says which follows; loops are allowed.
 *
 * Texts may hold CEL in `${...}` as in every resource (model/expression.ts); a `when` is a bare CEL expression. Roots:
 * `param.NAME`, `step.NAME` (the result of a step of this scope or an enclosing one), `item` and `index` within a map,
 * `error` within a catch, `run.id`.
 */
/** JSON Schema, draft 2020-12. */
export type Schema = Readonly<Record<string, unknown>> | boolean;

export interface Workflow extends Scope {
  readonly name: string;
  /** Of the parameters, which are an object. */
  readonly parameters?: Schema;
  /** Of the output. */
  readonly results?: Schema;
  /** Longest time from start to end. */
  readonly timeout?: string;
  /** What the run executes instead of `steps`, which is empty then: a definition in a dialect's own words. */
  readonly program?: { readonly dialect: string; readonly definition: unknown };
}

export interface Scope {
  /** Given: states, of which this is the first. Absent: a DAG. */
  readonly start?: string;
  readonly steps: Readonly<Record<string, Step>>;
  /** What the scope gives; absent: results of a DAG's steps by name, or the result of the last state. */
  readonly output?: unknown;
  /** Runs when the scope is over, however it ended, also when it is cancelled. */
  readonly finally?: Scope;
}

export type Step =
  | FunctionStep
  | RunStep
  | HttpStep
  | WaitStep
  | ApprovalStep
  | MapStep
  | ParallelStep
  | ChoiceStep
  | WorkflowStep
  | PassStep
  | FailStep
  | SucceedStep;

interface StepBase {
  /** In a DAG: steps that must be done before. */
  readonly needs?: readonly string[];
  /** In a DAG: CEL; when false the step is skipped and its result is null. */
  readonly when?: string;
  /** In states: what follows. Absent: the scope ends here. */
  readonly next?: string;
}

/** What may fail, and what happens then. Tried in this order: retry, catch, compensation of what was done. */
interface Task extends StepBase {
  readonly retry?: readonly Retry[];
  readonly catch?: readonly Catch[];
  readonly timeouts?: Timeouts;
  /** The pool whose slots limit how many such steps run at once, over all runs. */
  readonly pool?: string;
  /** Undoes the step when the scope fails or is cancelled later: the last done is undone first. */
  readonly compensate?: Compensation;
  /** Of the step's result. */
  readonly result?: Schema;
}

export interface Timeouts {
  /** One attempt, from its start. */
  readonly attempt?: string;
  /** All attempts with the pauses between them. */
  readonly total?: string;
  /** From being ready to being started. */
  readonly queue?: string;
  /** Between two signs of life. */
  readonly heartbeat?: string;
}

/** The first entry that matches the failure counts. */
export interface Retry {
  /** Names of errors, or classes (run/failure.ts); `*` is any but a cancellation. */
  readonly errors: readonly string[];
  /** Attempts in all, with the first. */
  readonly attempts: number;
  /** Before the second attempt; doubled (`rate`) before each further one. */
  readonly interval?: string;
  readonly rate?: number;
  readonly maximum?: string;
  /** `full` (the default): anything between nothing and the pause, so that what failed together does not return together. */
  readonly jitter?: "full" | "none";
}

export interface Catch {
  readonly errors: readonly string[];
  /** Runs instead; its output is the step's result. `error` is the failure. */
  readonly do?: Scope;
  /** In states: goes on there. */
  readonly next?: string;
}

export type Compensation = Pick<FunctionStep, "type" | "handler" | "input" | "retry" | "timeouts">;

export interface FunctionStep extends Task {
  readonly type: "function";
  /** A registered handler: `charge`, or one version of it: `charge@2`. */
  readonly handler: string;
  readonly input?: unknown;
}

export interface RunStep extends Task {
  readonly type: "run";
  readonly command: readonly string[];
  readonly container?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: unknown;
}

export interface HttpStep extends Task {
  readonly type: "http";
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Exactly one of the four. */
export interface WaitStep extends Task {
  readonly type: "wait";
  readonly duration?: string;
  /** An instant, RFC 3339. */
  readonly until?: string;
  /** The name of a signal; its payload is the result. */
  readonly signal?: string;
  /** A condition of a resource: `service/api Ready`. */
  readonly condition?: string;
}

export interface ApprovalStep extends Task {
  readonly type: "approval";
  /** What is approved. The decision is bound to its hash. */
  readonly subject: unknown;
  readonly form?: Schema;
  readonly assignees?: readonly string[];
  readonly quorum?: number;
  readonly expires?: string;
  readonly onExpire?: "deny" | "approve" | "escalate";
}

export interface MapStep extends Task {
  readonly type: "map";
  /** A list, or an expression that gives one. */
  readonly items: unknown;
  readonly body: Scope;
  /** Items at once; absent: all. */
  readonly concurrency?: number;
  /** Items that may fail before the step does. Their result is null. */
  readonly tolerated?: number;
}

export interface ParallelStep extends Task {
  readonly type: "parallel";
  readonly branches: readonly Scope[];
  readonly concurrency?: number;
}

/** In states only. */
export interface ChoiceStep {
  readonly type: "choice";
  readonly choices: readonly { readonly when: string; readonly next: string }[];
  /** Absent: no choice that holds is a failure, `NoChoice`. */
  readonly default?: string;
}

export interface WorkflowStep extends Task {
  readonly type: "workflow";
  readonly workflow: string;
  /** The content hash of one version; absent: the newest when the step begins. */
  readonly version?: string;
  readonly input?: unknown;
}

export interface PassStep extends StepBase {
  readonly type: "pass";
  readonly output?: unknown;
}

export interface FailStep {
  readonly type: "fail";
  readonly needs?: readonly string[];
  readonly when?: string;
  readonly error: string;
  readonly message?: string;
}

/** Ends the scope well. In states only. */
export interface SucceedStep {
  readonly type: "succeed";
  readonly output?: unknown;
}
