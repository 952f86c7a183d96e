/**
 * What may happen next in a run: commands in, events out, or a refusal. Pure; the tables are at the head of state.ts.
 *
 * Invariants, checked in every reachable state by machine.test.ts:
 * 1. A step's result is recorded at most once, and the first recorded stays (I12).
 * 2. Who does not own the step by its newest epoch can record nothing (I13).
 * 3. A run that is over stays as it is; one that stops never runs again, and no step of it is tried again but its clean-up.
 * 4. A slot is held exactly as long as a step is owned, and every ownership ends.
 * 5. Nothing is stuck: in every state that is not an end something may happen that leads to one.
 * 6. An attempt lost with its machine does not use up the retries.
 */
import {
  type Reuse,
  type BlobRef,
  type Outcome,
  type RunEvent,
  type TimeLimit,
  type Verdict,
  failed,
} from "./events.ts";
import type { Failure } from "./failure.ts";
import { type RetryRule, pauseAfter } from "./retry.ts";
import { type RunState, type StepState, isEnded, isOwned, isSettled } from "./state.ts";

export type Command =
  | { readonly do: "start" | "pause" | "resume" }
  | { readonly do: "cancel"; readonly reason: string; readonly deadline: number }
  /** By whoever follows the definition: there is nothing left to do. In a stopping run the verdict is known already. */
  | { readonly do: "finish"; readonly verdict: Verdict }
  /** The run's own time is over, or whoever watches it gives it up: it stops, and fails. */
  | { readonly do: "fail"; readonly failure: Failure; readonly deadline: number }
  /** The deadline of a stop has passed. */
  | { readonly do: "abandon" }
  | { readonly do: "signal"; readonly id: string; readonly name: string; readonly payload: unknown }
  /** By the program; see ScopeNoted. */
  | {
      readonly do: "note";
      readonly scope: string;
      readonly items?: readonly [first: number, last: number];
      readonly note: unknown;
      readonly blob?: BlobRef;
    }
  | {
      readonly do: "queue";
      readonly step: string;
      readonly pool?: string;
      readonly cleanup?: true;
      readonly idle?: true;
      readonly asked?: string;
    }
  /** Its result is remembered from another run: nobody has to do it. */
  | {
      readonly do: "reuse";
      readonly step: string;
      readonly result: unknown;
      readonly blob?: BlobRef;
      readonly of: Reuse;
    }
  | { readonly do: "claim"; readonly step: string; readonly worker: string; readonly until: number }
  | { readonly do: "begin"; readonly step: string; readonly epoch: number }
  | { readonly do: "renew"; readonly step: string; readonly epoch: number; readonly until: number }
  | { readonly do: "report"; readonly step: string; readonly epoch: number; readonly outcome: Outcome }
  /** The oldest signal of the name that nobody took is the step's result, recorded as one with its being taken. */
  | { readonly do: "take"; readonly step: string; readonly epoch: number; readonly name: string }
  /**
   * The owner's lease has run out, or who saw its end says what became of it. `atOnce`: it says nothing about the step that
   * this process was started again, so there is no pause.
   */
  | { readonly do: "expire"; readonly step: string; readonly failure?: Failure; readonly atOnce?: true }
  /** The pause before the next attempt is over. */
  | { readonly do: "due"; readonly step: string }
  | { readonly do: "timeout"; readonly step: string; readonly limit: TimeLimit }
  | { readonly do: "cancelStep"; readonly step: string };

export type Refusal =
  | "RunEnded"
  | "NotNow"
  | "NoSuchStep"
  | "StaleEpoch"
  | "AlreadyRecorded"
  | "AlreadyQueued"
  | "NoFreeSlot"
  | "TooEarly"
  | "StepsOpen"
  | "NoSignal"
  | "TooManySignals";

export type Decision = { readonly events: readonly RunEvent[] } | { readonly refused: Refusal };

export interface Circumstances {
  readonly now: number;
  /** Of the run: what its jitter is drawn from. */
  readonly seed: string;
  retry(step: string): readonly RetryRule[];
  /** Losses of a step before it fails for good: what kills every machine it runs on must end as well. */
  readonly mostLosses: number;
  isSlotFree(step: StepState): boolean;
}

export function decide(run: RunState, command: Command, around: Circumstances): Decision {
  if (isEnded(run)) return { refused: "RunEnded" };
  switch (command.do) {
    case "queue":
    case "note":
    case "signal":
      return decideMore(run, command, around.now);
    default:
      if (!("step" in command)) return decideRun(run, command, around.now);
  }
  const step = run.steps.get(command.step);
  return step === undefined ? { refused: "NoSuchStep" } : decideStep(run, step, command, around);
}

/** What comes to a run: steps, notes, signals. */
function decideMore(
  run: RunState,
  command: Extract<Command, { readonly do: "queue" | "note" | "signal" }>,
  at: number,
): Decision {
  if (command.do === "queue") return queue(run, command, at);
  if (command.do === "signal") return signal(run, command, at);
  const { do: _do, ...noted } = command;
  return when(run.phase !== "queued", { type: "ScopeNoted", ...noted, at });
}

