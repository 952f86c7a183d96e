/** What is alerted of what holds data: Databases, their backups, Volumes. */
import { Cron } from "croner";
import type { Subject } from "../subject.ts";
import type { AlertDraft } from "./alert.ts";
import { notReady, ownSelector } from "./any.ts";
import { secondsOf } from "./promql.ts";

/** How late a backup may be, seconds: it takes its time. */
const LATE = 2 * 3600;

interface DatabaseSpec {
  readonly backup?: { readonly schedule?: string };
}

export function databaseAlerts(subject: Subject): readonly AlertDraft[] {
  const schedule = (subject.resource.spec as DatabaseSpec).backup?.schedule;
  return [
    down(subject),
    connections(subject),
    slowQueries(subject),
    ...(schedule === undefined ? [] : backups(subject, schedule)),
    notReady(subject),
  ];
}

function down(subject: Subject): AlertDraft {
  const up = `tutti_database_up{${ownSelector(subject)}}`;
  return {
    alert: "DatabaseDown",
    severity: "critical",
    isOutage: true,
    expr: `max(${up}) == 0`,
    for: "30s",
    keepFiringFor: "1m",
    summary: `${subject.address} does not answer.`,
    description: () => "For 30 seconds nothing could be asked of it.",
    test: { series: { [up]: "1x5 0x10" }, quiet: "5m", fires: "10m" },
  };
}

function connections(subject: Subject): AlertDraft {
  const used = `tutti_database_connections{${ownSelector(subject)}}`;
  const limit = `tutti_database_max_connections{${ownSelector(subject)}}`;
  return {
    alert: "DatabaseConnectionsSaturated",
    severity: "warning",
    expr: `max(${used}) / max(${limit}) > ${subject.tuning.thresholds.connections}`,
    for: "5m",
    keepFiringFor: "5m",
    format: "humanizePercentage",
    summary: `${subject.address} is about to run out of connections.`,
    description: ({ value }) => `${value} of its connections have been in use for 5 minutes.`,
    // More than all are in use: it fires whatever the threshold.
    test: {
      series: { [used]: "0x5 200x20", [limit]: "100x25" },
      quiet: "5m",
      fires: "20m",
      value: "200%",
    },
  };
}

function slowQueries(subject: Subject): AlertDraft {
  const { slowQueries: limit } = subject.tuning.thresholds;
  const total = `tutti_database_slow_queries_total{${ownSelector(subject)}}`;
  return {
    alert: "DatabaseSlowQueries",
    severity: "warning",
    expr: `sum(rate(${total}[5m])) > ${limit}`,
    for: "10m",
    keepFiringFor: "5m",
    summary: `${subject.address} answers many queries slowly.`,
    description: () => `For 10 minutes there have been more than ${limit} slow queries a second.`,
    test: {
      series: { [total]: `0x10 0+${Math.ceil((limit + 1) * 120)}x40` },
      quiet: "10m",
      fires: "40m",
    },
  };
}

function backups(subject: Subject, schedule: string): readonly AlertDraft[] {
  const { backupAge } = subject.tuning.thresholds;
  const age = backupAge === undefined ? longestGap(schedule) + LATE : secondsOf(backupAge);
  const last = `tutti_backup_last_success_timestamp_seconds{${ownSelector(subject)}}`;
  const failing = `tutti_resource_condition{${ownSelector(subject)},type="BackedUp",status="False"}`;
  return [
    {
      alert: "BackupOverdue",
      severity: "critical",
      expr: `time() - max(${last}) > ${age}`,
      for: "10m",
      keepFiringFor: "5m",
      summary: `${subject.address} has no recent backup.`,
      description: () => "The last good backup is older than its schedule allows.",
      test: { series: { [last]: `${600 - age}x60` }, quiet: "5m", fires: "40m" },
    },
    {
      alert: "BackupFailed",
      severity: "warning",
      expr: `max(${failing}) == 1`,
      for: "5m",
      keepFiringFor: "5m",
      summary: `Backups of ${subject.address} fail.`,
      description: () => `'tutti why ${subject.address}' says why.`,
      test: { series: { [failing]: "0x5 1x20" }, quiet: "5m", fires: "20m" },
    },
  ];
}

/** Seconds. Over the next runs from a fixed moment, so that the same schedule always gives the same rule. */
function longestGap(schedule: string): number {
  const day = 86_400;
  try {
    const runs = new Cron(schedule, { timezone: "UTC", paused: true }).nextRuns(40, "2026-01-01T00:00:00Z");
    const gaps = runs.slice(1).map((run, index) => (run.getTime() - (runs[index]?.getTime() ?? 0)) / 1000);
    return Math.max(60, ...gaps);
  } catch {
    return day; // an expression, or something admission has refused
  }
}

export function volumeAlerts(subject: Subject): readonly AlertDraft[] {
  const used = `tutti_volume_used_bytes{${ownSelector(subject)}}`;
  const size = `tutti_volume_size_bytes{${ownSelector(subject)}}`;
  const horizon = secondsOf(subject.tuning.thresholds.diskFull);
  // So much a minute that it is full twice within the horizon.
  const growth = Math.ceil(2e6 / (horizon / 60));
  return [
    {
      // A trend takes half an hour to be one.
      alert: "VolumeFillingUp",
      severity: "warning",
      expr: `max(predict_linear(${used}[1h], ${horizon})) > max(${size}) and max(${used}) / max(${size}) > 0.5 and max(${used} offset 30m)`,
      for: "15m",
      keepFiringFor: "15m",
      format: "humanize",
      summary: `${subject.address} is filling up.`,
      description: () =>
        `At the rate of the last hour it is full within ${subject.tuning.thresholds.diskFull}.`,
      test: {
        series: { [used]: `600000x60 600000+${growth}x120`, [size]: "1000000x180" },
        quiet: "60m",
        fires: "160m",
      },
    },
    {
      alert: "VolumeFull",
      severity: "critical",
      isOutage: true,
      expr: `max(${used}) / max(${size}) > 0.95`,
      for: "2m",
      keepFiringFor: "5m",
      format: "humanizePercentage",
      summary: `${subject.address} is full.`,
      description: ({ value }) => `${value} of it is used.`,
      test: { series: { [used]: "50x5 98x10", [size]: "100x15" }, quiet: "5m", fires: "10m", value: "98%" },
    },
    notReady(subject),
  ];
}
