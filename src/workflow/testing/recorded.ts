/** A real run as what a test gives: every attempt comes to what it came to, and takes as long as it took. */
import type { RunEvent } from "../run/events.ts";
import { type Outcome, attempts, fails, succeeds } from "./outcome.ts";
import type { TrialOptions } from "./trial.ts";

/**
 * Options for a test out of the events of a run (`GET runs/NAME/events`). Add to them to change what happened:
 * `{ ...recorded(events), steps: { ...recorded(events).steps, charge: fails("Declined") } }`.
 */
export function recorded(events: readonly RunEvent[]): Pick<
  TrialOptions,
  "parameters" | "signals" | "start"
> & {
  readonly steps: Readonly<Record<string, unknown>>;
} {
  const outcomes = new Map<string, Outcome[]>();
  const began = new Map<string, number>();
  const signals: { name: string; payload: unknown; at: number }[] = [];
  let start = 0;
  let parameters: unknown;
  for (const event of events) {
    if (event.type === "RunCreated") {
      start = event.at;
      parameters = event.input;
    } else if (event.type === "SignalReceived")
      signals.push({ name: event.name, payload: event.payload, at: event.at - start });
    else if (event.type === "StepStarted") began.set(event.step, event.at);
    else if (event.type === "StepSucceeded" || event.type === "StepFailed") {
      const after = event.at - (began.get(event.step) ?? event.at);
      const known = outcomes.get(event.step) ?? [];
      outcomes.set(event.step, [...known, outcomeOf(event, after)]);
    }
  }
  return {
    parameters: (parameters ?? {}) as Readonly<Record<string, unknown>>,
    steps: Object.fromEntries([...outcomes].map(([path, all]) => [path, attempts(...all)])),
    signals,
    start,
  };
}

function outcomeOf(
  event: Extract<RunEvent, { readonly type: "StepSucceeded" | "StepFailed" }>,
  after: number,
): Outcome {
  if (event.type === "StepSucceeded") return succeeds(event.result, { after });
  const { error, ...failure } = event.failure;
  return fails(error, { ...failure, after });
}
