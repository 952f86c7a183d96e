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
  const times = timesOf(cron);
  const { concurrencyPolicy, suspend } = cron;
  const concurrency = POLICIES[(concurrencyPolicy ?? "") === "" ? "Allow" : (concurrencyPolicy ?? "")];
  const late = Number(cron.startingDeadlineSeconds ?? 0);
  const problems = [
    ...(times.length > 0 ? [] : [wrong("spec.schedules", "A CronWorkflow needs at least one schedule.")]),
    ...(concurrency === undefined
      ? [
          wrong(
            "spec.concurrencyPolicy",
            `'${concurrencyPolicy ?? ""}' is none of Allow, Forbid and Replace.`,
          ),
        ]
      : []),
    ...(late >= 0
      ? []
      : [wrong("spec.startingDeadlineSeconds", "It must be a number of seconds, 0 or more.")]),
  ];
  return {
    problems,
    spec: {
      workflow,
      rules: times.map((time) => ({ cron: time.replace(ZONE, "") })),
      ...zoneOf(cron, times),
      concurrency,
      suspend: suspend === true,
      missed: late > 0 ? { run: "last", notOlderThan: `${late}s` } : { run: "none" },
    },
  };
}

/** `CRON_TZ=Europe/Berlin 0 6 * * *` is an older way to say the time zone. */
const ZONE = /^(?:CRON_TZ|TZ)=(\S+)\s+/;

function timesOf({ schedules = [], schedule }: CronSpec): readonly string[] {
  return [...schedules, ...(schedule === undefined ? [] : [schedule])].filter(
    (one) => typeof one === "string" && one !== "",
  );
}

function zoneOf({ timezone }: CronSpec, [first = ""]: readonly string[]): { readonly timeZone?: string } {
  const zone = timezone ?? ZONE.exec(first)?.[1];
  return zone === undefined || zone === "" ? {} : { timeZone: zone };
}

function wrong(path: string, message: string): Problem {
  return { severity: "error", path, code: "InvalidField", message };
}
