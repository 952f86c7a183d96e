/**
 * A run as the fold of its events. `apply` is total: an event that does not fit changes nothing, so a journal that was
 * written by a newer version, or twice, can still be read. `decide` (machine.ts) is what emits only events that fit.
 *
 *     RUN    queued ──start──> running <──resume/pause──> paused
 *            queued, running, paused ──cancel──> stopping ──all attempts over──> cancelled | failed
 *            running ──finish──> succeeded | failed
 *
 *     STEP   queued ──claim──> claimed ──start──> running ──report──> succeeded | failed
 *               ^                 │                  │  └──failure with a retry──> backoff
 *               ├──lease expired──┴──────────────────┘                               │
 *               └──────────────────────────due───────────────────────────────────────┘
 *            queued, backoff ──stop──> cancelled (at once); claimed, running ──stop──> stopping ──report, expiry,
 *            deadline──> succeeded | failed | cancelled. Steps that clean up go on while a run stops.
 *
 *     SLOT   free ──claim──> held by (run, step, epoch) ──any event that ends the ownership──> free
 */
import type { Failure } from "./failure.ts";
import { type NoteState, type ScopeIndex, enter, note } from "./scopes.ts";
import type { BlobRef, Reuse, RunEvent, StepEvent, Verdict } from "./events.ts";

export type RunPhase = "queued" | "running" | "paused" | "stopping" | "succeeded" | "failed" | "cancelled";

export type StepPhase =
  | "queued"
  | "claimed"
  | "running"
  | "stopping"
  | "backoff"
  | "succeeded"
  | "failed"
  | "cancelled";

export interface StepState {
  phase: StepPhase;
  readonly pool: string | undefined;
  /** A finally or compensation: a stopping run still does it. */
  readonly cleanup: boolean;
  /** It only waits: it takes no room in the engine. */
  readonly idle: boolean;
  /** What the program asked for, in its own words; undefined where it is known from the definition. */
  readonly asked: string | undefined;
  /** Of the newest owner, 0 before the first. Writes that carry another are refused (I13). */
  epoch: number;
  /** The owner, while there is one. */
  worker: string | undefined;
  /** End of the owner's lease. */
  until: number;
  /** Attempts that used up the retry budget, and those lost with what they ran on. */
  counted: number;
  lost: number;
  /** When the step was first ready, and when the attempt, or the pause, began or ends. */
  readonly since: number;
  /** Since when it is in this phase; in backoff until when. */
  at: number;
  result: unknown;
  /** Given when the result is too large for a record; `result` is null then. */
  blob: BlobRef | undefined;
  failure: Failure | undefined;
  /** The how many-th of the run to be settled, 0 before: what comes first is known after a restart as well. */
  order: number;
  /** Its result was worked out elsewhere. */
  of: Reuse | undefined;
}

export interface SignalState {
  readonly name: string;
  readonly payload: unknown;
}

export interface RunState {
  phase: RunPhase;
  workflow: string;
  definition: string;
  input: unknown;
  priority: number;
  queue: { readonly pool: string; readonly slots: number } | undefined;
  source: { readonly run: string; readonly from?: string } | undefined;
  /** Once it is stopping or over. */
  verdict: Verdict | undefined;
  deadline: number;
  createdAt: number;
  endedAt: number;
  /** Steps that are settled. */
  settled: number;
  /** Steps by their phase, also those that are forgotten. */
  readonly counts: Record<StepPhase, number>;
  /** That wait for a step, by id, in the order in which they came. */
  readonly signals: Map<string, SignalState>;
  /** Ids of those that a step has taken, the latest `REMEMBERED_SIGNALS`: who sends one again is told. */
  readonly taken: Set<string>;
  /** By path. Those that a note stands for are forgotten. */
  readonly steps: Map<string, StepState>;
  /** By scope, or items of a step (scopes.ts). */
  readonly notes: Map<string, NoteState>;
  /** Made when something is first noted. */
  scopes: ScopeIndex | undefined;
}

const REMEMBERED_SIGNALS = 10_000;

