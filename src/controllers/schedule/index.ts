/**
 * Schedules: makes Runs when they are due, and when triggers asked for them. What is to be done is decided in decide.ts.
 *
 *   rules ──decideDue──> due times ─┐
 *   triggers, backfill ──status.waiting──┴──decideConcurrency──> Runs ──end──> room for what waits
 *
 *  1. Runs, and the status that says what is handled and what waits, are one commit: a restart neither fires twice nor forgets.
 *  2. A run is named by schedule and nominal time, or by what triggered it.
 *  3. A Schedule that is made or changed begins with the times after that: what it says now is not made up for the past.
 */
import type { Clock } from "../../clock/clock.ts";
import { eventOperation } from "../../controller/events.ts";
import type { Controller, Outcome, ReconcileContext } from "../../controller/reconciler.ts";
import { type Run, hasEnded, runDraft } from "../../controller/runs.ts";
import { type ScheduleStatus, scheduleOf } from "../../controller/schedules.ts";
import type { IndexView } from "../../controller/view.ts";
import { DiagnosticError, formatDiagnostic } from "../../diagnostics/diagnostic.ts";
import { type NewCondition, withCondition } from "../../model/condition.ts";
import { equal } from "../../model/equality.ts";
import { type Key, type Resource, keyOf } from "../../model/resource.ts";
import type { Operation, Store } from "../../store/store.ts";
import type { CalendarSpec } from "../../workflow/schedule/calendar.ts";
import { compileDeclared } from "../../workflow/schedule/declared.ts";
import type { Schedule as CompiledSchedule } from "../../workflow/schedule/schedule.ts";
import { calendarsIn } from "./calendars.ts";
import { type Decision, type ScheduleSpec, decide } from "./decide.ts";
import { parameterProblems } from "./parameters.ts";

export interface ScheduleOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Runs by the schedule they are of (`scheduleOf`). */
  readonly runs: IndexView<Run>;
  /** Has a run stop. */
  readonly cancel: (run: Run, reason: string) => Promise<void>;
}

type Schedule = Resource<ScheduleSpec, ScheduleStatus | undefined>;

/** What is far is looked at again on the way, since a timer takes 24 days at most. */
const LONGEST = 86_400_000;

export function scheduleController(options: ScheduleOptions): Controller {
  const { store } = options;
  const compiled = new WeakMap<object, Compiled>();
  return {
    name: "schedule",
    *concerns({ key, resource, previous, type }) {
      if (key.kind === "Schedule" && type !== "DELETED") yield key;
      else if (key.kind === "Run") yield* scheduleEnded(resource as Run, previous as Run | undefined, type);
      else if (
        key.kind === "ConfigMap" ||
        (key.kind === "Workflow" && (type === "DELETED" || isOther(resource, previous)))
      )
        yield* naming(store, key);
    },
    initial: () => store.list({ kind: "Schedule" }).items.map(keyOf),
    reconcile: (key, context) => reconcile(key, context, options, compiled),
  };
}

/** Not only its status. */
function isOther(resource: Resource, previous: Resource | undefined): boolean {
  return previous?.metadata.generation !== resource.metadata.generation;
}

function* scheduleEnded(run: Run, previous: Run | undefined, type: string): Generator<Key> {
  const index = scheduleOf(run);
  if (index === "" || type === "ADDED") return;
  if (type !== "DELETED" && (!hasEnded(run) || (previous !== undefined && hasEnded(previous)))) return;
  const [namespace = "", name = ""] = index.split("/");
  yield { kind: "Schedule", namespace, name };
}

function* naming(store: Store, { kind, namespace, name }: Key): Generator<Key> {
  for (const schedule of store.list({ kind: "Schedule", namespace }).items as readonly Schedule[]) {
    const { workflow, calendars } = schedule.spec;
    if (kind === "Workflow" ? workflow === name : calendars?.configMap === name) yield keyOf(schedule);
  }
}

