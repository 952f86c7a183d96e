/**
 * What programs ask of workflows: `client.workflows`.
 *
 *     const { start, result } = createClient(...).workflows;
 *     const run = await start("order", { parameters: { id: 7 }, key: "order-7" });
 *     const ended = await result(run.metadata.name);
 */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Condition, Resource } from "../model/resource.ts";
import type { RunEvent } from "../workflow/run/events.ts";
import type { Failure } from "../workflow/run/failure.ts";
import type { StepView } from "../workflow/run/step-view.ts";
import type { Scope, WriteOptions } from "./client.ts";

export type { StepView };

export type RunPhase =
  | "Queued"
  | "Running"
  | "Paused"
  | "Stopping"
  | "Halted"
  | "Succeeded"
  | "Failed"
  | "Cancelled";

export interface RunSpec {
  /** Name of the Workflow. */
  readonly workflow: string;
  /** Hash of the definition; the newest when absent. */
  readonly version?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly priority?: number;
  readonly deadline?: string;
  readonly fork?: { readonly run: string; readonly from?: string };
  readonly cause?: { readonly type: string; readonly name?: string; readonly time?: string };
}

export interface RunStatus {
  readonly phase?: RunPhase;
  /** Hash of the definition that it runs. */
  readonly definition?: string;
  /** RFC 3339. */
  readonly startedAt?: string;
  readonly endedAt?: string;
  /** When it is small; else `outputHash` and `outputBytes`. */
  readonly output?: unknown;
  readonly outputHash?: string;
  readonly outputBytes?: number;
  readonly failure?: Failure & { readonly step?: string };
  /** Of a cancelled run. */
  readonly reason?: string;
  readonly steps?: Readonly<
    Record<"total" | "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled", number>
  >;
  /** Paths of steps that it is at, the first few. */
  readonly now?: readonly string[];
  /** Why it is late. */
  readonly late?: string;
  readonly conditions?: readonly Condition[];
}

export type Run = Resource<RunSpec, RunStatus>;

export interface StartOptions extends WriteOptions {
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Of the Run; made up when absent. */
  readonly name?: string;
  /** Starting again with the same key gives the run there is. */
  readonly key?: string;
  /** Of the Run. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly priority?: number;
  /** Hash of the definition; the newest when absent. */
  readonly version?: string;
  /** RFC 3339. */
  readonly deadline?: string;
}

export interface ForkOptions extends Scope {
  /** Path of the step from which on everything is done again; what failed when absent, everything when empty. */
  readonly from?: string;
  /** Of the definition: `same` (the usual), `newest`, or a hash. */
  readonly version?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly name?: string;
}

export interface ForkRunsOptions extends Scope, Pick<ForkOptions, "from" | "version"> {
  /** Only failed ones; else all that ended. */
  readonly failed?: boolean;
  /** RFC 3339: those that ended since then. */
  readonly since?: string;
  /** Most of the forks at once, where the workflow does not limit its runs; 10 when absent. */
  readonly atOnce?: number;
}

export interface ForkedRuns {
  readonly runs: readonly Run[];
  /** Those that cannot be forked so, and why. */
  readonly refused: readonly { readonly run: string; readonly diagnostics: readonly Diagnostic[] }[];
}

export interface RunLogQuery extends Scope {
  /** Path of the step. */
  readonly step: string;
  /** The newest when absent. */
  readonly attempt?: number;
  readonly follow?: boolean;
  readonly tail?: number;
  readonly timestamps?: boolean;
}

/** `index`: counted from 0. */
export type NumberedRunEvent = RunEvent & { readonly index: number };

/** A time of a schedule. */
export interface ScheduledTime {
  /** RFC 3339. */
  readonly time: string;
  /** When its run starts: later by the schedule's jitter. */
  readonly start?: string;
  /** What the clock there shows: `2026-03-29T03:00:00+02:00[Europe/Berlin]`. */
  readonly local: string;
  /** Why it is not when the rule says; empty for most. */
  readonly why: readonly string[];
  /** What was left out between the time before and this one. */
  readonly omitted: readonly { readonly local: string; readonly why: string }[];
}

export interface BackfilledRun {
  /** Of the run to be. */
  readonly name: string;
  /** Nominal, RFC 3339. */
  readonly time: string;
  /** False when the run was there already. */
  readonly isNew: boolean;
}

export interface DecideOptions extends Scope {
  readonly decision: "approve" | "reject";
  readonly comment?: string;
  readonly form?: unknown;
  /** Of the subject that was looked at: refused when it is another by now. */
  readonly hash?: string;
  /** In whose name, and in which groups, as `kubectl --as`. */
  readonly as?: { readonly user: string; readonly groups?: readonly string[] };
}

/** All reject as the client's methods do. Names are of resources; `namespace` in the options, else `default`. */
export interface Workflows {
  /** The run is durable when this resolves. ApiError 422 (`diagnostics`) for parameters that do not fit. */
  start(workflow: string, options?: StartOptions): Promise<Run>;
  /** Kept until a step takes it. The same `id` again changes nothing. */
  signal(
    run: string,
    signal: { readonly name: string; readonly payload?: unknown; readonly id?: string },
    options?: Scope,
  ): Promise<void>;
  /** Steps stop and clean up, until `grace` (a duration) has passed. */
  cancel(run: string, options?: Scope & { readonly reason?: string; readonly grace?: string }): Promise<void>;
  /** What runs goes on to its end; nothing further begins. */
  pause(run: string, options?: Scope): Promise<void>;
  resume(run: string, options?: Scope): Promise<void>;
  /** A new run with recorded results of this one. */
  fork(run: string, options?: ForkOptions): Promise<Run>;
  /** Forks of many runs of a workflow, which wait in its ordinary queue. */
  forkRuns(workflow: string, options?: ForkRunsOptions): Promise<ForkedRuns>;
  steps(run: string, options?: Scope): Promise<readonly StepView[]>;
  /** From the given one on; with `follow` until the run has ended or the signal is aborted. */
  events(
    run: string,
    options?: Scope & { readonly from?: number; readonly follow?: boolean },
  ): AsyncGenerator<NumberedRunEvent, void, undefined>;
  /** Of one attempt of a step. */
  log(run: string, query: RunLogQuery): AsyncGenerator<string, void, undefined>;
  /** The run's state as the engine has it. */
  query(run: string, options?: Scope): Promise<unknown>;
  /** The run, now and whenever its resource changes, until it has ended or the signal is aborted. */
  watch(run: string, options?: Scope): AsyncGenerator<Run, void, undefined>;
  /** The run once it has ended, however it did. */
  result(run: string, options?: Scope): Promise<Run>;
  /** Ten, unless `count` says otherwise. */
  next(schedule: string, options?: Scope & { readonly count?: number }): Promise<readonly ScheduledTime[]>;
  /** One run for each time of the schedule within the range. */
  backfill(
    schedule: string,
    range: { readonly from: string; readonly to: string },
    options?: Scope,
  ): Promise<readonly BackfilledRun[]>;
  /** A run now, beside the schedule's own. */
  trigger(schedule: string, options?: Scope): Promise<Run>;
  decide(approval: string, options: DecideOptions): Promise<Resource>;
}

const ENDED: ReadonlySet<string> = new Set(["Succeeded", "Failed", "Cancelled"]);

export function isRunEnded(run: Run): boolean {
  return ENDED.has(run.status?.phase ?? "");
}
