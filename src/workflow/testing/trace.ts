/** What a run was, from its events: which steps ran in which order, how long they took, what came of them. */
import { equal } from "../../model/equality.ts";
import { type RunEvent, type StepEvent, type Verdict } from "../run/events.ts";
import type { Failure } from "../run/failure.ts";
import type { Asked } from "./given-steps.ts";

export interface TracedStep {
  readonly path: string;
  readonly type: string;
  /** Its handler, or the workflow that it calls. */
  readonly name?: string;
  readonly phase: "queued" | "running" | "backoff" | "succeeded" | "failed" | "cancelled";
  /** With those that were lost. */
  readonly attempts: number;
  readonly lost: number;
  readonly input: unknown;
  readonly result?: unknown;
  /** Of the last attempt that failed. */
  readonly failure?: Failure;
  /** Milliseconds from the start of the run to the first attempt, and to its end. */
  readonly startedAt?: number;
  readonly endedAt?: number;
}

export interface Trace {
  readonly phase: "running" | Verdict["is"];
  readonly output?: unknown;
  readonly failure?: Failure;
  /** Path of the step whose failure is the run's. */
  readonly failedStep?: string;
  /** Milliseconds of virtual time, to the end or to where nothing goes on. */
  readonly duration: number;
  /** Paths, in the order in which the steps' first attempts began. */
  readonly order: readonly string[];
  /** By path. */
  readonly steps: Readonly<Record<string, TracedStep>>;
  readonly events: readonly RunEvent[];
}

type Mutable<T> = { -readonly [name in keyof T]: T[name] };

export function traceOf(events: readonly RunEvent[], asked: ReadonlyMap<string, Asked>, now: number): Trace {
  const start = events.find((event) => event.type === "RunCreated")?.at ?? now;
  const ended = events.find((event) => event.type === "RunEnded");
  const { steps, order } = stepsIn(events, asked, start);
  return {
    phase: ended?.verdict.is ?? "running",
    ...endOf(ended?.verdict, steps.values()),
    duration: (ended?.at ?? now) - start,
    order,
    steps: Object.fromEntries(steps),
    events,
  };
}

function stepsIn(
  events: readonly RunEvent[],
  asked: ReadonlyMap<string, Asked>,
  start: number,
): { readonly steps: ReadonlyMap<string, TracedStep>; readonly order: readonly string[] } {
  const steps = new Map<string, Mutable<TracedStep>>();
  const order: string[] = [];
  for (const event of events) {
    if (!("step" in event)) continue;
    const step = steps.get(event.step) ?? newStep(event.step, asked.get(event.step));
    steps.set(event.step, step);
    if (step.startedAt === undefined && event.type === "StepStarted") order.push(event.step);
    note(step, event, start);
  }
  return { steps, order };
}

function endOf(
  verdict: Verdict | undefined,
  steps: Iterable<TracedStep>,
): Pick<Trace, "output" | "failure" | "failedStep"> {
  if (verdict?.is === "succeeded") return { output: verdict.output };
  if (verdict?.is !== "failed") return {};
  const { failure } = verdict;
  const failed = [...steps].find((step) => step.phase === "failed" && equal(step.failure, failure));
  return { failure, ...(failed === undefined ? {} : { failedStep: failed.path }) };
}

function newStep(path: string, asked: Asked | undefined): Mutable<TracedStep> {
  return {
    path,
    type: asked?.type ?? "wait",
    ...(asked?.name === undefined ? {} : { name: asked.name }),
    phase: "queued",
    attempts: 0,
    lost: 0,
    input: asked?.input,
  };
}

function note(step: Mutable<TracedStep>, event: StepEvent, start: number): void {
  switch (event.type) {
    case "StepQueued":
      step.phase = "queued";
      break;
    case "StepStarted":
      step.phase = "running";
      step.attempts++;
      step.startedAt ??= event.at - start;
      break;
    case "StepSucceeded":
      step.phase = "succeeded";
      step.result = event.result;
      step.endedAt = event.at - start;
      break;
    case "StepFailed":
      step.phase = event.retryAt === undefined ? "failed" : "backoff";
      step.failure = event.failure;
      if (event.failure.class === "InfraLost") step.lost++;
      if (event.retryAt === undefined) step.endedAt = event.at - start;
      break;
    case "StepCancelled":
      step.phase = "cancelled";
      step.endedAt = event.at - start;
      break;
    default:
  }
}