async function reconcile(
  key: Key,
  context: ReconcileContext,
  options: ScheduleOptions,
  cache: WeakMap<object, Compiled>,
): Promise<Outcome> {
  const { store, clock, runs } = options;
  const schedule = store.get(key) as Schedule | undefined;
  if (schedule === undefined || schedule.metadata.deletionTimestamp !== undefined) return;
  const now = clock.now();
  let compiled: CompiledSchedule | undefined;
  try {
    compiled = await compileOnce(schedule, store, cache);
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    const message = error.diagnostics.map(formatDiagnostic).join(" ");
    return write(schedule, {}, invalid(message), [], { context, options, now });
  }
  const living = [...runs.get(`${key.namespace}/${key.name}`).values()].filter((run) => !hasEnded(run));
  const decision = decide({
    name: key.name,
    spec: schedule.spec,
    compiled,
    status: schedule.status ?? {},
    begin: beginOf(schedule, now),
    running: living.map((run) => ({ id: run.metadata.name, isCancelling: isCancelling(run) })),
    now,
  });
  await write(
    schedule,
    decision.status,
    conditionOf(schedule, decision, store),
    operationsOf(schedule, decision, store, now),
    { context, options, now },
  );
  for (const name of decision.cancel) {
    const run = living.find(({ metadata }) => metadata.name === name);
    if (run !== undefined) await options.cancel(run, `A later run of schedule/${key.name} takes its place.`);
  }
  return decision.next === undefined
    ? undefined
    : { requeueAfter: Math.min(LONGEST, Math.max(1, decision.next - now)) };
}

function isCancelling(run: Run): boolean {
  return run.status?.phase === "Stopping" || run.metadata.deletionTimestamp !== undefined;
}

/** What it says now counts from when that was first seen. */
function beginOf({ metadata, status }: Schedule, now: number): number {
  if (status?.observedGeneration === metadata.generation) return 0;
  return status?.observedGeneration === undefined ? Date.parse(metadata.creationTimestamp) : now;
}

interface Compiled {
  readonly calendars: Readonly<Record<string, CalendarSpec>>;
  readonly schedule: CompiledSchedule | undefined;
}

async function compileOnce(
  { metadata, spec }: Schedule,
  store: Store,
  cache: WeakMap<object, Compiled>,
): Promise<CompiledSchedule | undefined> {
  const calendars = await calendarsIn(spec, metadata.namespace ?? "default", store);
  const known = cache.get(spec);
  if (known !== undefined && equal(known.calendars, calendars)) return known.schedule;
  const schedule = compileDeclared(metadata.name, spec, calendars);
  cache.set(spec, { calendars, schedule });
  return schedule;
}

function operationsOf(
  schedule: Schedule,
  { start, problems }: Decision,
  store: Store,
  now: number,
): readonly Operation[] {
  const { namespace = "default" } = schedule.metadata;
  return [
    ...start
      .filter(({ name }) => store.get({ kind: "Run", namespace, name }) === undefined)
      .map(({ name, spec }): Operation => ({ type: "create", resource: runDraft(name, namespace, spec) })),
    ...problems.map((message) =>
      eventOperation(store, now, "schedule", schedule, { type: "Warning", reason: "NotStarted", message }),
    ),
  ];
}

function invalid(message: string): NewCondition {
  return { type: "Ready", status: "False", reason: "Invalid", message };
}

function conditionOf({ spec, metadata }: Schedule, { status }: Decision, store: Store): NewCondition {
  const { namespace = "default" } = metadata;
  const workflow = store.get({ kind: "Workflow", namespace, name: spec.workflow });
  if (workflow === undefined)
    return {
      type: "Ready",
      status: "False",
      reason: "UnknownWorkflow",
      message: `There is no workflow/${spec.workflow}.`,
    };
  const { parameters: schema } = workflow.spec as { readonly parameters?: unknown };
  const problems = parameterProblems(schema, spec.parameters);
  if (problems.length > 0)
    return {
      type: "Ready",
      status: "False",
      reason: "InvalidParameters",
      message: `Its runs will fail. ${problems.map(formatDiagnostic).join(" ")}`,
    };
  if (spec.suspend)
    return { type: "Ready", status: "True", reason: "Suspended", message: "It is suspended." };
  const next = status.next?.[0];
  const when =
    next === undefined
      ? spec.rules.length === 0
        ? "It waits for its triggers."
        : "No further time comes."
      : `The next time is ${next}.`;
  return { type: "Ready", status: "True", reason: "Scheduled", message: when };
}

async function write(
  schedule: Schedule,
  fields: Partial<ScheduleStatus>,
  condition: NewCondition,
  operations: readonly Operation[],
  { context, options, now }: { context: ReconcileContext; options: ScheduleOptions; now: number },
): Promise<void> {
  const { generation, resourceVersion } = schedule.metadata;
  const status = {
    ...schedule.status,
    ...fields,
    observedGeneration: generation,
    conditions: withCondition(
      schedule.status?.conditions,
      { ...condition, observedGeneration: generation },
      now,
    ),
  };
  if (operations.length === 0 && equal(status, schedule.status)) return;
  const key = keyOf(schedule);
  await options.store.commit(
    [...operations, { type: "status", key, status, expectedVersion: resourceVersion }],
    context.cause(operations.length === 0 ? "add up" : "it is due"),
  );
}