type RunCommand = Extract<
  Command,
  { readonly do: "start" | "pause" | "resume" | "cancel" | "fail" | "finish" | "abandon" }
>;
type StepCommand = Exclude<Command, RunCommand | { readonly do: "queue" | "signal" | "note" }>;

function decideRun(run: RunState, command: RunCommand, at: number): Decision {
  switch (command.do) {
    case "start":
      return when(run.phase === "queued", { type: "RunStarted", at });
    case "pause":
      return when(run.phase === "running", { type: "RunPaused", at });
    case "resume":
      return when(run.phase === "paused", { type: "RunResumed", at });
    case "cancel": {
      const verdict = { is: "cancelled", reason: command.reason } as const;
      if (run.phase === "queued") return { events: [{ type: "RunEnded", verdict, at }] };
      return when(run.phase !== "stopping", { type: "RunStopping", verdict, deadline: command.deadline, at });
    }
    case "fail": {
      const verdict = { is: "failed", failure: command.failure } as const;
      return when(run.phase === "running" || run.phase === "paused", {
        type: "RunStopping",
        verdict,
        deadline: command.deadline,
        at,
      });
    }
    case "finish":
      return finish(run, command.verdict, at);
    case "abandon":
      return abandon(run, at);
  }
}

function finish(run: RunState, given: Verdict, at: number): Decision {
  if (run.phase !== "running" && run.phase !== "stopping") return { refused: "NotNow" };
  for (const step of run.steps.values()) if (!isSettled(step)) return { refused: "StepsOpen" };
  return { events: [{ type: "RunEnded", verdict: run.verdict ?? given, at }] };
}

function abandon(run: RunState, at: number): Decision {
  if (run.phase !== "stopping" || run.verdict === undefined) return { refused: "NotNow" };
  if (at < run.deadline) return { refused: "TooEarly" };
  const events: RunEvent[] = [];
  for (const [path, step] of run.steps)
    if (!isSettled(step)) events.push({ type: "StepCancelled", step: path, at });
  return { events: [...events, { type: "RunEnded", verdict: run.verdict, at }] };
}

function queue(
  run: RunState,
  { do: _do, ...step }: Extract<Command, { readonly do: "queue" }>,
  at: number,
): Decision {
  if (run.phase === "queued" || (run.phase === "stopping" && step.cleanup !== true))
    return { refused: "NotNow" };
  if (run.steps.has(step.step)) return { refused: "AlreadyQueued" };
  return { events: [{ type: "StepQueued", ...step, at }] };
}

function decideStep(run: RunState, step: StepState, command: StepCommand, around: Circumstances): Decision {
  if (isSettled(step)) return { refused: "AlreadyRecorded" };
  const at = around.now;
  switch (command.do) {
    case "claim":
      return claim(run, step, command, around);
    case "reuse": {
      const { do: _do, ...what } = command;
      return when(step.phase === "queued" && mayBegin(run, step), { type: "StepReused", ...what, at });
    }
    case "expire":
      return expire(step, command, around);
    case "due":
      return due(step, command.step, at);
    case "timeout":
      return timeout(step, command, around);
    case "cancelStep":
      return { events: [{ type: "StepCancelled", step: command.step, at }] };
    default:
      return isOwned(step) && step.epoch === command.epoch
        ? decideAttempt(run, step, command, around)
        : { refused: "StaleEpoch" };
  }
}

function due(step: StepState, path: string, at: number): Decision {
  if (step.phase !== "backoff") return { refused: "NotNow" };
  return at < step.at ? { refused: "TooEarly" } : { events: [{ type: "StepQueued", step: path, at }] };
}

type AttemptCommand = Extract<StepCommand, { readonly epoch: number }>;

function decideAttempt(
  run: RunState,
  step: StepState,
  command: AttemptCommand,
  around: Circumstances,
): Decision {
  const { step: path, epoch } = command;
  switch (command.do) {
    case "begin":
      return when(step.phase === "claimed", { type: "StepStarted", step: path, epoch, at: around.now });
    case "renew":
      return { events: [{ type: "StepRenewed", step: path, epoch, until: command.until }] };
    case "report":
      return report(step, command, around);
    case "take":
      return take(run, path, epoch, command.name, around.now);
  }
}

/** Waiting signals of one run; whoever sends without end is refused, not the memory of all. */
const MOST_SIGNALS = 10_000;

function signal(
  run: RunState,
  { do: _do, ...given }: Extract<Command, { readonly do: "signal" }>,
  at: number,
): Decision {
  if (run.signals.has(given.id) || run.taken.has(given.id)) return { refused: "AlreadyRecorded" };
  if (run.signals.size >= MOST_SIGNALS) return { refused: "TooManySignals" };
  return { events: [{ type: "SignalReceived", ...given, at }] };
}

