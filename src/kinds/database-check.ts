/** What the schema cannot say of a Database: schedules and moments are in notations of their own. */
import { Cron } from "croner";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { hasExpression } from "../model/expression.ts";

type Problem = Omit<Diagnostic, "severity" | "address">;

interface Spec {
  readonly backup?: { readonly schedule?: string };
  readonly restore?: { readonly backup?: string; readonly database?: string; readonly at?: string };
}

export function checkDatabase({ backup, restore }: Spec): readonly Problem[] {
  return [...scheduleProblems(backup?.schedule), ...(restore === undefined ? [] : restoreProblems(restore))];
}

function scheduleProblems(schedule: string | undefined): readonly Problem[] {
  if (schedule === undefined || hasExpression(schedule)) return [];
  const problem = (message: string): readonly Problem[] => [
    {
      code: "InvalidSchedule",
      path: "spec.backup.schedule",
      message,
      hint: "Write a cron expression in UTC, for example '0 3 * * *' for every night at three.",
    },
  ];
  try {
    return new Cron(schedule, { timezone: "UTC", paused: true }).nextRun() === null
      ? problem(`'${schedule.slice(0, 60)}' never comes.`)
      : [];
  } catch {
    return problem(`'${schedule.slice(0, 60)}' is no cron expression.`);
  }
}

function restoreProblems({ backup, database, at }: NonNullable<Spec["restore"]>): readonly Problem[] {
  const isBackup = backup !== undefined && database === undefined && at === undefined;
  const isMoment = backup === undefined && database !== undefined && at !== undefined;
  if (!isBackup && !isMoment)
    return [
      {
        code: "InvalidRestore",
        path: "spec.restore",
        message: "A database begins either from a backup or from another database as it was at a moment.",
        hint: "Write 'backup', or 'database' and 'at'.",
      },
    ];
  if (at === undefined || hasExpression(at) || MOMENT.test(at)) return [];
  return [
    {
      code: "InvalidTime",
      path: "spec.restore.at",
      message: `'${at.slice(0, 60)}' is no moment.`,
      hint: "Write it in RFC 3339 with its offset, for example 2026-05-04T10:30:00Z.",
    },
  ];
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/;
