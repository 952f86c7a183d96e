/** From what a trigger saw to a run that its Schedule makes: once for each identity, as far as `when` holds. */
import { type Asked, type WaitingRun, askForRuns, nameOfEvent } from "../../controller/schedules.ts";
import { parseExpression } from "../../model/expression.ts";
import { type Resource, keyOf } from "../../model/resource.ts";
import type { Cause, Store } from "../../store/store.ts";
import type { Seen } from "./seen.ts";

export interface TriggerBase {
  readonly name: string;
  /** CEL on `event`. */
  readonly when?: string;
}

export type Trigger = TriggerBase &
  (
    | {
        readonly webhook: {
          readonly secret: string;
          readonly style: "standard" | "github";
          readonly tolerance: string;
        };
      }
    | {
        readonly file: {
          readonly directory: string;
          readonly pattern: string;
          readonly on: "new" | "changed";
          readonly settle: string;
          readonly interval: string;
        };
      }
    | { readonly condition: string }
    | {
        readonly alert: {
          readonly labels: Readonly<Record<string, string>>;
          readonly on: "firing" | "resolved";
        };
      }
    | { readonly workflow: { readonly name: string; readonly phases: readonly string[] } }
  );

export type TriggeredSchedule = Resource<{
  readonly workflow: string;
  readonly triggers: readonly Trigger[];
  readonly suspend: boolean;
}>;

export interface Happening {
  /** The same for the same: dealt with once. */
  readonly identity: string;
  /** Tells the run from others, where what has the same identity may come again after it was forgotten. */
  readonly run?: string;
  readonly event: Readonly<Record<string, unknown>>;
}

export interface Firing {
  readonly store: Store;
  readonly now: number;
  readonly cause: Cause;
  readonly seen: Seen;
}

/** `left out`: `when` does not hold for it. Durable when it resolves. */
export async function fire(
  schedule: TriggeredSchedule,
  trigger: TriggerBase,
  happenings: readonly Happening[],
  { store, now, cause, seen }: Firing,
): Promise<Asked | "left out"> {
  const fresh = happenings.filter(({ identity }) => !seen.has(trigger.name, identity));
  if (fresh.length === 0) return "known";
  const wanted = fresh.filter(({ event }) => holds(trigger.when, event));
  const entries = wanted.map(({ identity, run = identity, event }): WaitingRun => ({
    time: new Date(now).toISOString(),
    run: nameOfEvent(schedule.metadata.name, trigger.name, run),
    type: "trigger",
    trigger: trigger.name,
    event,
  }));
  const asked =
    entries.length === 0
      ? "left out"
      : await askForRuns({ store, schedule: keyOf(schedule), entries, cause });
  if (asked !== "full" && asked !== "gone" && asked !== "suspended")
    await seen.add(
      trigger.name,
      fresh.map(({ identity }) => identity),
    );
  return asked;
}

/** What cannot be worked out does not hold: a field that this event has not. */
export function holds(when: string | undefined, event: Readonly<Record<string, unknown>>): boolean {
  if (when === undefined) return true;
  try {
    return parseExpression(when).evaluate({ event }) === true;
  } catch {
    return false;
  }
}