function take(run: RunState, step: string, epoch: number, name: string, at: number): Decision {
  for (const [id, one] of run.signals)
    if (one.name === name)
      return {
        events: [
          { type: "SignalTaken", id },
          { type: "StepSucceeded", step, epoch, result: one.payload ?? null, at },
        ],
      };
  return { refused: "NoSignal" };
}

function mayBegin(run: RunState, step: StepState): boolean {
  return run.phase === "running" || (run.phase === "stopping" && step.cleanup);
}

function claim(
  run: RunState,
  step: StepState,
  command: Extract<Command, { readonly do: "claim" }>,
  around: Circumstances,
): Decision {
  if (!mayBegin(run, step)) return { refused: "NotNow" };
  if (step.phase !== "queued") return { refused: "NotNow" };
  if (!around.isSlotFree(step)) return { refused: "NoFreeSlot" };
  const { worker, until } = command;
  return {
    events: [
      { type: "StepClaimed", step: command.step, worker, epoch: step.epoch + 1, until, at: around.now },
    ],
  };
}

function report(
  step: StepState,
  command: Extract<Command, { readonly do: "report" }>,
  around: Circumstances,
): Decision {
  const { outcome, step: path, epoch } = command;
  if (outcome.is === "succeeded") return { events: [succeeded(path, epoch, outcome, around.now)] };
  // Only the truth about machines says that one is lost, never the worker that would profit from it.
  const failure =
    outcome.failure.class === "InfraLost"
      ? { ...outcome.failure, class: "Retryable" as const }
      : outcome.failure;
  if (step.phase === "stopping")
    return { events: [{ type: "StepFailed", step: path, epoch, failure, at: around.now }] };
  return { events: [failedEvent(step, path, failure, around)] };
}

function succeeded(
  step: string,
  epoch: number,
  { result, blob }: Extract<Outcome, { readonly is: "succeeded" }>,
  at: number,
): RunEvent {
  return blob === undefined
    ? { type: "StepSucceeded", step, epoch, result, at }
    : { type: "StepSucceeded", step, epoch, result, blob, at };
}

function failedEvent(step: StepState, path: string, failure: Failure, around: Circumstances): RunEvent {
  const pause = pauseAfter(around.retry(path), failure, step.counted + 1, `${around.seed}/${path}`);
  const at = around.now;
  const retry = pause === undefined ? {} : { retryAt: at + pause };
  return { type: "StepFailed", step: path, epoch: step.epoch, failure, ...retry, at };
}

/** Milliseconds; the first loss is followed at once, what dies again and again waits longer and longer. */
function pauseAfterLoss(lost: number): number {
  return lost === 0 ? 0 : Math.min(LONGEST_AFTER_LOSS, 1_000 * 2 ** (lost - 1));
}

const LONGEST_AFTER_LOSS = 300_000;

function expire(
  step: StepState,
  { step: path, failure: told, atOnce }: Extract<Command, { readonly do: "expire" }>,
  { now: at, mostLosses }: Circumstances,
): Decision {
  if (!isOwned(step)) return { refused: "NotNow" };
  if (at < step.until) return { refused: "TooEarly" };
  if (step.phase === "stopping") return { events: [{ type: "StepCancelled", step: path, at }] };
  const failure =
    told ?? failed("InfraLost", "InfraLost", `The worker '${step.worker ?? ""}' that had this step is gone.`);
  const lost = { type: "StepFailed", step: path, epoch: step.epoch, failure, at } as const;
  if (step.lost + 1 >= mostLosses) return { events: [lost] };
  const pause = atOnce === true ? 0 : pauseAfterLoss(step.lost);
  if (pause > 0) return { events: [{ ...lost, retryAt: at + pause }] };
  return {
    events: [
      { ...lost, retryAt: at },
      { type: "StepQueued", step: path, at },
    ],
  };
}

const LIMITED: Readonly<Record<TimeLimit, ReadonlySet<StepState["phase"]>>> = {
  queue: new Set(["queued"]),
  attempt: new Set(["claimed", "running"]),
  heartbeat: new Set(["claimed", "running"]),
  total: new Set(["queued", "claimed", "running", "backoff"]),
};

function timeout(
  step: StepState,
  { step: path, limit }: Extract<Command, { readonly do: "timeout" }>,
  around: Circumstances,
): Decision {
  if (!LIMITED[limit].has(step.phase)) return { refused: "NotNow" };
  const failure = failed("Timeout", "Timeout", `The step took longer than its ${limit} time limit.`);
  if (limit === "attempt" || limit === "heartbeat")
    return { events: [failedEvent(step, path, failure, around)] };
  return { events: [{ type: "StepFailed", step: path, epoch: step.epoch, failure, at: around.now }] };
}

function when(holds: boolean, event: RunEvent): Decision {
  return holds ? { events: [event] } : { refused: "NotNow" };
}
