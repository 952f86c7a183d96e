/**
 * Schedules as they are declared: from the spec of a Schedule resource to what the pure parts of this folder take.
 */
import { type Diagnostic, DiagnosticError } from "../../diagnostics/diagnostic.ts";
import { parseDuration } from "../../model/duration.ts";
import type { CalendarSpec } from "./calendar.ts";
import type { Concurrency } from "./concurrency.ts";
import type { DuePolicy, Missed } from "./due.ts";
import { type Schedule, type ScheduleSpec, compileSchedule } from "./schedule.ts";

export interface DeclaredSchedule extends Omit<ScheduleSpec, "calendars"> {
  readonly calendars?: NonNullable<ScheduleSpec["calendars"]> & {
    readonly define?: Readonly<Record<string, CalendarSpec>>;
    readonly configMap?: string;
  };
  readonly missed: {
    readonly run: "none" | "last" | "all";
    readonly atMost: number;
    readonly notOlderThan?: string;
  };
  readonly grace: string;
  readonly concurrency: {
    readonly policy: "allow" | "queue" | "skip" | "cancel";
    readonly room: number;
    readonly queueLimit: number;
  };
  readonly deadline?: { readonly time: string } | { readonly after: string };
}

/**
 * Undefined for one that has no rules, and runs upon its triggers alone. Refuses with a DiagnosticError that holds all that is
 * wrong. `more`: calendars from elsewhere; those declared in place come before them.
 */
export function compileDeclared(
  name: string,
  spec: DeclaredSchedule,
  more: Readonly<Record<string, CalendarSpec>> = {},
): Schedule | undefined {
  if (spec.rules.length === 0) return undefined;
  const { define = {}, configMap: _configMap, ...use } = spec.calendars ?? {};
  const { calendars: _calendars, ...rest } = spec;
  return compileSchedule(
    name,
    { ...rest, ...(spec.calendars === undefined ? {} : { calendars: use }) },
    { ...more, ...define },
  );
}

/** Everything that is wrong with it, at paths of the resource. Calendars that a ConfigMap has are taken to be there. */
export function checkDeclaredSchedule(name: string, spec: DeclaredSchedule): readonly Diagnostic[] {
  const { include = [], exclude = [], configMap } = spec.calendars ?? {};
  const elsewhere = configMap === undefined ? [] : [...include, ...exclude];
  try {
    compileDeclared(name, spec, Object.fromEntries(elsewhere.map((one) => [one, {}])));
    return [];
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return error.diagnostics.map((found) => ({
      ...found,
      path: found.path === undefined || found.path === "" ? "spec" : `spec.${found.path}`,
    }));
  }
}

export function duePolicyOf({ missed, grace }: DeclaredSchedule): DuePolicy {
  return { missed: missedOf(missed), grace: parseDuration(grace) };
}

function missedOf({ run, atMost, notOlderThan }: DeclaredSchedule["missed"]): Missed {
  const age = notOlderThan === undefined ? {} : { notOlderThan: parseDuration(notOlderThan) };
  if (run === "none") return { run };
  return run === "last" ? { run, ...age } : { run, atMost, ...age };
}

export function concurrencyOf({ concurrency: { policy, room, queueLimit } }: DeclaredSchedule): Concurrency {
  if (policy === "queue") return { policy, room, queueLimit };
  return policy === "skip" ? { policy, room } : { policy };
}

/** By when the run of a nominal time is to be done. */
export function deadlineOf({ deadline, timeZone }: DeclaredSchedule, time: number): number | undefined {
  if (deadline === undefined) return undefined;
  if ("after" in deadline) return time + parseDuration(deadline.after);
  const [hours = "0", minutes = "0"] = deadline.time.split(":");
  const daily = compileSchedule("deadline", {
    rules: [{ cron: `${Number(minutes)} ${Number(hours)} * * *` }],
    ...(timeZone === undefined ? {} : { timeZone }),
  });
  for (const moment of daily.moments(time + 1)) if (!moment.omitted) return moment.time;
  return undefined;
}