export function emptyRun(): RunState {
  return {
    phase: "queued",
    workflow: "",
    definition: "",
    input: undefined,
    priority: 0,
    queue: undefined,
    source: undefined,
    verdict: undefined,
    deadline: Infinity,
    createdAt: 0,
    endedAt: 0,
    settled: 0,
    counts: noSteps(),
    signals: new Map(),
    taken: new Set(),
    steps: new Map(),
    notes: new Map(),
    scopes: undefined,
  };
}

export function noSteps(): RunState["counts"] {
  return {
    queued: 0,
    claimed: 0,
    running: 0,
    stopping: 0,
    backoff: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
  };
}

const ended: ReadonlySet<RunPhase> = new Set(["succeeded", "failed", "cancelled"]);
const settled: ReadonlySet<StepPhase> = new Set(["succeeded", "failed", "cancelled"]);
const owned: ReadonlySet<StepPhase> = new Set(["claimed", "running", "stopping"]);

export const isEnded = (run: RunState): boolean => ended.has(run.phase);
export const isSettled = (step: StepState): boolean => settled.has(step.phase);
/** Somebody has it, and with it a slot of its pool. */
export const isOwned = (step: StepState): boolean => owned.has(step.phase);

const passages = {
  RunStarted: ["queued", "running"],
  RunPaused: ["running", "paused"],
  RunResumed: ["paused", "running"],
} as const satisfies Partial<Record<RunEvent["type"], readonly [RunPhase, RunPhase]>>;

/** Folds one event into the state, in place. Depends on nothing else. */
export function apply(run: RunState, event: RunEvent): void {
  if (isEnded(run)) return;
  switch (event.type) {
    case "RunCreated":
      create(run, event);
      break;
    case "RunStarted":
    case "RunPaused":
    case "RunResumed": {
      const [from, to] = passages[event.type];
      if (run.phase === from) run.phase = to;
      break;
    }
    case "RunStopping":
      if (run.phase !== "stopping") stop(run, event);
      break;
    case "RunEnded":
      run.phase = event.verdict.is;
      run.verdict = event.verdict;
      run.endedAt = event.at;
      break;
    default:
      if ("step" in event) applyStep(run, event);
      else keep(run, event);
  }
}

function create(run: RunState, event: Extract<RunEvent, { readonly type: "RunCreated" }>): void {
  run.workflow = event.workflow;
  run.definition = event.definition;
  run.input = event.input;
  run.priority = event.priority ?? 0;
  run.queue = event.queue;
  run.source = event.source;
  run.createdAt = event.at;
}

/** What a run keeps beside its steps. */
function keep(
  run: RunState,
  event: Extract<RunEvent, { readonly type: "SignalReceived" | "SignalTaken" | "ScopeNoted" }>,
): void {
  if (event.type === "ScopeNoted")
    return note(run, isSettled, event.scope, event.items, { note: event.note, blob: event.blob });
  const { signals, taken } = run;
  if (event.type === "SignalReceived") {
    if (!signals.has(event.id) && !taken.has(event.id))
      signals.set(event.id, { name: event.name, payload: event.payload });
  } else if (signals.delete(event.id)) {
    taken.add(event.id);
    const [oldest = ""] = taken.size > REMEMBERED_SIGNALS ? taken : [];
    taken.delete(oldest);
  }
}

function stop(
  run: RunState,
  { verdict, deadline, at }: Extract<RunEvent, { readonly type: "RunStopping" }>,
): void {
  run.phase = "stopping";
  run.verdict = verdict;
  run.deadline = deadline;
  for (const step of run.steps.values()) {
    if (step.cleanup) continue;
    if (step.phase === "queued" || step.phase === "backoff") settle(run, step, "cancelled", at);
    else if (isOwned(step)) pass(run, step, "stopping");
  }
}

