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
 * `error` within a catch and within a finally (null there when nothing failed), `token` where a callback is waited for, `run.id`; and `secret.NAME.KEY`, or a secret output
 * of a resource (`database.NAME.url`), alone, in fields that are given to what a step drives and shown nowhere: the engine
 * leaves it as it is, the step's type opens it at the last moment.
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
  | ApplyStep
  | ScaleStep
  | ResourceStep
  | TerraformStep
  | AnsibleStep
  | MapStep
  | ItemsStep
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
  /** How long it takes as a rule; absent: as it took before. Steps with the longest way behind them begin first. */
  readonly expected?: string;
}

/** What may fail, and what happens then. Tried in this order: retry, catch, compensation of what was done. */
interface Task extends StepBase {
  readonly retry?: readonly Retry[];
  readonly catch?: readonly Catch[];
  readonly timeouts?: Timeouts;
  /** The pool whose slots limit how many such steps run at once, over all runs. */
  readonly pool?: string;
  /** Its result is reused between runs. Of steps that do something themselves; maps and parallels remember within. */
  readonly memo?: Memo;
  /** Undoes the step when the scope fails or is cancelled later: the last done is undone first. */
  readonly compensate?: Compensation;
  /** Of the step's result. */
  readonly result?: Schema;
}

export interface Memo {
  /** What the result depends on; equal texts, equal results. Absent: everything that is given to the step. */
  readonly key?: unknown;
  /** How long a result is good; absent: for ever. */
  readonly ttl?: string;
  /** Of what the step does: another is another result. */
  readonly version?: string;
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

/** Any step that does something itself; its own failure is the failure of the scope, after all else is undone. */
export type Compensation = Undoing<
  | FunctionStep
  | RunStep
  | HttpStep
  | WaitStep
  | ApprovalStep
  | ApplyStep
  | ScaleStep
  | ResourceStep
  | TerraformStep
  | AnsibleStep
  | WorkflowStep
>;

type Undoing<T> = T extends Task
  ? Omit<T, keyof StepBase | "catch" | "memo" | "compensate" | "token">
  : never;

export interface FunctionStep extends Task {
  readonly type: "function";
  /** A registered handler: `charge`, or one version of it: `charge@2`. */
  readonly handler: string;
  readonly input?: unknown;
}

/** Where a process or container runs, and with what. */
export interface Placed {
  /** Of a container; absent: a process of the location. */
  readonly image?: string;
  /** `process`, `docker`, ...; absent: what fits. */
  readonly class?: string;
  /** The name of a Location; absent: `local`. */
  readonly location?: string;
  /** Relative to the folder of the declaration; in a container to the image's own. */
  readonly directory?: string;
  /** Values may name secrets. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly resources?: { readonly cpu?: string; readonly memory?: string };
  /** From SIGTERM to SIGKILL when it is no longer wanted; absent: 10s. */
  readonly grace?: string;
}

/**
 * A program that runs to its end. Its result is `{ exitCode, output, files }`; it succeeds with exit code 0, or one of
 * `exitCodes.success`.
 */
export interface RunStep extends Task, Placed {
  readonly type: "run";
  /** The program and its arguments; no shell is in between. It may be empty where the image says what runs. */
  readonly command: readonly string[];
  readonly user?: string;
  /** Names of Volumes, and where they are seen. */
  readonly volumes?: readonly { readonly volume: string; readonly path: string }[];
  readonly networks?: readonly string[];
  /** What it reads from its standard input: a text as it is, anything else as JSON. May name secrets. */
  readonly input?: unknown;
  /** What of its standard output becomes `output`; absent: nothing. */
  readonly output?: "none" | "text" | "json" | "lines";
  /** Files that it leaves in its directory, whose content becomes `files`: by the name that the result has them under. */
  readonly files?: Readonly<Record<string, { readonly path: string; readonly format?: "text" | "json" }>>;
  /** What exit codes mean; one that is not named and not 0 may be tried again. */
  readonly exitCodes?: {
    readonly success?: readonly number[];
    readonly retryable?: readonly number[];
    readonly terminal?: readonly number[];
  };
}

/** Its result is `{ status, headers, body }`. */
export interface HttpStep extends Task {
  readonly type: "http";
  readonly url: string;
  readonly method?: string;
  /** Values may name secrets. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A text as it is, anything else as JSON. May name secrets. */
  readonly body?: unknown;
  /** Status codes that are a success; absent: 200 to 299. */
  readonly expect?: readonly number[];
  /** How many redirects are followed; absent: 5. */
  readonly redirects?: number;
}

/** Exactly one of the five. */
export interface WaitStep extends Task {
  readonly type: "wait";
  readonly duration?: string;
  /** An instant, RFC 3339. */
  readonly until?: string;
  /** The name of a signal; its payload is the result. */
  readonly signal?: string;
  /** A condition of a resource: `service/api Ready`, `service/api Ready=False`, `service/api Gone`. */
  readonly condition?: string;
  /** A callback: these steps hand `${token}` to somebody, who sends the signal of that name; its payload is the result. */
  readonly token?: Scope;
}

/**
 * Asks people, and waits for their answer. The result is `{ decision, by, comment, form, decisions }`; a rejection is the
 * failure `Rejected`, Terminal.
 */
export interface ApprovalStep extends Task {
  readonly type: "approval";
  /** The question, one sentence. */
  readonly title?: string;
  /** What is approved. The decision is bound to its hash. */
  readonly subject: unknown;
  /** Of what whoever approves fills in. */
  readonly form?: Schema;
  /** Who may decide, and how many of them must approve: a chain of one stage. */
  readonly assignees?: readonly string[];
  readonly quorum?: number;
  /** Or stages that must all approve. */
  readonly chain?: readonly ApprovalStage[];
  /** Absent: `sequence`. */
  readonly order?: "sequence" | "any";
  readonly delegate?: readonly { readonly from: string; readonly to: string; readonly until?: string }[];
  readonly expires?: string;
  readonly onExpire?: "deny" | "approve" | "escalate";
  readonly escalate?: ApprovalStage & { readonly expires?: string };
}

export interface ApprovalStage {
  readonly name?: string;
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  readonly quorum?: number;
}

/**
 * Declares a System anew and waits until its Change has succeeded. The result is
 * `{ change, revision, previous, addresses, plan }`.
 */
export interface ApplyStep extends Task {
  readonly type: "apply";
  readonly system: string;
  /** Where the System is; absent: in the run's own namespace. It is made when there is none. */
  readonly namespace?: string;
  /** A file or folder that declares it, relative to the folder of the workflow; absent: as it is declared now. */
  readonly from?: string;
  /** Or the resources themselves. */
  readonly resources?: readonly Readonly<Record<string, unknown>>[];
  /** Or as it was declared in an earlier revision: `previous` of another apply. There is no way back to null. */
  readonly revision?: number | string | null;
  /** Of the declaration, beside those it was last applied with. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Nothing is changed: the result says what would be. */
  readonly dryRun?: boolean;
  /** Exactly this plan, by `plan.hash` of a dry run; when another one comes of it meanwhile nothing is changed, and it fails. */
  readonly plan?: string;
  /** False: it is done once it is committed. A later apply of the System as it is then waits for it. */
  readonly wait?: boolean;
}

/**
 * Makes, changes, removes or reads resources, and waits until that is so. The result is `{ name, namespace, resource }`, with
 * secrets masked; `resource` is null once it is deleted. That of `list` is `{ items }`, the newest first.
 */
export interface ResourceStep extends Task {
  readonly type: "resource";
  /**
   * `create`: there must be none of the name, but for what this step made; `apply`: made, or merged into what is there;
   * `delete`: gone, also when there was none; `list`: those that there are.
   */
  readonly action: "create" | "apply" | "delete" | "list";
  /** For create and apply: as it stands in a declaration. Without a name it is given one that follows from the step. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** For delete: `database/scratch`. */
  readonly target?: string;
  /** For list: `Backup`, and which labels they have. */
  readonly kind?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Absent: that of the run. */
  readonly namespace?: string;
  /** The condition that is waited for: `Ready`, `Ready=False`; absent: none. For delete it is being gone. */
  readonly until?: string;
  /** Reasons of that condition which mean that it will never be so: the step fails, for good. */
  readonly failOn?: readonly string[];
}

/** Sets how many instances there are, through the scale subresource. The result is `{ from, to }`. */
export interface ScaleStep extends Task {
  readonly type: "scale";
  /** `service/api`. */
  readonly target: string;
  /** Exactly one of the two. */
  readonly replicas?: number | string;
  readonly by?: number | string;
}

/** Drives the installed `terraform`. The result is `{ outputs, plan }`, the plan with its counts. */
export interface TerraformStep extends Task, Pick<Placed, "environment" | "grace"> {
  readonly type: "terraform";
  /** Relative to the folder of the workflow. */
  readonly directory: string;
  readonly action: "plan" | "apply" | "destroy" | "output";
  /** For apply: exactly this plan, `plan.file` of a step that planned; absent: one that is made then. */
  readonly plan?: string;
  /** Values may name secrets. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** For `init -backend-config`. Values may name secrets. */
  readonly backend?: Readonly<Record<string, string>>;
  readonly workspace?: string;
  /** How long another's lock of the state is waited for; absent: 5m. */
  readonly lockTimeout?: string;
}

/** Drives the installed `ansible-playbook`. The result is `{ stats }`, by host. */
export interface AnsibleStep extends Task, Pick<Placed, "environment" | "grace"> {
  readonly type: "ansible";
  /** Relative to `directory`, which is relative to the folder of the workflow. */
  readonly playbook: string;
  readonly directory?: string;
  /** A file, or the inventory itself. */
  readonly inventory?: string | Readonly<Record<string, unknown>>;
  /** Values may name secrets. */
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly tags?: readonly string[];
  readonly limit?: string;
  /** Nothing is changed, only told. */
  readonly check?: boolean;
}

/** The result is the list of what the items give, in their order. Exactly one of `items` and `itemsFrom`. */
export interface MapStep extends Task {
  readonly type: "map";
  /** A list, or an expression that gives one. */
  readonly items?: unknown;
  readonly itemsFrom?: ItemSource;
  readonly body: Scope;
  /** Items at once; absent: all of a list, 1,000 of a file. */
  readonly concurrency?: number;
  /** Items that are given to the body together, as a list; `index` is that of the first. */
  readonly batch?: number;
  /** Items, or batches, that may fail before the step does. Their result is null. */
  readonly tolerated?: number;
  /** The same as a share of all, 0 to 100; the step fails when either is exceeded. */
  readonly toleratedPercentage?: number;
}

/** A file that is read while the map goes on, so that it may be longer than memory; it must not change meanwhile. */
export interface ItemSource {
  /** Relative to the folder of the workflow. */
  readonly path: string;
  /** `csv`: the first line names the fields. Absent: by the file's name. */
  readonly format?: "json" | "json-lines" | "csv";
}

/** What a map with `itemsFrom` asks for first, at `PATH!items`. Nobody writes it. */
export interface ItemsStep extends Task, ItemSource {
  readonly type: "items";
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
