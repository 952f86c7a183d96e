/** Subresources of a Schedule: its next times, a backfill, and a run now. */
import { randomBytes } from "node:crypto";
import { runDraft } from "../../controller/runs.ts";
import { type WaitingRun, askForRuns, nameAtTime } from "../../controller/schedules.ts";
import { calendarsIn } from "../../controllers/schedule/calendars.ts";
import { type ScheduleSpec, parametersWith } from "../../controllers/schedule/decide.ts";
import type { Resource } from "../../model/resource.ts";
import { compileDeclared, deadlineOf } from "../../workflow/schedule/declared.ts";
import type { Schedule as CompiledSchedule } from "../../workflow/schedule/schedule.ts";
import { timesBetween, upcoming } from "../../workflow/schedule/upcoming.ts";
import { type Answer, type ApiContext, type Call, type ResourceTarget, ok } from "../api-context.ts";
import { objectBody } from "../body.ts";
import { formatOne } from "../formats.ts";
import { existing, formatOptions, parseCount } from "../read.ts";
import { StatusError, badRequest, conflict } from "../status-error.ts";
import { bodyOf, causeOf, committed, keyFrom } from "../write.ts";
import { optionalBody } from "./body.ts";

type Schedule = Resource<ScheduleSpec>;

const TEN = 10;
const MOST_NEXT = 1000;
const MOST_BACKFILL = 1000;

export async function nextTimes(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const count = Math.min(parseCount(call.query.get("count"), "count") || TEN, MOST_NEXT);
  const compiled = await compiledOf(context, target);
  const items =
    compiled === undefined
      ? []
      : upcoming(compiled, context.clock.now(), count).map((one) => ({
          ...one,
          time: instant(one.time),
          start: instant(one.start),
        }));
  return ok({ kind: "ScheduledTimeList", apiVersion: "tutti.dev/v1", metadata: {}, items });
}

/** The runs wait for their turn as those of the schedule do. */
export async function backfill(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const body = objectBody(await bodyOf(context, call));
  const [from, to] = [instantIn(body["from"], "from"), instantIn(body["to"], "to")];
  if (to < from) throw badRequest("to: it is before 'from'.");
  const compiled = await compiledOf(context, target);
  if (compiled === undefined)
    throw conflict(target.kind, target.name, "the schedule has no rules, so no times");
  const entries = timesBetween(compiled, from, to, MOST_BACKFILL).map((time): WaitingRun => ({
    time: instant(time),
    run: nameAtTime(`${target.name}-backfill`, time),
    type: "backfill",
    event: { backfill: true },
  }));
  const known = entries.filter(
    ({ run }) => context.store.get({ kind: "Run", namespace: target.namespace, name: run }) !== undefined,
  );
  const asked = await askForRuns({
    store: context.store,
    schedule: keyFrom(target),
    entries,
    cause: causeOf(call, "backfill"),
  });
  if (asked === "full" || asked === "suspended")
    throw conflict(target.kind, target.name, asked === "full" ? "too much waits already" : "it is suspended");
  return ok({
    kind: "Backfill",
    apiVersion: "tutti.dev/v1",
    runs: entries.map(({ run, time }) => ({ name: run, time, isNew: !known.some((one) => one.run === run) })),
  });
}

/** A run now, whatever else runs. */
export async function triggerNow(context: ApiContext, call: Call, target: ResourceTarget): Promise<Answer> {
  const { event = {}, name } = await optionalBody(context, call);
  const { spec } = existing(context, target) as Schedule;
  const now = context.clock.now();
  const time = instant(now);
  const seen = { ...(objectBody(event) as object), type: "trigger", time, schedule: target.name };
  const deadline = deadlineOf(spec, now);
  const suffix = randomBytes(3).toString("hex");
  const draft = runDraft(
    typeof name === "string" && name !== "" ? name : `${target.name.slice(0, 200)}-now-${suffix}`,
    target.namespace,
    {
      workflow: spec.workflow,
      parameters: parametersOf(spec, seen),
      ...(deadline === undefined ? {} : { deadline: instant(deadline) }),
      cause: { type: "run", name: target.name, time },
    },
  );
  const resource = await committed(context, call, undefined, { type: "create", resource: draft }, "trigger");
  const kind = context.kinds.find((one) => one.kind === "Run") ?? target.kind;
  return { code: 201, body: formatOne(kind, resource, formatOptions(context, call)) };
}

function parametersOf(
  { parameters }: ScheduleSpec,
  event: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  try {
    return parametersWith(parameters, event);
  } catch (error) {
    const line = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    throw new StatusError(422, "Invalid", `The parameters cannot be worked out without an event: ${line}`);
  }
}

async function compiledOf(
  context: ApiContext,
  target: ResourceTarget,
): Promise<CompiledSchedule | undefined> {
  const { spec } = existing(context, target) as Schedule;
  return compileDeclared(target.name, spec, await calendarsIn(spec, target.namespace, context.store));
}

function instantIn(value: unknown, name: string): number {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) throw badRequest(`${name}: it must be an instant such as 2026-03-01T00:00:00Z.`);
  return time;
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
