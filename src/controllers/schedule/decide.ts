/**
 * What a Schedule asks for now: a pure function of what is there. Stored in one commit, the Runs and the status that says
 * which times are handled, no crash loses a time or runs one twice.
 */
import type { RunCause, RunSpec } from "../../controller/runs.ts";
import { type ScheduleStatus, type WaitingRun, nameAtTime } from "../../controller/schedules.ts";
import { DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { evaluateTemplate, hasExpression, parseTemplate } from "../../model/expression.ts";
import { mapStrings } from "../../model/walk.ts";
import {
  type ConcurrencyActions,
  type RunningRun,
  decideConcurrency,
} from "../../workflow/schedule/concurrency.ts";
import {
  type DeclaredSchedule,
  concurrencyOf,
  deadlineOf,
  duePolicyOf,
} from "../../workflow/schedule/declared.ts";
import { type DueDecision, decideDue } from "../../workflow/schedule/due.ts";
import type { Schedule } from "../../workflow/schedule/schedule.ts";
import { upcoming } from "../../workflow/schedule/upcoming.ts";

export interface ScheduleSpec extends DeclaredSchedule {
  readonly workflow: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly suspend: boolean;
}

export interface Situation {
  readonly name: string;
  readonly spec: ScheduleSpec;
  /** Undefined without rules. */
  readonly compiled: Schedule | undefined;
  readonly status: ScheduleStatus;
  /** The times up to then are no concern of it: it was made, or changed, then. Milliseconds, as `now`. */
  readonly begin: number;
  /** Its runs that have not ended. */
  readonly running: readonly RunningRun[];
  readonly now: number;
}

export interface Decision {
  readonly start: readonly { readonly name: string; readonly spec: RunSpec; readonly time: string }[];
  /** Names of runs. */
  readonly cancel: readonly string[];
  /** What could not be started, one sentence each. */
  readonly problems: readonly string[];
  readonly status: Pick<ScheduleStatus, "handled" | "next" | "waiting" | "missed" | "lastRun" | "active">;
  /** When to look again; undefined: not before something changes. */
  readonly next: number | undefined;
}

const SHOWN_NEXT = 10;
const SHOWN_MISSED = 10;

export function decide(situation: Situation): Decision {
  const { name, spec, compiled, status, running } = situation;
  const timed = spec.suspend ? undefined : compiled;
  const due = timed === undefined ? undefined : dueOf(timed, situation);
  const { fire = [], skipped: missed = [] } = due ?? {};
  const fired = fire.map((time): WaitingRun => ({
    time: instant(time),
    run: nameAtTime(name, time),
    type: "schedule",
  }));
  const entries = keyed([...(status.waiting ?? []), ...fired]);
  const actions = spec.suspend ? nothing(entries) : divided(spec, running, entries);
  const begun = actions.start.map((key) => runOf(situation, entries.get(key) as WaitingRun));
  const start = begun.filter((one) => "spec" in one);
  const refused = begun.filter((one) => "problem" in one);
  const skipped = [
    ...missed.map(({ from, to, why }) => ({ from: instant(from), to: instant(to), why })),
    ...actions.skip.map(({ time, why }) => ({ from: timeOf(entries, time), to: timeOf(entries, time), why })),
    ...refused.map(({ time, problem }) => ({ from: time, to: time, why: problem })),
  ];
  return {
    start,
    cancel: actions.cancel,
    problems: refused.map(({ problem }) => problem),
    status: {
      ...(due === undefined ? {} : { handled: instant(due.handled) }),
      next: nextOf(timed, due, situation),
      waiting: actions.queue.flatMap((key) => entries.get(key) ?? []),
      missed: [...skipped.toReversed(), ...(status.missed ?? [])].slice(0, SHOWN_MISSED),
      ...lastOf(status, start.at(-1)),
      active: [...running.map(({ id }) => id), ...start.map((one) => one.name)],
    },
    next: due?.next?.start,
  };
}

function dueOf(compiled: Schedule, { spec, status, begin, now }: Situation): DueDecision {
  const handled = Math.max(begin, Date.parse(status.handled ?? "") || 0);
  return decideDue(compiled, handled, now, duePolicyOf(spec));
}

function nextOf(
  compiled: Schedule | undefined,
  due: DueDecision | undefined,
  { now }: Situation,
): readonly string[] {
  if (compiled === undefined) return [];
  const from = Math.max(now, due?.handled ?? now);
  return upcoming(compiled, from, SHOWN_NEXT).map(({ time }) => instant(time));
}

function lastOf(
  { lastRun }: ScheduleStatus,
  newest: { readonly name: string; readonly time: string } | undefined,
): Pick<ScheduleStatus, "lastRun"> {
  if (newest !== undefined) return { lastRun: { name: newest.name, time: newest.time } };
  return lastRun === undefined ? {} : { lastRun };
}

/** By time; two of one time are kept apart by less than a millisecond. */
function keyed(entries: readonly WaitingRun[]): Map<number, WaitingRun> {
  const keys = new Map<number, WaitingRun>();
  for (const entry of entries) {
    if ([...keys.values()].some(({ run }) => run === entry.run)) continue;
    let key = Date.parse(entry.time);
    while (keys.has(key)) key += 1 / 1024;
    keys.set(key, entry);
  }
  return keys;
}

function nothing(entries: ReadonlyMap<number, WaitingRun>): ConcurrencyActions {
  return { start: [], queue: [...entries.keys()], skip: [], cancel: [] };
}

/** What is asked for after the fact waits for its turn, whatever the policy: it is neither skipped nor cancels anything. */
function divided(
  spec: ScheduleSpec,
  running: readonly RunningRun[],
  entries: ReadonlyMap<number, WaitingRun>,
): ConcurrencyActions {
  const late: number[] = [];
  const own: number[] = [];
  for (const [key, { type }] of entries) (type === "backfill" ? late : own).push(key);
  const actions = decideConcurrency(concurrencyOf(spec), running, [], own);
  const room = spec.concurrency.room - running.length - actions.start.length - actions.queue.length;
  const begun = late.toSorted((a, b) => a - b).slice(0, Math.max(0, room));
  return {
    ...actions,
    start: [...actions.start, ...begun],
    queue: [...actions.queue, ...late.filter((key) => !begun.includes(key))],
  };
}

function timeOf(entries: ReadonlyMap<number, WaitingRun>, key: number): string {
  return entries.get(key)?.time ?? instant(key);
}

type Begun =
  | { readonly name: string; readonly time: string; readonly spec: RunSpec }
  | { readonly time: string; readonly problem: string };

function runOf({ name, spec }: Situation, { time, run, type, trigger, event }: WaitingRun): Begun {
  const deadline = deadlineOf(spec, Date.parse(time));
  const cause: RunCause = { type, name, time, ...(event === undefined ? {} : { event }) };
  const seen = {
    ...(typeof event === "object" ? event : {}),
    type,
    time,
    schedule: name,
    ...(trigger === undefined ? {} : { trigger }),
  };
  try {
    const parameters = parametersWith(spec.parameters, seen);
    const late = deadline === undefined ? {} : { deadline: instant(deadline) };
    return { name: run, time, spec: { workflow: spec.workflow, parameters, ...late, cause } };
  } catch (error) {
    return { time, problem: `The parameters of ${run} cannot be worked out: ${reasonOf(error)}.` };
  }
}

/** Throws what CEL throws, or a DiagnosticError. */
export function parametersWith(
  parameters: Readonly<Record<string, unknown>>,
  event: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return mapStrings(parameters, (text) =>
    hasExpression(text) ? evaluateTemplate(parseTemplate(text), { event }) : text,
  ) as Readonly<Record<string, unknown>>;
}

function reasonOf(error: unknown): string {
  if (error instanceof DiagnosticError) return error.diagnostics[0]?.message ?? "";
  const line = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  return line.replace(/^\w*Error: /, "");
}

function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
