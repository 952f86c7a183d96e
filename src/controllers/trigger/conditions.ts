/**
 * A condition of a resource that becomes so. What it was when it was last looked at is in the Schedule's status, written in one
 * commit with what is asked for; that it was so when the trigger first looked starts nothing.
 */
import { type ScheduleStatus, askForRuns, nameOfEvent } from "../../controller/schedules.ts";
import { findKind, kindOfRoot } from "../../kinds/registry.ts";
import { conditionOf, timestamp } from "../../model/condition.ts";
import { type Resource, keyOf } from "../../model/resource.ts";
import type { Snapshot } from "../../store/store.ts";
import { parseConditionText } from "../../workflow/definition/target.ts";
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
  const isStill = seen.holds && seen.at === "" && before?.startsWith("True") === true;
  const text = isStill
    ? before
    : seen.holds
      ? `True since ${seen.at === "" ? timestamp(now) : seen.at}`
      : "False";
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

function look({ metadata }: TriggeredSchedule, text: string, store: Pick<Snapshot, "get">): Seen {
  const { kind: word, name, condition, status } = parseConditionText(text);
  const kind = findKind(word) ?? kindOfRoot(word);
  const namespace = kind?.namespaced === false ? "" : (metadata.namespace ?? "default");
  const resource = store.get({ kind: kind?.kind ?? word, namespace, name }) as Resource | undefined;
  const about = { resource: `${word}/${name}`, condition };
  if (condition === "Gone")
    return { holds: resource === undefined, at: "", event: { ...about, status: "True" } };
  const found = resource === undefined ? undefined : conditionOf(resource, condition);
  return {
    holds: found?.status === status,
    at: found?.lastTransitionTime ?? "",
    event: { ...about, status, reason: found?.reason ?? "", message: found?.message ?? "" },
  };
}