function applyStep(run: RunState, event: StepEvent): void {
  const step = run.steps.get(event.step);
  if (event.type === "StepQueued") {
    if (step === undefined) add(run, event.step, newStep(event));
    else if (step.phase === "backoff" || isOwned(step)) queueAgain(run, step, event.at);
    return;
  }
  if (event.type === "StepReused") {
    reuse(run, event);
    return;
  }
  if (step === undefined || isSettled(step)) return;
  if (event.type === "StepClaimed") claim(run, step, event);
  else if (event.type === "StepCancelled") settle(run, step, "cancelled", event.at);
  else if (event.epoch === step.epoch) applyAttempt(run, step, event);
}

function claim(
  run: RunState,
  step: StepState,
  event: Extract<StepEvent, { readonly type: "StepClaimed" }>,
): void {
  if (step.phase !== "queued") return;
  pass(run, step, "claimed");
  step.worker = event.worker;
  step.epoch = event.epoch;
  step.until = event.until;
  step.at = event.at;
}

type AttemptEvent = Extract<
  StepEvent,
  { readonly type: "StepStarted" | "StepRenewed" | "StepSucceeded" | "StepFailed" }
>;

function applyAttempt(run: RunState, step: StepState, event: AttemptEvent): void {
  switch (event.type) {
    case "StepStarted":
      if (step.phase !== "claimed") return;
      pass(run, step, "running");
      step.at = event.at;
      break;
    case "StepRenewed":
      if (isOwned(step)) step.until = event.until;
      break;
    case "StepSucceeded":
      if (!isOwned(step)) return;
      step.result = event.result;
      step.blob = event.blob;
      step.of = event.of;
      settle(run, step, "succeeded", event.at);
      break;
    case "StepFailed":
      step.failure = event.failure;
      if (event.failure.class === "InfraLost") step.lost++;
      else step.counted++;
      if (event.retryAt === undefined || (run.phase === "stopping" && !step.cleanup))
        settle(run, step, "failed", event.at);
      else {
        pass(run, step, "backoff");
        step.worker = undefined;
        step.at = event.retryAt;
      }
      break;
  }
}

/** Of a fork, whose steps are there before anybody asks; or of a step that waits, and whose result is remembered. */
function reuse(run: RunState, event: Extract<StepEvent, { readonly type: "StepReused" }>): void {
  const { result, blob, failure, of, asked } = event;
  const waiting = run.steps.get(event.step);
  if (waiting !== undefined && waiting.phase !== "queued") return;
  const step = waiting ?? newStep({ at: of.at, ...(asked === undefined ? {} : { asked }) });
  if (waiting === undefined) add(run, event.step, step);
  step.result = result;
  step.blob = blob;
  step.failure = failure;
  step.of = of;
  settle(run, step, failure === undefined ? "succeeded" : "failed", waiting === undefined ? of.at : event.at);
}

function add(run: RunState, path: string, step: StepState): void {
  run.steps.set(path, step);
  run.counts[step.phase]++;
  if (run.scopes !== undefined) enter(run.scopes, path);
}

function newStep({
  pool,
  cleanup,
  idle,
  asked,
  at,
}: Omit<Extract<StepEvent, { readonly type: "StepQueued" }>, "type" | "step">): StepState {
  return {
    phase: "queued",
    pool,
    cleanup: cleanup === true,
    idle: idle === true,
    asked,
    epoch: 0,
    worker: undefined,
    until: 0,
    counted: 0,
    lost: 0,
    since: at,
    at,
    result: undefined,
    blob: undefined,
    failure: undefined,
    order: 0,
    of: undefined,
  };
}

function queueAgain(run: RunState, step: StepState, at: number): void {
  pass(run, step, "queued");
  step.worker = undefined;
  step.at = at;
}

function settle(
  run: RunState,
  step: StepState,
  phase: "succeeded" | "failed" | "cancelled",
  at: number,
): void {
  pass(run, step, phase);
  step.worker = undefined;
  step.at = at;
  step.order = ++run.settled;
}

/** The only way from phase to phase, so that the counts are right. */
function pass(run: RunState, step: StepState, phase: StepPhase): void {
  run.counts[step.phase]--;
  run.counts[phase]++;
  step.phase = phase;
}
