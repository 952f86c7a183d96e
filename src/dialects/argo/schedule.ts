/** The schedule of a CronWorkflow as the spec of a Schedule. */
import type { Problem } from "./check/shape.ts";
import type { Metadata, WorkflowSpec } from "./manifest.ts";

export interface CronSpec {
  readonly schedule?: string;
  readonly schedules?: readonly string[];
  readonly timezone?: string;
  readonly concurrencyPolicy?: string;
  readonly startingDeadlineSeconds?: number | string;
  readonly suspend?: boolean;
  readonly successfulJobsHistoryLimit?: number | string;
  readonly failedJobsHistoryLimit?: number | string;
  readonly workflowMetadata?: Pick<Metadata, "labels" | "annotations">;
  readonly workflowSpec?: WorkflowSpec;
}

const POLICIES: Readonly<Record<string, object>> = {
  Allow: { policy: "allow" },
  Forbid: { policy: "skip", room: 1 },
  Replace: { policy: "cancel" },
};

export function scheduleSpec(
  cron: CronSpec,
  workflow: string,
): { readonly spec: object; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const add = (path: string, message: string): void =>
    void problems.push({ severity: "error", path, code: "InvalidField", message });
  const times = [...(cron.schedules ?? []), ...(cron.schedule === undefined ? [] : [cron.schedule])].filter(
    (one) => one !== "",
  );
  if (times.length === 0) add("spec.schedules", "A CronWorkflow needs at least one schedule.");
  const policy = cron.concurrencyPolicy ?? "Allow";
  const concurrency = POLICIES[policy === "" ? "Allow" : policy];
  if (concurrency === undefined)
    add("spec.concurrencyPolicy", `'${policy}' is none of Allow, Forbid and Replace.`);
  const late = Number(cron.startingDeadlineSeconds ?? 0);
  if (!(late >= 0)) add("spec.startingDeadlineSeconds", "It must be a number of seconds, 0 or more.");
  // `CRON_TZ=Europe/Berlin 0 6 * * *` is an older way to say the time zone.
  const zone = cron.timezone ?? /^(?:CRON_TZ|TZ)=(\S+)/.exec(times[0] ?? "")?.[1];
  return {
    problems,
    spec: {
      workflow,
      rules: times.map((time) => ({ cron: time.replace(/^(?:CRON_TZ|TZ)=\S+\s+/, "") })),
      ...(zone === undefined || zone === "" ? {} : { timeZone: zone }),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(cron.suspend === true ? { suspend: true } : {}),
      missed: late > 0 ? { run: "last", notOlderThan: `${late}s` } : { run: "none" },
    },
  };
}
