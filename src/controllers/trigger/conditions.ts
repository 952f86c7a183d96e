/**
 * A condition of a resource that becomes so. What it was when it was last looked at is in the Schedule's status, written in one
 * commit with what is asked for; that it was so when the trigger first looked starts nothing.
 */
import { type ScheduleStatus, askForRuns, nameOfEvent } from "../../controller/schedules.ts";
import { conditionOf, timestamp } from "../../model/condition.ts";
import { keyOf } from "../../model/resource.ts";
import type { Snapshot } from "../../store/store.ts";
import { parseConditionText } from "../../workflow/definition/target.ts";
import { keyOfTarget } from "../../workflow/step/target-kind.ts";
import { type Firing, type Trigger, type TriggeredSchedule, holds } from "./fire.ts";

type ConditionTrigger = Extract<Trigger, { readonly condition: string }>;

interface Seen {
  readonly holds: boolean;
  /** Since when, as far as it is known. */
  readonly at: string;
  readonly event: Readonly<Record<string, unknown>>;
}

export async function conditionsFor(
  schedule: TriggeredSchedule,
  trigger: ConditionTrigger,
  { store, now, cause }: Firing,
): Promise<void> {
  const seen = look(schedule, trigger.condition, store);
  const before = (schedule.status as ScheduleStatus | undefined)?.seen?.[trigger.name];
  const text = textOf(seen, before, now);
  if (text === before) return;
  const isNew = seen.holds && before !== undefined && holds(trigger.when, seen.event);
  const entries = isNew
    ? [
        {
          time: new Date(now).toISOString(),
          run: nameOfEvent(schedule.metadata.name, trigger.name, text),
          type: "trigger" as const,
          trigger: trigger.name,
          event: seen.event,
        },
      ]
    : [];
  await askForRuns({ store, schedule: keyOf(schedule), entries, cause, seen: { [trigger.name]: text } });
}

/** Since when a resource is gone nobody tells: since it was first seen. */
function textOf({ holds: isSo, at }: Seen, before: string | undefined, now: number): string {
  if (!isSo) return "False";
  if (at !== "") return `True since ${at}`;
  return before?.startsWith("True") === true ? before : `True since ${timestamp(now)}`;
}

function look({ metadata }: TriggeredSchedule, text: string, store: Pick<Snapshot, "get">): Seen {
  const target = parseConditionText(text);
  const { key } = keyOfTarget(target, metadata.namespace ?? "default");
  const resource = store.get(key);
  const about = { resource: `${target.kind}/${target.name}`, condition: target.condition };
  if (target.condition === "Gone")
    return { holds: resource === undefined, at: "", event: { ...about, status: "True" } };
  const found = resource && conditionOf(resource, target.condition);
  const { reason = "", message = "", lastTransitionTime: at = "" } = found ?? {};
  return {
    holds: found?.status === target.status,
    at,
    event: { ...about, status: target.status, reason, message },
  };
}
